/**
 * The examples of the contract (docs/api.md §1 and §2), member by member: what an existing client reads.
 * A text `…` stands for a moment in UTC; `orNull` for what may not be known (yet).
 */
import { nullable as orNull } from './gateway-shape.js';

const endpoint = {
  requests: 500,
  rate_limit: orNull(3000),
  remaining: orNull(2500),
  reset_time: orNull('…'),
};

const breakerStatistics = {
  total_failures: 0,
  total_successes: 0,
  circuit_opens: 0,
  successful_recoveries: 0,
  failed_recoveries: 0,
  time_in_open_state: 0,
  last_open_time: orNull('…'),
};

/** A member of `collectors` in `GET /collectors`; `endpoints` are the source's own. */
export const line = (name: string, type: string, endpoints: readonly string[]) => ({
  name,
  type,
  enabled: true,
  connected: true,
  status: 'healthy',
  health: 'healthy',
  health_detail: {
    score: 0.98,
    success_ratio: 0.99,
    freshness: 1.0,
    latency: 0.95,
    quota_headroom: orNull(0.97),
  },
  last_collection_time: '…',
  metrics: { error_rate: 0.01, success_rate: 0.99, requests_today: 1234 },
  cost: 0.01234,
  rate_limiter: {
    current_rate: 5.0,
    backoff_multiplier: 2.0,
    total_requests: 1234,
    total_throttles: 5,
    total_backoffs: 2,
    last_request_time: '…',
    endpoints: Object.fromEntries(endpoints.map((each) => [each, endpoint])),
  },
  circuit_breaker: {
    state: 'closed',
    failure_count: 0,
    failure_threshold: 5,
    health_score: 0.98,
    statistics: breakerStatistics,
  },
  has_api_key: true,
  configured_rate_limit: 5.0,
});

export const breaker = {
  state: 'closed',
  failure_count: 0,
  failure_threshold: 5,
  consecutive_successes: 0,
  timeout_seconds: 300,
  last_failure_time: orNull('…'),
  last_state_change: '…',
  statistics: breakerStatistics,
  health_score: 1,
  computed: 'closed',
  override: orNull({ state: '', reason: '', actor: '', expires_at: orNull('…') }),
  effective: 'closed',
  upstreams: { primary: { state: 'closed' } },
};

/** While half-open only. */
export const halfOpen = {
  attempts: 1,
  successes: 0,
  max_calls: 3,
  success_threshold: 2,
  success_rate: orNull(0.5),
};

const check = { timestamp: '…', status: 'healthy' };

/** `collector` of `GET /collectors/{name}`. */
export const page = (name: string, type: string, endpoints: readonly string[]) => ({
  name,
  type,
  enabled: true,
  connected: true,
  timestamp: '…',
  status: 'healthy',
  why: 'it waits for its next run',
  rate_limiter: {
    current_rate: 5,
    initial_rate: 5,
    backoff_multiplier: 2,
    max_backoff: 60,
    current_backoff: 1,
    statistics: {
      total_requests: 1,
      total_throttles: 1,
      total_backoffs: 1,
      total_429_errors: 1,
      total_adjustments: 1,
    },
    last_request_time: orNull('…'),
    last_adjustment_time: orNull('…'),
    next_permit_at: orNull('…'),
    binding_bucket: orNull('rate'),
    endpoint_details: Object.fromEntries(endpoints.map((each) => [each, endpoint])),
  },
  circuit_breaker: breaker,
  recent_health: [check],
  health_summary: { total_checks: 1, healthy: 1, failed: 0, degraded: 0 },
  usage: { api_calls: 1 },
  desired: { enabled: true, reason: '', actor: '', until: orNull('…') },
  suspended: orNull({ cause: '', since: '…', next_try: orNull('…') }),
  phase: 'idle',
  revision: '2.1.1',
});

const costs = {
  tier: 'Pro',
  cost_per_call: 0.00001,
  quota_unit: 'compute unit',
  current_usage: { api_calls: 1, estimated_cost: 0.01, units: 1 },
  quota_remaining: orNull(1),
  period: { start: '…', end: '…' },
  burn_rate: 1,
  forecast_end_of_period: 1,
  exhausts_at: orNull('…'),
  budget: orNull({}),
};

export const COSTS = {
  success: true,
  collectors: {
    moralis: { ...costs, monthly_quota: 3_000_000 },
    historical: { ...costs, monthly_quota: orNull(1) },
  },
  totals: { total_api_calls: 1734, total_estimated_cost: 0.51 },
  timestamp: '…',
};

export const HEALTH_OF_ALL = {
  success: true,
  collectors: { moralis: { enabled: true }, historical: { enabled: true } },
  collector_count: 2,
  timestamp: '…',
};

export const HEALTH_OF_ONE = {
  success: true,
  collector_name: 'moralis',
  statistics: { total_checks: 1, healthy: 1, failed: 0, degraded: 0, health_rate: 1 },
  recent_records: [check],
  all_records_count: 1,
};

export const UPDATED_CONFIG = {
  max_requests_per_second: 5,
  backoff_multiplier: 2,
  max_backoff: 60,
};

/** Every problem, whatever its kind. */
export const PROBLEM = {
  success: false,
  error: 'Collector not found: foo',
  type: 'https://headgate.dev/problems/collector-not-found',
  title: 'Collector not found',
  status: 404,
  detail: '',
  instance: '/collectors/foo',
  code: 'collector_not_found',
};
