/** A breaker's past as readers see it: a state after a fact, a change with its numbers, a simulation. */
import type { BreakerTurn, Fared, Simulation } from '../../actors/index.js';
import { computedOf, windowSummary } from '../../actors/breaker/index.js';
import type { BreakerState } from '../../actors/breaker/index.js';
import type { BreakerStep } from '../../actors/index.js';
import type { EpochMs } from '../../kernel/types.js';
import type { BreakerDoc } from '../../projections/views.js';
import { breakerDetail, restState } from './breaker.js';
import { configOf } from './breaker-config.js';
import { moment, ratio, seconds } from './numbers.js';

/** One change. What an override did not count is null; so is the place of one that was simulated. */
export function turnLine(turn: BreakerTurn) {
  const { where, at, type, from, to, trigger, actor, reason, retryAt, delayMs, numbers } = turn;
  return {
    revision: where?.revision ?? null,
    position: where?.position ?? null,
    timestamp: moment(at),
    type,
    from: restState(from),
    to: restState(to),
    trigger,
    actor,
    reason,
    retry_at: moment(retryAt),
    open_for_seconds: delayMs === null ? null : seconds(delayMs),
    ...counted(numbers, at),
  };
}

/** What the automatic breaker had counted; of an override nothing, no threshold decided it. */
function counted(numbers: BreakerTurn['numbers'], at: EpochMs) {
  if (numbers === undefined) {
    return {
      failure_count: null,
      calls: null,
      failures: null,
      slow_calls: null,
      failure_rate: null,
      slow_rate: null,
      config_revision: null,
      config: null,
      last_calls: [],
    };
  }
  return {
    failure_count: numbers.consecutiveFailures,
    calls: numbers.windowCalls,
    failures: numbers.windowFailures,
    slow_calls: numbers.windowSlow,
    failure_rate: ratio(numbers.failureRate),
    slow_rate: ratio(numbers.slowRate),
    config_revision: numbers.configRevision,
    config: numbers.policy === undefined ? null : configOf(numbers.policy),
    last_calls: numbers.lastCalls.map(({ offsetMs, outcome, durationMs, endpoint }) => ({
      at: moment(at + offsetMs),
      outcome,
      duration_ms: durationMs,
      endpoint,
    })),
  };
}

/** The breaker after one fact, told as a page of it would have been then. */
export function stepLine(stream: string, { revision, position, at, fact, after }: BreakerStep) {
  const doc = docOf(stream, after, at);
  const { upstreams: _, ...state } = breakerDetail(doc, [], undefined, at);
  return {
    revision,
    position,
    type: fact.type,
    timestamp: moment(at),
    effective: state.effective,
    state,
    window: {
      calls: doc.window.calls,
      failures: doc.window.failures,
      slow_calls: doc.window.slow,
    },
  };
}

function docOf(stream: string, state: BreakerState, at: EpochMs): BreakerDoc {
  // What an operator holds is the page of the configuration's business.
  const { held: _, ...context } = state.context;
  const { override, retry, awaySince, probeSuccesses } = context;
  const computed = computedOf(state);
  const { calls, failures, slow } = windowSummary(context.window, at);
  const isHalfOpen = computed === 'half_open';
  return {
    ...context,
    stream,
    computed,
    override,
    window: { at, calls, failures, slow },
    openedAt: awaySince,
    retryAt: retry?.at ?? null,
    openDelayMs: retry?.delayMs ?? null,
    halfOpen: isHalfOpen ? { attempts: probeSuccesses, successes: probeSuccesses } : null,
    lastChangeAt: context.lastChangeAt ?? at,
  };
}

function faredLine(fared: Fared) {
  return {
    circuit_opens: fared.opens,
    successful_recoveries: fared.recoveries,
    failed_recoveries: fared.failedRecoveries,
    time_in_open_state: seconds(fared.awayMs),
    calls_admitted: fared.admitted,
    calls_barred: fared.barred,
    failures_spared: fared.failuresSpared,
    transitions: fared.changes.map(turnLine),
    transitions_left_out: fared.changesLeftOut,
  };
}

const NOTES = [
  'Only calls that were really made are known: what the real breaker refused has no outcome.',
  'Calls that a breaker does not count (429, bans, keys, aborts) are not recorded and play no part.',
  'A source might have answered otherwise, had it been called more or less often.',
] as const;

export function simulationLine(simulation: Simulation) {
  const { beganAt, calls, actual, simulated, blindMs } = simulation;
  return {
    began_at: moment(beganAt),
    calls,
    actual: faredLine(actual),
    simulated: faredLine(simulated),
    unknown_seconds: seconds(blindMs),
    notes: NOTES,
  };
}
