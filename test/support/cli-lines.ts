/** Collectors as the command line gets them, with round numbers; and arbitrary ones for properties. */
import * as fc from 'fast-check';
import { Collector, CollectorSummary } from '../../src/gen/headgate/v1/collector.js';
import { BreakerState, Health, Phase } from '../../src/gen/headgate/v1/words.js';
import { plain } from '../../src/cli/plain.js';
import type { Line } from '../../src/cli/render/status-table.js';
import type { View } from '../../src/cli/session.js';
import { colourless } from '../../src/cli/render/paint.js';

export const NOW = Date.UTC(2026, 0, 5, 12);

export function viewOf(width?: number): View {
  return { paint: colourless, zone: 'utc', now: NOW, ...(width === undefined ? {} : { width }) };
}

export function lineOf(name: string, more: Partial<CollectorSummary> = {}): Line {
  const summary = CollectorSummary.fromPartial({
    name,
    enabled: true,
    status: Health.HEALTH_HEALTHY,
    phase: Phase.PHASE_IDLE,
    configured_rate_limit: 5,
    rate_limiter: { current_rate: 2.5, backoff_multiplier: 2 },
    circuit_breaker: { state: BreakerState.BREAKER_STATE_CLOSED },
    quota_remaining: 2_996_400,
    last_new_data_time: new Date(NOW - 12_000),
    why: 'it waits for its next run',
    why_changes_at: new Date(NOW + 180_000),
    ...more,
  });
  return plain(summary);
}

const states = Object.values(BreakerState);
const phases = Object.values(Phase);
const healths = Object.values(Health);
/** Whatever an upstream or an operator may have said: wide, joined, and what moves cursors. */
const anyText = fc.oneof(
  fc.string({ maxLength: 60 }),
  fc.string({ unit: 'grapheme', maxLength: 60 }),
  fc.constantFrom(
    '\u001b[2J\u001b[31mred',
    '価格が不正です',
    '👩‍👩‍👧‍👦 family',
    'a\nb\tc\r',
    '\u202eright to left',
  ),
);
const anyMoment = fc.integer({ min: NOW - 1e10, max: NOW + 1e10 }).map((at): Date => new Date(at));
const maybe = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(value, { nil: undefined });

export const anyLine: fc.Arbitrary<Line> = fc
  .record({
    name: fc.oneof(fc.constantFrom('moralis', 'stock_index'), anyText),
    status: fc.constantFrom(...healths),
    phase: fc.constantFrom(...phases),
    state: fc.constantFrom(...states),
    rate: fc.double({ min: 0, max: 1e7, noNaN: true }),
    quota: maybe(fc.double({ min: 0, max: 1e15, noNaN: true })),
    at: maybe(anyMoment),
    changes: maybe(anyMoment),
    why: anyText,
  })
  .map(({ name, state, rate, quota, at, changes, ...more }) =>
    lineOf(name, {
      ...more,
      rate_limiter: CollectorSummary.fromPartial({ rate_limiter: { current_rate: rate } })
        .rate_limiter,
      circuit_breaker: CollectorSummary.fromPartial({ circuit_breaker: { state } }).circuit_breaker,
      quota_remaining: quota,
      last_new_data_time: at,
      why_changes_at: changes,
    }),
  );

/** A whole page with everything on it. */
export function pageOf(why: string, name = 'moralis') {
  return plain(
    Collector.fromPartial({
      name,
      enabled: true,
      status: Health.HEALTH_DEGRADED,
      phase: Phase.PHASE_WAITING,
      upstream_mode: 'live',
      why,
      why_changes_at: new Date(NOW + 60_000),
      etag: '3.1.0',
      circuit_breaker: {
        state: BreakerState.BREAKER_STATE_OPEN,
        effective: BreakerState.BREAKER_STATE_FORCED_OPEN,
        failure_count: 2,
        failure_threshold: 5,
        health_score: 0.995,
        last_state_change: new Date(NOW - 5000),
        override: {
          state: BreakerState.BREAKER_STATE_FORCED_OPEN,
          reason: why,
          actor: 'token:ops',
          expires_at: new Date(NOW + 600_000),
        },
        statistics: { total_failures: 3n, total_successes: 1200n, circuit_opens: 1n },
        upstreams: [
          { name: 'primary', effective: BreakerState.BREAKER_STATE_FORCED_OPEN, health_score: 1 },
          { name: 'second', waiting_for_key: 'SECOND_API_KEY', health_score: 1 },
        ],
      },
      rate_limiter: {
        current_rate: 1.25,
        initial_rate: 5,
        backoff_multiplier: 2,
        max_backoff: 60,
        current_backoff: 4,
        scope: 'moralis-account',
        shared_with: ['other'],
        blocked: [{ bucket: 'month', cause: 'quota', until: new Date(NOW + 86_400_000) }],
        statistics: { total_requests: 45n, total_throttles: 36n, total_429_errors: 2n },
        queue: { length: 3 },
        endpoint_details: [{ name: 'transfers', requests: 18n, rate_limit: 3000, remaining: 12 }],
      },
      recent_health: [{ timestamp: new Date(NOW - 1000), message: why, new_records: 7 }],
      usage: {
        api_calls: 45n,
        calls_today: 45n,
        units: 3600,
        unit: 'compute unit',
        estimated_cost: 0.036,
        currency: 'USD',
        monthly_quota: 3_000_000,
        quota_remaining: 2_996_400,
        period: { start: new Date(NOW - 1e9), end: new Date(NOW + 1e9) },
      },
      runs: { started: 9n, succeeded: 8n, failed: 1n },
      records: { collected: 2007n, added: 2000n },
      health_summary: { total_checks: 9, healthy: 8, failed: 1 },
    }),
  );
}
