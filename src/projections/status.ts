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

/** A document, the revision of the last event in it, and of the last that a principal's command wrote. */
export type DocRow<D> = {
  readonly doc: D;
  readonly revision: Revision;
  /**
   * -1: none. Facts without a handler are the program's own, so that none is missed. Absent: a version
   * before 6 made the row, which serves until it is built anew.
   */
  readonly commandRevision?: Revision;
};

/** Keys: collector, stream, scope. */
export const COLLECTOR_DOCS = table<DocRow<CollectorDoc>>('status.collector');
export const BREAKER_DOCS = table<DocRow<BreakerDoc>>('status.breaker');
export const LIMITER_DOCS = table<DocRow<LimiterDoc>>('status.limiter');

/** -1 before the first. */
export function commandRevisionAfter(before: Revision | undefined, where: Where): Revision {
  return where.metadata.interface === 'system' ? (before ?? -1) : where.revision;
}

function rowOf<D>(doc: D, before: DocRow<D> | undefined, where: Where): DocRow<D> {
  const commandRevision = commandRevisionAfter(before?.commandRevision, where);
  return { doc, revision: where.revision, commandRevision };
}

function onCollector(fact: CollectorFact, where: Where, rows: Rows): readonly RowWrite[] {
  const name = entityOf(where.stream);
  const before = rows.get(COLLECTOR_DOCS, name);
  const doc = collectorDocAfter(before?.doc, fact, name);
  return [put(COLLECTOR_DOCS, name, rowOf(doc, before, where), [name])];
}

function onBreaker(fact: BreakerFact, where: Where, rows: Rows): readonly RowWrite[] {
  const before = rows.get(BREAKER_DOCS, where.stream);
  const doc = breakerDocAfter(before?.doc, fact, where.stream);
  return [put(BREAKER_DOCS, where.stream, rowOf(doc, before, where), [doc.collector])];
}

function onLimiter(fact: LimiterFact, where: Where, rows: Rows): readonly RowWrite[] {
  const scope = entityOf(where.stream);
  const before = rows.get(LIMITER_DOCS, scope);
  const doc = limiterDocAfter(before?.doc, fact, where.stream);
  const row = rowOf(doc, before, where);
  const isShown = before?.doc !== doc || before.commandRevision !== row.commandRevision;
  return [put(LIMITER_DOCS, scope, row, isShown ? doc.collectors : [])];
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
  version: 6,
  categories: ['collector', 'breaker', 'limiter'],
  handlers: HANDLERS,
};
