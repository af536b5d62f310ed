/** What the limiter's chart remembers beside its state. Plain data, fixed key order. */
import type { DurationMs, EpochMs } from '../../kernel/types.js';
import type { ActorState } from '../kind.js';
import type { BucketConfig, CollectorRate } from './events.js';

export type LimiterConfig = {
  readonly scope: string;
  readonly collectors: readonly string[];
  readonly buckets: readonly Readonly<BucketConfig>[];
  readonly maxRequestsPerSecond: number;
  readonly backoffMultiplier: number;
  readonly maxBackoff: number;
  readonly recoveryWindowMs: DurationMs;
  readonly floorRate: number;
  readonly margin: number;
  readonly configRevision: number;
  readonly tier: string;
  readonly currency: string;
  /** How long a call may be under way. Absent in what was recorded before it was told. */
  readonly callMaxMs?: DurationMs;
  /** What each was configured to, where several share the scope. Absent: the scope's own. */
  readonly rates?: readonly Readonly<CollectorRate>[];
};

/** One collector's own cap, as an operator set it. */
export type Cap = {
  readonly maxRequestsPerSecond: number;
  readonly backoffMultiplier: number;
  readonly maxBackoff: number;
};

/** A row of cuts that belong together; it ends after a clean ten recovery windows. */
export type Episode = {
  readonly startedAt: EpochMs;
  readonly cuts: number;
  readonly backoff: number;
  /** 0.95 x the rate at the first cut: where the recovery aims. */
  readonly wMax: number;
  readonly lastCutAt: EpochMs;
  /** Nothing is sent before it; the recovery runs from here. */
  readonly pauseUntil: EpochMs;
  readonly sameWindowUntil: EpochMs;
  /** When the last recovery step was recorded, and the rate it told. 0: none since the last cut. */
  readonly steppedAt: EpochMs;
  readonly stepRate: number;
};

/** What an episode taught: the rate stays below the ceiling and creeps up while nothing complains. */
export type Learned = { readonly rate: number; readonly since: EpochMs };

export type Block = {
  readonly cause: string;
  readonly since: EpochMs;
  readonly until: EpochMs;
  readonly detail: string;
};

/**
 * What was counted against a fixed bucket in the window or period it stands in.
 * `spent` is settled, `held` lies in open reservation blocks, `foreign` is what the upstream counted
 * beyond ours. `prior` is the previous period's `spent`: a clock that goes back finds it again.
 */
export type Window = {
  readonly start: EpochMs;
  readonly end: EpochMs;
  readonly spent: number;
  readonly held: number;
  readonly foreign: number;
  readonly prior: number;
  readonly byCollector: Readonly<Record<string, number>>;
  /** Only where the window begins with a call; `end` is then the moment by which it surely is over. */
  readonly anchor?: Anchor;
};

/** What is known of a window that begins with a call (anchored.ts). */
export type Anchor = {
  /** Before it the upstream's window surely has not ended. */
  readonly sure: EpochMs;
  /** A call surely has arrived in it: `end` is not put off any more. */
  readonly begun: boolean;
  /** When the upstream told its end; null: it has not. */
  readonly toldAt: EpochMs | null;
  /** Of `spent`: what may have arrived only in the window after it. */
  readonly tail: number;
};

/**
 * What a long rolling window was charged, by slots, oldest first: units that left, or may still leave,
 * before `end` and after the end of the slot before.
 */
export type Slots = readonly (readonly [end: EpochMs, units: number])[];

/** A durable leave to spend that has not been settled. */
export type OpenBlock = {
  readonly collector: string;
  readonly run: string;
  readonly calls: number;
  readonly units: Readonly<Record<string, number>>;
  readonly at: EpochMs;
  readonly expiresAt: EpochMs;
};

export type Observed = {
  readonly at: EpochMs;
  readonly limit: number | null;
  readonly remaining: number | null;
  readonly used: number | null;
  readonly resetAt: EpochMs | null;
};

export type LimiterContext = {
  readonly config: LimiterConfig | null;
  readonly caps: Readonly<Record<string, Cap>>;
  readonly episode: Episode | null;
  readonly learned: Learned | null;
  readonly blocked: Block | null;
  readonly blockedBuckets: Readonly<Record<string, Block>>;
  readonly windows: Readonly<Record<string, Window>>;
  readonly open: Readonly<Record<string, OpenBlock>>;
  readonly observed: Readonly<Record<string, Observed>>;
  /** Of long rolling windows. Absent until there is one: the state of older histories stays what it was. */
  readonly rings?: Readonly<Record<string, Slots>>;
};

export type LimiterState = ActorState<LimiterContext>;

export const EMPTY_LIMITER: LimiterContext = {
  config: null,
  caps: {},
  episode: null,
  learned: null,
  blocked: null,
  blockedBuckets: {},
  windows: {},
  open: {},
  observed: {},
};

/** A map without one of its keys. */
export function without<V>(
  map: Readonly<Record<string, V>>,
  key: string,
): Readonly<Record<string, V>> {
  const { [key]: _gone, ...rest } = map;
  return rest;
}

/** A map with only these keys. */
export function only<V>(
  map: Readonly<Record<string, V>>,
  keep: (key: string) => boolean,
): Readonly<Record<string, V>> {
  return Object.fromEntries(Object.entries(map).filter(([key]) => keep(key)));
}
