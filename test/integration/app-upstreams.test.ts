/**
 * Collectors with two upstreams, as a whole service over real HTTP: a dead one stops neither its sibling
 * nor its fallback, and everything that REST tells of them tells them apart.
 */
import { describe, expect, it, onTestFinished } from 'vitest';
import type { StoredEvent } from '../../src/journal/port.js';
import { seededRandom } from '../../src/kernel/random.js';
import { systemClock } from '../../src/kernel/time.js';
import type { JsonObject } from '../../src/kernel/types.js';
import { startSandbox } from '../../src/sources/sandbox/index.js';
import { until } from '../support/app-http.js';
import { startTestApp, type TestApp } from '../support/app-service.js';

type Page = {
  readonly status: string;
  readonly why: string;
  readonly phase: string;
  readonly last_run: { readonly outcome: string; readonly warnings: readonly string[] };
  readonly circuit_breaker: {
    readonly state: string;
    readonly upstreams: Readonly<Record<string, JsonObject>>;
  };
  readonly rate_limiter: JsonObject;
  readonly has_api_key: boolean;
};

async function page(app: TestApp, name: string): Promise<Page> {
  return (await app.get(`/collectors/${name}`)).body['collector'] as Page;
}

const fact = (stream: string, type: string) => (event: StoredEvent) =>
  event.stream === stream && event.type === type;
const DOWN = [{ kind: 'status', status: 500 }] as const;

/** Disabled until what is wrong upstream has been arranged. */
async function asleep(name: string, more: JsonObject = {}): Promise<TestApp> {
  return startTestApp({ sources: [name], collectors: { [name]: { enabled: false, ...more } } });
}

async function goesWell(app: TestApp, name: string, after: number): Promise<StoredEvent> {
  return app.event('a run goes well', fact(`collector-${name}`, 'RunSucceeded'), after);
}

describe('while the first upstream is down', () => {
  it('funds stand in for indices, it is said, and they go on behind the open breaker', async () => {
    const app = await asleep('stock_index');
    const { control } = app.sandbox();
    control.setFaults('yahoo', DOWN);
    await app.post('/collectors/stock_index/enable');
    const tripped = await app.event('it trips', fact('breaker-stock_index', 'BreakerTripped'));
    const asked = control.counters('yahoo').received;
    await goesWell(app, 'stock_index', tripped.position);
    const shown = await until('the views show it', async () => {
      const told = await page(app, 'stock_index');
      return told.last_run.outcome === 'ok' && told.last_run.warnings.length > 0 && told;
    });
    expect(shown.last_run.warnings[0]).toMatch(
      /^yahoo is held back by its breaker.*: alpha_vantage stands in for \d+ of 12 indices$/,
    );
    expect(shown.why).toContain('alpha_vantage stands in');
    expect(shown).toMatchObject({
      status: 'circuit_open',
      circuit_breaker: {
        state: 'open',
        upstreams: {
          primary: { state: 'open', scope: 'yahoo-ip', waiting_for_key: null },
          alpha_vantage: { state: 'closed', scope: 'alpha-vantage-key', waiting_for_key: null },
        },
      },
    });
    expect(control.counters('yahoo').received).toBe(asked);
    const { body } = await app.get('/collectors/stock_index/records?limit=1');
    expect(body['records']).toMatchObject([{ kind: 'fund_bar' }]);
    expect(control.counters('alpha_vantage').violations).toBe(0);
  });

  it('a run in which another stood in is degraded, though its breaker is closed', async () => {
    const app = await asleep('stock_index');
    app.sandbox().control.setFaults('yahoo', [{ kind: 'throttled' }]);
    await app.post('/collectors/stock_index/enable');
    const ran = await goesWell(app, 'stock_index', 0);
    expect(ran.data['warnings']).toContainEqual(expect.stringContaining('yahoo is throttled'));
    const shown = await until('the views show it', async () => {
      const told = await page(app, 'stock_index');
      return told.last_run.outcome === 'ok' && told;
    });
    expect(shown).toMatchObject({ status: 'degraded', circuit_breaker: { state: 'closed' } });
  });

  it('news go on without the index', async () => {
    const app = await asleep('sentiment');
    const { control } = app.sandbox();
    control.setFaults('alternative_me', DOWN);
    await app.post('/collectors/sentiment/enable');
    const tripped = await app.event('it trips', fact('breaker-sentiment', 'BreakerTripped'));
    expect(control.counters('newsapi').received).toBeGreaterThan(0);
    const ran = await goesWell(app, 'sentiment', tripped.position);
    expect(ran.data['warnings']).toMatchObject([expect.stringContaining('no index: ')]);
    expect((await page(app, 'sentiment')).circuit_breaker).toMatchObject({
      state: 'open',
      upstreams: { primary: { state: 'open' }, newsapi: { state: 'closed' } },
    });
  });
});

describe('while the second upstream is down', () => {
  it('the first goes on, and the breaker of the first is not asked', async () => {
    const app = await asleep('sentiment');
    const { control } = app.sandbox();
    control.setFaults('newsapi', DOWN);
    await app.put('/collectors/sentiment/circuit-breaker/state?upstream=newsapi', {
      state: 'open',
      reason: 'bad news',
    });
    await app.post('/collectors/sentiment/enable');
    const ran = await goesWell(app, 'sentiment', 0);
    expect(ran.data['warnings']).toMatchObject([expect.stringContaining('no news: ')]);
    expect(control.counters('newsapi').received).toBe(0);
    expect(control.counters('alternative_me').received).toBeGreaterThan(0);
    const { circuit_breaker: breaker, status } = await page(app, 'sentiment');
    expect(breaker).toMatchObject({
      state: 'closed',
      upstreams: { primary: { state: 'closed' }, newsapi: { state: 'open' } },
    });
    expect(status).toBe('degraded');
  });
});

describe('commands of a collector with two upstreams', () => {
  const path = '/collectors/sentiment/circuit-breaker';
  const states = async (app: TestApp) => {
    const { upstreams } = (await page(app, 'sentiment')).circuit_breaker;
    return Object.fromEntries(
      Object.entries(upstreams).map(([name, each]) => [name, each['state']]),
    );
  };

  it('steer the breaker that is named, or all; another name is refused', async () => {
    const app = await asleep('sentiment');
    const one = await app.put(`${path}/state?upstream=newsapi`, { state: 'open' });
    expect(one.body).toMatchObject({ new_state: { state: 'open', effective: 'forced_open' } });
    expect(await states(app)).toEqual({ primary: 'closed', newsapi: 'open' });
    await app.put(`${path}/state`, { state: 'open' });
    expect(await states(app)).toEqual({ primary: 'open', newsapi: 'open' });
    await app.post(`${path}/reset?upstream=primary`);
    expect(await states(app)).toEqual({ primary: 'closed', newsapi: 'open' });
    await app.post(`${path}/reset`);
    expect(await states(app)).toEqual({ primary: 'closed', newsapi: 'closed' });
    const wrong = await app.put(`${path}/state?upstream=yahoo`, { state: 'open' });
    expect(wrong).toMatchObject({
      status: 400,
      body: { errors: [{ pointer: '/upstream', detail: 'must be one of primary, newsapi' }] },
    });
  });

  it('change the rate of the first scope, and say which they are', async () => {
    const app = await asleep('sentiment');
    const rate = { max_requests_per_second: 7, backoff_multiplier: 3, max_backoff: 9 };
    const told = await app.put('/collectors/sentiment/rate-limit', rate);
    expect(told.body).toMatchObject({ changed: true, updated_config: rate });
    const changed = (await app.events()).filter(({ type }) => type === 'RateLimitConfigured');
    expect(changed.map(({ stream }) => stream)).toEqual(['limiter-alternative-me-ip']);
    expect((await page(app, 'sentiment')).rate_limiter).toMatchObject({
      initial_rate: 7,
      scope: 'alternative-me-ip',
      scopes: ['alternative-me-ip', 'newsapi-key'],
    });
  });
});

describe('a second upstream without its key, live', () => {
  it('is not asked, is named with its variable, and holds up nobody', async () => {
    const sandbox = await startSandbox({ port: 0, clock: systemClock(), random: seededRandom(1) });
    onTestFinished(() => sandbox.close());
    const app = await startTestApp({
      sources: ['sentiment'],
      config: { mode: 'live' },
      collectors: { sentiment: { base_url: sandbox.upstreamUrl('alternative_me') } },
    });
    const ran = await goesWell(app, 'sentiment', 0);
    expect(ran.data['warnings']).toMatchObject(['no news: set NEWSAPI_API_KEY']);
    const shown = await until('the views show it', async () => {
      const told = await page(app, 'sentiment');
      return told.last_run.outcome === 'ok' && told;
    });
    expect(shown).toMatchObject({
      status: 'healthy',
      circuit_breaker: {
        upstreams: {
          primary: { waiting_for_key: null },
          newsapi: { state: 'closed', waiting_for_key: 'NEWSAPI_API_KEY' },
        },
      },
    });
    expect(shown.why).toContain('set NEWSAPI_API_KEY');
    expect(sandbox.control.counters('alternative_me').received).toBeGreaterThan(0);
    expect(sandbox.control.counters('newsapi').received).toBe(0);
    const { body } = await app.get('/collector-types');
    expect(JSON.stringify(body)).toContain('NEWSAPI_API_KEY');
  });
});
