/** Health, checks and their counts. `status` and `health` are the same word, twice, in REST. */
import type { EpochMs } from '../../kernel/types.js';
import type {
  CollectorDocs,
  HealthCheck,
  HealthStatistics,
  HealthView,
} from '../../projections/views.js';
import { effectiveOf, primaryOf } from './breaker.js';
import { moment, ratio } from './numbers.js';

/** Parts that do not exist yet are null; so is the score of a disabled collector. */
export function healthDetail(health: HealthView | undefined) {
  if (health === undefined) return null;
  return {
    score: health.score === null ? null : ratio(health.score),
    success_ratio: ratio(health.parts.successRatio),
    freshness: ratio(health.parts.freshness),
    latency: ratio(health.parts.latency),
    quota_headroom: ratio(health.parts.quotaHeadroom),
    stale: health.stale,
    stalled: health.stalled,
  };
}

export function checkLine(check: HealthCheck) {
  return {
    timestamp: moment(check.at),
    status: check.health,
    health: check.health,
    run: check.run,
    outcome: check.outcome,
    message: check.message,
    duration_ms: check.durationMs,
    latency_p95_ms: check.latencyP95Ms,
    records: check.records,
    new_records: check.newRecords,
  };
}

export function checkCounts(statistics: HealthStatistics) {
  return {
    total_checks: statistics.totalChecks,
    healthy: statistics.healthy,
    failed: statistics.failed,
    degraded: statistics.degraded,
  };
}

/** Without a check there is no rate. */
export function checkStatistics(statistics: HealthStatistics) {
  const { totalChecks, healthy } = statistics;
  const health_rate = totalChecks === 0 ? null : ratio(healthy / totalChecks);
  return { ...checkCounts(statistics), health_rate };
}

/**
 * The health word as the documents alone tell it, for moments of which no check is at hand: what was
 * last tried decides, except where nothing may be tried. New data overdue by three times counts as
 * degraded (semantics §5).
 */
export function healthOfDocs(docs: CollectorDocs, at: EpochMs): string {
  const { collector } = docs;
  if (!collector.desired.enabled) return 'disabled';
  const breaker = primaryOf(docs.breakers);
  if (breaker !== undefined && ['open', 'forced_open'].includes(effectiveOf(breaker))) {
    return 'circuit_open';
  }
  if (collector.suspended !== null || collector.runs.consecutiveFailures > 0) return 'failed';
  const newest = collector.lastNewDataAt ?? collector.registeredAt;
  return at - newest > 3 * collector.expectedEveryMs ? 'degraded' : 'healthy';
}
