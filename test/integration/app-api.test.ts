/** Every call of the contract (api.md §1), against the running service with its real stores. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { until, type Told } from '../support/app-http.js';
import * as example from '../support/app-examples.js';
import { openTestApp, type TestApp } from '../support/app-service.js';
import { lacks } from '../support/gateway-shape.js';

const ENDPOINTS = {
  moralis: ['erc20_transfers', 'wallet_erc20_transfers', 'wallet_erc20_balances'],
  historical: ['klines'],
};

let app: TestApp;
beforeAll(async () => {
  app = await openTestApp();
  // Both have run, and their first blocks are settled: usage, endpoints and costs are there.
  for (const [collector, scope] of [
    ['historical', 'binance-ip'],
    ['moralis', 'moralis-account'],
  ]) {
    await app.event(
      `${String(collector)} succeeded`,
      ({ stream, type }) => stream === `collector-${String(collector)}` && type === 'RunSucceeded',
    );
    await app.event(
      `a block of ${String(scope)} was settled`,
      ({ stream, type }) => stream === `limiter-${String(scope)}` && type === 'UnitsSettled',
    );
  }
  await until('each of their endpoints is shown', async () => {
    const { body } = await app.get('/collectors');
    const lines = body['collectors'] as Record<string, { rate_limiter: { endpoints: object } }>;
    return Object.entries(ENDPOINTS).every(([name, endpoints]) => {
      const shown = lines[name]?.rate_limiter.endpoints ?? {};
      return endpoints.every((endpoint) => Object.hasOwn(shown, endpoint));
    });
  });
});
afterAll(() => app.close());

describe('the questions of existing clients', () => {
  it('GET /collectors', async () => {
    const { status, body } = await app.get('/collectors');
    expect(status).toBe(200);
    const wanted = {
      success: true,
      collectors: {
        moralis: example.line('moralis', 'onchain', ENDPOINTS.moralis),
        historical: example.line('historical', 'market_data', ENDPOINTS.historical),
      },
      total_count: 8,
      timestamp: '…',
    };
    expect(lacks(body, wanted)).toEqual([]);
    expect(body).toMatchObject({
      success: true,
      total_count: 2,
      collectors: {
        moralis: { name: 'moralis', type: 'onchain', has_api_key: true, configured_rate_limit: 50 },
        historical: { name: 'historical', type: 'market_data', has_api_key: false, cost: 0 },
      },
    });
  });

  it('GET /collectors/{name}', async () => {
    for (const [name, type, endpoints] of [
      ['moralis', 'onchain', ENDPOINTS.moralis],
      ['historical', 'market_data', ENDPOINTS.historical],
    ] as const) {
      const { status, body } = await app.get(`/collectors/${name}`);
      expect(status).toBe(200);
      const wanted = { success: true, collector: example.page(name, type, endpoints) };
      expect(lacks(body, wanted)).toEqual([]);
      expect(body).toMatchObject({
        collector: { name, type, enabled: true, connected: true, suspended: null },
      });
      const { collector } = body as { collector: { recent_health: unknown[]; timestamp: string } };
      expect(collector.recent_health.length).toBeGreaterThan(0);
      expect(collector.recent_health.length).toBeLessThanOrEqual(5);
      expect(collector).not.toHaveProperty('circuit_breaker.half_open');
    }
  });

  it('shows what an upstream tells of its limit where it tells it', async () => {
    const endpoint = async (): Promise<Record<string, unknown>> => {
      const { body } = await app.get('/collectors/historical');
      const { collector } = body as {
        collector: { rate_limiter: { endpoint_details: Record<string, Record<string, unknown>> } };
      };
      return collector.rate_limiter.endpoint_details['klines'] ?? {};
    };
    // Binance says only what is used; its limit is in its profile, its window is the clock's minute.
    const told = await endpoint();
    expect(told['rate_limit']).toBe(6000);
    expect(told['remaining']).toBeGreaterThan(0);
    expect(told['remaining']).toBeLessThan(6000);
    expect(told['reset_time']).toMatch(/:00\.000Z$/);
  });

  it('GET /collectors/costs is no collector, and sums what it lists', async () => {
    const { status, body } = await app.get('/collectors/costs');
    expect(status).toBe(200);
    expect(lacks(body, example.COSTS)).toEqual([]);
    const { collectors, totals } = body as {
      collectors: Record<string, { current_usage: { api_calls: number; estimated_cost: number } }>;
      totals: { total_api_calls: number; total_estimated_cost: number };
    };
    const usages = Object.values(collectors).map((each) => each.current_usage);
    const sum = (of: (usage: (typeof usages)[number]) => number): number =>
      usages.reduce((total, usage) => total + of(usage), 0);
    expect(totals.total_api_calls).toBe(sum((usage) => usage.api_calls));
    expect(totals.total_estimated_cost).toBeCloseTo(
      sum((usage) => usage.estimated_cost),
      6,
    );
    expect(collectors['moralis']).toMatchObject({ tier: 'Pro', cost_per_call: 0.00001 });
  });

  it('GET /health, /health/collectors and /health/collectors/{name}', async () => {
    const service = await app.get('/health');
    expect(service).toMatchObject({ status: 200, body: { success: true, status: 'healthy' } });
    const all = await app.get('/health/collectors');
    expect(all.status).toBe(200);
    expect(lacks(all.body, example.HEALTH_OF_ALL)).toEqual([]);
    const one = await app.get('/health/collectors/moralis?limit=100&hours=24');
    expect(one.status).toBe(200);
    expect(lacks(one.body, example.HEALTH_OF_ONE)).toEqual([]);
    const { recent_records: recent, all_records_count: count } = one.body as {
      recent_records: unknown[];
      all_records_count: number;
    };
    expect(recent.length).toBe(Math.min(20, count));
    const limited = await app.get('/health/collectors/moralis?limit=1');
    expect(limited.body).toMatchObject({ all_records_count: 1 });
  });

  it('filters the list', async () => {
    const names = async (query: string): Promise<readonly string[]> => {
      const { status, body } = await app.get(`/collectors?${query}`);
      expect(status).toBe(200);
      return Object.keys(body['collectors'] as object);
    };
    expect(await names('type=onchain')).toEqual(['moralis']);
    expect(await names('type=social')).toEqual([]);
    expect(await names('q=hist')).toEqual(['historical']);
    expect(await names('status=healthy')).toEqual(['historical', 'moralis']);
    expect(await names('status=circuit_open')).toEqual([]);
    expect(await names('state=enabled')).toEqual(['historical', 'moralis']);
    expect(await names('state=disabled')).toEqual([]);
    const first = await app.get('/collectors?page_size=1');
    expect(Object.keys(first.body['collectors'] as object)).toEqual(['historical']);
    const token = String(first.body['next_page_token']);
    expect(await names(`page_size=1&page_token=${token}`)).toEqual(['moralis']);
  });
});

describe('a mistake changes nothing', () => {
  const json = { 'content-type': 'application/json' };
  const open = '{"state":"open"}';
  const breakerState = '/collectors/historical/circuit-breaker/state';
  const rateLimit = '/collectors/historical/rate-limit';
  type Mistake = readonly [
    method: string,
    path: string,
    status: number,
    code: string,
    asked?: { readonly headers?: Record<string, string>; readonly body?: string },
  ];
  const mistakes: readonly Mistake[] = [
    ['GET', '/collectors/foo', 404, 'collector_not_found'],
    ['GET', '/collectors/events', 404, 'collector_not_found'],
    ['GET', '/nothing/here', 404, 'route_not_found'],
    ['POST', '/collectors/foo/disable', 404, 'collector_not_found'],
    ['POST', '/collectors/costs/disable', 404, 'collector_not_found'],
    ['DELETE', '/collectors/historical', 405, 'method_not_allowed'],
    ['GET', '/collectors/historical/disable', 405, 'method_not_allowed'],
    ['GET', '/collectors?type=nonsense', 400, 'invalid_input'],
    ['GET', '/collectors?unknown=1', 400, 'invalid_input'],
    ['GET', '/collectors/historical?at=yesterday', 400, 'invalid_input'],
    ['GET', '/collectors/historical?at=2999-01-01T00:00:00Z', 400, 'invalid_input'],
    ['PUT', breakerState, 400, 'invalid_input', { headers: json, body: '{"state":"ajar"}' }],
    ['PUT', breakerState, 400, 'invalid_json', { headers: json, body: '{"state":' }],
    [
      'PUT',
      breakerState,
      415,
      'unsupported_media_type',
      { headers: { 'content-type': 'text/html' }, body: open },
    ],
    ['PUT', breakerState, 400, 'invalid_input', { headers: json, body: '{"state":"open","x":1}' }],
    ['PUT', rateLimit, 400, 'invalid_input', { headers: json, body: '{}' }],
    [
      'PUT',
      rateLimit,
      400,
      'invalid_input',
      { headers: json, body: '{"max_requests_per_second":0}' },
    ],
    [
      'PUT',
      rateLimit,
      400,
      'invalid_input',
      { headers: json, body: '{"max_requests_per_second":-3}' },
    ],
    [
      'PUT',
      rateLimit,
      400,
      'invalid_input',
      { headers: json, body: '{"max_requests_per_second":"5"}' },
    ],
    [
      'PUT',
      rateLimit,
      400,
      'invalid_json',
      { headers: json, body: '{"max_requests_per_second":NaN}' },
    ],
    [
      'PUT',
      rateLimit,
      400,
      'invalid_input',
      { headers: json, body: '{"max_requests_per_second":1e308}' },
    ],
    ['PUT', rateLimit, 400, 'invalid_input', { headers: json, body: '{"backoff_multiplier":0.5}' }],
    ['PUT', rateLimit, 400, 'invalid_input', { headers: json, body: '{"max_backoff":0}' }],
    [
      'PUT',
      rateLimit,
      413,
      'payload_too_large',
      { headers: json, body: `{"reason":"${'x'.repeat(70_000)}"}` },
    ],
    ['PUT', rateLimit, 413, 'payload_too_large', { headers: json, body: '['.repeat(1_000_000) }],
  ];

  /** With both collectors at rest nothing happens but what a request did; refusals are audited later. */
  async function happened(): Promise<number> {
    return (await app.events()).filter(({ stream }) => !stream.startsWith('audit-')).length;
  }

  beforeAll(async () => {
    for (const name of ['historical', 'moralis']) {
      expect((await app.post(`/collectors/${name}/disable`)).status).toBe(200);
    }
    await atRest();
  });
  afterAll(async () => {
    for (const name of ['historical', 'moralis']) await app.post(`/collectors/${name}/enable`);
  });

  async function atRest(): Promise<void> {
    await until('every block is settled', async () => {
      const types = (await app.events()).map(({ type }) => type);
      const count = (type: string): number => types.filter((each) => each === type).length;
      return count('UnitsReserved') === count('UnitsSettled') && isStopped();
    });
  }
  async function isStopped(): Promise<boolean> {
    const { body } = await app.get('/collectors?state=stopped');
    return body['total_count'] === 2;
  }

  for (const [method, path, status, code, asked = {}] of mistakes) {
    const shown = asked.body === undefined ? '' : ` ${asked.body.slice(0, 40)}`;
    it(`${String(status)} ${code}: ${method} ${path}${shown}`, async () => {
      const before = await happened();
      const answer = await app.send(method, path, asked);
      expect(answer.status, answer.text).toBe(status);
      expect(answer.headers['content-type']).toBe('application/problem+json; charset=utf-8');
      expect(lacks(answer.body, example.PROBLEM)).toEqual([]);
      expect(answer.body).toMatchObject({ success: false, status, code });
      const type = `https://headgate.dev/problems/${code.replaceAll('_', '-')}`;
      expect(answer.body['type']).toBe(type);
      if (status === 405) expect(answer.headers['allow']).toBeDefined();
      expect(await happened()).toBe(before);
    });
  }

  it('a well-formed command is something that happened: the comparison can fail', async () => {
    const before = await happened();
    await app.put(rateLimit, { max_backoff: 33 });
    expect(await happened()).toBeGreaterThan(before);
  });
});

describe('the commands of existing clients', () => {
  const message = (told: Told): unknown => told.body['message'];

  it('PUT rate-limit, with what is now in force', async () => {
    const told = await app.put('/collectors/moralis/rate-limit', {
      max_requests_per_second: 40,
      backoff_multiplier: 3,
    });
    expect(told.status).toBe(200);
    expect(lacks(told.body['updated_config'], example.UPDATED_CONFIG)).toEqual([]);
    expect(told.body).toMatchObject({
      success: true,
      message: 'Rate limit configuration updated for moralis',
      collector: 'moralis',
      updated_config: { max_requests_per_second: 40, backoff_multiplier: 3, max_backoff: 60 },
    });
    const { body } = await app.get('/collectors/moralis');
    expect(body).toMatchObject({
      collector: { rate_limiter: { initial_rate: 40, backoff_multiplier: 3, max_backoff: 60 } },
    });
  });

  it('POST disable and enable, twice each, with an empty JSON body', async () => {
    const disable = '/collectors/moralis/disable';
    const disabled = {
      success: true,
      message: 'Collector moralis has been disabled',
      collector: 'moralis',
    };
    expect((await app.post(disable)).body).toMatchObject(disabled);
    expect((await app.post(disable, { reason: 'once more' })).body).toMatchObject(disabled);
    expect((await app.get('/collectors/moralis')).body).toMatchObject({
      collector: { enabled: false, status: 'disabled' },
    });
    const enable = '/collectors/moralis/enable';
    expect(message(await app.post(enable))).toBe('Collector moralis is enabled');
    expect(message(await app.post(enable))).toBe('Collector moralis is enabled');
    expect((await app.get('/collectors/moralis')).body).toMatchObject({
      collector: { enabled: true },
    });
  });

  it('POST restart', async () => {
    const before = await app.head();
    const told = await app.post('/collectors/moralis/restart', { reason: 'a test' });
    expect(told.body).toMatchObject({
      success: true,
      message: 'Collector moralis has been restarted',
      collector: 'moralis',
    });
    const of = (type: string) => (event: { stream: string; type: string }) =>
      event.stream === 'collector-moralis' && event.type === type;
    await app.event('it connects again', of('CollectorConnected'), before);
    await app.event('it runs again', of('RunSucceeded'), before);
  });

  it('PUT circuit-breaker/state and POST reset, with the new state', async () => {
    const path = '/collectors/moralis/circuit-breaker';
    for (const [state, effective] of [
      ['open', 'forced_open'],
      ['metrics_only', 'metrics_only'],
      ['disabled', 'disabled'],
      ['closed', 'closed'],
    ]) {
      const told = await app.put(`${path}/state`, { state, reason: 'a test' });
      expect(told.status).toBe(200);
      expect(lacks(told.body['new_state'], example.breaker)).toEqual([]);
      expect(told.body).toMatchObject({
        success: true,
        message: `Circuit breaker forced to ${String(state)} for moralis`,
        collector: 'moralis',
        new_state: { state, effective, computed: 'closed' },
      });
    }
    const told = await app.post(`${path}/reset`);
    expect(lacks(told.body['new_state'], example.breaker)).toEqual([]);
    expect(told.body).toMatchObject({
      success: true,
      message: 'Circuit breaker reset for moralis',
      collector: 'moralis',
      new_state: { state: 'closed', failure_count: 0, health_score: 1 },
    });
  });

  it('GET ?at= answers what was before a command, and what was after it', async () => {
    const path = '/collectors/moralis/circuit-breaker/state';
    const told = await app.put(path, { state: 'open', reason: 'stop' });
    const forced = (await app.events()).findLast(({ type }) => type === 'BreakerForced');
    const at = Number(forced?.data['atMs']);
    await app.put(path, { state: 'closed' });
    const then = async (moment: number): Promise<unknown> => {
      const iso = new Date(moment).toISOString();
      const { status, body } = await app.get(`/collectors/moralis?at=${iso}`);
      expect(status).toBe(200);
      expect(body).toMatchObject({ collector: { name: 'moralis', timestamp: iso } });
      return (body as { collector: { circuit_breaker: object } }).collector.circuit_breaker;
    };
    expect(await then(at - 1)).toMatchObject({ effective: 'closed', override: null });
    expect(await then(at)).toMatchObject({
      state: 'open',
      effective: 'forced_open',
      override: { state: 'forced_open', reason: 'stop' },
    });
    expect(told.body).toMatchObject({ new_state: { effective: 'forced_open' } });
    const born = (await app.events()).find(({ type }) => type === 'CollectorRegistered');
    const unborn = new Date(Number(born?.data['atMs']) - 1000).toISOString();
    const early = await app.get(`/collectors/moralis?at=${unborn}`);
    expect(early).toMatchObject({ status: 404, body: { code: 'collector_not_found' } });
  });
});
