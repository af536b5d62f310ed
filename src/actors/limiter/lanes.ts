/**
 * The paces and rolling buckets of a scope, in memory, on the monotonic clock.
 *
 * L1 They start exhausted: what an earlier process sent in the current window is not known, so the most
 *    it may have sent is assumed.
 * L2 A rate that changes takes hold at once, measured from the last call that left.
 * L3 A bucket configured anew starts exhausted, and for one old window the old limit holds beside it.
 * L4 What was held is spent or given back where it was held, whatever is configured meanwhile.
 */
import type { EpochMs, MonotonicMs } from '../../kernel/types.js';
import {
  drawnOf,
  exhaustedGcra,
  gcraCharge,
  gcraCorrect,
  gcraReadyAt,
  gcraSpend,
  gcraTighten,
  isCounted,
  type Gcra,
} from './buckets.js';
import type { LimiterContext } from './context.js';
import { currentRate, scopeRate } from './curve.js';
import { newPace, paceReadyAt, spendPace, type Now, type Pace } from './paces.js';
import { limitOf } from './periods.js';

export type Weights = Readonly<Record<string, number>>;
export type { Now } from './paces.js';

/** When a call may be admitted, and what it waits for. */
export type Readiness = {
  /** <= now: at once. Infinity: when another permit is used or given back. */
  at: MonotonicMs;
  /** `rate`, or the bucket's name. */
  binding: string;
  /** Whose it is: everybody waits for the scope's pace, the collector alone for its own. */
  by: 'scope' | 'collector' | 'bucket';
};

/** What the calls of one collector with the same weights draw from, looked up once. */
export type Way = {
  readonly collector: string;
  readonly weights: Weights;
  readonly own: Pace;
  readonly shared: Pace;
  readonly draws: readonly Draw[];
  /** A bucket no window of which ever holds the weight. */
  readonly tooHeavy: string | undefined;
  /** Of the buckets it was looked up in. */
  readonly version: number;
};

export interface Lanes {
  /** Goes up when buckets or their limits change: a way of another version is looked up anew. */
  readonly version: number;
  /** Takes over limits that changed. */
  reconfigure(context: LimiterContext, mono: MonotonicMs): void;
  way(collector: string, weights: Weights): Way;
  /** The answer is reused by the next call: read it at once. */
  readiness(context: LimiterContext, way: Way, now: Now): Readiness;
  hold(way: Way): void;
  release(way: Way): void;
  /** What was held leaves now. */
  spend(way: Way, mono: MonotonicMs): void;
  /** What a call that left at `spentAt` really drew, where its answer told: at once. */
  correct(way: Way, drawn: Weights, spentAt: MonotonicMs): void;
  /** The upstream says only `left` units may go at once. */
  tighten(bucket: string, left: number, mono: MonotonicMs): void;
}

type Lane = { current: Gcra; retiring: readonly Retiring[]; key: string };
type Retiring = { readonly gcra: Gcra; readonly until: MonotonicMs };
type Draw = { readonly name: string; readonly units: number; readonly lane: Lane };

/** Everything that is paced or rolling in one scope. */
type Room = {
  readonly startedAt: MonotonicMs;
  readonly shared: Pace;
  readonly paces: Map<string, Pace>;
  readonly lanes: Map<string, Lane>;
  readonly found: Readiness;
  version: number;
};

export function limiterLanes(startedAt: MonotonicMs): Lanes {
  const room: Room = {
    startedAt,
    shared: newPace(sharedRate, startedAt),
    paces: new Map(),
    lanes: new Map(),
    found: { at: 0, binding: 'rate', by: 'scope' },
    version: 0,
  };
  const { lanes } = room;
  return {
    get version() {
      return room.version;
    },
    reconfigure(context, mono) {
      if (reconfigureLanes(lanes, context, mono)) room.version += 1;
    },
    way: (collector, weights) => wayOf(room, collector, weights),
    readiness: (context, way, now) => readiness(room.found, context, way, now),
    hold(way) {
      hold(way.shared.gcra, 1);
      hold(way.own.gcra, 1);
      for (const draw of way.draws) onEach(draw, hold);
    },
    release(way) {
      release(way.shared.gcra, 1);
      release(way.own.gcra, 1);
      for (const draw of way.draws) onEach(draw, release);
    },
    spend(way, mono) {
      spendPace(way.shared, mono);
      spendPace(way.own, mono);
      for (const { lane, units } of way.draws) {
        gcraSpend(lane.current, units, mono);
        for (const { gcra } of lane.retiring) gcraSpend(gcra, units, mono);
      }
      if (way.version !== room.version) chargeNew(lanes, way, mono);
    },
    correct({ draws }, drawn, spentAt) {
      for (const { name, units, lane } of draws) {
        const more = drawnOf(drawn, name, units) - units;
        if (more === 0) continue;
        gcraCorrect(lane.current, more, spentAt);
        for (const { gcra } of lane.retiring) gcraCorrect(gcra, more, spentAt);
      }
    },
    tighten(bucket, left, mono) {
      const lane = lanes.get(bucket);
      if (lane !== undefined) gcraTighten(lane.current, left, mono);
    },
  };
}

function wayOf(room: Room, collector: string, weights: Weights): Way {
  const draws: Draw[] = [];
  let tooHeavy: string | undefined;
  for (const name in weights) {
    const lane = room.lanes.get(name);
    if (lane === undefined) continue;
    const units = weights[name] ?? 0;
    draws.push({ name, units, lane });
    if (units > lane.current.limit) tooHeavy ??= name;
  }
  const { shared, version } = room;
  return { collector, weights, own: ownPace(room, collector), shared, draws, tooHeavy, version };
}

function ownPace({ paces, startedAt }: Room, collector: string): Pace {
  const known = paces.get(collector);
  if (known !== undefined) return known;
  const made = newPace(currentRate, startedAt);
  paces.set(collector, made);
  return made;
}

function sharedRate(context: LimiterContext, _collector: string, at: EpochMs): number {
  return scopeRate(context, at);
}

function readiness(found: Readiness, context: LimiterContext, way: Way, now: Now): Readiness {
  const own = paceReadyAt(way.own, context, way.collector, now);
  const shared = paceReadyAt(way.shared, context, way.collector, now);
  found.at = Math.max(own, shared);
  found.binding = 'rate';
  found.by = own > shared ? 'collector' : 'scope';
  for (const draw of way.draws) {
    const at = laneReadyAt(draw.lane, draw.units, now.mono);
    if (at <= found.at) continue;
    found.at = at;
    found.binding = draw.name;
    found.by = 'bucket';
  }
  return found;
}

function onEach({ lane, units }: Draw, act: (gcra: Gcra, units: number) => void): void {
  act(lane.current, units);
  for (const old of lane.retiring) act(old.gcra, units);
}

function hold(gcra: Gcra, units: number): void {
  gcra.held += units;
}

function release(gcra: Gcra, units: number): void {
  gcra.held = Math.max(0, gcra.held - units);
}

/** L4: a bucket that was not there when the call was admitted is charged all the same. */
function chargeNew(lanes: ReadonlyMap<string, Lane>, { weights, draws }: Way, mono: number): void {
  for (const name in weights) {
    const lane = lanes.get(name);
    if (lane === undefined || draws.some((draw) => draw.lane === lane)) continue;
    gcraCharge(lane.current, weights[name] ?? 0, mono);
  }
}

function laneReadyAt(lane: Lane, units: number, mono: MonotonicMs): MonotonicMs {
  let readyAt = gcraReadyAt(lane.current, units, mono);
  for (const { gcra, until } of lane.retiring) {
    if (until > mono) readyAt = Math.max(readyAt, Math.min(until, gcraReadyAt(gcra, units, mono)));
  }
  return readyAt;
}

/** True: something changed. */
function reconfigureLanes(
  lanes: Map<string, Lane>,
  context: LimiterContext,
  mono: MonotonicMs,
): boolean {
  let isChanged = false;
  const rolling = (context.config?.buckets ?? []).filter((bucket) => !isCounted(bucket));
  for (const name of lanes.keys()) {
    if (rolling.some((bucket) => bucket.name === name)) continue;
    lanes.delete(name);
    isChanged = true;
  }
  for (const { name, burst, windowMs } of rolling) {
    const limit = limitOf(context, name);
    const key = `${String(limit)}/${String(burst)}/${String(windowMs)}`;
    const fresh = exhaustedGcra(limit, burst, windowMs, mono);
    const lane = lanes.get(name);
    if (lane === undefined) {
      lanes.set(name, { current: fresh, retiring: [], key });
      isChanged = true;
      continue;
    }
    if (lane.key === key) continue;
    isChanged = true;
    const { current } = lane;
    const oldWindowMs = (current.limit - current.burst + 1) * current.intervalMs;
    const kept = lane.retiring.filter(({ until }) => until > mono);
    lane.retiring = [...kept, { gcra: current, until: mono + oldWindowMs }];
    lane.current = { ...fresh, held: current.held };
    lane.key = key;
  }
  return isChanged;
}
