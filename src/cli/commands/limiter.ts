/** `headgate rate-limit`: a collector's own rate, shown or set. */
import type { Command } from 'commander';
import {
  CollectorServiceService as Collectors,
  UpdateRateLimitRequest,
} from '../../gen/headgate/v1/collector_service.js';
import type { ClientFlags } from '../client-options.js';
import { numberGiven } from '../given.js';
import { answerLines } from '../render/answers.js';
import { limiterLines } from '../render/limiter-lines.js';
import { pairLines } from '../render/page.js';
import { clientCommand } from '../session.js';
import type { Opener, Session } from '../session.js';
import { addGuards, guardedOne } from './guards.js';
import type { GuardFlags } from './guards.js';

type RateFlags = ClientFlags &
  GuardFlags & {
    readonly rate?: number;
    readonly backoffMultiplier?: number;
    readonly maxBackoff?: number;
  };

export function addRateLimit(root: Command, open: Opener): void {
  const command = clientCommand(
    root,
    'rate-limit',
    'show the rate a collector may call at, or set its own, at once and for good',
    ['rate-limit moralis', 'rate-limit moralis --rate 0.5 --reason "shared key"'],
  )
    .argument('<name>', 'the collector')
    .option('--rate <n>', 'calls per second', numberGiven)
    .option('--backoff-multiplier <n>', 'each cut divides by one more of these', numberGiven)
    .option('--max-backoff <n>', 'the most the rate is ever divided by', numberGiven);
  addGuards(command);
  command.action((name: string, flags: RateFlags) =>
    open(flags, (session) => (isChange(flags) ? set(session, name, flags) : show(session, name))),
  );
}

function isChange({ rate, backoffMultiplier, maxBackoff }: RateFlags): boolean {
  return (rate ?? backoffMultiplier ?? maxBackoff) !== undefined;
}

async function show(session: Session, name: string): Promise<undefined> {
  const { collector } = await session.ask(Collectors.getCollector, { name });
  const limiter = collector?.rate_limiter ?? null;
  session.show({ name, rate_limiter: limiter }, () =>
    limiter === null ? [`${name} has no limiter`] : limiterLines(limiter, session.view()),
  );
  return undefined;
}

async function set(session: Session, name: string, flags: RateFlags): Promise<undefined> {
  const { rate, backoffMultiplier, maxBackoff } = flags;
  const request = UpdateRateLimitRequest.fromPartial({
    name,
    ...guardedOne(flags),
    ...(rate === undefined ? {} : { max_requests_per_second: rate }),
    ...(backoffMultiplier === undefined ? {} : { backoff_multiplier: backoffMultiplier }),
    ...(maxBackoff === undefined ? {} : { max_backoff: maxBackoff }),
  });
  const answer = await session.ask(Collectors.updateRateLimit, request);
  session.show(answer, () => {
    const view = session.view();
    const now = answer.updated_config;
    if (now === null || answer.dry_run) return answerLines(answer, view);
    const values = [
      ['rate', `${String(now.max_requests_per_second)}/s`],
      ['backoff multiplier', String(now.backoff_multiplier)],
      ['max backoff', String(now.max_backoff)],
    ] as const;
    return [...answerLines(answer, view), ...pairLines(values, view)];
  });
  return undefined;
}
