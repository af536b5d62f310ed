/** Figures, posts and influencers of LunarCrush: what is new, what comes twice, what cannot be. */
import { describe, expect, it } from 'vitest';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../src/kernel/time.js';
import type { Json } from '../../src/kernel/types.js';
import { fitsSchema } from '../../src/sources/exchange.port.js';
import {
  FEED_LAG_MS,
  FEED_PAGES_PER_RUN,
  POSTS_PER_PAGE,
} from '../../src/sources/lunarcrush-feeds.js';
import { INFLUENCER_PAGES_MAX } from '../../src/sources/lunarcrush-influencers.js';
import {
  HISTORY_HOURS,
  HISTORY_POINTS,
  lunarcrush,
  type LunarcrushOptions,
} from '../../src/sources/lunarcrush.js';
import type { RunResult } from '../support/sources-context.js';
import { collectFrom, failing, type Asked, type Script } from '../support/sources-script.js';

const now = Date.UTC(2026, 0, 15, 12, 30);
const hour = Date.UTC(2026, 0, 15, 12);
const only = (endpoint: LunarcrushOptions['endpoints'][number]): LunarcrushOptions => ({
  symbols: ['BTC'],
  endpoints: [endpoint],
  bucket: 'hour',
});
type Row = Readonly<Record<string, Json>>;
const query = (asked: Asked, name: string): number => Number(asked.query[name]);

/** An upstream with a bucket for each hour but where it lacks one; the running one is there as well. */
function figures(at: () => number, lacks: (t: number) => boolean = () => false): Script {
  return (asked) => {
    const [start, points] = [query(asked, 'start') * 1000, query(asked, 'data_points')];
    const timeSeries: Json[] = [];
    for (let n = 0; n < points; n += 1) {
      const t = start + n * HOUR_MS;
      if (t <= at() && !lacks(t)) timeSeries.push({ time: t / 1000, asset_id: 1, tweets: n });
    }
    const time = Math.floor(at() / HOUR_MS) * (HOUR_MS / 1000);
    const row = { id: 1, symbol: 'BTC', time, price: Math.floor(at() / MINUTE_MS), timeSeries };
    return { data: [row] };
  };
}

const kinds = (run: RunResult, kind: string) =>
  run.records.filter((record) => record.kind === kind);

describe('figures', () => {
  it('begin some buckets back; then only what is new comes, and a snapshot when it moved', async () => {
    let at = now;
    const script = figures(() => at);
    const one = await collectFrom(lunarcrush, only('assets'), script, { now });
    expect(one.failure).toBeUndefined();
    expect(kinds(one, 'social_metrics').length).toBe(HISTORY_POINTS);
    expect(kinds(one, 'social_snapshot')).toMatchObject([
      { id: `social_snapshot:BTC:hour:${String(hour)}`, data: { price: now / MINUTE_MS } },
    ]);
    expect(one.asked).toMatchObject([{ endpoint: 'assets', path: '/v2' }]);
    const idle = await collectFrom(lunarcrush, only('assets'), script, {
      now,
      cursors: one.cursors,
    });
    expect(idle).toMatchObject({ pages: [], failure: undefined });
    at = now + MINUTE_MS;
    const moved = await collectFrom(lunarcrush, only('assets'), script, {
      now: at,
      cursors: one.cursors,
    });
    // The same bucket: an update of the same record.
    expect(moved.records.map(({ id }) => id)).toEqual([`social_snapshot:BTC:hour:${String(hour)}`]);
    at = now + 2 * HOUR_MS;
    const later = await collectFrom(lunarcrush, only('assets'), script, {
      now: at,
      cursors: one.cursors,
    });
    expect(kinds(later, 'social_metrics').length).toBe(2);
  });

  it('L3: tell of a hole, and wait for what is missing at the end', async () => {
    let lacking = [hour - 5 * HOUR_MS, hour - HOUR_MS];
    const script = figures(
      () => now,
      (t) => lacking.includes(t),
    );
    const one = await collectFrom(lunarcrush, only('assets'), script, { now });
    expect(one.pages.flatMap(({ gaps }) => gaps ?? [])).toEqual([
      { fromMs: hour - 5 * HOUR_MS, toMs: hour - 4 * HOUR_MS, missing: 1 },
    ]);
    lacking = [];
    const two = await collectFrom(lunarcrush, only('assets'), script, {
      now,
      cursors: one.cursors,
    });
    expect(kinds(two, 'social_metrics').map(({ id }) => id)).toEqual([
      `social_metrics:BTC:hour:${String(hour - HOUR_MS)}`,
    ]);
  });

  it('L4: of an upstream that gives its newest whatever was asked come once', async () => {
    const careless: Script = () =>
      figures(() => now)({
        endpoint: 'assets',
        path: '/v2',
        query: { start: (hour - 9 * HOUR_MS) / 1000, data_points: 10 },
        priority: undefined,
      });
    const one = await collectFrom(lunarcrush, only('assets'), careless, { now });
    expect(kinds(one, 'social_metrics').length).toBe(9);
    const cursors = one.cursors;
    const two = await collectFrom(lunarcrush, only('assets'), careless, { now, cursors });
    expect(two.records).toEqual([]);
  });

  it('are read in pages, some per run; a crash repeats one page at most', async () => {
    const deep: LunarcrushOptions = { ...only('assets'), historyPoints: 2000 };
    const script = figures(() => now);
    const whole = await collectFrom(lunarcrush, deep, script, { now });
    expect(whole.asked.length).toBe(3);
    for (let pagesMax = 1; pagesMax <= 3; pagesMax += 1) {
      const cursors = new Map<string, Json>();
      const cut = await collectFrom(lunarcrush, deep, script, { now, cursors, pagesMax });
      const rest = await collectFrom(lunarcrush, deep, script, { now, cursors });
      const all = [...kinds(cut, 'social_metrics'), ...kinds(rest, 'social_metrics')];
      const lost = cut.pages.at(-1)?.records.filter(({ kind }) => kind === 'social_metrics');
      expect(all.length).toBe(2000 + (lost?.length ?? 0));
    }
  });

  it('of the market have no symbol', async () => {
    const script: Script = (asked) => {
      const { data } = figures(() => now)(asked) as { readonly data: readonly Row[] };
      const [{ symbol: _symbol, id: _id, ...row } = {}] = data;
      return { data: [row] };
    };
    const run = await collectFrom(lunarcrush, only('global'), script, { now });
    expect(run.records[0]?.id).toMatch(/^social_metrics:market:hour:\d+$/);
    expect(run.records[0]?.data).not.toHaveProperty('symbol');
    expect(run.asked[0]?.query).toMatchObject({ data: 'global', symbol: undefined });
  });

  it.each<[string, Row]>([
    ['of another symbol', { symbol: 'ETH' }],
    ['of no symbol', {}],
    [
      'of another asset',
      { symbol: 'BTC', id: 1, timeSeries: [{ time: hour / 1000, asset_id: 2 }] },
    ],
    ['off the grid', { symbol: 'BTC', timeSeries: [{ time: hour / 1000 + 1 }] }],
    ['twice', { symbol: 'BTC', timeSeries: [{ time: hour / 1000 }, { time: hour / 1000 }] }],
    ['of the future', { symbol: 'BTC', timeSeries: [{ time: hour / 1000 + 90_000 }] }],
    ['of a future snapshot', { symbol: 'BTC', time: hour / 1000 + 90_000 }],
    ['below 0', { symbol: 'BTC', tweets: -1 }],
    ['beyond their scale', { symbol: 'BTC', galaxy_score: 101 }],
    ['as text', { symbol: 'BTC', price: '5' }],
    ['without end', { symbol: 'BTC', price: Number.POSITIVE_INFINITY }],
  ])('%s are bad data', async (_what, row) => {
    const run = await collectFrom(lunarcrush, only('assets'), () => ({ data: [row] }), { now });
    expect(run).toMatchObject({ records: [], pages: [], failure: { outcome: 'bad_data' } });
  });

  it('of a symbol that is not known are none, and no failure', async () => {
    const run = await collectFrom(lunarcrush, only('assets'), () => ({ data: [] }), { now });
    expect(run).toMatchObject({ records: [], failure: undefined });
  });

  it.each(['x', { next: 5 }, { next: -1 }] as Json[])('begin anew at %j', async (cursor) => {
    const cursors = new Map<string, Json>([['assets/BTC/hour', cursor]]);
    const script = figures(() => now);
    const run = await collectFrom(lunarcrush, only('assets'), script, { now, cursors });
    expect(kinds(run, 'social_metrics').length).toBe(HISTORY_POINTS);
  });
});

/** Posts, one a minute, newest first; `size` a page unless the upstream is asked for fewer. */
function posts(at: () => number, rest: Row = {}, isRanged = true): Script {
  return (asked) => {
    const [limit, page] = [query(asked, 'limit'), query(asked, 'page')];
    const from = isRanged ? query(asked, 'start') * 1000 : at() - 2 * DAY_MS;
    const to = isRanged ? query(asked, 'end') * 1000 : at();
    const rows: Json[] = [];
    for (let t = Math.floor(to / MINUTE_MS) * MINUTE_MS; t >= from; t -= MINUTE_MS) {
      rows.push({ id: String(t), type: 'twitter', time: t / 1000, title: 'x', ...rest });
    }
    return { data: rows.slice(page * limit, (page + 1) * limit) };
  };
}

describe('posts', () => {
  const feeds: LunarcrushOptions = { ...only('feeds'), historyHours: 10 };

  it('are read page by page to the end, then only those written since', async () => {
    let at = now;
    const script = posts(() => at);
    const one = await collectFrom(lunarcrush, feeds, script, { now });
    expect(one.failure).toBeUndefined();
    expect(one.asked.map((asked) => query(asked, 'page'))).toEqual([0, 1, 2, 3, 4, 5]);
    expect(one.records.length).toBe(600 - FEED_LAG_MS / MINUTE_MS);
    expect(new Set(one.records.map(({ id }) => id)).size).toBe(one.records.length);
    at = now + 30 * MINUTE_MS;
    const two = await collectFrom(lunarcrush, feeds, script, { now: at, cursors: one.cursors });
    expect(two.records.length).toBe(30);
    const both = new Set([...one.records, ...two.records].map(({ id }) => id));
    expect(both.size).toBe(one.records.length + 30);
  });

  it('F1: take several runs when there are many; a crash repeats one page at most', async () => {
    const many: LunarcrushOptions = { ...feeds, historyHours: 20 };
    const script = posts(() => now);
    const cursors = new Map<string, Json>();
    const one = await collectFrom(lunarcrush, many, script, { now, cursors });
    expect(one.asked.length).toBe(FEED_PAGES_PER_RUN);
    const two = await collectFrom(lunarcrush, many, script, { now: now + HOUR_MS, cursors });
    const total = 20 * 60 - FEED_LAG_MS / MINUTE_MS;
    expect(one.records.length + two.records.length).toBe(total);
    for (let pagesMax = 1; pagesMax <= 6; pagesMax += 1) {
      const own = new Map<string, Json>();
      const cut = await collectFrom(lunarcrush, feeds, script, { now, cursors: own, pagesMax });
      const rest = await collectFrom(lunarcrush, feeds, script, { now, cursors: own });
      const lost = cut.pages.at(-1)?.records.length ?? 0;
      const ids = [...cut.records, ...rest.records].map(({ id }) => id);
      expect(new Set(ids).size).toBe(600 - FEED_LAG_MS / MINUTE_MS);
      expect(ids.length).toBe(600 - FEED_LAG_MS / MINUTE_MS + lost);
    }
  });

  it('F2, F3: of an upstream without range and without paging come once', async () => {
    const first: Script = (asked) =>
      posts(() => now, {}, false)({ ...asked, query: { ...asked.query, page: 0 } });
    const one = await collectFrom(lunarcrush, feeds, first, { now });
    expect(one.asked.length).toBe(2);
    expect(one.records.length).toBe(POSTS_PER_PAGE - 1 - FEED_LAG_MS / MINUTE_MS);
    const two = await collectFrom(lunarcrush, feeds, first, { now, cursors: one.cursors });
    expect(two.asked).toEqual([]);
  });

  it('without id are known by what they say, not by their scores', async () => {
    const bare =
      (score: number): Script =>
      () => ({
        data: [{ time: hour / 1000, url: 'https://example.com/1', social_score: score }],
      });
    const one = await collectFrom(lunarcrush, feeds, bare(1), { now });
    const two = await collectFrom(lunarcrush, feeds, bare(2), { now });
    expect(one.records[0]?.id).toMatch(/^social_post:BTC:post:~[0-9a-f]{16}$/);
    expect(two.records[0]?.id).toBe(one.records[0]?.id);
  });

  it.each<[string, Row]>([
    ['of the future', { id: 'a', time: now / 1000 + 90_000 }],
    ['about another symbol', { id: 'a', time: hour / 1000, symbol: 'ETH' }],
    ['with nothing to know them by', { time: hour / 1000 }],
    ['without time', { id: 'a' }],
    ['with a body of megabytes', { id: 'a', time: hour / 1000, body: 'x'.repeat(1_000_000) }],
  ])('%s are bad data', async (_what, row) => {
    const run = await collectFrom(lunarcrush, feeds, () => ({ data: [row] }), { now });
    expect(run).toMatchObject({ records: [], pages: [], failure: { outcome: 'bad_data' } });
  });

  it('about several symbols are fine', async () => {
    const row = { id: 'a', time: hour / 1000, symbol: 'ETH,BTC' };
    const run = await collectFrom(lunarcrush, feeds, () => ({ data: [row, row] }), { now });
    expect(run.records.length).toBe(1);
  });
});

describe('influencers', () => {
  const people =
    (count: number, isPaged = true): Script =>
    (asked) => {
      const [limit, page] = [query(asked, 'limit'), isPaged ? query(asked, 'page') : 0];
      const rows = Array.from({ length: count }, (_, n) => ({
        twitter_screen_name: `who${String(n)}`,
        followers: n,
      }));
      return { data: rows.slice(page * limit, (page + 1) * limit) };
    };
  const of = only('influencers');

  it('are read once a day, page by page, for the day before', async () => {
    const one = await collectFrom(lunarcrush, of, people(250), { now });
    expect(one.asked.length).toBe(3);
    expect(one.records.length).toBe(250);
    const yesterday = Math.floor(now / DAY_MS) - 1;
    expect(one.records[0]).toMatchObject({
      id: `social_influencer:BTC:${String(yesterday)}:who0`,
      at: (yesterday + 1) * DAY_MS - 1,
      data: { screen_name: 'who0', followers: 0 },
    });
    const cursors = one.cursors;
    expect((await collectFrom(lunarcrush, of, people(250), { now, cursors })).asked).toEqual([]);
    const next = await collectFrom(lunarcrush, of, people(250), { now: now + DAY_MS, cursors });
    expect(next.records.length).toBe(250);
  });

  it('go on at the page where a crash cut them', async () => {
    for (let pagesMax = 1; pagesMax <= 3; pagesMax += 1) {
      const cursors = new Map<string, Json>();
      const cut = await collectFrom(lunarcrush, of, people(250), { now, cursors, pagesMax });
      const rest = await collectFrom(lunarcrush, of, people(250), { now, cursors });
      const ids = [...cut.records, ...rest.records].map(({ id }) => id);
      expect(new Set(ids).size).toBe(250);
      expect(ids.length).toBe(250 + (cut.pages.at(-1)?.records.length ?? 0));
    }
  });

  it('I2: end where an upstream without paging repeats itself, and after some pages', async () => {
    const one = await collectFrom(lunarcrush, of, people(500, false), { now });
    expect(one.asked.length).toBe(2);
    expect(one.records.length).toBe(100);
    const many = await collectFrom(lunarcrush, of, people(5000), { now });
    expect(many.asked.length).toBe(INFLUENCER_PAGES_MAX);
  });

  it('whom nothing names are bad data', async () => {
    const run = await collectFrom(lunarcrush, of, () => ({ data: [{ followers: 1 }] }), { now });
    expect(run).toMatchObject({ pages: [], failure: { outcome: 'bad_data' } });
  });
});

it('an endpoint the upstream rejects does not hold up the others; a used-up day ends the run', async () => {
  const all: LunarcrushOptions = { ...lunarcrush.defaults, symbols: ['BTC'] };
  const script: Script = (asked) =>
    asked.endpoint === 'assets' ? figures(() => now)(asked) : failing('client');
  const run = await collectFrom(lunarcrush, all, script, { now });
  expect(run.failure?.outcome).toBe('client');
  expect(run.asked.map(({ endpoint }) => endpoint)).toEqual([
    'assets',
    'global',
    'feeds',
    'influencers',
  ]);
  const gone = await collectFrom(lunarcrush, all, () => failing('quota_exhausted'), { now });
  expect(gone.asked.length).toBe(1);
});

it('a run that was cut goes on, the next time, with the series whose turn it was', async () => {
  const three: LunarcrushOptions = { ...only('assets'), endpoints: ['assets', 'global', 'feeds'] };
  const cursors = new Map<string, Json>();
  const asked: string[] = [];
  for (let run = 0; run < 3; run += 1) {
    let calls = 0;
    const narrow: Script = (one) => {
      calls += 1;
      if (calls > 1) return failing('blocked');
      asked.push(one.endpoint);
      return one.endpoint === 'feeds' ? { data: [] } : figures(() => now)(one);
    };
    await collectFrom(lunarcrush, three, narrow, { now, cursors });
  }
  expect(asked).toEqual(['assets', 'global', 'feeds']);
});

describe('options', () => {
  const accepts = (changed: object): boolean =>
    fitsSchema(lunarcrush.options, { ...lunarcrush.defaults, ...changed }).ok;

  it('are checked', () => {
    expect(accepts({ historyPoints: 720, historyHours: HISTORY_HOURS, bucket: 'day' })).toBe(true);
    for (const symbol of ['', 'btc', 'A B', 'A,B', '../x']) {
      expect(accepts({ symbols: [symbol] })).toBe(false);
    }
    expect(accepts({ endpoints: [] })).toBe(false);
    expect(accepts({ endpoints: ['coins'] })).toBe(false);
    expect(accepts({ bucket: 'minute' })).toBe(false);
  });
});
