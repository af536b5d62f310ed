/**
 * What a breaker would have done under another policy: the recorded calls go once more, in order and at
 * their times, through the decisions and the fold that the real one uses.
 *
 * S1 The simulation begins as the real breaker was at `from`, with the other policy.
 * S2 A call that was recorded is fed if the simulated breaker would have admitted it when it began. What
 *    began while it was open would have been refused: counted, and not fed.
 * S3 Only recorded calls are known. What the real breaker refused has no outcome: the time in which the
 *    simulated one would have let calls pass and the real one did not is told as `blindMs`.
 * S4 What operators did, and restarts, happened to both: it is done to the simulated breaker as well.
 * S5 Where both did the same at the same call they go on in step: the same jitter, the same timers. So the
 *    policy that was in force reproduces what happened.
 */
import type { StoredEvent } from '../journal/port.js';
import type { DurationMs, EpochMs } from '../kernel/types.js';
import type { BreakerFact, BreakerPolicy } from './breaker/events.js';
import { effectiveOf, type BreakerState } from './breaker/state.js';
import { breakerChange, breakerReplay } from './replay.js';
import type { BreakerChange, BreakerStep } from './replay.js';
import { simulatedBreaker, type SimulatedBreaker } from './replay-breaker.js';

export type WhatIf = {
  /** Checked by `policyRefusal` before. */
  readonly policy: BreakerPolicy;
  /** Included. */
  readonly from: EpochMs;
  /** Not included. */
  readonly to: EpochMs;
};

/** Changes kept of each breaker; beyond that they are only counted. */
export const CHANGES_MAX = 1_000;

/** How a breaker fared. */
export type Fared = {
  readonly opens: number;
  readonly recoveries: number;
  readonly failedRecoveries: number;
  /** Time away from closed, overrides aside. */
  readonly awayMs: DurationMs;
  readonly admitted: number;
  /** Recorded calls that it would have refused. The real one admitted all that are recorded. */
  readonly barred: number;
  /** Failures among those. */
  readonly failuresSpared: number;
  readonly changes: readonly BreakerChange[];
  readonly changesLeftOut: number;
};

export type Simulation = {
  /** Recorded calls of the time. */
  readonly calls: number;
  readonly actual: Fared;
  readonly simulated: Fared;
  /** S3. */
  readonly blindMs: DurationMs;
  /** When it began: `from`, or the breaker's first fact. */
  readonly beganAt: EpochMs;
};

export type BreakerSimulation = {
  /** The breaker's stream from its first event on. False: it is past `to`, and nothing more is needed. */
  readonly add: (event: StoredEvent) => boolean;
  readonly end: () => Simulation;
};

/** @throws {ReplayStopped} from `add` and `end`. */
export function breakerSimulation({ policy, from, to }: WhatIf): BreakerSimulation {
  const replay = breakerReplay();
  const tally = tallies(from);
  let real: BreakerState | undefined;
  let held: BreakerStep | undefined;
  let simulated: SimulatedBreaker | undefined;
  const begin = (state: BreakerState, at: EpochMs): SimulatedBreaker => {
    tally.begin(at, state);
    return simulatedBreaker(state, policy, at, (change, after) => {
      tally.simulated(change, after);
    });
  };
  /** `next` tells what came of the last call. */
  const take = (step: BreakerStep, next: BreakerStep | undefined): void => {
    if (step.at >= to) return;
    real = step.after;
    if (step.at < from) return;
    simulated ??= begin(step.before, Math.max(from, tally.firstAt(step)));
    tally.calls(step.fact);
    simulated.follow(step, next?.fact);
    const { where, ...change } = changeOf(step);
    if (change.change !== undefined) tally.actual({ ...change.change, where }, step.after);
  };
  return {
    add(event) {
      const step = replay.next(event);
      if (held !== undefined) take(held, step);
      held = step;
      return step.at < to;
    },
    end() {
      if (held !== undefined) take(held, undefined);
      const state = real ?? held?.before;
      if (simulated === undefined && state !== undefined) simulated = begin(state, from);
      simulated?.until(to);
      return tally.result(to, simulated);
    },
  };
}
