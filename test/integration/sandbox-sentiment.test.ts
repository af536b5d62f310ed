/** The fake alternative.me and the fake NewsAPI: recorded shapes, refusals in recorded words, limits. */
import { Value } from '@sinclair/typebox/value';
import { describe, expect, it } from 'vitest';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../src/kernel/time.js';
import type { Fault } from '../../src/sources/sandbox/index.js';
import { articlesSchema } from '../../src/sources/sentiment-articles.js';
import { indexSchema } from '../../src/sources/sentiment-index.js';
import {
  NOON,
  recording,
  sandboxKit,
  shapeOf,
  type Got,
  type Kit,
} from '../support/sandbox-kit.js';

const key = { 'x-api-key': 'sandbox-newsapi-key' };
const fng = (kit: Kit, query = ''): Promise<Got> => kit.get('alternative_me', `/fng/${query}`, {});
const news = (kit: Kit, query: string, headers: Record<string, string> = key): Promise<Got> =>
  kit.get('newsapi', `/everything?${query}`, headers);

type Row = Readonly<Record<string, string>>;
const daysOf = (answer: Got): Row[] => (answer.body as { data: Row[] }).data;
type News = { readonly totalResults: number; readonly articles: readonly Row[] };
const newsOf = (answer: Got): News => answer.body as News;

/** Faults that any upstream can have, one of each kind. */
const FAULTS: readonly Fault[] = [
  { kind: 'latency', ms: 0 },
  { kind: 'status', status: 429 },
  { kind: 'status', status: 500, body: 'html' },
  { kind: 'reset', at: 'before_headers' },
  { kind: 'truncated' },
  { kind: 'huge', bytes: 100_000 },
  { kind: 'gzip_bomb', bytes: 100_000 },
  { kind: 'content_type' },
  { kind: 'invalid_json', form: 'html' },
  { kind: 'schema_drift', drift: 'rename' },
  { kind: 'redirect' },
  { kind: 'clock_skew', ms: -HOUR_MS },
];

describe('fake alternative.me', () => {
  it('answers a value a day in the recorded shape, newest first', async () => {
    const kit = await sandboxKit();
    const answer = await fng(kit, '?limit=32');
    const days = daysOf(answer);
    expect(Value.Check(indexSchema, answer.body)).toBe(true);
    const recorded = recording('sentiment/fng_limit32_series.json').body as { data: Row[] };
    expect(shapeOf(days.slice(1))).toEqual(shapeOf(recorded.data));
    expect(days[0]).toMatchObject({
      timestamp: String(Date.UTC(2026, 0, 5) / 1000),
      time_until_update: String((12 * HOUR_MS) / 1000),
    });
    expect(days.map(({ timestamp }) => Number(timestamp))).toEqual(
      days.map((_, n) => (Date.UTC(2026, 0, 5) - n * DAY_MS) / 1000),
    );
    expect(daysOf(await fng(kit))).toHaveLength(1);
    expect(daysOf(await fng(kit, '?limit=0')).at(-1)?.['timestamp']).toBe('1517443200');
  });

  it('has the classes of the recorded values', async () => {
    const kit = await sandboxKit();
    const recorded = recording('sentiment/fng_limit32_series.json').body as { data: Row[] };
    const all = [...recorded.data, ...daysOf(await fng(kit, '?limit=0'))];
    const classes = new Map<string | undefined, Set<string | undefined>>();
    for (const { value, value_classification: word } of all) {
      classes.set(value, (classes.get(value) ?? new Set()).add(word));
    }
    expect([...classes.values()].every((words) => words.size === 1)).toBe(true);
    expect(new Set(all.map((row) => row['value_classification'])).size).toBe(5);
  });

  it('adds a day at midnight and never changes an old one', async () => {
    const kit = await sandboxKit();
    const before = daysOf(await fng(kit, '?limit=5')).map(({ value }) => value);
    await kit.clock.advance(12 * HOUR_MS);
    const after = daysOf(await fng(kit, '?limit=6')).map(({ value }) => value);
    expect(after.slice(1)).toEqual(before);
    const other = await sandboxKit({ seed: 9 });
    expect(daysOf(await fng(other, '?limit=5')).map(({ value }) => value)).not.toEqual(before);
  });

  it('throttles and bans; limits are settings', async () => {
    const kit = await sandboxKit();
    kit.control.configure('alternative_me', { requestLimit: 2, requestWindowMs: 1000 });
    const statuses = [];
    for (let n = 0; n < 3; n += 1) statuses.push((await fng(kit)).status);
    await kit.clock.advance(1000);
    statuses.push((await fng(kit)).status);
    expect(statuses).toEqual([200, 200, 429, 200]);
    kit.control.setFaults('alternative_me', [{ kind: 'ban', seconds: 60 }]);
    expect((await fng(kit)).status).toBe(403);
    expect((await kit.get('alternative_me', '/v2/ticker', {})).status).toBe(403);
    kit.control.clearFaults('alternative_me');
    await kit.clock.advance(1000);
    expect((await kit.get('alternative_me', '/v2/ticker', {})).status).toBe(404);
  });
});

describe('fake NewsAPI', () => {
  it('answers articles in the recorded shape, newest first, page by page', async () => {
    const kit = await sandboxKit();
    const answer = await news(kit, 'q=bitcoin&pageSize=20');
    const first = newsOf(answer);
    expect(Value.Check(articlesSchema, answer.body)).toBe(true);
    const recorded = newsOf({
      ...answer,
      body: recording('sentiment/newsapi_everything_trump_page1.json').body,
    });
    expect(Object.keys(first.articles[0] ?? {}).sort()).toEqual(
      Object.keys(recorded.articles[0] ?? {}).sort(),
    );
    const second = newsOf(await news(kit, 'q=bitcoin&pageSize=20&page=2'));
    const all = [...first.articles, ...second.articles].map((row) => String(row['publishedAt']));
    expect(all).toHaveLength(40);
    expect(all).toEqual([...all].sort().reverse());
    expect(Date.parse(all[0] ?? '')).toBeLessThanOrEqual(NOON - DAY_MS);
  });

  it('finds by words, and brings new articles as time passes', async () => {
    const kit = await sandboxKit();
    const total = async (q: string): Promise<number> =>
      newsOf(await news(kit, `q=${encodeURIComponent(q)}&from=2026-01-01T00:00:00`)).totalResults;
    const [bitcoin, oil, either, neither] = [
      await total('bitcoin'),
      await total('oil'),
      await total('bitcoin OR oil'),
      await total('"no such thing"'),
    ];
    expect(either).toBeGreaterThan(Math.max(bitcoin, oil));
    expect(either).toBeLessThan(bitcoin + oil + 1);
    expect(neither).toBeLessThan(bitcoin / 2);
    await kit.clock.advance(DAY_MS);
    expect(await total('bitcoin')).toBeGreaterThan(bitcoin);
  });

  it('wants a key it knows, and refuses in the recorded words', async () => {
    const kit = await sandboxKit();
    const missing = await news(kit, 'q=x', {});
    expect([missing.status, missing.body]).toMatchObject([401, { code: 'apiKeyMissing' }]);
    const wrong = await news(kit, 'q=x', { 'x-api-key': 'nope' });
    const sameAs = (got: Got, name: string): void => {
      const recorded = recording(`sentiment/${name}.json`);
      expect([got.status, got.body]).toEqual([recorded.status, recorded.body]);
    };
    sameAs(wrong, 'newsapi_401_key_invalid');
    sameAs(await news(kit, 'pageSize=10'), 'newsapi_400_parameters_missing');
    sameAs(await news(kit, 'q=x&pageSize=100&page=8'), 'newsapi_426_maximum_results');
    kit.control.setFaults('newsapi', [{ kind: 'status', status: 429, count: 1 }]);
    sameAs(await news(kit, 'q=x'), 'newsapi_429_rate_limited');
    kit.control.setFaults('newsapi', [{ kind: 'auth_revoked' }]);
    sameAs(await news(kit, 'q=x'), 'newsapi_401_key_invalid');
    kit.control.setFaults('newsapi', [{ kind: 'quota_gone' }]);
    expect((await news(kit, 'q=x')).body).toMatchObject({ code: 'apiKeyExhausted' });
    kit.control.clearFaults('newsapi');
    for (const query of ['q=x&pageSize=101', 'q=x&page=0', 'q=x&sortBy=up', 'q=x&from=soon']) {
      expect((await news(kit, query)).body).toMatchObject({ code: 'parameterInvalid' });
    }
    const old = await news(kit, 'q=x&from=2025-01-01T00:00:00');
    expect([old.status, old.body]).toMatchObject([426, { code: 'parameterInvalid' }]);
    expect((await kit.get('newsapi', '/top', key)).status).toBe(404);
  });

  it('allows 50 in any 12 hours and 100 in any 24', async () => {
    const kit = await sandboxKit();
    const burst = async (count: number): Promise<number> => {
      let served = 0;
      for (let n = 0; n < count; n += 1) {
        if ((await news(kit, 'q=bitcoin&pageSize=1')).status === 200) served += 1;
      }
      return served;
    };
    expect(await burst(51)).toBe(50);
    await kit.clock.advance(12 * HOUR_MS - MINUTE_MS);
    expect(await burst(1)).toBe(0);
    await kit.clock.advance(MINUTE_MS);
    expect(await burst(51)).toBe(50);
    kit.control.configure('newsapi', { requestsPer12h: 1000 });
    expect(await burst(1)).toBe(0);
    await kit.clock.advance(12 * HOUR_MS);
    // Of the last 24 hours' 100 half are over.
    expect(await burst(51)).toBe(50);
  });

  it('counts who comes back within a minute as violating', async () => {
    const kit = await sandboxKit();
    kit.control.configure('newsapi', { requestsPer12h: 0, signalGraceMs: 0 });
    await news(kit, 'q=x');
    await kit.clock.advance(MINUTE_MS - 1);
    await news(kit, 'q=x');
    expect(kit.control.violations({ provider: 'newsapi' })).toHaveLength(1);
    kit.control.configure('newsapi', { requestsPer12h: 50 });
    await kit.clock.advance(MINUTE_MS);
    await news(kit, 'q=x');
    expect(kit.control.violations({ provider: 'newsapi' })).toHaveLength(1);
  });
});

describe.each(['alternative_me', 'newsapi'] as const)('%s', (name) => {
  it.each(FAULTS)('can be told to have the fault %j', async (fault) => {
    const kit = await sandboxKit();
    const path = name === 'newsapi' ? '/everything?q=bitcoin' : '/fng/?limit=5';
    const honest = await kit.get(name, path, key);
    kit.control.setFaults(name, [fault]);
    const faulty = await kit.get(name, path, key).catch(() => undefined);
    if (fault.kind === 'latency') expect(faulty?.text).toBe(honest.text);
    else
      expect([faulty?.text, faulty?.headers.get('content-type')]).not.toEqual([
        honest.text,
        honest.headers.get('content-type'),
      ]);
    kit.control.clearFaults(name);
    expect((await kit.get(name, path, key)).text).toBe(honest.text);
  });
});
