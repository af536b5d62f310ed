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
import type { EpochMs } from '../kernel/types.js';
import { breakerFolder } from './breaker/draft.js';
import type { BreakerPolicy } from './breaker/events.js';
import type { BreakerState } from './breaker/state.js';
import { breakerTurn, breakerReplay } from './replay.js';
import type { BreakerStep } from './replay.js';
import { simulatedBreaker, type SimulatedBreaker } from './replay-follow.js';
import { tallies, type Simulation, type Tallies } from './replay-tally.js';

export type WhatIf = {
  /** Checked by `policyRefusal` before. */
  readonly policy: BreakerPolicy;
  /** Included. */
  readonly from: EpochMs;
  /** Not included. */
  readonly to: EpochMs;
};

export type BreakerSimulation = {
  /**
   * The breaker's stream from its first event on. False: it is past `to`, nothing more is needed.
   * @throws {ReplayStopped}
   */
  readonly add: (event: StoredEvent) => boolean;
  readonly end: () => Simulation;
};

type Running = { readonly breaker: SimulatedBreaker; readonly tally: Tallies };

export function breakerSimulation(whatIf: WhatIf): BreakerSimulation {
  const { from, to } = whatIf;
  const replay = breakerReplay();
  let real: BreakerState = breakerFolder.initial();
  let held: BreakerStep | undefined;
  let running: Running | undefined;
  /** `next` tells what came of the last call. */
  const take = (step: BreakerStep, next: BreakerStep | undefined): void => {
    if (step.at >= to) return;
    if (step.at >= from) {
      running ??= begin(whatIf, step.before, step.at);
      running.breaker.follow(step, next?.fact);
      tell(running, step);
    }
    real = step.after;
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
      held = undefined;
      running ??= begin(whatIf, real, from);
      running.breaker.until(to, real);
      return running.tally.end(to);
    },
  };
}

/** S1. A breaker without a policy has no past: it begins with its first fact. */
function begin({ policy, from }: WhatIf, real: BreakerState, firstAt: EpochMs): Running {
  const beganAt = real.context.configRevision === 0 ? firstAt : from;
  const told: { tally?: Tallies } = {};
  const breaker = simulatedBreaker(real, policy, beganAt, {
    changed: (change, after) => told.tally?.changed('simulated', change, after),
    called: (isBarred, failed) => told.tally?.called(isBarred, failed),
  });
  const tally = tallies(beganAt, real, breaker.state());
  told.tally = tally;
  return { breaker, tally };
}

function tell({ tally }: Running, step: BreakerStep): void {
  const { fact, before, after, actor, revision, position } = step;
  const change = breakerTurn(fact, before, after, actor);
  if (change !== undefined) {
    tally.changed('actual', { ...change, where: { revision, position } }, after);
  }
}
