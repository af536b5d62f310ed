/** All eight collectors of the product at once: each collects, each obeys every verb of api.md §1. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sourceCatalogue } from '../../src/sources/index.js';
import { until, type Told } from '../support/app-http.js';
import { openTestApp, type TestApp } from '../support/app-service.js';

const TYPES = {
  moralis: 'onchain',
  glassnode: 'onchain',
  twitter: 'social',
  reddit: 'social',
  lunarcrush: 'social',
  historical: 'market_data',
  stock_index: 'market_data',
  sentiment: 'sentiment',
} as const;
const EIGHT = Object.keys(TYPES) as readonly (keyof typeof TYPES)[];
/** Seldom enough that the smallest window of an upstream is not used up by the first runs. */
const CALM = { interval_ms: 2000, jitter: 0, rate: { max_requests_per_second: 20 } };

let app: TestApp;
beforeAll(async () => {
  const collectors = Object.fromEntries(EIGHT.map((name) => [name, CALM]));
  app = await openTestApp({ sources: EIGHT, collectors });
  for (const name of EIGHT) {
    await app.event(
      `${name} succeeded`,
      ({ stream, type }) => stream === `collector-${name}` && type === 'RunSucceeded',
    );
  }
}, 60_000);
afterAll(() => app.close());

async function recordsOf(name: string): Promise<readonly Record<string, unknown>[]> {
  const { status, body } = await app.get(`/collectors/${name}/records?limit=5`);
  expect(status).toBe(200);
  return body['records'] as readonly Record<string, unknown>[];
}

async function page(name: string): Promise<Record<string, unknown>> {
  return (await app.get(`/collectors/${name}`)).body['collector'] as Record<string, unknown>;
}

it('are the eight of the catalogue', async () => {
  expect(sourceCatalogue.map(({ name }) => name).sort()).toEqual([...EIGHT].sort());
  const { body } = await app.get('/collectors');
  expect(body).toMatchObject({ success: true, total_count: 8 });
  const lines = body['collectors'] as Record<string, Record<string, unknown>>;
  for (const name of EIGHT) {
    expect(lines[name]).toMatchObject({ name, type: TYPES[name], enabled: true, connected: true });
  }
});

describe.each(EIGHT)('%s', (name) => {
  it('has records, each with an id of its own', async () => {
    const records = await until(`${name} has records`, async () => {
      const found = await recordsOf(name);
      return found.length > 0 && found;
    });
    const ids = records.map((record) => record['id'] ?? record['record_id']);
    expect(ids.every((id) => typeof id === 'string' && id !== '')).toBe(true);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('obeys disable and enable', async () => {
    const disabled = await app.post(`/collectors/${name}/disable`, { reason: 'a test' });
    expect(disabled.body).toMatchObject({
      success: true,
      message: `Collector ${name} has been disabled`,
      collector: name,
    });
    await until('it is stopped', async () => (await page(name))['phase'] === 'stopped');
    expect(await page(name)).toMatchObject({
      enabled: false,
      connected: false,
      status: 'disabled',
    });
    const enabled = await app.post(`/collectors/${name}/enable`);
    expect(enabled.body).toMatchObject({ message: `Collector ${name} is enabled` });
    await until('it is connected', async () => (await page(name))['connected'] === true);
  });

  it('obeys restart, and a run by hand is told of', async () => {
    const { status, body } = await app.post(`/collectors/${name}/restart`);
    expect([status, body['message']]).toEqual([200, `Collector ${name} has been restarted`]);
    await until('it is connected again', async () => (await page(name))['connected'] === true);
    const collected: Told = await until('a run by hand is taken', async () => {
      const told = await app.post(`/collectors/${name}/collect`);
      return told.status !== 409 && told;
    });
    expect(collected.body).toMatchObject({ success: true, collector: name });
  });

  it('obeys a change of its rate', async () => {
    const config = { max_requests_per_second: 7, backoff_multiplier: 3, max_backoff: 9 };
    const { body } = await app.put(`/collectors/${name}/rate-limit`, config);
    expect(body).toMatchObject({
      success: true,
      message: `Rate limit configuration updated for ${name}`,
      collector: name,
      updated_config: config,
    });
    expect(await page(name)).toMatchObject({
      rate_limiter: { initial_rate: 7, backoff_multiplier: 3, max_backoff: 9 },
    });
  });

  it('obeys every state of its breaker, and a reset', async () => {
    const path = `/collectors/${name}/circuit-breaker`;
    for (const [state, shown] of [
      ['open', 'open'],
      ['half-open', 'half-open'],
      ['metrics_only', 'metrics_only'],
      ['disabled', 'disabled'],
      ['closed', 'closed'],
    ]) {
      const told = await app.put(`${path}/state`, { state, reason: 'a test' });
      expect([state, told.status, told.body['success']]).toEqual([state, 200, true]);
      if (state !== 'half-open') expect(told.body).toMatchObject({ new_state: { state: shown } });
    }
    const { body } = await app.post(`${path}/reset`);
    expect(body).toMatchObject({
      message: `Circuit breaker reset for ${name}`,
      new_state: { state: 'closed', failure_count: 0, health_score: 1 },
    });
  });

  it('is in the costs and in the health of the sources', async () => {
    const costs = (await app.get('/collectors/costs')).body['collectors'] as object;
    expect(costs).toHaveProperty(name);
    const { body } = await app.get(`/health/collectors/${name}`);
    expect(body).toMatchObject({ success: true, collector_name: name });
  });
});

it('no key is in any answer, log line or event', async () => {
  const { SANDBOX_KEYS } = await import('../../src/sources/sandbox/index.js');
  const events = JSON.stringify(await app.events());
  const answers = await Promise.all(
    ['/collectors', '/collectors/costs', ...EIGHT.map((name) => `/collectors/${name}`)].map(
      async (path) => (await app.get(path)).text,
    ),
  );
  for (const key of Object.values(SANDBOX_KEYS)) {
    for (const [where, text] of [
      ['events', events],
      ['answers', answers.join('\n')],
      ['log', app.log.text()],
      ['metrics', await app.metrics()],
    ] as const) {
      expect(text.includes(key), `a key is in the ${where}`).toBe(false);
    }
  }
});
