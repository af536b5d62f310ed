/** Read model behind every status: one document per collector, breaker and scope. */
import { entityOf } from '../kernel/ids.js';
import type { Revision } from '../kernel/types.js';
import type { BreakerFact, CollectorFact, LimiterFact } from './facts.js';
import { put, table } from './projection.js';
import type { Handlers, Projection, Rows, RowWrite, Where } from './projection.js';
import { breakerDocAfter } from './status-breaker.js';
import { collectorDocAfter } from './status-collector.js';
import { limiterDocAfter } from './status-limiter.js';
import type { BreakerDoc, CollectorDoc, LimiterDoc } from './views.js';

/** A document and the revision of the last event in it. */
export type DocRow<D> = { readonly doc: D; readonly revision: Revision };

/** Keys: collector, stream, scope. */
export const COLLECTOR_DOCS = table<DocRow<CollectorDoc>>('status.collector');
export const BREAKER_DOCS = table<DocRow<BreakerDoc>>('status.breaker');
export const LIMITER_DOCS = table<DocRow<LimiterDoc>>('status.limiter');

function onCollector(fact: CollectorFact, where: Where, rows: Rows): readonly RowWrite[] {
  const name = entityOf(where.stream);
  const before = rows.get(COLLECTOR_DOCS, name);
  const doc = collectorDocAfter(before?.doc, fact, name);
  return [put(COLLECTOR_DOCS, name, { doc, revision: where.revision }, [name])];
}

function onBreaker(fact: BreakerFact, where: Where, rows: Rows): readonly RowWrite[] {
  const before = rows.get(BREAKER_DOCS, where.stream);
  const doc = breakerDocAfter(before?.doc, fact, where.stream);
  return [put(BREAKER_DOCS, where.stream, { doc, revision: where.revision }, [doc.collector])];
}

function onLimiter(fact: LimiterFact, where: Where, rows: Rows): readonly RowWrite[] {
  const scope = entityOf(where.stream);
  const before = rows.get(LIMITER_DOCS, scope);
  const doc = limiterDocAfter(before?.doc, fact, where.stream);
  const of = before?.doc === doc ? [] : doc.collectors;
  return [put(LIMITER_DOCS, scope, { doc, revision: where.revision }, of)];
}

const HANDLERS: Handlers = {
  CollectorRegistered: onCollector,
  CollectorConfigured: onCollector,
  CollectorEnabled: onCollector,
  CollectorDisabled: onCollector,
  CollectorSuspended: onCollector,
  SuspensionLifted: onCollector,
  CollectorConnected: onCollector,
  RunStarted: onCollector,
  RunProgressed: onCollector,
  RunSucceeded: onCollector,
  RunFailed: onCollector,
  RunUnknown: onCollector,
  RunBlocked: onCollector,
  DrainStarted: onCollector,
  CollectorStopped: onCollector,
  RestartRequested: onCollector,
  CursorSet: onCollector,
  BreakerConfigured: onBreaker,
  CallsRecorded: onBreaker,
  BreakerTripped: onBreaker,
  BreakerProbing: onBreaker,
  BreakerRecovered: onBreaker,
  BreakerReopened: onBreaker,
  BreakerForced: onBreaker,
  BreakerOverrideCleared: onBreaker,
  BreakerReset: onBreaker,
  ScopeConfigured: onLimiter,
  RateLimitConfigured: onLimiter,
  UnitsSettled: onLimiter,
  Throttled: onLimiter,
  RateRecovered: onLimiter,
  EpisodeEnded: onLimiter,
  QuotaObserved: onLimiter,
  BucketBlocked: onLimiter,
  ScopeBlocked: onLimiter,
  Unblocked: onLimiter,
  PeriodRolled: onLimiter,
  ClockAnomaly: onLimiter,
};

export const statusProjection: Projection = {
  name: 'status',
  version: 5,
  categories: ['collector', 'breaker', 'limiter'],
  handlers: HANDLERS,
};
