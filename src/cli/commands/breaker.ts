/** `headgate breaker …`: hold it, close it, give it back to itself. */
import type { Command } from 'commander';
import {
  CollectorServiceService as Collectors,
  SetCircuitBreakerStateRequest,
} from '../../gen/headgate/v1/collector_service.js';
import type { Breaker } from '../../gen/headgate/v1/breaker.js';
import { BreakerState } from '../../gen/headgate/v1/words.js';
import type { ClientFlags } from '../client-options.js';
import { EXIT } from '../exit.js';
import type { Plain } from '../plain.js';
import { answerLines } from '../render/answers.js';
import type { CommandAnswer } from '../render/answers.js';
import { breakerLines } from '../render/breaker-lines.js';
import { clientCommand } from '../session.js';
import type { Opener, Session } from '../session.js';
import { addBreakerConfig } from './breaker-config.js';
import { addBreakerHistory } from './breaker-history.js';
import { addUpstream, upstreamOf } from './breaker-options.js';
import { addGuards, guardedOne, ttlOf } from './guards.js';
import type { GuardFlags } from './guards.js';

type BreakerFlags = ClientFlags & GuardFlags & { readonly upstream?: string };

type Held = { readonly word: string; readonly about: string; readonly state: BreakerState };

const HELD: readonly Held[] = [
  {
    word: 'open',
    about: 'hold it open: nothing goes to the upstream until it is closed, restarts included',
    state: BreakerState.BREAKER_STATE_OPEN,
  },
  {
    word: 'close',
    about: 'give it back to itself, closed',
    state: BreakerState.BREAKER_STATE_CLOSED,
  },
  {
    word: 'half-open',
    about: 'let probes through now; only while it is open',
    state: BreakerState.BREAKER_STATE_HALF_OPEN,
  },
  {
    word: 'metrics-only',
    about: 'let it measure and record, and bar nothing',
    state: BreakerState.BREAKER_STATE_METRICS_ONLY,
  },
  {
    word: 'disable',
    about: 'put it out of use',
    state: BreakerState.BREAKER_STATE_DISABLED,
  },
];

export function addBreaker(root: Command, open: Opener): void {
  const group = root
    .command('breaker')
    .description('circuit breakers: hold, close, configure, look back, try out');
  for (const held of HELD) addHeld(group, open, held);
  const reset = clientCommand(
    group,
    'reset',
    'close it and clear its counters, statistics, grown back-off and override',
    ['breaker reset moralis'],
  ).argument('<name>', 'the collector');
  addUpstream(reset);
  addGuards(reset);
  reset.action((name: string, flags: BreakerFlags) =>
    open(flags, async (session) => {
      const request = { name, ...upstreamOf(flags), ...guardedOne(flags) };
      return shown(session, await session.ask(Collectors.resetCircuitBreaker, request));
    }),
  );
  addBreakerConfig(group, open);
  addBreakerHistory(group, open);
}

function addHeld(group: Command, open: Opener, { word, about, state }: Held): void {
  const command = clientCommand(group, word, about, [
    `breaker ${word} historical --reason "bad prices"`,
    `breaker ${word} stock_index --upstream primary`,
  ]).argument('<name>', 'the collector');
  addUpstream(command);
  const holds = !['close', 'half-open'].includes(word);
  addGuards(command, holds ? { ttl: 'give it back to itself after so long, e.g. 2h' } : {});
  command.action((name: string, flags: BreakerFlags) =>
    open(flags, async (session) => {
      const request = SetCircuitBreakerStateRequest.fromPartial({
        name,
        state,
        ...upstreamOf(flags),
        ...guardedOne(flags),
        ...ttlOf(flags),
      });
      return shown(session, await session.ask(Collectors.setCircuitBreakerState, request));
    }),
  );
}

type BreakerAnswer = CommandAnswer & { readonly new_state: Plain<Breaker> | null };

function shown(session: Session, answer: BreakerAnswer): number {
  session.show(answer, () => {
    const view = session.view();
    const lines = answerLines(answer, view);
    if (answer.new_state === null || answer.dry_run) return lines;
    return [...lines, ...breakerLines(answer.new_state, view)];
  });
  return EXIT.ok;
}
