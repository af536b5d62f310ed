/** The fear-and-greed index and the news: what is asked, what is new, and how calls are paced. */
import { describe, expect, it } from 'vitest';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../src/kernel/time.js';
import type { Json } from '../../src/kernel/types.js';
import { fitsSchema } from '../../src/sources/exchange.port.js';
import { PACE_MS } from '../../src/sources/sentiment-news.js';
import { sentiment, type SentimentOptions } from '../../src/sources/sentiment.js';
import { collectFrom, failing, type Asked, type Script } from '../support/sources-script.js';

const now = Date.UTC(2026, 0, 15, 12);
const today = Date.UTC(2026, 0, 15);
const options: SentimentOptions = { ...sentiment.defaults, historyDays: 30, queries: ['bitcoin'] };
const onlyIndex: SentimentOptions = { ...options, queries: [] };

type Day = readonly [back: number, value: number];
const indexOf = (...days: readonly Day[]): Json => ({
  name: 'Fear and Greed Index',
  data: days.map(([back, value]) => ({
    value: String(value),
    value_classification: value < 50 ? 'Fear' : 'Greed',
    timestamp: String((today - back * DAY_MS) / 1000),
  })),
  metadata: { error: null },
});
const month = indexOf(...Array.from({ length: 30 }, (_, n): Day => [n, 40 + n]));

type News = { readonly minutesAgo: number; readonly name: string; readonly url?: string };
const article = ({ minutesAgo, name, url }: News): Json => ({
  source: { id: null, name: 'Wire' },
  author: null,
  title: name,
  description: null,
  url: url ?? `https://news.example/${name}`,
  urlToImage: null,
  publishedAt: new Date(now - minutesAgo * MINUTE_MS).toISOString(),
  content: 'x',
});
const newsOf = (articles: readonly News[], total = articles.length): Json => ({
  status: 'ok',
  totalResults: total,
  articles: articles.slice(0, 100).map(article),
});
const many = (count: number, from = 0): readonly News[] =>
  Array.from({ length: count }, (_, n) => ({ minutesAgo: from + n, name: `a${String(from + n)}` }));

const isNews = ({ endpoint }: Asked): boolean => endpoint === 'everything';
const both =
  (index: Json, news: Script): Script =>
  (asked) =>
    isNews(asked) ? news(asked) : index;
const asked = (run: { readonly asked: readonly Asked[] }): readonly Asked[] =>
  run.asked.filter(isNews);
/** Pages of a world of articles, as the upstream gives them, at most `most` results. */
const search =
  (world: readonly News[], most = Infinity): Script =>
  ({ query }) => {
    const [from, to] = [query['from'], query['to']].map((text) =>
      typeof text === 'string' ? Date.parse(`${text}Z`) : undefined,
    );
    const found = world.filter(({ minutesAgo }) => {
      const at = now - minutesAgo * MINUTE_MS;
      return at >= (from ?? 0) && at < (to ?? Infinity) + 1000;
    });
    const page = Number(query['page']);
    if (page * 100 > most) return failing('client', { status: 426 });
    return newsOf(found.slice((page - 1) * 100, page * 100), found.length);
  };

describe('the index', () => {
  it('is read back once, then asked for what is missing only', async () => {
    const first = await collectFrom(sentiment, onlyIndex, () => month, { now });
    expect(first.failure).toBeUndefined();
    expect(first.asked).toMatchObject([
      { path: '/fng/', query: { limit: 30 }, priority: 'backfill', upstream: undefined },
    ]);
    expect(first.records.map(({ id }) => id)).toHaveLength(30);
    expect(first.records.at(-1)).toMatchObject({
      id: 'fear_and_greed:2026-01-15',
      at: today,
      series: 'fear_and_greed',
      data: { value: 40, classification: 'Fear', upstream: 'alternative_me' },
    });
    const { cursors } = first;
    const idle = await collectFrom(sentiment, onlyIndex, () => month, { now, cursors });
    expect(idle).toMatchObject({ pages: [], failure: undefined });
    expect(idle.asked).toMatchObject([{ query: { limit: 2 }, priority: 'live' }]);
    const later = { now: now + 3 * DAY_MS, cursors };
    const next = await collectFrom(
      sentiment,
      onlyIndex,
      () => indexOf([-3, 9], [-2, 8], [-1, 7], [0, 40]),
      later,
    );
    expect(next.asked).toMatchObject([{ query: { limit: 4 } }]);
    expect(next.records.map(({ data }) => data['value'])).toEqual([7, 8, 9]);
  });

  it('S1: is the same record when the value of a day is changed', async () => {
    const { cursors } = await collectFrom(sentiment, onlyIndex, () => month, { now });
    const changed = await collectFrom(sentiment, onlyIndex, () => indexOf([0, 77], [1, 41]), {
      now,
      cursors,
    });
    expect(changed.records).toMatchObject([
      { id: 'fear_and_greed:2026-01-15', data: { value: 77 } },
    ]);
  });

  it('S2: is read back again when more of the past is wanted', async () => {
    const { cursors } = await collectFrom(sentiment, onlyIndex, () => month, { now });
    const longer = { ...onlyIndex, historyDays: 0 };
    const again = await collectFrom(sentiment, longer, () => month, { now, cursors });
    expect(again.asked).toMatchObject([{ query: { limit: 0 }, priority: 'backfill' }]);
    expect(again.records).toHaveLength(30);
    const idle = await collectFrom(sentiment, longer, () => month, { now, cursors });
    expect(idle.asked).toMatchObject([{ query: { limit: 2 } }]);
  });

  it('names the days it lacks', async () => {
    const holes = indexOf([0, 1], [3, 1], [4, 1]);
    const run = await collectFrom(sentiment, onlyIndex, () => holes, { now });
    expect(run.pages[0]?.gaps).toEqual([{ fromMs: today - 2 * DAY_MS, toMs: today, missing: 2 }]);
  });

  it.each([
    ['twice a day', indexOf([0, 1], [0, 2])],
    ['in the future', indexOf([-3, 1])],
    ['before it began', indexOf([5000, 1])],
    ['over 100', indexOf([0, 101])],
    ['below 0', indexOf([0, -1])],
    ['no whole number', indexOf([0, 1.5])],
  ])('is bad data when it is %s', async (_what, body) => {
    const run = await collectFrom(sentiment, onlyIndex, () => body, { now });
    expect(run).toMatchObject({ records: [], failure: { outcome: 'bad_data' } });
  });

  it.each([3, 'x', { latest: -1 }, { latest: 5 }, { days: 3 }] as Json[])(
    'begins anew when its cursor is %j',
    async (cursor) => {
      const cursors = new Map([['fear_and_greed', cursor]]);
      const run = await collectFrom(sentiment, onlyIndex, () => month, { now, cursors });
      expect(run.records).toHaveLength(30);
    },
  );
});

describe('news', () => {
  it('are read page by page, each article once, then only what is new', async () => {
    let world = many(230);
    const script = both(month, (one) => search(world)(one));
    const first = await collectFrom(sentiment, options, script, { now });
    expect(first.failure).toBeUndefined();
    const news = first.records.filter(({ kind }) => kind === 'article');
    expect(new Set(news.map(({ id }) => id)).size).toBe(230);
    expect(news).toHaveLength(230);
    expect(asked(first).map(({ query }) => query['page'])).toEqual([1, 2, 3]);
    expect(asked(first).map(({ query }) => query['to'] === undefined)).toEqual([
      true,
      false,
      false,
    ]);
    const { cursors } = first;
    world = [{ minutesAgo: -90, name: 'new' }, { minutesAgo: 30, name: 'late' }, ...world];
    const later = { now: now + 2 * HOUR_MS, cursors };
    const next = await collectFrom(sentiment, options, script, later);
    expect(next.records.map(({ data }) => data['title'])).toEqual(['new', 'late']);
  });

  it('N1: buy a silence with each call, kept over runs, so that 47 in 12 h are never exceeded', async () => {
    const queries = Array.from({ length: 20 }, (_, n) => `query ${String(n)}`);
    const twenty = { ...options, queries };
    const turns = new Set<Json | undefined>();
    const cursors = new Map<string, Json>();
    const calls: number[] = [];
    for (let at = now; at < now + 4 * DAY_MS; at += 30 * MINUTE_MS) {
      const run = await collectFrom(sentiment, twenty, both(month, search(many(150))), {
        now: at,
        cursors,
      });
      for (const { query } of asked(run)) {
        calls.push(at);
        turns.add(query['q']);
      }
    }
    const busiest = Math.max(
      ...calls.map((at) => calls.filter((one) => one >= at && one < at + 12 * HOUR_MS).length),
    );
    expect(busiest).toBeLessThanOrEqual(47);
    expect(turns.size).toBe(20);
    expect(calls.length).toBeGreaterThan(100);
    const single = await collectFrom(sentiment, options, both(month, search([])), { now });
    expect(single.cursors.get('news')).toMatchObject({ due: now + PACE_MS });
    expect(PACE_MS).toBeLessThan(sentiment.intervalMs);
  });

  it('N2: go on with a sweep that was not done, and lose nothing that came meanwhile', async () => {
    const world = many(950);
    const run = (at: number, cursors: Map<string, Json>) =>
      collectFrom(sentiment, options, both(month, search(world)), { now: at, cursors });
    const cursors = new Map<string, Json>();
    const seen = new Set<string>();
    for (let n = 0; n < 3; n += 1) {
      const { records } = await run(now + n * DAY_MS, cursors);
      for (const { id } of records) seen.add(id);
    }
    expect([...seen].filter((id) => id.startsWith('article')).length).toBe(950);
    expect(cursors.get('news')).toMatchObject({ queries: { bitcoin: { newest: now } } });
  });

  it('N2: repeat at most a page after a crash', async () => {
    const script = both(month, search(many(350)));
    const whole = await collectFrom(sentiment, options, script, { now });
    for (const pagesMax of [1, 2, 3, 4, 5]) {
      const cursors = new Map<string, Json>();
      const cut = await collectFrom(sentiment, options, script, { now, cursors, pagesMax });
      const rest = await collectFrom(sentiment, options, script, {
        now: now + 4 * HOUR_MS,
        cursors,
      });
      const ids = [...cut.records, ...rest.records].map(({ id }) => id);
      expect(new Set(ids)).toEqual(new Set(whole.records.map(({ id }) => id)));
      expect(ids.length - new Set(ids).size).toBeLessThanOrEqual(100);
    }
  });

  it('N3: of two queries are one record', async () => {
    const two = { ...options, queries: ['a', 'b'] };
    const run = await collectFrom(sentiment, two, both(indexOf(), search(many(3))), { now });
    expect(asked(run)).toHaveLength(2);
    expect(run.records).toHaveLength(3);
    const marked = many(2).map((one) => ({ ...one, url: 'https://n.example/x?utm_source=a#top' }));
    const same = await collectFrom(sentiment, options, both(indexOf(), search(marked)), { now });
    expect(same.records).toMatchObject([{ data: { url: 'https://n.example/x' } }]);
  });

  it('N4: end where the plan ends, name what is missing, and do not ask beyond it again', async () => {
    const cursors = new Map<string, Json>([
      ['news', { due: 0, queries: { bitcoin: { newest: now - 20 * HOUR_MS } }, seen: [] }],
    ]);
    const script = both(month, search(many(600), 100));
    const run = await collectFrom(sentiment, options, script, { now, cursors });
    expect(run.failure).toBeUndefined();
    expect(run.warnings).toEqual([]);
    expect(asked(run).map(({ query }) => query['page'])).toEqual([1, 2]);
    expect(run.pages.flatMap(({ gaps }) => gaps ?? [])).toEqual([
      { fromMs: now - 21 * HOUR_MS, toMs: now - 99 * MINUTE_MS, missing: 500 },
    ]);
    cursors.set('news', { ...(cursors.get('news') as object), due: 0, queries: {} });
    const next = await collectFrom(sentiment, options, script, { now, cursors });
    expect(asked(next).map(({ query }) => query['page'])).toEqual([1]);
    cursors.set('news', { ...(cursors.get('news') as object), due: 0, queries: {} });
    const later = { now: now + 8 * DAY_MS, cursors };
    const world = many(600, -8 * 1440);
    const upgraded = await collectFrom(sentiment, options, both(month, search(world)), later);
    expect(asked(upgraded).length).toBeGreaterThan(1);
  });

  it('leave out what was withdrawn, and say what cannot be', async () => {
    const articles = [
      { minutesAgo: 1, name: '[Removed]', url: 'https://removed.com' },
      { minutesAgo: 2, name: 'no address', url: 'javascript:alert(1)' },
      { minutesAgo: -300, name: 'out of the future' },
      { minutesAgo: 3, name: 'good' },
    ];
    const run = await collectFrom(sentiment, options, both(indexOf(), search(articles)), { now });
    expect(run.records).toMatchObject([{ data: { title: 'good' } }]);
    expect(run.warnings).toEqual(['newsapi: 2 articles left out: they cannot be']);
    expect(run.cursors.get('news')).toMatchObject({
      queries: { bitcoin: { newest: now - 3 * MINUTE_MS } },
    });
  });

  it('never look further back than the plan allows', async () => {
    const stale = { due: 0, queries: { bitcoin: { newest: now - 90 * DAY_MS } }, seen: [] };
    const cursors = new Map<string, Json>([['news', stale]]);
    const run = await collectFrom(sentiment, options, both(month, search([])), { now, cursors });
    expect(asked(run)[0]?.query['from']).toBe('2025-12-18T12:00:00');
  });
});

describe('two upstreams', () => {
  const noKey = failing('blocked', { cause: 'key', message: 'set NEWSAPI_API_KEY' });

  it('without its key the news wait and the index goes on', async () => {
    const run = await collectFrom(
      sentiment,
      options,
      both(month, () => noKey),
      { now },
    );
    expect(run.failure).toBeUndefined();
    expect(run.records).toHaveLength(30);
    expect(run.warnings).toEqual(['no news: set NEWSAPI_API_KEY']);
    expect(run.cursors.has('news')).toBe(false);
  });

  it.each(['throttled', 'quota_exhausted', 'auth', 'server', 'bad_data', 'banned'] as const)(
    'news that are %s are said, and not asked for again at once',
    async (outcome) => {
      const script = both(month, () => failing(outcome));
      const run = await collectFrom(sentiment, options, script, { now });
      expect(run.failure).toBeUndefined();
      expect(run.warnings).toEqual(['no news: by the script']);
      const { cursors } = run;
      const again = await collectFrom(sentiment, options, script, {
        now: now + MINUTE_MS,
        cursors,
      });
      expect(asked(again)).toEqual([]);
    },
  );

  it('a query the upstream rejects is shown as such and does not hold up the others', async () => {
    const two = { ...options, queries: ['bad', 'good'] };
    const script: Script = (one) =>
      one.query['q'] === 'bad' ? failing('client') : search(many(2))(one);
    const run = await collectFrom(sentiment, two, both(month, script), { now });
    expect(run.failure?.outcome).toBe('client');
    expect(run.records.filter(({ kind }) => kind === 'article')).toHaveLength(2);
  });

  it.each(['blocked', 'throttled', 'banned'] as const)(
    'an index that is %s does not stop the news',
    async (outcome) => {
      const script: Script = (one) => (isNews(one) ? search(many(2))(one) : failing(outcome));
      const run = await collectFrom(sentiment, options, script, { now });
      expect(run).toMatchObject({ failure: undefined, warnings: ['no index: by the script'] });
      expect(run.records).toHaveLength(2);
      const alone = await collectFrom(sentiment, onlyIndex, script, { now });
      expect(alone.failure?.outcome).toBe(outcome);
    },
  );

  it('an index that fails makes the run fail, with the news read', async () => {
    const script: Script = (one) => (isNews(one) ? search(many(2))(one) : failing('server'));
    const run = await collectFrom(sentiment, options, script, { now });
    expect(run.failure?.outcome).toBe('server');
    expect(run.records).toHaveLength(2);
  });

  it('what we ended ourselves is asked no further', async () => {
    const run = await collectFrom(sentiment, options, () => failing('cancelled'), { now });
    expect(run).toMatchObject({ failure: { outcome: 'cancelled' }, pages: [] });
    expect(run.asked).toHaveLength(1);
  });
});

it('options are checked', () => {
  const accepts = (value: Json): boolean => fitsSchema(sentiment.options, value).ok;
  expect(accepts(sentiment.defaults)).toBe(true);
  expect(accepts({ ...sentiment.defaults, queries: [] })).toBe(true);
  for (const bad of [
    { queries: [' '] },
    { language: 'english' },
    { historyDays: -1 },
    { newsDays: 60 },
    { more: 1 },
  ]) {
    expect(accepts({ ...sentiment.defaults, ...bad })).toBe(false);
  }
});
