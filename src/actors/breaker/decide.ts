/** What a breaker does when it is asked. Pure: time and chance come with the command. */
import { unreachable } from '../../kernel/types.js';
import {
  facts,
  refuse,
  type Circumstances,
  type Decision,
  type MachineryCommand,
} from '../kind.js';
import type { Of } from '../kind.js';
import { OVERRIDE_TTL_MAX_MS, type BreakerCommand } from './commands.js';
import { reportCalls } from './decide-calls.js';
import { configure, setPolicy } from './decide-policy.js';
import type { BreakerFact } from './events.js';
import { forced, overrideCleared, probing, recovered, reopened, reset, tripped } from './facts.js';
import { computedOf, effectiveOf, type BreakerState } from './state.js';
import { draft } from './draft.js';

type Decided = Decision<BreakerFact>;

export function decideBreaker(
  command: BreakerCommand | MachineryCommand,
  state: BreakerState,
  circumstances: Circumstances,
): Decided {
  const { at } = circumstances;
  if (command.type === 'Configure') return configure(command, state, circumstances);
  if (state.context.configRevision === 0) return unconfigured(command);
  switch (command.type) {
    case 'SetPolicy':
      return setPolicy(command, state, circumstances);
    case 'ReportCalls':
      return reportCalls(command, state, circumstances);
    case 'Force':
      return force(command, state, circumstances);
    case 'SetState':
      return command.state === 'closed' ? close(state, at) : probe(state, circumstances);
    case 'Reset':
      return facts(reset(state, command.reason, circumstances));
    case 'ProbeDeadline':
      return probeDeadline(command.generation, state, circumstances);
    case 'TimerDue':
      return timerDue(command, state, circumstances);
    case 'Recover':
      return recover(state, circumstances);
    default:
      return unreachable(command);
  }
}

function unconfigured(command: BreakerCommand | MachineryCommand): Decided {
  if (command.type === 'Recover' || command.type === 'TimerDue') return facts();
  return refuse({ kind: 'illegal-state', detail: 'the breaker has no policy yet' });
}

/** Held, whatever it was before. Saying the same thing again, without an end, changes nothing. */
function force(
  { override, reason, ttlMs }: Of<BreakerCommand, 'Force'>,
  state: BreakerState,
  circumstances: Circumstances,
): Decided {
  if (ttlMs !== undefined && !(ttlMs > 0 && ttlMs <= OVERRIDE_TTL_MAX_MS)) {
    const detail = `must be > 0 and <= ${String(OVERRIDE_TTL_MAX_MS)} ms, got ${String(ttlMs)}`;
    return refuse({ kind: 'invalid', field: '/ttl_seconds', detail });
  }
  const held = state.context.override;
  const endless = ttlMs === undefined && held?.expiresAt === null;
  if (endless && held.state === override && held.reason === reason) return facts();
  const expiresAt = ttlMs === undefined ? undefined : circumstances.at + ttlMs;
  return facts(forced(state, override, reason, expiresAt, circumstances));
}

/** By hand: no override, and closed. */
function close(state: BreakerState, at: number): Decided {
  const decided = draft(state);
  if (state.context.override !== null) decided.add((now) => overrideCleared(now, 'operator', at));
  if (computedOf(state) !== 'closed') decided.add((now) => recovered(now, 'manual', at));
  return facts(...decided.facts());
}

/**
 * By hand: let the probes through now. Legal where an operator sees the circuit open: the automatic
 * breaker is open, or it is held open (then the hold ends, and what it held is what is probed).
 */
function probe(state: BreakerState, circumstances: Circumstances): Decided {
  const effective = effectiveOf(state);
  if (effective !== 'open' && effective !== 'forced_open') {
    const detail = `half-open is reached from open only, and the breaker is ${effective}`;
    return refuse({ kind: 'illegal-state', detail });
  }
  const { at } = circumstances;
  const decided = draft(state);
  if (effective === 'forced_open') decided.add((now) => overrideCleared(now, 'operator', at));
  if (computedOf(state) === 'closed') {
    decided.add((now) => tripped(now, 'manual', circumstances, at));
  }
  if (computedOf(state) !== 'half_open') decided.add((now) => probing(now, 'manual', at));
  return facts(...decided.facts());
}

function probeDeadline(
  generation: number,
  state: BreakerState,
  circumstances: Circumstances,
): Decided {
  const current = computedOf(state) === 'half_open' && generation === state.context.generation;
  return current ? facts(reopened(state, 'deadline', circumstances)) : facts();
}

function timerDue(
  { name, generation }: Of<MachineryCommand, 'TimerDue'>,
  state: BreakerState,
  { at }: Circumstances,
): Decided {
  const { retry, override } = state.context;
  if (name === 'retry' && retry?.generation === generation) {
    return facts(probing(state, 'timer', at));
  }
  const ends = override !== null && override.expiresAt !== null;
  if (name === 'override' && ends && override.generation === generation) {
    return facts(overrideCleared(state, 'expired', at));
  }
  return facts();
}

/** Nobody knows what became of the probes of the process before: open again, probed at once. */
function recover(state: BreakerState, circumstances: Circumstances): Decided {
  if (computedOf(state) !== 'half_open') return facts();
  return facts(reopened(state, 'restart', circumstances));
}
