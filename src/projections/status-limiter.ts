/** What a limiter's facts make of its document. Pure; folded live and for any past moment alike. */
import { entityOf } from '../kernel/ids.js';
import type { EpochMs, StreamId } from '../kernel/types.js';
import type { LimiterFact } from './facts.js';
import { remainingOf, throttledIn, usageAfter, usageObserved } from './status-usage.js';
import type { LimiterDoc } from './views.js';

type Of<T extends LimiterFact['type']> = Extract<LimiterFact, { readonly type: T }>;

type Reducers = {
  readonly [T in LimiterFact['type']]: (doc: LimiterDoc, fact: Of<T>) => LimiterDoc;
};

/** The document after one more fact. */
export function limiterDocAfter(
  doc: LimiterDoc | undefined,
  fact: LimiterFact,
  stream: StreamId,
): LimiterDoc {
  const reduce = reducers[fact.type] as (doc: LimiterDoc, fact: LimiterFact) => LimiterDoc;
  return reduce(doc ?? emptyLimiterDoc(entityOf(stream)), fact);
}

function emptyLimiterDoc(scope: string): LimiterDoc {
  return {
    scope,
    collectors: [],
    tier: '',
    currency: '',
    maxRequestsPerSecond: 0,
    backoffMultiplier: 0,
    maxBackoff: 0,
    recoveryWindowMs: 0,
    floorRate: 0,
    buckets: [],
    caps: {},
    episode: null,
    learned: null,
    blocked: null,
    blockedBuckets: {},
    observed: {},
    usage: {},
    backoffs: 0,
    throttledAnswers: 0,
    adjustments: 0,
    lastAdjustmentAt: null,
  };
}

const reducers: Reducers = {
  ScopeConfigured: (doc, f) => configured(doc, f),
  RateLimitConfigured: (doc, f) => ({
    ...adjusted(doc, f.atMs),
    caps: {
      ...doc.caps,
      [f.collector]: {
        maxRequestsPerSecond: f.maxRequestsPerSecond,
        backoffMultiplier: f.backoffMultiplier,
        maxBackoff: f.maxBackoff,
      },
    },
  }),
  // Leave is not use: what was sent is known when the block is settled. (Costs count it at once.)
  UnitsReserved: (doc) => doc,
  UnitsSettled: (doc, f) => ({
    ...doc,
    throttledAnswers: doc.throttledAnswers + throttledIn(f.usage),
    usage: {
      ...doc.usage,
      [f.collector]: usageAfter(doc, f),
    },
  }),
  Throttled: (doc, f) => ({
    ...adjusted(doc, f.atMs),
    backoffs: doc.backoffs + 1,
    episode: {
      backoff: f.backoff,
      cuts: f.cuts,
      wMax: f.wMax,
      pauseUntil: f.pauseUntilMs,
      lastCutAt: f.atMs,
    },
    learned: null,
  }),
  RateRecovered: (doc, f) => {
    if (!f.episodeEnded) return adjusted(doc, f.atMs);
    const learned = f.rate >= ceilingOf(doc) ? null : { rate: f.rate, since: f.atMs };
    return { ...adjusted(doc, f.atMs), episode: null, learned };
  },
  EpisodeEnded: (doc) => ({ ...doc, episode: null }),
  QuotaObserved: (doc, f) => ({
    ...doc,
    observed: {
      ...doc.observed,
      [f.bucket]: {
        at: f.atMs,
        limit: f.limit ?? null,
        remaining: remainingOf(f),
        used: f.used ?? null,
        resetAt: f.resetAtMs ?? null,
      },
    },
    usage: usageObserved(doc, f),
  }),
  BucketBlocked: (doc, f) => ({
    ...doc,
    blockedBuckets: {
      ...doc.blockedBuckets,
      [f.bucket]: { cause: f.cause, until: f.untilMs, detail: f.detail },
    },
  }),
  ScopeBlocked: (doc, f) => ({
    ...doc,
    blocked: { cause: f.cause, until: f.untilMs, detail: f.detail },
  }),
  Unblocked: (doc, f) => {
    if (f.bucket === '') return { ...doc, blocked: null };
    const left = Object.entries(doc.blockedBuckets).filter(([bucket]) => bucket !== f.bucket);
    const blockedBuckets = Object.fromEntries(left);
    if (f.forgets !== true) return { ...doc, blockedBuckets };
    const { [f.bucket]: _forgotten, ...observed } = doc.observed;
    return { ...doc, blockedBuckets, observed };
  },
  // What the upstream said about a period that is over says nothing about the next.
  PeriodRolled: (doc, f) => {
    const left = Object.entries(doc.observed).filter(([bucket]) => bucket !== f.bucket);
    return { ...doc, observed: Object.fromEntries(left) };
  },
  ClockAnomaly: (doc, f) => rebased(doc, f.shiftMs),
};

/** What the limiter forgets with a scope's old shape is forgotten here too. */
function configured(doc: LimiterDoc, f: Of<'ScopeConfigured'>): LimiterDoc {
  const buckets = new Set(f.buckets.map(({ name }) => name));
  return {
    ...doc,
    collectors: f.collectors,
    tier: f.tier,
    currency: f.currency,
    maxRequestsPerSecond: f.maxRequestsPerSecond,
    backoffMultiplier: f.backoffMultiplier,
    maxBackoff: f.maxBackoff,
    recoveryWindowMs: f.recoveryWindowMs,
    floorRate: f.floorRate,
    buckets: f.buckets.map((bucket) => ({
      name: bucket.name,
      kind: bucket.kind,
      limit: bucket.limit,
      windowMs: bucket.windowMs,
      period: bucket.period,
      zone: bucket.zone,
      anchorDay: bucket.anchorDay,
      unit: bucket.unit,
      priceMicros: bucket.priceMicros,
      quota: bucket.quota,
      ...(bucket.anchor !== undefined && { anchor: bucket.anchor }),
    })),
    rates: f.rates,
    caps: only(doc.caps, (collector) => f.collectors.includes(collector)),
    blockedBuckets: only(doc.blockedBuckets, (bucket) => buckets.has(bucket)),
    observed: only(doc.observed, (bucket) => buckets.has(bucket)),
  };
}

type ByName<V> = Readonly<Record<string, V>>;

function only<V>(map: ByName<V>, keep: (key: string) => boolean): ByName<V> {
  return Object.fromEntries(Object.entries(map).filter(([key]) => keep(key)));
}

function mapped<V>(map: ByName<V>, change: (value: V) => V): ByName<V> {
  return Object.fromEntries(Object.entries(map).map(([key, value]) => [key, change(value)]));
}

/** The most the scope may reach: an operator's cap may exceed the profile's default. */
function ceilingOf({ caps, maxRequestsPerSecond }: LimiterDoc): number {
  const own = Object.values(caps).map((cap) => cap.maxRequestsPerSecond);
  return Math.max(maxRequestsPerSecond, ...own);
}

/** The wall clock jumped: moments it had set move with it, as they do in the limiter. */
function rebased(doc: LimiterDoc, shift: number): LimiterDoc {
  const { episode, learned, blocked } = doc;
  const moved = <T extends { readonly until: EpochMs }>(block: T): T => ({
    ...block,
    until: block.until + shift,
  });
  return {
    ...doc,
    episode: episode && {
      ...episode,
      pauseUntil: episode.pauseUntil + shift,
      lastCutAt: episode.lastCutAt + shift,
    },
    learned: learned && { ...learned, since: learned.since + shift },
    blocked: blocked && moved(blocked),
    blockedBuckets: mapped(doc.blockedBuckets, moved),
    observed: mapped(doc.observed, (seen) => ({
      ...seen,
      at: seen.at + shift,
      resetAt: seen.resetAt === null ? null : seen.resetAt + shift,
    })),
  };
}

function adjusted(doc: LimiterDoc, at: EpochMs): LimiterDoc {
  return { ...doc, adjustments: doc.adjustments + 1, lastAdjustmentAt: at };
}
