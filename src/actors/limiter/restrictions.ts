/**
 * What is barred now: by the durable state, and by what the upstream has just said and the journal
 * does not hold yet (A2: what restricts takes hold in memory at once).
 */
import { MINUTE_MS } from '../../kernel/time.js';
import type { DurationMs, EpochMs } from '../../kernel/types.js';
import type { LimiterContext } from './context.js';
import type { Weights } from './lanes.js';

export type Bar = {
  readonly cause: 'rate_limit' | 'quota' | 'ban';
  readonly until: EpochMs;
  readonly bucket?: string;
  readonly detail: string;
};

export interface Restrictions {
  /** The bar that ends last of those in the way; undefined: nothing is. Without weights: any bucket. */
  bar(context: LimiterContext, weights: Weights | undefined, wall: EpochMs): Bar | undefined;
  pause(until: EpochMs): void;
  ban(until: EpochMs, detail: string): void;
  block(bucket: string, until: EpochMs, cause: 'rate_limit' | 'quota', detail: string): void;
  /** An operator lifted it. Empty: the scope. */
  lift(bucket: string): void;
  /** The clock jumped. */
  shift(by: DurationMs): void;
}

/** Longest that a mere observation closes a rolling bucket. */
export const OBSERVED_BAR_MAX_MS: DurationMs = 15 * MINUTE_MS;

const PAUSED = 'the upstream says there were too many requests';

export function restrictions(): Restrictions {
  let paused: EpochMs = 0;
  let banned: Bar | undefined;
  const buckets = new Map<string, Bar>();
  let looked: LimiterContext | undefined;
  let clearFrom: EpochMs = 0;

  /** The admitted path: nothing at all is barred. A state is looked at once. */
  const isClearOf = (context: LimiterContext, wall: EpochMs): boolean => {
    if (context !== looked) {
      looked = context;
      const isBlocked = context.blocked !== null || Object.keys(context.blockedBuckets).length > 0;
      clearFrom = isBlocked ? Infinity : (context.episode?.pauseUntil ?? 0);
    }
    return banned === undefined && buckets.size === 0 && paused <= wall && clearFrom <= wall;
  };
  const bucketBar = (context: LimiterContext, bucket: string, wall: EpochMs): Bar | undefined => {
    const durable = context.blockedBuckets[bucket];
    const local = buckets.get(bucket);
    if (durable !== undefined && durable.until > Math.max(wall, local?.until ?? 0)) {
      return { cause: 'quota', until: durable.until, bucket, detail: durable.detail };
    }
    if (local === undefined || local.until > wall) return local;
    buckets.delete(bucket); // over: the admitted path is clear again
    return undefined;
  };
  const scopeBar = (context: LimiterContext, wall: EpochMs): Bar | undefined => {
    const { blocked, episode } = context;
    if (blocked !== null && blocked.until > Math.max(wall, banned?.until ?? 0)) {
      return { cause: 'ban', until: blocked.until, detail: blocked.detail };
    }
    if (banned !== undefined && banned.until > wall) return banned;
    banned = undefined;
    const until = Math.max(paused, episode?.pauseUntil ?? 0);
    return until > wall ? { cause: 'rate_limit', until, detail: PAUSED } : undefined;
  };

  return {
    bar(context, weights, wall) {
      if (isClearOf(context, wall)) return undefined;
      let worst = scopeBar(context, wall);
      if (worst?.cause === 'ban') return worst;
      const names = weights ?? { ...context.blockedBuckets, ...Object.fromEntries(buckets) };
      for (const name in names) {
        const bar = bucketBar(context, name, wall);
        if (bar !== undefined && bar.until > (worst?.until ?? 0)) worst = bar;
      }
      return worst;
    },
    pause(until) {
      paused = Math.max(paused, until);
    },
    ban(until, detail) {
      if (until > (banned?.until ?? 0)) banned = { cause: 'ban', until, detail };
    },
    block(bucket, until, cause, detail) {
      if (until <= (buckets.get(bucket)?.until ?? 0)) return;
      buckets.set(bucket, { cause, until, bucket, detail });
    },
    lift(bucket) {
      if (bucket === '') banned = undefined;
      else buckets.delete(bucket);
    },
    shift(by) {
      paused += by;
      if (banned !== undefined) banned = { ...banned, until: banned.until + by };
      for (const [name, bar] of buckets) buckets.set(name, { ...bar, until: bar.until + by });
    },
  };
}
