/** The fake LunarCrush against the recordings, its limits, and the source against it over real HTTP. */
import { Value } from '@sinclair/typebox/value';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DAY_MS, HOUR_MS, MINUTE_MS, systemClock } from '../../src/kernel/time.js';
import { undiciTransport, type UndiciTransport } from '../../src/sources/http.undici.js';
import { FEED_LAG_MS, feedSchema } from '../../src/sources/lunarcrush-feeds.js';
import { figuresSchema } from '../../src/sources/lunarcrush-figures.js';
import { influencersSchema } from '../../src/sources/lunarcrush-influencers.js';
import { lunarcrush, type LunarcrushOptions } from '../../src/sources/lunarcrush.js';
import { SANDBOX_KEYS, type Fault } from '../../src/sources/sandbox/index.js';
import {
  NOON,
  recording,
  sandboxKit,
  shapeOf,
  type Got,
  type Kit,
} from '../support/sandbox-kit.js';
import { collectOnce, world, type World } from '../support/sources-context.js';

const KEY = SANDBOX_KEYS['LUNARCRUSH_API_KEY'] ?? '';
const ask = (kit: Kit, query: string, key = KEY): Promise<Got> =>
  kit.get('lunarcrush', `/v2?${query}`, { authorization: `Bearer ${key}` });
const DOGE = 'data=assets&symbol=DOGE&interval=day&data_points=5';
type Row = Readonly<Record<string, unknown>>;
const rows = (answer: Got): readonly Row[] => (answer.body as { data: Row[] }).data;
const left = (answer: Got, name: string): readonly (string | null)[] =>
  ['', '-remaining', '-reset'].map((part) => answer.headers.get(`x-rate-limit-${name}${part}`));

describe('fake lunarcrush: data', () => {
  it('answers an asset in the recorded shape, with and without its series', async () => {
    const kit = await sandboxKit();
    const bare = await ask(kit, DOGE.replace('points=5', 'points=0'));
    const recorded = recording('lunarcrush/v2_assets_DOGE_no_series.json').body;
    expect(shapeOf(bare.body)).toEqual(shapeOf(recorded));
    const answer = await ask(kit, DOGE);
    const [full] = (recording('lunarcrush/v2_assets_DOGE_5d.json').body as { data: Row[] }).data;
    const point = (row: Row | undefined): unknown => (row?.['timeSeries'] as Row[])[0];
    expect(shapeOf(point(rows(answer)[0]))).toEqual(shapeOf(point(full)));
    expect(rows(answer)[0]?.['timeSeries']).toHaveLength(5);
    for (const of of [bare, answer]) expect(Value.Check(figuresSchema, of.body)).toBe(true);
  });

  it('gives the points from `start` on, or the last up to `end`; none for an unknown symbol', async () => {
    const kit = await sandboxKit();
    const times = async (query: string): Promise<readonly unknown[]> =>
      (rows(await ask(kit, `${DOGE}&${query}`))[0]?.['timeSeries'] as Row[]).map(
        ({ time }) => time,
      );
    const [today, day] = [(NOON - DAY_MS / 2) / 1000, DAY_MS / 1000];
    expect(await times('')).toEqual([4, 3, 2, 1, 0].map((n) => today - n * day));
    expect(await times(`start=${String(today - 9 * day)}`)).toEqual(
      [9, 8, 7, 6, 5].map((n) => today - n * day),
    );
    expect(await times(`end=${String(today - 3 * day)}`)).toEqual(
      [7, 6, 5, 4, 3].map((n) => today - n * day),
    );
    expect(rows(await ask(kit, DOGE.replace('DOGE', 'NOPE')))).toEqual([]);
  });

  it('gives posts newest first, a page of each kind of source, and never alters them', async () => {
    const kit = await sandboxKit();
    const of = 'data=feeds&symbol=BTC&limit=20';
    const pages = [];
    for (let page = 0; page < 3; page += 1)
      pages.push(await ask(kit, `${of}&page=${String(page)}`));
    const all = pages.flatMap(rows);
    for (const page of pages) {
      expect(Value.Check(feedSchema, page.body)).toBe(true);
      expect(rows(page)).toHaveLength(4 * 20);
      const times = rows(page).map(({ time }) => Number(time));
      expect(times).toEqual(times.toSorted((a, b) => b - a));
    }
    expect(new Set(all.map(({ id, type }) => `${String(type)}/${String(id)}`)).size).toBe(240);
    kit.clock.jump(HOUR_MS);
    const end = `end=${String(NOON / 1000)}`;
    expect(rows(await ask(kit, `${of}&page=1&${end}`))).toEqual(rows(pages[1] as Got));
  });

  it('ranks influencers by day', async () => {
    const kit = await sandboxKit();
    const of = 'data=influencers&symbol=BTC&limit=100';
    const [first, second] = [await ask(kit, of), await ask(kit, `${of}&page=1`)];
    expect([rows(first).length, rows(second).length]).toEqual([100, 50]);
    expect(Value.Check(influencersSchema, first.body)).toBe(true);
    kit.clock.jump(DAY_MS);
    expect(rows(await ask(kit, of))[0]?.['engagement']).not.toBe(rows(first)[0]?.['engagement']);
  });

  it('serves the same bytes for the same seed and others for another', async () => {
    for (const query of [
      DOGE,
      'data=global',
      'data=feeds&symbol=BTC',
      'data=influencers&symbol=BTC',
    ]) {
      const text = async (seed: number): Promise<string> =>
        (await ask(await sandboxKit({ seed }), query)).text;
      expect(await text(4)).toBe(await text(4));
      expect(await text(5)).not.toBe(await text(4));
    }
  });
});

describe('fake lunarcrush: refusals', () => {
  it('wants a Bearer token it knows; a key in the query or another header is none', async () => {
    const kit = await sandboxKit();
    const get = (path: string, headers = {}) => kit.get('lunarcrush', path, headers);
    for (const answer of [
      await ask(kit, DOGE, 'nope'),
      await get(`/v2?${DOGE}`),
      await get(`/v2?${DOGE}&key=${KEY}`),
      await get(`/v2?${DOGE}`, { 'x-api-key': KEY }),
    ]) {
      expect(answer.status).toBe(401);
    }
    expect(JSON.stringify(kit.control.requests())).not.toContain(KEY);
  });

  it('objects to what it does not know', async () => {
    const kit = await sandboxKit();
    for (const query of [
      'data=assets',
      `${DOGE}&start=x`,
      DOGE.replace('points=5', 'points=721'),
      DOGE.replace('day', 'minute'),
      'data=feeds&symbol=BTC&limit=0',
      'data=influencers&symbol=BTC&page=x',
    ]) {
      expect((await ask(kit, query)).status).toBe(400);
    }
    expect((await ask(kit, 'data=coins')).status).toBe(404);
  });

  it('counts by the minute of the clock: the last allowed call has 0 left, the next is refused', async () => {
    const kit = await sandboxKit({ at: NOON + 20_000 });
    kit.control.configure('lunarcrush', { minuteLimit: 2, signalGraceMs: 0 });
    const reset = String((NOON + MINUTE_MS) / 1000);
    expect(left(await ask(kit, DOGE), 'minute')).toEqual(['2', '1', reset]);
    const last = await ask(kit, DOGE);
    expect([last.status, ...left(last, 'minute')]).toEqual([200, '2', '0', reset]);
    const refused = await ask(kit, DOGE);
    expect([refused.status, refused.body]).toEqual([429, { error: 'Rate limit exceeded' }]);
    expect(left(refused, 'minute')).toEqual(['2', '0', reset]);
    expect(kit.control.counters('lunarcrush').violations).toBe(0);
    await ask(kit, DOGE);
    expect(kit.control.counters('lunarcrush').violations).toBe(1);
    await kit.clock.advance(40_000);
    expect((await ask(kit, DOGE)).status).toBe(200);
    expect(kit.control.counters('lunarcrush').violations).toBe(1);
  });

  it('answers a used-up day with the recorded body, until midnight UTC', async () => {
    const kit = await sandboxKit();
    kit.control.configure('lunarcrush', { dayLimit: 2, signalGraceMs: 0 });
    await ask(kit, DOGE);
    const reset = String((NOON + DAY_MS / 2) / 1000);
    expect(left(await ask(kit, DOGE), 'day')).toEqual(['2', '0', reset]);
    const refused = await ask(kit, DOGE);
    const recorded = recording('lunarcrush/v4_doc_rate_limited_daily.json');
    expect([refused.status, refused.body]).toEqual([recorded.status, recorded.body]);
    kit.clock.jump(DAY_MS / 2);
    expect((await ask(kit, DOGE)).status).toBe(200);
    kit.control.configure('lunarcrush', { dayLimit: null });
    expect(left(await ask(kit, DOGE), 'day')).toEqual([null, null, null]);
  });
});

describe('the source against it', () => {
  let transport: UndiciTransport;
  beforeAll(() => {
    transport = undiciTransport({ clock: systemClock() });
  });
  afterAll(() => transport.close());

  const options: LunarcrushOptions = {
    ...lunarcrush.defaults,
    historyPoints: 1000,
    historyHours: 48,
  };
  const around = (kit: Kit): World => {
    const made = world(transport, kit.upstreamUrl('lunarcrush'), kit.clock.now());
    made.key = KEY;
    return made;
  };

  it('reads every page to the end, a second run only what is new, and nothing twice', async () => {
    const kit = await sandboxKit({ at: NOON + MINUTE_MS });
    const of = around(kit);
    const one = await collectOnce(lunarcrush, options, of);
    expect(one.failure).toBeUndefined();
    const ids = new Set(one.records.map(({ id }) => id));
    expect(ids.size).toBe(one.records.length);
    const count = (kind: string): number => one.records.filter((of) => of.kind === kind).length;
    // BTC, ETH and the market; influencers of two symbols.
    expect(count('social_metrics')).toBe(3 * 1000);
    expect(count('social_snapshot')).toBe(3);
    expect(count('social_influencer')).toBe(2 * 150);
    expect(count('social_post')).toBeGreaterThan(1500);
    expect(one.pages.flatMap(({ gaps }) => gaps ?? [])).toEqual([]);
    expect((await collectOnce(lunarcrush, options, of)).records).toEqual([]);
    kit.clock.jump(2 * HOUR_MS);
    of.now = kit.clock.now();
    const two = await collectOnce(lunarcrush, options, of);
    expect(two.failure).toBeUndefined();
    expect(two.records.every(({ id }) => !ids.has(id))).toBe(true);
    expect(two.records.filter(({ kind }) => kind === 'social_metrics').length).toBe(3 * 2);
    const posts = two.records.filter(({ kind }) => kind === 'social_post');
    expect(posts.length).toBeGreaterThan(40);
    expect(posts.every(({ at }) => at >= NOON + MINUTE_MS - FEED_LAG_MS)).toBe(true);
    expect(kit.control.counters('lunarcrush').violations).toBe(0);
  });

  it('loses nothing and repeats one page at most where it is cut', async () => {
    const kit = await sandboxKit();
    kit.control.configure('lunarcrush', { postsPerHour: 30, minuteLimit: 10_000 });
    const one: LunarcrushOptions = { ...options, symbols: ['BTC'], historyHours: 8 };
    const whole = await collectOnce(lunarcrush, one, around(kit));
    expect(whole.pages.length).toBeGreaterThan(8);
    for (let pagesMax = 1; pagesMax <= whole.pages.length; pagesMax += 1) {
      const of = around(kit);
      const cut = await collectOnce(lunarcrush, one, of, pagesMax);
      const rest = await collectOnce(lunarcrush, one, of);
      const ids = [...cut.records, ...rest.records].map(({ id }) => id);
      expect(new Set(ids)).toEqual(new Set(whole.records.map(({ id }) => id)));
      const repeated = ids.length - whole.records.length;
      expect(repeated).toBeLessThanOrEqual(cut.pages.at(-1)?.records.length ?? 0);
    }
  });

  it('comes to the same where the plan honours no range', async () => {
    const kit = await sandboxKit();
    kit.control.configure('lunarcrush', { honoursRange: false });
    const of = around(kit);
    const small: LunarcrushOptions = { ...options, historyPoints: 24, historyHours: 24 };
    const one = await collectOnce(lunarcrush, small, of);
    expect(one.failure).toBeUndefined();
    expect(new Set(one.records.map(({ id }) => id)).size).toBe(one.records.length);
    expect((await collectOnce(lunarcrush, small, of)).records).toEqual([]);
  });

  it.each<[string, Fault, string]>([
    ['a 429', { kind: 'status', status: 429, retryAfter: 'none' }, 'throttled'],
    ['a 500', { kind: 'status', status: 500, body: 'html' }, 'server'],
    ['a 503 with a date', { kind: 'status', status: 503, retryAfter: 'http_date' }, 'throttled'],
    ['a reset', { kind: 'reset', at: 'before_headers' }, 'server'],
    ['a cut', { kind: 'truncated' }, 'bad_data'],
    ['a huge body', { kind: 'huge', bytes: 8 * 1024 ** 2 }, 'bad_data'],
    ['a bomb', { kind: 'gzip_bomb', bytes: 8 * 1024 ** 2 }, 'bad_data'],
    ['half JSON', { kind: 'invalid_json', form: 'cut' }, 'bad_data'],
    ['a page', { kind: 'invalid_json', form: 'html' }, 'bad_data'],
    ['a renamed field', { kind: 'schema_drift', drift: 'rename', field: 'data' }, 'bad_data'],
    ['a retyped field', { kind: 'schema_drift', drift: 'retype', field: 'time' }, 'bad_data'],
    ['a redirect', { kind: 'redirect' }, 'client'],
    ['a revoked key', { kind: 'auth_revoked' }, 'auth'],
    ['a used-up day', { kind: 'quota_gone' }, 'quota_exhausted'],
    ['a ban', { kind: 'ban' }, 'banned'],
  ])('classes %s and keeps its cursors', async (_what, fault, outcome) => {
    const kit = await sandboxKit();
    kit.control.setFaults('lunarcrush', [fault]);
    for (const endpoint of ['assets', 'feeds'] as const) {
      const of = around(kit);
      const one: LunarcrushOptions = { symbols: ['BTC'], endpoints: [endpoint], bucket: 'hour' };
      const run = await collectOnce(lunarcrush, one, of);
      expect(run).toMatchObject({ failure: { outcome }, records: [] });
      expect([...of.cursors.keys()].filter((name) => !name.startsWith('rotation/'))).toEqual([]);
    }
  });

  it('sees its windows end right though the upstream’s clock is off', async () => {
    const kit = await sandboxKit({ at: NOON + 20_000 });
    const of = around(kit);
    kit.control.setFaults('lunarcrush', [{ kind: 'clock_skew', ms: -36 * HOUR_MS }]);
    await collectOnce(lunarcrush, { ...options, endpoints: ['influencers'] }, of);
    const [minute] = of.verdicts[0]?.observations ?? [];
    expect(minute?.resetAt).toBe(NOON + MINUTE_MS);
  });
});
