/** Every answer of api.md §1 against its literal example: nothing missing, nothing of another type. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { NOW, breakerDoc } from '../support/gateway-docs.js';
import { served } from '../support/gateway-http.js';
import type { Served } from '../support/gateway-http.js';
import { lacks, nullable } from '../support/gateway-shape.js';

let at: Served;
beforeEach(async () => {
  at = await served();
});
afterEach(() => at.close());

const breakerStatistics = {
  total_failures: 0,
  total_successes: 0,
  circuit_opens: 0,
  successful_recoveries: 0,
  failed_recoveries: 0,
  time_in_open_state: 0,
  last_open_time: '…',
};

const endpoint = { requests: 500, rate_limit: 3000, remaining: 2500, reset_time: '…' };

const line = {
  name: 'moralis',
  type: 'onchain',
  enabled: true,
  connected: true,
  status: 'healthy',
  health: 'healthy',
  health_detail: {
    score: 0.98,
    success_ratio: 0.99,
    freshness: 1,
    latency: 0.95,
    quota_headroom: 0.97,
  },
  last_collection_time: '…',
  metrics: { error_rate: 0.01, success_rate: 0.99, requests_today: 1234 },
  cost: 0.01234,
  rate_limiter: {
    current_rate: 5,
    backoff_multiplier: 2,
    total_requests: 1234,
    total_throttles: 5,
    total_backoffs: 2,
    last_request_time: '…',
    endpoints: { transfers: endpoint },
  },
  circuit_breaker: {
    state: 'closed',
    failure_count: 0,
    failure_threshold: 5,
    health_score: 0.98,
    statistics: breakerStatistics,
  },
  has_api_key: true,
  configured_rate_limit: 5,
};

const breaker = {
  state: 'closed',
  failure_count: 0,
  failure_threshold: 5,
  consecutive_successes: 0,
  timeout_seconds: 300,
  last_failure_time: '…',
  last_state_change: '…',
  statistics: breakerStatistics,
  health_score: 0.98,
  computed: 'closed',
  override: null,
  effective: 'closed',
  upstreams: { primary: { state: 'closed' } },
};

const page = {
  name: 'moralis',
  type: 'onchain',
  enabled: true,
  connected: true,
  timestamp: '…',
  status: 'healthy',
  why: 'it waits for its next run',
  rate_limiter: {
    current_rate: 5,
    initial_rate: 5,
    backoff_multiplier: 2,
    max_backoff: 64,
    current_backoff: 1,
    statistics: {
      total_requests: 1,
      total_throttles: 1,
      total_backoffs: 1,
      total_429_errors: 1,
      total_adjustments: 1,
    },
    last_request_time: '…',
    last_adjustment_time: '…',
    next_permit_at: nullable('…'),
    binding_bucket: nullable('requests'),
    endpoint_details: { transfers: endpoint },
  },
  circuit_breaker: breaker,
  recent_health: [{ timestamp: '…', status: 'healthy' }],
  health_summary: { total_checks: 1, healthy: 1, failed: 1, degraded: 1 },
  usage: { api_calls: 1 },
  desired: { enabled: true, reason: '', actor: '', until: nullable('…') },
  suspended: nullable({ cause: '', since: '…', next_try: nullable('…') }),
  phase: 'idle',
  revision: '2.1.1',
};

describe('the nine endpoints answer in the shapes of api.md', () => {
  it('GET /collectors', async () => {
    const { status, body, headers } = await at.get('/collectors');
    expect(status).toBe(200);
    expect(headers['content-type']).toBe('application/json; charset=utf-8');
    const example = {
      success: true,
      collectors: { moralis: line, historical: line },
      total_count: 8,
      timestamp: '…',
    };
    expect(lacks(body, example)).toEqual([]);
    expect(body).toMatchObject({
      success: true,
      total_count: 2,
      timestamp: '2026-01-05T12:00:00.000Z',
      collectors: {
        moralis: {
          health_detail: line.health_detail,
          last_collection_time: '2026-01-05T11:59:00.000Z',
          metrics: line.metrics,
          cost: 0.01234,
          rate_limiter: { total_requests: 1234, total_throttles: 5, total_backoffs: 2 },
          circuit_breaker: { health_score: 0.98, statistics: { time_in_open_state: 300 } },
          configured_rate_limit: 5,
        },
      },
    });
  });

  it('the comparison itself notices a missing member, another type and a moment that is none', () => {
    expect(lacks({ a: 1 }, { a: 1, b: 2 })).toEqual(['$.b is missing']);
    expect(lacks({ a: '1' }, { a: 1 })).toEqual(['$.a is string, not number']);
    expect(lacks({ a: null }, { a: nullable('…') })).toEqual([]);
    expect(lacks({ a: '2026-01-05 12:00' }, { a: '…' })).toEqual(['$.a is no moment in UTC']);
  });

  it('GET /collectors/{name}', async () => {
    const { status, body } = await at.get('/collectors/moralis');
    expect(status).toBe(200);
    expect(lacks(body, { success: true, collector: page })).toEqual([]);
    const { collector } = body as { collector: { recent_health: unknown[] } };
    expect(collector.recent_health).toHaveLength(5);
    expect(collector).not.toHaveProperty('circuit_breaker.half_open');
  });

  it('GET /collectors/{name} shows half_open only while the breaker is half open', async () => {
    at.world.edit('moralis', (docs) => ({
      ...docs,
      breakers: [
        {
          ...breakerDoc('moralis'),
          computed: 'half_open',
          halfOpen: { attempts: 2, successes: 1 },
          openedAt: NOW - 10_000,
        },
      ],
    }));
    const { body } = await at.get('/collectors/moralis');
    expect(body).toMatchObject({
      collector: {
        circuit_breaker: {
          state: 'half-open',
          computed: 'half-open',
          effective: 'half-open',
          half_open: {
            attempts: 2,
            successes: 1,
            max_calls: 3,
            success_threshold: 2,
            success_rate: 0.5,
          },
          statistics: { time_in_open_state: 310 },
        },
      },
    });
  });

  it.each([
    ['POST', 'enable', 'Collector moralis is enabled'],
    ['POST', 'disable', 'Collector moralis has been disabled'],
    ['POST', 'restart', 'Collector moralis has been restarted'],
  ])('%s /collectors/{name}/%s', async (method, verb, message) => {
    const { status, body } = await at.json(method, `/collectors/moralis/${verb}`);
    expect(status).toBe(200);
    expect(body).toMatchObject({ success: true, message, collector: 'moralis' });
  });

  it('PUT /collectors/{name}/rate-limit', async () => {
    const change = { max_requests_per_second: 2.5 };
    const { status, body } = await at.json('PUT', '/collectors/moralis/rate-limit', change);
    expect(status).toBe(200);
    expect(body).toMatchObject({
      success: true,
      message: 'Rate limit configuration updated for moralis',
      collector: 'moralis',
      updated_config: { max_requests_per_second: 2.5, backoff_multiplier: 2, max_backoff: 64 },
    });
  });

  it('POST /collectors/{name}/circuit-breaker/reset', async () => {
    const path = '/collectors/moralis/circuit-breaker/reset';
    const { status, body } = await at.json('POST', path);
    expect(status).toBe(200);
    expect(body).toMatchObject({
      success: true,
      message: 'Circuit breaker reset for moralis',
      collector: 'moralis',
      new_state: { state: 'closed', failure_count: 0, health_score: 1 },
    });
    expect(lacks(body['new_state'], breaker)).toEqual([]);
  });

  it.each([
    ['open', 'open', 'forced_open'],
    ['closed', 'closed', 'closed'],
    ['half-open', 'half-open', 'half-open'],
    ['metrics_only', 'metrics_only', 'metrics_only'],
    ['disabled', 'disabled', 'disabled'],
  ])('PUT /collectors/{name}/circuit-breaker/state %s', async (asked, state, effective) => {
    const path = '/collectors/moralis/circuit-breaker/state';
    const { status, body } = await at.json('PUT', path, { state: asked });
    expect(status).toBe(200);
    expect(body).toMatchObject({
      success: true,
      message: `Circuit breaker forced to ${asked} for moralis`,
      collector: 'moralis',
      new_state: { state, effective },
    });
  });

  it('GET /collectors/costs, which no collector can shadow', async () => {
    at.world.docs.set('costs', at.world.docs.get('moralis') ?? expect.fail());
    const { status, body } = await at.get('/collectors/costs');
    expect(status).toBe(200);
    const example = {
      success: true,
      collectors: {
        moralis: {
          tier: 'Pro',
          monthly_quota: 3_000_000,
          cost_per_call: 0.00001,
          quota_unit: 'compute units',
          current_usage: { api_calls: 1, estimated_cost: 0.01234, units: 1 },
          quota_remaining: 1,
          period: { start: '…', end: '…' },
          burn_rate: 1,
          forecast_end_of_period: 1,
          exhausts_at: nullable('…'),
          budget: null,
        },
      },
      totals: { total_api_calls: 1734, total_estimated_cost: 0.51 },
      timestamp: '…',
    };
    expect(lacks(body, example)).toEqual([]);
    expect((await at.json('POST', '/collectors/costs/enable')).status).toBe(404);
    expect(at.world.asked).toEqual([]);
  });
});
