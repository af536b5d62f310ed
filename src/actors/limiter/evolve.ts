/** What each fact means to the memory of a limiter: pure, and equal for ever for equal facts. */
import type { Of } from '../kind.js';
import { freshWindow } from './buckets.js';
import {
  only,
  without,
  type Block,
  type Episode,
  type LimiterContext,
  type OpenBlock,
  type Window,
} from './context.js';
import { charged, corrected, observedBeyond, reconfigured } from './counted.js';
import { ceilingOf } from './curve.js';
import type { BucketConfig, CollectorRate, LimiterFact } from './events.js';
import { rebased } from './rebase.js';

type Fold<T extends LimiterFact['type']> = (
  context: LimiterContext,
  fact: Of<LimiterFact, T>,
) => LimiterContext;

/** Every fact's effect on the memory; machine.ts says in which states it is legal. */
export const folds: { readonly [T in LimiterFact['type']]: Fold<T> } = {
  ScopeConfigured: (c, f) => configured(c, f),
  RateLimitConfigured: (c, f) => ({
    ...c,
    caps: {
      ...c.caps,
      [f.collector]: {
        maxRequestsPerSecond: f.maxRequestsPerSecond,
        backoffMultiplier: f.backoffMultiplier,
        maxBackoff: f.maxBackoff,
      },
    },
  }),
  UnitsReserved: (c, f) => reserved(c, f),
  UnitsSettled: (c, f) => settled(c, f),
  Throttled: (c, f) => ({ ...c, episode: cut(c.episode, f), learned: null }),
  RateRecovered: (c, f) => {
    if (!f.episodeEnded) return { ...c, episode: stepped(c.episode, wallOf(f), f.rate) };
    const learned = f.rate >= ceilingOf(c) ? null : { rate: f.rate, since: wallOf(f) };
    return { ...c, episode: stepped(c.episode, wallOf(f), f.rate), learned };
  },
  EpisodeEnded: (c) => ({ ...c, episode: null }),
  QuotaObserved: (c, f) => observed(c, f),
  BucketBlocked: (c, f) => ({
    ...c,
    blockedBuckets: { ...c.blockedBuckets, [f.bucket]: blockOf(f) },
  }),
  ScopeBlocked: (c, f) => ({ ...c, blocked: blockOf(f) }),
  Unblocked: (c, f) => {
    if (f.bucket === '') return { ...c, blocked: null };
    const blockedBuckets = without(c.blockedBuckets, f.bucket);
    if (f.forgets !== true) return { ...c, blockedBuckets };
    return { ...c, blockedBuckets, observed: without(c.observed, f.bucket) };
  },
  PeriodRolled: (c, f) => ({
    ...c,
    windows: { ...c.windows, [f.bucket]: rolled(c.windows[f.bucket], f) },
  }),
  ClockAnomaly: (c, f) => rebased(c, f.shiftMs),
};

/** One more fact on the memory alone: what a decision of several facts needs to look ahead. */
export function evolve(context: LimiterContext, fact: LimiterFact): LimiterContext {
  const fold = folds[fact.type] as (c: LimiterContext, f: LimiterFact) => LimiterContext;
  return fold(context, fact);
}

/** Budget is never invented: what is still configured keeps its counts, caps and blocks. */
function configured(c: LimiterContext, f: Of<LimiterFact, 'ScopeConfigured'>): LimiterContext {
  const names = new Set(f.buckets.map((bucket) => bucket.name));
  return {
    ...c,
    ...reconfigured(c, f.buckets),
    config: {
      scope: f.scope,
      collectors: f.collectors,
      buckets: f.buckets.map(inSchemaOrder),
      maxRequestsPerSecond: f.maxRequestsPerSecond,
      backoffMultiplier: f.backoffMultiplier,
      maxBackoff: f.maxBackoff,
      recoveryWindowMs: f.recoveryWindowMs,
      floorRate: f.floorRate,
      margin: f.margin,
      configRevision: f.configRevision,
      tier: f.tier,
      currency: f.currency,
      ...(f.callMaxMs !== undefined && { callMaxMs: f.callMaxMs }),
      ...(f.rates.length > 0 && { rates: f.rates.map(rateInOrder) }),
    },
    caps: only(c.caps, (collector) => f.collectors.includes(collector)),
    blockedBuckets: only(c.blockedBuckets, (bucket) => names.has(bucket)),
    observed: only(c.observed, (bucket) => names.has(bucket)),
  };
}

function rateInOrder(rate: CollectorRate): CollectorRate {
  const { collector, maxRequestsPerSecond, backoffMultiplier, maxBackoff } = rate;
  return { collector, maxRequestsPerSecond, backoffMultiplier, maxBackoff };
}

/** The state is hashed with its keys in order: as the schema has them, whoever wrote the command. */
function inSchemaOrder(bucket: Readonly<BucketConfig>): BucketConfig {
  return {
    name: bucket.name,
    kind: bucket.kind,
    limit: bucket.limit,
    windowMs: bucket.windowMs,
    burst: bucket.burst,
    period: bucket.period,
    zone: bucket.zone,
    anchorDay: bucket.anchorDay,
    unit: bucket.unit,
    priceMicros: bucket.priceMicros,
    quota: bucket.quota,
    ...(bucket.anchor !== undefined && { anchor: bucket.anchor }),
  };
}

function reserved(c: LimiterContext, f: Of<LimiterFact, 'UnitsReserved'>): LimiterContext {
  const block: OpenBlock = {
    collector: f.collector,
    run: f.run,
    calls: f.calls,
    units: Object.fromEntries(f.units.map(({ bucket, units }) => [bucket, units])),
    at: wallOf(f),
    expiresAt: f.expiresAtMs,
  };
  const kept = charged(c, wallOf(f), f.expiresAtMs, f.units);
  return { ...c, ...kept, open: { ...c.open, [f.block]: block } };
}

function settled(c: LimiterContext, f: Of<LimiterFact, 'UnitsSettled'>): LimiterContext {
  const block = c.open[f.block];
  const open = without(c.open, f.block);
  if (block === undefined) return { ...c, open };
  return { ...c, ...corrected(c, f.atMs, block, f), open };
}

/** `atMs` never runs back; the clock does, and the limits of an upstream go by the clock. */
function wallOf(f: { readonly atMs: number; readonly nowMs?: number | undefined }): number {
  return f.nowMs ?? f.atMs;
}

function cut(episode: Episode | null, f: Of<LimiterFact, 'Throttled'>): Episode {
  return {
    startedAt: episode?.startedAt ?? wallOf(f),
    cuts: f.cuts,
    backoff: f.backoff,
    wMax: f.wMax,
    lastCutAt: wallOf(f),
    pauseUntil: f.pauseUntilMs,
    sameWindowUntil: f.sameWindowUntilMs,
    steppedAt: wallOf(f),
    stepRate: 0,
  };
}

function stepped(episode: Episode | null, at: number, rate: number): Episode | null {
  return episode === null ? null : { ...episode, steppedAt: at, stepRate: rate };
}

function blockOf(f: Of<LimiterFact, 'BucketBlocked' | 'ScopeBlocked'>): Block {
  return { cause: f.cause, since: wallOf(f), until: f.untilMs, detail: f.detail };
}

/**
 * Periods that overlap keep what was counted: another anchor day is no new budget. One that ends before
 * the last began is a clock set right: what was counted then is found again.
 */
function rolled(last: Window | undefined, f: Of<LimiterFact, 'PeriodRolled'>): Window {
  const { periodStartMs: start, periodEndMs: end } = f;
  if (last === undefined) return freshWindow(start, end, 0);
  if (start >= last.end) return freshWindow(start, end, last.spent + last.held);
  if (end > last.start) return { ...last, start, end };
  return { ...last, start, end, spent: last.prior + last.spent, prior: 0 };
}

function observed(c: LimiterContext, f: Of<LimiterFact, 'QuotaObserved'>): LimiterContext {
  const seen = {
    at: wallOf(f),
    limit: f.limit ?? null,
    remaining: f.remaining ?? null,
    used: f.used ?? null,
    resetAt: f.resetAtMs ?? null,
  };
  const kept = observedBeyond(c, f.bucket, wallOf(f), f.beyondOurs, f);
  return { ...c, ...kept, observed: { ...c.observed, [f.bucket]: seen } };
}

/** What the upstream has counted, by its own word. */
export function usedByUpstream(seen: {
  readonly limit?: number | undefined;
  readonly remaining?: number | undefined;
  readonly used?: number | undefined;
}): number | undefined {
  if (seen.used !== undefined) return seen.used;
  if (seen.limit === undefined || seen.remaining === undefined) return undefined;
  return Math.max(0, seen.limit - seen.remaining);
}
