/** How two breakers fared over the same time: the real one, and the simulated one. */
import type { DurationMs, EpochMs } from '../kernel/types.js';
import { computedOf, effectiveOf, type BreakerState } from './breaker/state.js';
import type { BreakerTurn } from './replay.js';

/** Changes kept of each breaker; beyond that they are only counted. */
export const CHANGES_MAX = 1_000;

/** How a breaker fared. */
export type Fared = {
  /** A reopening after a restart is no new one. */
  readonly opens: number;
  /** Closed by its probes. */
  readonly recoveries: number;
  readonly failedRecoveries: number;
  /** Away from closed, overrides aside. */
  readonly awayMs: DurationMs;
  readonly admitted: number;
  /** Recorded calls that it would have refused: none of the real one's. */
  readonly barred: number;
  /** Failures among those. */
  readonly failuresSpared: number;
  readonly changes: readonly BreakerTurn[];
  readonly changesLeftOut: number;
};

export type Simulation = {
  /** When it began: `from`, or the breaker's first fact after it. */
  readonly beganAt: EpochMs;
  /** Recorded calls of the time. */
  readonly calls: number;
  readonly actual: Fared;
  readonly simulated: Fared;
  /** The real breaker let nothing pass and the simulated one would have: of these calls nobody knows. */
  readonly blindMs: DurationMs;
};

type Which = 'actual' | 'simulated';

type Side = { state: BreakerState; fared: { -readonly [K in keyof Fared]: Fared[K] } };

export type Tallies = {
  readonly changed: (which: Which, change: BreakerTurn, after: BreakerState) => void;
  readonly called: (isBarred: boolean, failed: boolean) => void;
  readonly end: (at: EpochMs) => Simulation;
};

export function tallies(beganAt: EpochMs, actual: BreakerState, simulated: BreakerState): Tallies {
  const sides: Record<Which, Side> = {
    actual: { state: actual, fared: nothingYet() },
    simulated: { state: simulated, fared: nothingYet() },
  };
  let now = beganAt;
  let calls = 0;
  let blindMs = 0;
  const moveTo = (at: EpochMs): void => {
    const passed = Math.max(0, at - now);
    now = Math.max(now, at);
    for (const { state, fared } of Object.values(sides)) {
      if (computedOf(state) !== 'closed') fared.awayMs += passed;
    }
    if (refuses(sides.actual.state) && !refuses(sides.simulated.state)) blindMs += passed;
  };
  return {
    changed(which, change, after) {
      moveTo(change.at);
      const side = sides[which];
      side.state = after;
      count(side.fared, change);
    },
    called(isBarred, failed) {
      const { fared } = sides.simulated;
      calls += 1;
      if (isBarred) fared.barred += 1;
      else fared.admitted += 1;
      if (isBarred && failed) fared.failuresSpared += 1;
    },
    end(at) {
      moveTo(at);
      const real = { ...sides.actual.fared, admitted: calls };
      return { beganAt, calls, actual: real, simulated: sides.simulated.fared, blindMs };
    },
  };
}

function refuses(state: BreakerState): boolean {
  const effective = effectiveOf(state);
  return effective === 'open' || effective === 'forced_open';
}

function count(fared: Side['fared'], change: BreakerTurn): void {
  const { type, trigger } = change;
  const opens = type === 'BreakerTripped' || (type === 'BreakerReopened' && trigger !== 'restart');
  if (opens) fared.opens += 1;
  if (type === 'BreakerReopened' && trigger !== 'restart') fared.failedRecoveries += 1;
  if (type === 'BreakerRecovered' && trigger === 'probes_succeeded') fared.recoveries += 1;
  if (fared.changes.length < CHANGES_MAX) fared.changes = [...fared.changes, change];
  else fared.changesLeftOut += 1;
}

function nothingYet(): Side['fared'] {
  return {
    opens: 0,
    recoveries: 0,
    failedRecoveries: 0,
    awayMs: 0,
    admitted: 0,
    barred: 0,
    failuresSpared: 0,
    changes: [],
    changesLeftOut: 0,
  };
}
