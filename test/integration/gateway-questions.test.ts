/** What can be asked beside the nine endpoints: health, readiness, records, and the past. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { NOW } from '../support/gateway-docs.js';
import { served } from '../support/gateway-http.js';
import type { Served } from '../support/gateway-http.js';
import { lacks } from '../support/gateway-shape.js';

let at: Served;
beforeEach(async () => {
  at = await served();
});
afterEach(() => at.close());

describe('what monitoring of the same clients reads', () => {
  it('GET /health', async () => {
    const { status, body } = await at.get('/health');
    expect(status).toBe(200);
    expect(body).toMatchObject({ success: true, status: 'healthy', service: 'headgate' });
    expect(body).toMatchObject({ uptime_seconds: 60, collector_count: 2 });
  });

  it('GET /health/collectors', async () => {
    const { body } = await at.get('/health/collectors');
    const example = {
      success: true,
      collectors: { moralis: { enabled: true, health: 'healthy', score: 0.98 } },
      collector_count: 2,
      timestamp: '…',
    };
    expect(lacks(body, example)).toEqual([]);
  });

  it('GET /health/collectors/{name} counts within limit and hours and shows twenty', async () => {
    const { body } = await at.get('/health/collectors/moralis?limit=25&hours=24');
    const example = {
      success: true,
      collector_name: 'moralis',
      statistics: { total_checks: 1, healthy: 1, failed: 1, degraded: 1, health_rate: 0.9 },
      recent_records: [{ timestamp: '…', status: 'healthy' }],
      all_records_count: 100,
    };
    expect(lacks(body, example)).toEqual([]);
    expect(body['all_records_count']).toBe(25);
    expect(body['recent_records']).toHaveLength(20);
    const hour = await at.get('/health/collectors/moralis?hours=0.5');
    expect(hour.body['all_records_count']).toBe(7);
  });

  it('GET /livez and /readyz; what is not ready says why', async () => {
    expect(await at.get('/livez')).toMatchObject({ status: 200, body: { success: true } });
    expect(await at.get('/readyz')).toMatchObject({ status: 200, body: { success: true } });
    at.world.ready = { ready: false, reasons: ['recovering actors'] };
    const told = await at.get('/readyz');
    expect(told).toMatchObject({
      status: 503,
      headers: { 'retry-after': '5' },
      body: { success: false, code: 'not_ready', reasons: ['recovering actors'] },
    });
    expect((await at.get('/livez')).status).toBe(200);
  });

  it('POST …/collect begins a run', async () => {
    const told = await at.json('POST', '/collectors/moralis/collect', { reason: 'try' });
    expect(told).toMatchObject({
      status: 200,
      body: { success: true, message: 'Collection started for moralis', collector: 'moralis' },
    });
  });

  it('GET / says where things are', async () => {
    const { body } = await at.get('/');
    expect(body).toMatchObject({ success: true, service: 'headgate', mode: 'sandbox' });
    expect(body['operations']).toContainEqual(
      expect.objectContaining({ operation: 'getCosts', method: 'GET', path: '/collectors/costs' }),
    );
  });
});

describe('records', () => {
  beforeEach(() => {
    at.world.rows = Array.from({ length: 10 }, (_, i) => ({
      id: `k-${String(i)}`,
      kind: 'kline',
      series: 'BTCUSDT/1m',
      at: NOW + i,
      collectedAt: NOW + i * 1000,
      sequence: i + 1,
      data: { close: '1' },
    }));
  });

  it('are the newest first, and after a sequence the oldest first', async () => {
    const newest = await at.get('/collectors/moralis/records?limit=2');
    expect(newest.body).toMatchObject({
      success: true,
      collector: 'moralis',
      count: 2,
      next_after: 10,
      records: [{ id: 'k-9', sequence: 10, collected_at: '2026-01-05T12:00:09.000Z' }, {}],
    });
    const onwards = await at.get('/collectors/moralis/records?after=3&limit=2');
    expect(onwards.body).toMatchObject({
      records: [{ sequence: 4 }, { sequence: 5 }],
      next_after: 5,
    });
    const end = await at.get('/collectors/moralis/records?after=10');
    expect(end.body).toMatchObject({ records: [], next_after: 10 });
  });

  it('can be asked since a moment, which must be one', async () => {
    const since = await at.get('/collectors/moralis/records?since=2026-01-05T12:00:08Z');
    expect(since.body).toMatchObject({ count: 2 });
    const bad = await at.get('/collectors/moralis/records?since=yesterday');
    expect(bad).toMatchObject({ status: 400, body: { errors: [{ pointer: '/since' }] } });
  });
});

describe('the past', () => {
  it('is told from what was known then; what only memory knew is null', async () => {
    at.world.edit('moralis', (docs) => ({
      ...docs,
      collector: {
        ...docs.collector,
        desired: { enabled: false, reason: 'maintenance', actor: 'ann', until: null },
      },
    }));
    const { body } = await at.get('/collectors/moralis?at=2026-01-05T11:30:00Z');
    expect(body).toMatchObject({
      collector: {
        timestamp: '2026-01-05T11:30:00.000Z',
        status: 'disabled',
        why: 'it is disabled by ann (maintenance)',
        enabled: false,
        health_detail: { score: 0.98, success_ratio: 0.99 },
        metrics: { requests_today: 77 },
        cost: 0.01234,
        health_summary: { total_checks: 9, healthy: 8, failed: 0, degraded: 1 },
        usage: { api_calls: 700, calls_today: 77, quota_remaining: 2_998_766 },
        rate_limiter: { current_rate: 5, queue: null, next_permit_at: null, binding_bucket: null },
        revision: '3.1.4',
      },
    });
  });

  it('has every member the present has', async () => {
    const now = await at.get('/collectors/moralis');
    const then = await at.get('/collectors/moralis?at=2026-01-05T11:30:00Z');
    const members = ({ body }: typeof now): readonly string[] =>
      Object.keys(body['collector'] ?? {});
    expect(members(then)).toEqual(members(now));
    const { collector } = then.body as { collector: { recent_health: { timestamp: string }[] } };
    expect(collector.recent_health).toHaveLength(5);
    expect(collector.recent_health[0]?.timestamp).toBe('2026-01-05T11:30:00.000Z');
  });

  it('before its first day a collector did not exist; the future is refused', async () => {
    const before = await at.get('/collectors/moralis?at=2020-01-01T00:00:00Z');
    expect(before).toMatchObject({ status: 404, body: { code: 'collector_not_found' } });
    const after = await at.get('/collectors/moralis?at=2030-01-01T00:00:00%2B01:00');
    expect(after).toMatchObject({ status: 400, body: { errors: [{ pointer: '/at' }] } });
    expect((await at.get('/collectors/moralis?at=now')).status).toBe(400);
  });

  it('is asked by few at once; the rest are told to come back', async () => {
    await at.close();
    at = await served({ limits: { pastQuestionsMax: 0 } });
    const told = await at.get('/collectors/moralis?at=2026-01-05T11:30:00Z');
    expect(told).toMatchObject({ status: 503, headers: { 'retry-after': '1' } });
    expect((await at.get('/collectors/moralis')).status).toBe(200);
  });
});
