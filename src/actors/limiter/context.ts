/** What the limiter's chart remembers beside its state. Plain data, fixed key order. */
import type { DurationMs, EpochMs } from '../../kernel/types.js';
import type { ActorState } from '../kind.js';
import type { BucketConfig } from './events.js';

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
};

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
