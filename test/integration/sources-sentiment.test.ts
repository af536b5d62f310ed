/** The source `sentiment` over real HTTP: every recording, and whole runs against the sandbox. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../src/kernel/time.js';
import type { Json } from '../../src/kernel/types.js';
import type { Transport } from '../../src/sources/port.js';
import { sentiment, type SentimentOptions } from '../../src/sources/sentiment.js';
import { SANDBOX_KEYS } from '../../src/sources/sandbox/index.js';
import { NOON, sandboxKit, type Kit } from '../support/sandbox-kit.js';
import { recording, recordings, replay, sendJson } from '../support/sources-server.js';
import { wireForFile } from '../support/sources-wire.js';
import { anyStatus, ENDS, saying, spoilt } from '../support/sources-spoilt.js';
import { collectSides, type Sides, type SidesRun } from '../support/sources-upstreams.js';

const wire = wireForFile();

const options: SentimentOptions = { historyDays: 32, queries: ['Trump'], newsDays: 7 };
const keys = { NEWSAPI_API_KEY: 'a-key' };

function sides(url: string, now: number, over: Transport = wire.transport): Sides {
  const side = { baseUrl: url, keys };
  return {
    transport: over,
    sides: { alternative_me: { ...side }, newsapi: { ...side } },
    now: () => now,
    cursors: new Map(),
    verdicts: [],
  };
}

const index = recording('sentiment', 'fng_limit32_series');
const recordedNews = 'newsapi_everything_trump_page';

describe('recordings', () => {
  const indexAt = Date.UTC(2026, 8, 28, 9);
  const newsAt = Date.UTC(2018, 11, 9, 23, 59);

  it('fng_limit32_series: a record a day', async () => {
    wire.server.answer(replay(index));
    const around = sides(wire.server.url, indexAt);
    const run = await collectSides(sentiment, { ...options, queries: [] }, around);
    expect(run.failure).toBeUndefined();
    expect(run.records).toHaveLength(32);
    expect(run.records.at(-1)).toMatchObject({
      id: 'fear_and_greed:2026-09-28',
      data: { value: 74, classification: 'Greed' },
    });
    expect(run.pages[0]?.gaps).toBeUndefined();
    expect(wire.server.seen.at(-1)?.url.href).toMatch(/\/fng\/\?limit=32$/);
    const again = await collectSides(sentiment, { ...options, queries: [] }, around);
    expect(again).toMatchObject({ pages: [], failure: undefined });
  });

  it('newsapi_everything_trump: both pages, each article once, the key in its header only', async () => {
    wire.server.answer((request, response) => {
      const url = new URL(request.url ?? '/', 'http://test');
      if (url.pathname === '/fng/') sendJson({ data: [] })(request, response);
      else {
        const page = url.searchParams.get('page') ?? '';
        replay(recording('sentiment', `${recordedNews}${page}`))(request, response);
      }
    });
    const run = await collectSides(sentiment, options, sides(wire.server.url, newsAt));
    expect(run.failure).toBeUndefined();
    expect(run.warnings).toEqual([]);
    // 179 rows; one stands there twice.
    expect(run.records).toHaveLength(178);
    expect(new Set(run.records.map(({ id }) => id)).size).toBe(178);
    expect(run.records[0]).toMatchObject({
      kind: 'article',
      series: 'news',
      at: Date.UTC(2018, 11, 9, 23, 52, 24),
      data: { source_id: 'the-new-york-times', author: 'JIM RUTENBERG', upstream: 'newsapi' },
    });
    const asked = wire.server.seen.filter(({ url }) => url.pathname === '/v2/everything').slice(-2);
    expect(asked.map(({ url }) => url.searchParams.get('page'))).toEqual(['1', '2']);
    expect(asked[1]?.url.searchParams.get('to')).toBe('2018-12-09T23:52:24');
    for (const { headers, url } of asked) {
      expect(headers['x-api-key']).toBe('a-key');
      expect(url.href).not.toContain('a-key');
    }
  });

  const classes: Readonly<Record<string, object>> = {
    newsapi_400_parameters_missing: { outcome: 'client' },
    newsapi_401_key_invalid: { outcome: 'auth' },
    newsapi_426_maximum_results: { outcome: 'client' },
    newsapi_429_rate_limited: { outcome: 'throttled', retryAt: newsAt + HOUR_MS },
  };
  it.each(Object.keys(classes))('classes %s', async (name) => {
    wire.server.answer((request, response) => {
      const isIndex = request.url?.startsWith('/fng/') === true;
      (isIndex ? sendJson({ data: [] }) : replay(recording('sentiment', name)))(request, response);
    });
    const around = sides(wire.server.url, newsAt);
    const run = await collectSides(sentiment, options, around);
    expect(around.verdicts.at(-1)).toMatchObject({ upstream: 'newsapi', ...classes[name] });
    expect(run.records).toEqual([]);
    expect(run.warnings).toHaveLength(1);
    expect(run.warnings[0]).not.toContain('a-key');
  });

  it.each([
    ['apiKeyExhausted', 429, 'quota_exhausted'],
    ['apiKeyExhausted', 401, 'quota_exhausted'],
    ['apiKeyDisabled', 401, 'auth'],
    ['apiKeyMissing', 401, 'auth'],
    ['sourcesTooMany', 400, 'client'],
    ['sourceDoesNotExist', 400, 'client'],
    ['unexpectedError', 500, 'server'],
    ['newWord', 200, 'server'],
  ])('knows the code %s of a %i', async (code, status, outcome) => {
    wire.server.answer((request, response) => {
      const isIndex = request.url?.startsWith('/fng/') === true;
      const body = isIndex ? { data: [] } : { status: 'error', code, message: 'x' };
      sendJson(body, isIndex ? 200 : status)(request, response);
    });
    const around = sides(wire.server.url, newsAt);
    await collectSides(sentiment, options, around);
    expect(around.verdicts.at(-1)).toMatchObject({ outcome });
  });

  it('none is left out', () => {
    const names = recordings('sentiment').map(({ name }) => name);
    expect(new Set(names)).toEqual(
      new Set([index.name, `${recordedNews}1`, `${recordedNews}2`, ...Object.keys(classes)]),
    );
  });

  it('that are spoilt never become a wrong record and never crash', async () => {
    const bodies: Json[] = recordings('sentiment').map(({ response }) => response.body);
    await fc.assert(
      fc.asyncProperty(anyStatus, spoilt(bodies), async (status, body) => {
        const around = sides('http://127.0.0.1:9', indexAt, saying(status, body));
        const run = await collectSides(sentiment, options, around);
        expect(ENDS).toContain(run.failure?.outcome ?? 'blocked');
        for (const { verdict } of around.verdicts.map((one) => ({ verdict: one.outcome })))
          expect([...ENDS, 'ok']).toContain(verdict);
        for (const { at, data, id, kind } of run.records) {
          expect(Number.isSafeInteger(at) && at <= indexAt + DAY_MS).toBe(true);
          expect(id.length).toBeLessThan(100);
          if (kind === 'article') {
            expect(data['url']).toMatch(/^https?:\/\//);
          } else {
            expect(at % DAY_MS).toBe(0);
            expect(Number.isInteger(data['value'])).toBe(true);
            expect(data['value']).toBeGreaterThanOrEqual(0);
            expect(data['value']).toBeLessThanOrEqual(100);
          }
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe('against the sandbox', () => {
  const demo: SentimentOptions = { historyDays: 0, queries: ['bitcoin', 'ethereum'], newsDays: 5 };
  const sandboxSides = (kit: Kit): Sides => ({
    transport: wire.transport,
    sides: {
      alternative_me: { baseUrl: kit.upstreamUrl('alternative_me') },
      newsapi: { baseUrl: kit.upstreamUrl('newsapi'), keys: SANDBOX_KEYS },
    },
    now: () => kit.clock.now(),
    cursors: new Map(),
    verdicts: [],
  });
  const idsOf = (...runs: readonly SidesRun[]): string[] =>
    runs.flatMap(({ records }) => records.map(({ id }) => id));

  it('reads all there is, then only what is new, and nothing twice', async () => {
    const kit = await sandboxKit();
    kit.control.configure('newsapi', { articlesPerHour: 6, resultsMax: 10_000 });
    const around = sandboxSides(kit);
    const first = await collectSides(sentiment, demo, around);
    expect(first.failure).toBeUndefined();
    expect(first.warnings).toEqual([]);
    const days = first.records.filter(({ kind }) => kind === 'fear_and_greed');
    expect(days[0]?.id).toBe('fear_and_greed:2018-02-01');
    expect(days.at(-1)?.id).toBe('fear_and_greed:2026-01-05');
    expect(first.pages[0]?.gaps).toEqual([
      { fromMs: Date.UTC(2018, 3, 14), toMs: Date.UTC(2018, 3, 17), missing: 3 },
    ]);
    const idle = await collectSides(sentiment, demo, around);
    expect(idle).toMatchObject({ pages: [], failure: undefined });
    const runs = [first];
    for (let n = 0; n < 48; n += 1) {
      await kit.clock.advance(30 * MINUTE_MS);
      runs.push(await collectSides(sentiment, demo, around));
    }
    expect(runs.flatMap(({ warnings }) => warnings)).toEqual([]);
    expect(runs.filter(({ failure }) => failure !== undefined)).toEqual([]);
    const ids = idsOf(...runs);
    expect(new Set(ids).size).toBe(ids.length);
    expect(idsOf(...runs.slice(1)).filter((id) => id.startsWith('article')).length).toBeGreaterThan(
      20,
    );
    expect(ids).toContain('fear_and_greed:2026-01-06');
    for (const name of ['newsapi', 'alternative_me'] as const) {
      expect(kit.control.counters(name)).toMatchObject({ violations: 0 });
      expect(Object.keys(kit.control.counters(name).byStatus)).toEqual(['200']);
    }
  });

  it('finds in many runs with crashes what one walk finds', async () => {
    const kit = await sandboxKit();
    kit.control.configure('newsapi', { articlesPerHour: 6, resultsMax: 10_000 });
    const whole = await collectSides(sentiment, demo, sandboxSides(kit));
    const around = sandboxSides(kit);
    const runs: SidesRun[] = [];
    for (const pagesMax of [1, 2, 2, 1, 3, Infinity]) {
      runs.push(await collectSides(sentiment, demo, around, pagesMax));
      await kit.clock.advance(3 * HOUR_MS);
    }
    const found = new Set(idsOf(...runs));
    // What a query begins with moves on while it could not begin.
    const lasting = whole.records.filter(({ at }) => at > NOON - 4 * DAY_MS);
    expect(lasting.length).toBeGreaterThan(100);
    for (const { id } of lasting) expect(found).toContain(id);
  });

  it('takes the end of the free plan for an end', async () => {
    const kit = await sandboxKit();
    kit.control.configure('newsapi', { articlesPerHour: 6 });
    const run = await collectSides(sentiment, { ...demo, queries: ['a OR e'] }, sandboxSides(kit));
    expect(run).toMatchObject({ failure: undefined, warnings: [] });
    expect(kit.control.counters('newsapi').byStatus).toEqual({ '200': 1, '426': 1 });
  });

  it('goes on with one upstream when the other is faulty, throttled or without key', async () => {
    const kit = await sandboxKit();
    const around = sandboxSides(kit);
    kit.control.setFaults('newsapi', [{ kind: 'quota_gone' }]);
    const spent = await collectSides(sentiment, demo, around);
    expect(spent.failure).toBeUndefined();
    expect(spent.records.length).toBeGreaterThan(2800);
    expect(spent.warnings[0]).toMatch(/^no news: newsapi answered 429: the plan has no more/);
    expect(around.verdicts.at(-1)).toMatchObject({
      outcome: 'quota_exhausted',
      bucket: 'requests_24h',
    });
    kit.control.clearFaults('newsapi');
    kit.control.setFaults('alternative_me', [{ kind: 'status', status: 503, body: 'html' }]);
    await kit.clock.advance(DAY_MS);
    const dead = await collectSides(sentiment, demo, around);
    expect(dead.failure?.outcome).toBe('server');
    expect(dead.records.every(({ kind }) => kind === 'article')).toBe(true);
    expect(dead.records.length).toBeGreaterThan(0);
    kit.control.clearFaults('alternative_me');
    await kit.clock.advance(DAY_MS);
    const well = await collectSides(sentiment, demo, around);
    expect(well.failure).toBeUndefined();
    expect(new Set(well.records.map(({ kind }) => kind))).toEqual(
      new Set(['fear_and_greed', 'article']),
    );
  });
});
