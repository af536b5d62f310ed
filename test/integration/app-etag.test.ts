/** Etags over REST: what moves them, what never does, and what a condition is worth. */
import { describe, expect, it } from 'vitest';
import type { StoredEvent } from '../../src/journal/port.js';
import { until, type Told } from '../support/app-http.js';
import { startTestApp, type TestApp } from '../support/app-service.js';

const ONE = '/collectors/moralis';

const moralis =
  (type: string) =>
  (event: StoredEvent): boolean =>
    event.stream === 'collector-moralis' && event.type === type;

async function etagOf(app: TestApp): Promise<string> {
  const told = await app.get(ONE);
  const { etag, revision } = told.body['collector'] as Record<string, string>;
  expect(told.headers['etag']).toBe(`"${etag ?? ''}"`);
  expect(revision).toBe(etag);
  return etag ?? '';
}

const numbers = (etag: string): readonly number[] => etag.split('.').map(Number);

function conditional(
  app: TestApp,
  path: string,
  etag: string,
  { method = 'POST', body = {} }: { readonly method?: string; readonly body?: object } = {},
): Promise<Told> {
  const headers = { 'content-type': 'application/json', 'if-match': `"${etag}"` };
  return app.send(method, `${ONE}${path}`, { headers, body: JSON.stringify(body) });
}

describe('the etag of a collector', () => {
  it('is never moved by what the program does: runs, calls, units', async () => {
    const app = await startTestApp();
    let last = await app.event('it collects', moralis('RunSucceeded'));
    expect(await etagOf(app)).toBe('0.0.0');
    for (let runs = 0; runs < 3; runs += 1) {
      last = await app.event('it goes on', moralis('RunSucceeded'), last.position);
    }
    const types = new Set((await app.events()).map(({ type }) => type));
    expect(types).toContain('UnitsReserved');
    expect(types).toContain('CallsRecorded');
    expect(await etagOf(app)).toBe('0.0.0');
  });

  it('is moved by each command, in the place of its target only', async () => {
    const app = await startTestApp();
    await app.event('it collects', moralis('RunSucceeded'));
    const seen = [numbers(await etagOf(app))];
    const commands: readonly (() => Promise<Told>)[] = [
      () => app.post(`${ONE}/disable`),
      () => app.put(`${ONE}/circuit-breaker/state`, { state: 'open' }),
      () => app.put(`${ONE}/rate-limit`, { max_requests_per_second: 3 }),
    ];
    for (const [place, command] of commands.entries()) {
      const told = await command();
      expect(told.status).toBe(200);
      const etag = await etagOf(app);
      expect(told.body['etag']).toBe(etag);
      expect(told.headers['etag']).toBe(`"${etag}"`);
      const now = numbers(etag);
      const before = seen.at(-1) ?? [];
      expect(now[place]).toBeGreaterThan(before[place] ?? Infinity);
      expect(now.filter((_, at) => at !== place)).toEqual(before.filter((_, at) => at !== place));
      seen.push(now);
    }
    const last = await etagOf(app);
    await app.restart();
    expect(await etagOf(app)).toBe(last);
  });

  it('lets one of two operators win; the other reads what the revisions are now', async () => {
    const app = await startTestApp();
    await app.event('it collects', moralis('RunSucceeded'));
    const etag = await etagOf(app);
    const answers = await Promise.all([
      conditional(app, '/disable', etag, { body: { reason: 'ann' } }),
      conditional(app, '/disable', etag, { body: { reason: 'bob' } }),
    ]);
    const [won, lost] = answers.sort((a, b) => a.status - b.status);
    expect([won.status, lost.status]).toEqual([200, 412]);
    const now = await etagOf(app);
    expect(lost.body).toMatchObject({ code: 'precondition_failed' });
    expect(JSON.stringify(lost.body)).toContain(now);
    expect((await app.events()).filter(moralis('CollectorDisabled'))).toHaveLength(1);
    expect((await conditional(app, '/enable', now)).status).toBe(200);
  });

  it('is compared in the place of the target: others may have moved', async () => {
    const app = await startTestApp();
    await app.event('it collects', moralis('RunSucceeded'));
    const etag = await etagOf(app);
    await app.put(`${ONE}/rate-limit`, { max_requests_per_second: 3 });
    const open = { method: 'PUT', body: { state: 'open' } };
    expect((await conditional(app, '/circuit-breaker/state', etag, open)).status).toBe(200);
    expect((await conditional(app, '/circuit-breaker/state', etag, open)).status).toBe(412);
    const rate = { method: 'PUT', body: { backoff_multiplier: 3 } };
    expect((await conditional(app, '/rate-limit', etag, rate)).status).toBe(412);
  });
});

describe('min_revision', () => {
  it('answers at once when the view is there, and says so when it will not come', async () => {
    const app = await startTestApp();
    await app.event('it collects', moralis('RunSucceeded'));
    const { body } = await app.post(`${ONE}/disable`);
    const etag = String(body['etag']);
    const there = await app.get(`${ONE}?min_revision=${etag}`);
    expect(there).toMatchObject({ status: 200, body: { collector: { enabled: false } } });
    const never = await app.get(`${ONE}?min_revision=999.0.0`);
    expect(never).toMatchObject({ status: 503, body: { code: 'view_behind' } });
    const wrong = await app.get(`${ONE}?min_revision=soon`);
    expect(wrong).toMatchObject({ status: 400, body: { code: 'invalid_input' } });
    expect((await app.get('/collectors/nobody?min_revision=0.0.0')).status).toBe(404);
  });
});

describe('the settings of a breaker', () => {
  const CONFIG = `${ONE}/circuit-breaker/config`;

  it('are set by an operator, stand over restarts, and go back to the configuration', async () => {
    const app = await startTestApp();
    await app.event('it collects', moralis('RunSucceeded'));
    const before = await app.get(CONFIG);
    expect(before.body).toMatchObject({ collector: 'moralis', set_by_operator: [] });
    const configured = before.body['config'] as Record<string, number>;
    const set = await app.put(CONFIG, { failure_threshold: 2, open_ms: 1234, reason: 'shaky' });
    expect(set).toMatchObject({
      status: 200,
      body: {
        changed: true,
        updated_config: { ...configured, failure_threshold: 2, open_ms: 1234 },
      },
    });
    await app.restart();
    const after = await app.get(CONFIG);
    expect(after.body).toMatchObject({
      config: { ...configured, failure_threshold: 2, open_ms: 1234 },
      configured,
      set_by_operator: ['failure_threshold', 'open_ms'],
    });
    const { circuit_breaker: breaker } = (await app.get(ONE)).body['collector'] as {
      circuit_breaker: object;
    };
    expect(breaker).toMatchObject({ failure_threshold: 2 });
    const back = await app.put(CONFIG, { failure_threshold: null, open_ms: null });
    expect(back).toMatchObject({ status: 200, body: { updated_config: configured } });
    expect((await app.get(CONFIG)).body).toMatchObject({ set_by_operator: [], config: configured });
    const again = await app.put(CONFIG, { open_ms: null });
    expect(again).toMatchObject({ status: 200, body: { changed: false } });
  });

  it('that could never trip, or are none, are refused in words', async () => {
    const app = await startTestApp();
    await app.event('it collects', moralis('RunSucceeded'));
    const never = { failure_threshold: 0, minimum_calls: 10_000, window_ms: 1000 };
    const answers = [
      await app.put(CONFIG, never),
      await app.put(CONFIG, {}),
      await app.put(CONFIG, { failure_rate: 2 }),
      await app.put(`${CONFIG}?upstream=elsewhere`, { open_ms: 1000 }),
      await app.put(CONFIG, { open_ms: 1000, open_max_ms: 10 }),
    ];
    expect(answers.map(({ status, body }) => [status, body['code']])).toEqual([
      [400, 'would_never_trip'],
      [400, 'invalid_input'],
      [400, 'invalid_input'],
      [400, 'invalid_input'],
      [400, 'invalid_input'],
    ]);
    expect(answers[2]?.body).toMatchObject({ errors: [{ pointer: '/failure_rate' }] });
    expect(JSON.stringify(answers[2]?.body)).toContain('a number from 0.0001 to 1');
    expect(answers[4]?.body).toMatchObject({ errors: [{ pointer: '/open_max_ms' }] });
  });
});

describe('the cursor of a series', () => {
  const CURSOR = '/collectors/historical/cursor';
  const historical =
    (type: string) =>
    (event: StoredEvent): boolean =>
      event.stream === 'collector-historical' && event.type === type;

  it('is set only while the collector is disabled and stopped; then the next run begins there', async () => {
    const app = await startTestApp();
    await app.event('it collects', historical('RunSucceeded'));
    const { cursors } = (await app.get(CURSOR)).body as {
      cursors: Record<string, { cursor: string; ordinal: number }>;
    };
    const [series = ''] = Object.keys(cursors);
    const place = cursors[series]?.cursor ?? '';
    const wish = { series, cursor: '', reason: 'once more' };
    const enabled = await app.send('PATCH', CURSOR, json(wish));
    expect(enabled).toMatchObject({ status: 409, body: { code: 'illegal_state' } });

    await app.post('/collectors/historical/disable');
    await until('it is stopped', async () => {
      const { collector } = (await app.get('/collectors/historical')).body as {
        collector: { phase: string };
      };
      return collector.phase === 'stopped';
    });
    const told = await app.send('PATCH', CURSOR, json(wish));
    expect(told).toMatchObject({
      status: 200,
      body: { changed: true, cursors: { [series]: { cursor: 'null' } } },
    });
    const set = await app.event('it is set', historical('CursorSet'));
    expect(set.data).toMatchObject({ series, cursor: 'null', cause: 'operator' });
    expect(set.metadata).toMatchObject({ actor: 'local', reason: 'once more' });

    await app.restart();
    await app.post('/collectors/historical/enable');
    const next = await app.event('it goes on', historical('RunProgressed'), set.position);
    expect(place).not.toBe('null');
    expect(next.data).toMatchObject({ series });
    const sets = (await app.events()).filter(historical('CursorSet'));
    expect(sets, 'the sink did not rewind it').toHaveLength(1);
  });

  it('refuses a series it does not have, naming those it has, and what is no JSON', async () => {
    const app = await startTestApp();
    await app.event('it collects', historical('RunSucceeded'));
    await app.post('/collectors/historical/disable');
    const { cursors } = (await app.get(CURSOR)).body as { cursors: Record<string, unknown> };
    const [series = ''] = Object.keys(cursors);
    const other = await app.send('PATCH', CURSOR, json({ series: 'none', cursor: '1' }));
    expect(other).toMatchObject({ status: 400, body: { errors: [{ pointer: '/series' }] } });
    expect(JSON.stringify(other.body)).toContain(series);
    const bare = await app.send('PATCH', CURSOR, json({ series, cursor: 'abc' }));
    expect(bare).toMatchObject({ status: 400, body: { errors: [{ pointer: '/cursor' }] } });
  });
});

describe('a restart', () => {
  it('takes no ttl', async () => {
    const app = await startTestApp();
    const told = await app.post(`${ONE}/restart`, { ttl_seconds: 5 });
    expect(told).toMatchObject({ status: 400, body: { errors: [{ pointer: '/ttl_seconds' }] } });
  });
});

function json(body: object): { readonly headers: Record<string, string>; readonly body: string } {
  return { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
}
