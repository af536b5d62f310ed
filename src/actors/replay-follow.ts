/** The simulated breaker follows the real one: its calls, and what was done to it (S4, S5). */
import type { EpochMs } from '../kernel/types.js';
import type { BreakerFact, BreakerPolicy, Override } from './breaker/events.js';
import * as facts from './breaker/facts.js';
import { computedOf, type BreakerState } from './breaker/state.js';
import type { Of } from './kind.js';
import type { BreakerStep } from './replay.js';
import {
  circumstancesAt,
  current,
  decided,
  EVEN,
  happened,
  hasSameDeadline,
  passTime,
  recordedCall,
  simOf,
  type Heard,
  type Sim,
} from './replay-breaker.js';
import { jitterOf } from './replay-jitter.js';

export type SimulatedBreaker = {
  readonly state: () => BreakerState;
  /** The next step of the real breaker, and the fact that comes after it. */
  readonly follow: (step: BreakerStep, next: BreakerFact | undefined) => void;
  /** Time passes without facts; the real breaker stays as it is. */
  readonly until: (at: EpochMs, real: BreakerState) => void;
};

/** `state`: of the real breaker, when the simulation begins. The policy is in force from then on. */
export function simulatedBreaker(
  state: BreakerState,
  policy: BreakerPolicy,
  at: EpochMs,
  heard: Heard,
): SimulatedBreaker {
  const sim = simOf(state, policy, at, heard);
  return {
    state: () => sim.state,
    follow(step, next) {
      follow(sim, step, next);
    },
    until(to, real) {
      passTime(sim, to, real);
    },
  };
}

function follow(sim: Sim, step: BreakerStep, next: BreakerFact | undefined): void {
  const { fact, before } = step;
  if (fact.type === 'BreakerConfigured') return;
  if (fact.type === 'CallsRecorded') {
    for (const [index, { offsetMs, ...call }] of fact.calls.entries()) {
      const isLast = index === fact.calls.length - 1;
      const chance = isLast && next !== undefined ? jitterOf(next) : EVEN;
      recordedCall(sim, { ...call, at: fact.baseMs + offsetMs }, before, chance);
    }
    return;
  }
  const { generation } = before.context;
  passTime(sim, fact.atMs, before);
  const endedAt = sim.endedByLastCall ?? current(sim).index;
  const isInStep = sim.endedByLastCall !== undefined;
  sim.endedByLastCall = undefined;
  sim.latest.set(generation, endedAt);
  alsoHappened(sim, step, isInStep);
  sim.earliest.set(fact.generation, current(sim).index);
}

type Opening = Of<BreakerFact, 'BreakerTripped' | 'BreakerReopened'>;

/** S4, S5. */
function alsoHappened(sim: Sim, { fact, before }: BreakerStep, isInStep: boolean): void {
  const circumstances = circumstancesAt(sim.now);
  const at = sim.now;
  const computed = computedOf(sim.state);
  switch (fact.type) {
    case 'BreakerTripped':
    case 'BreakerReopened':
      alsoOpened(sim, fact, before, isInStep);
      return;
    case 'BreakerProbing':
      alsoProbing(sim, fact);
      return;
    case 'BreakerRecovered':
      if (isManual(fact) && computed !== 'closed') {
        happened(sim, facts.recovered(sim.state, 'manual', at));
      }
      return;
    case 'BreakerForced': {
      const { reason, expiresAtMs } = fact;
      const override = fact.override as Override;
      happened(sim, facts.forced(sim.state, override, reason, expiresAtMs, circumstances));
      return;
    }
    case 'BreakerOverrideCleared':
      if (sim.state.context.override !== null) {
        const cause = fact.cause === 'expired' ? 'expired' : 'operator';
        happened(sim, facts.overrideCleared(sim.state, cause, at));
      }
      return;
    case 'BreakerReset':
      happened(sim, facts.reset(sim.state, fact.reason, circumstances));
      return;
    default:
      return; // calls and configurations are followed elsewhere
  }
}

function isManual({
  transition,
}: {
  readonly transition?: { readonly trigger: string } | undefined;
}) {
  return transition?.trigger === 'manual';
}

/** What calls decided the simulated breaker decides itself; a deadline, a restart or a hand it does not. */
function alsoOpened(sim: Sim, fact: Opening, before: BreakerState, isInStep: boolean): void {
  const { index } = current(sim);
  const computed = computedOf(sim.state);
  const circumstances = circumstancesAt(sim.now);
  const trigger = fact.transition?.trigger;
  if (trigger === 'manual' && computed === 'closed') {
    happened(sim, facts.tripped(sim.state, 'manual', circumstances, sim.now));
  } else if (trigger === 'restart' && computed === 'half_open') {
    happened(sim, facts.reopened(sim.state, 'restart', circumstances));
  } else if (trigger === 'deadline' && computed === 'half_open') {
    deadlinePassed(sim, fact, before);
  }
  if (isInStep || current(sim).index > index) {
    sim.opensInStep = sim.state.context.retry?.delayMs === fact.delayMs;
  }
}

/** Calls that no fact tells of (a 429, an abort) begin a deadline too: when the real one ended, it began. */
function deadlinePassed(sim: Sim, fact: Opening, before: BreakerState): void {
  if (hasSameDeadline(sim, before)) {
    const { generation } = sim.state.context;
    decided(sim, { type: 'ProbeDeadline', generation }, jitterOf(fact));
    return;
  }
  const { mark } = current(sim);
  const begunAt = Math.max(mark.at, sim.now - before.context.policy.halfOpenDeadlineMs);
  mark.deadlineAt ??= begunAt + sim.policy.halfOpenDeadlineMs;
  passTime(sim, sim.now, before);
}

function alsoProbing(sim: Sim, fact: Of<BreakerFact, 'BreakerProbing'>): void {
  const { retry } = sim.state.context;
  if (retry === null) return;
  if (isManual(fact)) happened(sim, facts.probing(sim.state, 'manual', sim.now));
  else if (sim.opensInStep) {
    decided(sim, { type: 'TimerDue', name: 'retry', generation: retry.generation });
  }
}
