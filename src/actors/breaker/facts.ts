/**
 * Builds the facts of a breaker, complete: each change of state says all a reader of history needs.
 */
import type { EpochMs } from '../../kernel/types.js';
import type { Circumstances, Of } from '../kind.js';
import type {
  BreakerFact,
  BreakerTransition,
  Computed,
  FinishedCall,
  Override,
  Trigger,
} from './events.js';
import { openDelayMs } from './policy.js';
import { computedOf, type BreakerState } from './state.js';
import type { Tally } from './tally.js';
import { windowSummary } from './window.js';

export function callsRecorded(
  calls: readonly FinishedCall[],
  at: EpochMs,
  tally: Tally,
): Of<BreakerFact, 'CallsRecorded'> {
  const baseMs = calls[0]?.at ?? at;
  return {
    type: 'CallsRecorded',
    atMs: at,
    baseMs,
    calls: calls.map((call) => wireCall(call, baseMs)),
    consecutiveFailures: tally.consecutiveFailures,
    windowCalls: tally.window.calls,
    windowFailures: tally.window.failures,
    windowSlow: tally.window.slow,
  };
}

/** closed -> open, with n = 0, for the policy's delay; by hand without one. */
export function tripped(
  state: BreakerState,
  trigger: Trigger,
  { at, chance }: Circumstances,
  measuredAt: EpochMs,
): BreakerFact {
  const { policy, generation, failedRecoveries } = state.context;
  const delayMs = trigger === 'manual' ? 0 : openDelayMs(policy, failedRecoveries, chance);
  return {
    type: 'BreakerTripped',
    atMs: at,
    transition: transition(state, 'open', trigger, at, measuredAt),
    generation: generation + 1,
    retryAtMs: at + delayMs,
    delayMs,
  };
}

export function probing(state: BreakerState, trigger: Trigger, at: EpochMs): BreakerFact {
  return {
    type: 'BreakerProbing',
    atMs: at,
    transition: transition(state, 'half_open', trigger, at),
    generation: state.context.generation + 1,
  };
}

export function recovered(
  state: BreakerState,
  trigger: Trigger,
  at: EpochMs,
  measuredAt: EpochMs = at,
): BreakerFact {
  return {
    type: 'BreakerRecovered',
    atMs: at,
    transition: transition(state, 'closed', trigger, at, measuredAt),
    generation: state.context.generation + 1,
    openForMs: Math.max(0, at - (state.context.awaySince ?? at)),
  };
}

/** half_open -> open. Only a counted failure grows the delay; after a restart there is none. */
export function reopened(
  state: BreakerState,
  trigger: 'probe_failed' | 'deadline' | 'restart',
  { at, chance }: Circumstances,
  measuredAt: EpochMs = at,
): BreakerFact {
  const { policy, generation } = state.context;
  const failedRecoveries = state.context.failedRecoveries + (trigger === 'probe_failed' ? 1 : 0);
  const delayMs = trigger === 'restart' ? 0 : openDelayMs(policy, failedRecoveries, chance);
  return {
    type: 'BreakerReopened',
    atMs: at,
    transition: transition(state, 'open', trigger, at, measuredAt),
    generation: generation + 1,
    retryAtMs: at + delayMs,
    delayMs,
    failedRecoveries,
  };
}

export function forced(
  state: BreakerState,
  override: Override,
  reason: string,
  expiresAtMs: EpochMs | undefined,
  { at, actor }: Circumstances,
): BreakerFact {
  const generation = state.context.generation + 1;
  const fact = { type: 'BreakerForced', atMs: at, override, reason, actor, generation } as const;
  return expiresAtMs === undefined ? fact : { ...fact, expiresAtMs };
}

export function overrideCleared(
  state: BreakerState,
  cause: 'operator' | 'expired',
  at: EpochMs,
): BreakerFact {
  const generation = state.context.generation + 1;
  return { type: 'BreakerOverrideCleared', atMs: at, cause, generation };
}

export function reset(
  state: BreakerState,
  reason: string,
  { at, actor }: Circumstances,
): BreakerFact {
  return {
    type: 'BreakerReset',
    atMs: at,
    transition: transition(state, 'closed', 'manual', at),
    generation: state.context.generation + 1,
    reason,
    actor,
  };
}

/** The numbers as of `measuredAt`: of the call that decided, or of now. */
function transition(
  state: BreakerState,
  to: Computed,
  trigger: Trigger,
  at: EpochMs,
  measuredAt: EpochMs = at,
): BreakerTransition {
  const { context } = state;
  const window = windowSummary(context.window, measuredAt);
  return {
    from: computedOf(state),
    to,
    trigger,
    consecutiveFailures: context.consecutiveFailures,
    windowCalls: window.calls,
    windowFailures: window.failures,
    windowSlow: window.slow,
    failureRate: window.failureRate,
    slowRate: window.slowRate,
    policy: context.policy,
    configRevision: context.configRevision,
    lastCalls: context.lastCalls.map((call) => wireCall(call, at, 0)),
  };
}

/**
 * `latest` caps the offset: a call never ends after the change it led to, whatever the clock did.
 */
function wireCall(
  call: FinishedCall,
  baseMs: EpochMs,
  latest = Number.MAX_VALUE,
): BreakerTransition['lastCalls'][number] {
  const { at, outcome, durationMs, endpoint, generation } = call;
  return { offsetMs: Math.min(at - baseMs, latest), outcome, durationMs, endpoint, generation };
}
