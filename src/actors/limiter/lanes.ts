/**
 * The paces and rolling buckets of a scope, in memory, on the monotonic clock.
 *
 * L1 They start exhausted: what an earlier process sent in the current window is not known, so the most
 *    it may have sent is assumed.
 * L2 A rate that changes takes hold at once, measured from the last call that left.
 * L3 A bucket configured anew starts exhausted, and for one old window the old limit holds beside it.
 */
import type { DurationMs, EpochMs, MonotonicMs } from '../../kernel/types.js';
import {
  drawnOf,
  emissionIntervalMs,
  exhaustedGcra,
  gcraCorrect,
  gcraReadyAt,
  gcraSpend,
  gcraTighten,
  isCounted,
  type Gcra,
} from './buckets.js';
import type { LimiterContext } from './context.js';
import { currentRate, scopeRate } from './curve.js';
import { limitOf } from './periods.js';

export type Weights = Readonly<Record<string, number>>;

/** A moment on both clocks. */
export type Now = { readonly wall: EpochMs; readonly mono: MonotonicMs };

/** When a call may be admitted, and what it waits for. */
export type Readiness = {
  /** <= now: at once. Infinity: when another permit is used or given back. */
  at: MonotonicMs;
  /** `rate`, or the bucket's name. */
  binding: string;
  /** Whose it is: everybody waits for the scope's pace, the collector alone for its own. */
  by: 'scope' | 'collector' | 'bucket';
};

export interface Lanes {
  /** Takes over limits that changed. */
  reconfigure(context: LimiterContext, mono: MonotonicMs): void;
  /** The answer is reused by the next call: read it at once. */
  readiness(context: LimiterContext, collector: string, weights: Weights, now: Now): Readiness;
  hold(collector: string, weights: Weights): void;
  release(collector: string, weights: Weights): void;
  spend(collector: string, weights: Weights, mono: MonotonicMs): void;
  /** What a call that left at `spentAt` really drew, where its answer told: at once. */
  correct(weights: Weights, drawn: Weights, spentAt: MonotonicMs): void;
  /** The upstream says only `left` units may go at once. */
  tighten(bucket: string, left: number, mono: MonotonicMs): void;
  /** A weight no window can ever hold: the bucket's name. */
  tooHeavy(weights: Weights): string | undefined;
}

/** How late a timer may fire without slowing the pace: it costs half a percent of the rate. */
const PACE_SLACK = 0.005;
const SECOND = 1000;
/** Bisection of a rate that grows with time: to well below a millisecond over an hour. */
const BISECTIONS = 24;

type Pace = {
  readonly gcra: Gcra;
  rate: number;
  last: MonotonicMs;
  /** The state the rate was taken from: while it stands and nothing recovers, the rate does too. */
  ratedBy: LimiterContext | undefined;
};
type Lane = { current: Gcra; readonly retiring: { gcra: Gcra; until: MonotonicMs }[]; key: string };

/** Everything that is paced or rolling in one scope. */
type Room = {
  readonly startedAt: MonotonicMs;
  scope: Pace | undefined;
  readonly paces: Map<string, Pace>;
  readonly lanes: Map<string, Lane>;
  readonly found: Readiness;
};

export function limiterLanes(startedAt: MonotonicMs): Lanes {
  const found: Readiness = { at: 0, binding: 'rate', by: 'scope' };
  const room: Room = { startedAt, scope: undefined, paces: new Map(), lanes: new Map(), found };
  const { lanes } = room;
  return {
    reconfigure(context, mono) {
      reconfigureLanes(lanes, context, mono);
    },
    readiness: (context, collector, weights, now) =>
      readiness(room, context, collector, weights, now),
    hold(collector, weights) {
      hold(scopePace(room).gcra, 1);
      hold(ownPace(room, collector).gcra, 1);
      everyLane(lanes, weights, hold);
    },
    release(collector, weights) {
      release(scopePace(room).gcra, 1);
      release(ownPace(room, collector).gcra, 1);
      everyLane(lanes, weights, release);
    },
    spend(collector, weights, mono) {
      spendPace(scopePace(room), mono);
      spendPace(ownPace(room, collector), mono);
      for (const name in weights) {
        const lane = lanes.get(name);
        if (lane === undefined) continue;
        const units = weights[name] ?? 0;
        gcraSpend(lane.current, units, mono);
        for (const old of lane.retiring) gcraSpend(old.gcra, units, mono);
      }
    },
    correct(weights, drawn, spentAt) {
      for (const name in weights) {
        const { current, retiring = [] } = lanes.get(name) ?? {};
        const more = drawnOf(drawn, name, weights[name] ?? 0) - (weights[name] ?? 0);
        if (current === undefined || more === 0) continue;
        gcraCorrect(current, more, spentAt);
        for (const { gcra } of retiring) gcraCorrect(gcra, more, spentAt);
      }
    },
    tighten(bucket, left, mono) {
      const lane = lanes.get(bucket);
      if (lane !== undefined) gcraTighten(lane.current, left, mono);
    },
    tooHeavy(weights) {
      for (const name in weights) {
        const lane = lanes.get(name);
        if (lane !== undefined && (weights[name] ?? 0) > lane.current.limit) return name;
      }
      return undefined;
    },
  };
}

function readiness(
  room: Room,
  context: LimiterContext,
  collector: string,
  weights: Weights,
  now: Now,
): Readiness {
  const { found, lanes } = room;
  const own = paceReadyAt(ownPace(room, collector), currentRate, context, collector, now);
  const shared = paceReadyAt(scopePace(room), sharedRate, context, collector, now);
  found.at = Math.max(own, shared);
  found.binding = 'rate';
  found.by = own > shared ? 'collector' : 'scope';
  for (const name in weights) {
    const lane = lanes.get(name);
    if (lane === undefined) continue;
    const at = laneReadyAt(lane, weights[name] ?? 0, now.mono);
    if (at <= found.at) continue;
    found.at = at;
    found.binding = name;
    found.by = 'bucket';
  }
  return found;
}

/** A rate at a moment; a plain function, so that the admitted path makes no closure. */
type RateOf = (context: LimiterContext, collector: string, at: EpochMs) => number;

function sharedRate(context: LimiterContext, _collector: string, at: EpochMs): number {
  return scopeRate(context, at);
}

/** Its rate is set before it is first asked. */
function scopePace(room: Room): Pace {
  return (room.scope ??= newPace(1, room.startedAt));
}

function ownPace({ paces, startedAt }: Room, collector: string): Pace {
  const known = paces.get(collector);
  if (known !== undefined) return known;
  const made = newPace(1, startedAt);
  paces.set(collector, made);
  return made;
}

function everyLane(
  lanes: ReadonlyMap<string, Lane>,
  weights: Weights,
  act: (gcra: Gcra, units: number) => void,
): void {
  for (const name in weights) {
    const lane = lanes.get(name);
    if (lane === undefined) continue;
    const units = weights[name] ?? 0;
    act(lane.current, units);
    for (const old of lane.retiring) act(old.gcra, units);
  }
}

function hold(gcra: Gcra, units: number): void {
  gcra.held += units;
}

function release(gcra: Gcra, units: number): void {
  gcra.held = Math.max(0, gcra.held - units);
}

function spendPace(pace: Pace, mono: MonotonicMs): void {
  gcraSpend(pace.gcra, 1, mono);
  pace.last = mono;
}

function paceBurst(rate: number): number {
  return 1 + rate * PACE_SLACK;
}

function paceIntervalMs(rate: number): DurationMs {
  return emissionIntervalMs(rate, paceBurst(rate), SECOND);
}

/** As if a call had left at `last`: L1. */
function newPace(rate: number, last: MonotonicMs): Pace {
  const burst = paceBurst(rate);
  const intervalMs = paceIntervalMs(rate);
  const tat = last + burst * intervalMs;
  const gcra = { limit: rate, burst, intervalMs, tat, held: 0, spentAt: last };
  return { gcra, rate, last, ratedBy: undefined };
}

/** L2: what was charged since the last call left weighs as much as it would have at the new rate. */
function setPace(pace: Pace, rate: number): void {
  const { gcra, last } = pace;
  const intervalMs = paceIntervalMs(rate);
  gcra.tat = last + ((gcra.tat - last) * intervalMs) / gcra.intervalMs;
  gcra.intervalMs = intervalMs;
  gcra.burst = paceBurst(rate);
  gcra.limit = rate;
  pace.rate = rate;
}

function paceReadyAt(
  pace: Pace,
  rateOf: RateOf,
  context: LimiterContext,
  collector: string,
  now: Now,
): MonotonicMs {
  const isChanging = context.episode !== null || context.learned !== null;
  if (isChanging || pace.ratedBy !== context) {
    const rate = rateOf(context, collector, now.wall);
    if (rate !== pace.rate) setPace(pace, rate);
    pace.ratedBy = context;
  }
  const readyAt = gcraReadyAt(pace.gcra, 1, now.mono);
  if (!isChanging || readyAt <= now.mono || readyAt === Infinity) return readyAt;
  // The rate grows meanwhile: look for the first moment whose own rate admits the call.
  let [early, late] = [now.mono, readyAt];
  for (let step = 0; step < BISECTIONS && late - early > 0.5; step += 1) {
    const middle = (early + late) / 2;
    const rate = rateOf(context, collector, now.wall + middle - now.mono);
    if (admitsAt(pace, rate, middle)) late = middle;
    else early = middle;
  }
  return late;
}

function admitsAt({ gcra, last }: Pace, rate: number, mono: MonotonicMs): boolean {
  const intervalMs = paceIntervalMs(rate);
  const tat = last + ((gcra.tat - last) * intervalMs) / gcra.intervalMs;
  return tat + (gcra.held + 1 - paceBurst(rate)) * intervalMs <= mono;
}

function laneReadyAt(lane: Lane, units: number, mono: MonotonicMs): MonotonicMs {
  let readyAt = gcraReadyAt(lane.current, units, mono);
  for (const { gcra, until } of lane.retiring) {
    if (until > mono) readyAt = Math.max(readyAt, Math.min(until, gcraReadyAt(gcra, units, mono)));
  }
  return readyAt;
}

function reconfigureLanes(
  lanes: Map<string, Lane>,
  context: LimiterContext,
  mono: MonotonicMs,
): void {
  const rolling = (context.config?.buckets ?? []).filter((bucket) => !isCounted(bucket));
  for (const name of lanes.keys()) {
    if (!rolling.some((bucket) => bucket.name === name)) lanes.delete(name);
  }
  for (const { name, burst, windowMs } of rolling) {
    const limit = limitOf(context, name);
    const key = `${String(limit)}/${String(burst)}/${String(windowMs)}`;
    const fresh = exhaustedGcra(limit, burst, windowMs, mono);
    const lane = lanes.get(name);
    if (lane === undefined) {
      lanes.set(name, { current: fresh, retiring: [], key });
      continue;
    }
    if (lane.key === key) continue;
    const { current } = lane;
    const oldWindowMs = (current.limit - current.burst + 1) * current.intervalMs;
    const kept = lane.retiring.filter(({ until }) => until > mono);
    lane.retiring.splice(0, Infinity, ...kept, { gcra: current, until: mono + oldWindowMs });
    lane.current = { ...fresh, held: current.held };
    lane.key = key;
  }
}
