/** A collector's rate limiters: one is shown as its own, the counters are summed over all. */
import type { LiveCollector, LiveLimiter } from '../../actors/engine.js';
import { capOf, currentBackoff, currentRate } from '../../actors/limiter/index.js';
import type { RateBasis } from '../../actors/limiter/index.js';
import type { EpochMs } from '../../kernel/types.js';
import type { LimiterDoc, UsageDoc } from '../../projections/views.js';
import { moment, rounded } from './numbers.js';

/** What the rate depended on at a moment of which only the document is left. */
function basisOf(doc: LimiterDoc): RateBasis {
  const { caps, episode, learned } = doc;
  return { config: doc, caps, episode, learned };
}

/** The rate in force at a moment, from the document alone. Requests per second. */
export function rateAt(doc: LimiterDoc, collector: string, at: EpochMs): number {
  return currentRate(basisOf(doc), collector, at);
}

/** By how much the rate was divided, from the document alone; 1: not at all. */
export function backoffAt(doc: LimiterDoc, at: EpochMs): number {
  return currentBackoff(basisOf(doc), at);
}

/** Scope and limiter shown as the collector's own. */
export function ownLimiter(docs: readonly LimiterDoc[]): LimiterDoc | undefined {
  return docs[0];
}

type Totals = { readonly usages: readonly UsageDoc[]; readonly docs: readonly LimiterDoc[] };

function totalsOf(docs: readonly LimiterDoc[], collector: string): Totals {
  const usages = docs.flatMap((doc) => {
    const usage = doc.usage[collector];
    return usage === undefined ? [] : [usage];
  });
  return { usages, docs };
}

function sum<T>(list: readonly T[], of: (item: T) => number): number {
  return list.reduce((total, item) => total + of(item), 0);
}

function latest(moments: readonly (EpochMs | null)[]): EpochMs | null {
  return moments.reduce((newest, at) => (at !== null && at > (newest ?? 0) ? at : newest), null);
}

/** What was told of a window that is over by `at` says nothing of the one that stands now. */
function endpoints(usages: readonly UsageDoc[], at: EpochMs) {
  return Object.fromEntries(
    usages.flatMap((usage) =>
      Object.entries(usage.endpoints).map(([name, doc]) => {
        const isOver = doc.resetAt !== null && doc.resetAt <= at;
        return [
          name,
          {
            requests: doc.requests,
            rate_limit: doc.rateLimit,
            remaining: isOver ? null : doc.remaining,
            reset_time: isOver ? null : moment(doc.resetAt),
          },
        ];
      }),
    ),
  );
}

function rateOf(
  doc: LimiterDoc,
  live: LiveLimiter | undefined,
  collector: string,
  at: EpochMs,
): number {
  return rounded(live?.currentRate ?? rateAt(doc, collector, at));
}

/** The limiter of a line of `GET /collectors`. */
export function limiterLine(
  docs: readonly LimiterDoc[],
  collector: string,
  live: LiveCollector | undefined,
  at: EpochMs,
) {
  const own = ownLimiter(docs);
  if (own === undefined) return null;
  const { usages } = totalsOf(docs, collector);
  return {
    current_rate: rateOf(own, live?.limiters[own.scope], collector, at),
    backoff_multiplier: capOf(basisOf(own), collector).backoffMultiplier,
    total_requests: sum(usages, (usage) => usage.calls),
    total_throttles: sum(usages, (usage) => usage.delayed),
    total_backoffs: sum(docs, (doc) => doc.backoffs),
    last_request_time: moment(latest(usages.map((usage) => usage.lastRequestAt))),
    endpoints: endpoints(usages, at),
  };
}

function barriers(doc: LimiterDoc) {
  const all = [['', doc.blocked] as const, ...Object.entries(doc.blockedBuckets)];
  return all.flatMap(([bucket, barrier]) =>
    barrier === null
      ? []
      : [{ bucket: bucket || null, cause: barrier.cause, until: moment(barrier.until) }],
  );
}

/** Every block of its scopes, of the scope itself or of a bucket. */
export function blockedOf(docs: readonly LimiterDoc[]) {
  return docs.flatMap(barriers);
}

/** The limiter of `GET /collectors/{name}`. What only memory knows is null for the past. */
export function limiterDetail(
  docs: readonly LimiterDoc[],
  collector: string,
  live: LiveCollector | undefined,
  at: EpochMs,
) {
  const own = ownLimiter(docs);
  if (own === undefined) return null;
  const { usages } = totalsOf(docs, collector);
  const settings = capOf(basisOf(own), collector);
  const now = live?.limiters[own.scope];
  return {
    current_rate: rateOf(own, now, collector, at),
    initial_rate: settings.maxRequestsPerSecond,
    backoff_multiplier: settings.backoffMultiplier,
    max_backoff: settings.maxBackoff,
    current_backoff: rounded(now?.currentBackoff ?? backoffAt(own, at)),
    statistics: {
      total_requests: sum(usages, (usage) => usage.calls),
      total_throttles: sum(usages, (usage) => usage.delayed),
      total_backoffs: sum(docs, (doc) => doc.backoffs),
      total_429_errors: sum(usages, (usage) => usage.throttled),
      total_adjustments: sum(docs, (doc) => doc.adjustments),
    },
    last_request_time: moment(latest(usages.map((usage) => usage.lastRequestAt))),
    last_adjustment_time: moment(latest(docs.map((doc) => doc.lastAdjustmentAt))),
    next_permit_at: moment(now?.nextPermitAt),
    binding_bucket: now?.bindingBucket ?? null,
    endpoint_details: endpoints(usages, at),
    scope: own.scope,
    scopes: docs.map((doc) => doc.scope),
    shared_with: own.collectors.filter((other) => other !== collector),
    blocked: blockedOf(docs),
    queue: now === undefined ? null : { length: now.queued, ...now.counters },
  };
}

/** `updated_config` of `PUT …/rate-limit`. */
export function rateConfig(docs: readonly LimiterDoc[], collector: string) {
  const own = ownLimiter(docs);
  if (own === undefined) return null;
  const settings = capOf(basisOf(own), collector);
  return {
    max_requests_per_second: settings.maxRequestsPerSecond,
    backoff_multiplier: settings.backoffMultiplier,
    max_backoff: settings.maxBackoff,
  };
}
