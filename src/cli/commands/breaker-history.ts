/** `headgate breaker history`: every transition with the numbers it was decided on. */
import type { Command } from 'commander';
import {
  HistoryServiceService as History,
  ListBreakerHistoryRequest,
} from '../../gen/headgate/v1/history_service.js';
import type { BreakerTransition } from '../../gen/headgate/v1/history_service.js';
import type { ClientFlags } from '../client-options.js';
import { countGiven, momentGiven } from '../given.js';
import type { Since } from '../given.js';
import type { Plain } from '../plain.js';
import { transitionLines } from '../render/breaker-lines.js';
import { clientCommand } from '../session.js';
import type { Opener, Session } from '../session.js';
import { addUpstream, upstreamOf } from './breaker-options.js';
import { spanOf } from './span.js';

type HistoryFlags = ClientFlags & {
  readonly upstream?: string;
  readonly from?: Since;
  readonly to?: Since;
  readonly limit?: number;
};

const LIMIT_DEFAULT = 100;
const PAGE_SIZE_MAX = 1000;

export function addBreakerHistory(group: Command, open: Opener): void {
  const command = clientCommand(
    group,
    'history',
    'every transition of a breaker with its numbers, oldest first',
    ['breaker history historical', 'breaker history historical --from 24h'],
  )
    .argument('<name>', 'the collector')
    .option('--from <moment>', 'from here on: ISO 8601 with an offset, or ago', momentGiven)
    .option('--to <moment>', 'until here', momentGiven)
    .option('--limit <n>', `at most so many (default: ${String(LIMIT_DEFAULT)})`, countGiven);
  addUpstream(command);
  command.action((name: string, flags: HistoryFlags) =>
    open(flags, (session) => history(session, name, flags)),
  );
}

async function history(session: Session, name: string, flags: HistoryFlags): Promise<undefined> {
  const limit = flags.limit ?? LIMIT_DEFAULT;
  const transitions: Plain<BreakerTransition>[] = [];
  let token = '';
  do {
    const request = ListBreakerHistoryRequest.fromPartial({
      name,
      page_size: Math.min(PAGE_SIZE_MAX, limit - transitions.length),
      page_token: token,
      ...upstreamOf(flags),
      ...spanOf(flags, session.clock.now()),
    });
    const answer = await session.ask(History.listBreakerHistory, request);
    transitions.push(...answer.transitions);
    token = answer.next_page_token;
  } while (token !== '' && transitions.length < limit);
  const shown = { collector: name, transitions, count: transitions.length };
  session.show(shown, () => transitionLines(transitions, session.view()));
  if (token !== '') session.note(`there are more than ${String(limit)}: see --limit`);
  return undefined;
}
