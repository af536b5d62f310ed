/** Health, checks and their counts. `status` and `health` are the same word, twice, in REST. */
import type { HealthCheck, HealthStatistics, HealthView } from '../../projections/views.js';
import { moment, ratio, rounded } from './numbers.js';

/** Parts that do not exist yet are null; so is the score of a disabled collector. */
export function healthDetail(health: HealthView) {
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
    latency_p95_ms: check.latencyP95Ms === null ? null : rounded(check.latencyP95Ms),
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
