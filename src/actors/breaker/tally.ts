/**
 * What the calls of one generation add up to, and what that means. The chart, the decision and the
 * gate all count by these functions: what the gate concludes at once, the decision concludes again.
 */
import { isFailure, type BreakerPolicy, type Computed, type FinishedCall } from './events.js';
import { addCall, copyWindow, type CallWindow } from './window.js';

/** Written by its owner alone: `tallyOf` makes a copy. */
export type Tally = {
  readonly window: CallWindow;
  consecutiveFailures: number;
  /** Successes since half-open began; 0 in other states. */
  probeSuccesses: number;
};

export type Verdict =
  'consecutive_failures' | 'failure_rate' | 'slow_rate' | 'probe_failed' | 'probes_succeeded';

/** What a state has counted so far, as a copy to count on. */
export function tallyOf(counted: {
  readonly window: Readonly<CallWindow>;
  readonly consecutiveFailures: number;
  readonly probeSuccesses: number;
}): Tally {
  const { window, consecutiveFailures, probeSuccesses } = counted;
  return { window: copyWindow(window), consecutiveFailures, probeSuccesses };
}

/**
 * Counts one counted call of the current generation, in place. Slow is strictly longer than the
 * policy's.
 */
export function countCall(
  tally: Tally,
  call: FinishedCall,
  computed: Computed,
  policy: BreakerPolicy,
): void {
  const failed = isFailure(call.outcome);
  addCall(tally.window, failed, call.durationMs > policy.slowCallMs, call.at);
  if (failed) {
    tally.consecutiveFailures += 1;
  } else {
    tally.consecutiveFailures = 0;
    if (computed === 'half_open') tally.probeSuccesses += 1;
  }
}

/** What the call just counted means to a breaker in this state; undefined: nothing. */
export function verdictOf(
  tally: Tally,
  computed: Computed,
  policy: BreakerPolicy,
): Verdict | undefined {
  if (computed === 'closed') return tripReason(tally, policy);
  // An open breaker sees calls only under an override: they are measured, time alone ends it.
  if (computed === 'open') return undefined;
  if (tally.consecutiveFailures > 0) return 'probe_failed';
  return tally.probeSuccesses >= policy.successThreshold ? 'probes_succeeded' : undefined;
}

function tripReason(tally: Tally, policy: BreakerPolicy): Verdict | undefined {
  const { failureThreshold, minimumCalls, failureRate, slowRate } = policy;
  if (failureThreshold > 0 && tally.consecutiveFailures >= failureThreshold) {
    return 'consecutive_failures';
  }
  const { calls, failures, slow } = tally.window;
  if (calls < minimumCalls) return undefined;
  if (failures / calls >= failureRate) return 'failure_rate';
  return slow / calls >= slowRate ? 'slow_rate' : undefined;
}
