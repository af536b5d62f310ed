/** Every recording of LunarCrush, replayed by a real server through transport, profile, schema and source. */
import { beforeEach, describe, expect, it } from 'vitest';
import { DAY_MS, HOUR_MS } from '../../src/kernel/time.js';
import { lunarcrush, type LunarcrushOptions } from '../../src/sources/lunarcrush.js';
import { collectOnce, world, type World } from '../support/sources-context.js';
import { recording, recordings, replay, sendJson } from '../support/sources-server.js';
import { wireForFile } from '../support/sources-wire.js';

const wire = wireForFile();
let around: World;

/** The last recorded day, of which the recording holds the running figures. */
const LAST = 1_644_624_000_000;
const doge: LunarcrushOptions = { symbols: ['DOGE'], endpoints: ['assets'], bucket: 'day' };
const begun = (next: number): void => {
  around.cursors.set('assets/DOGE/day', { next });
};
beforeEach(() => {
  around = world(wire.transport, wire.server.url, LAST + HOUR_MS);
});

describe('figures', () => {
  it.each([
    ['v2_assets_DOGE_5d', 4],
    ['v2_assets_DOGE_365d', 365],
  ])('of %s: a record per closed day, and how things stand', async (name, days) => {
    wire.server.answer(replay(recording('lunarcrush', name)));
    begun(LAST - days * DAY_MS);
    const run = await collectOnce(lunarcrush, doge, around);
    expect(run.failure).toBeUndefined();
    expect(run.pages.flatMap(({ gaps }) => gaps ?? [])).toEqual([]);
    expect(run.records.length).toBe(days + 1);
    expect(new Set(run.records.map(({ id }) => id)).size).toBe(days + 1);
    expect(run.records.find(({ at }) => at === LAST - 3 * DAY_MS - 1)).toMatchObject({
      id: `social_metrics:DOGE:day:${String(LAST - 4 * DAY_MS)}`,
      data: { symbol: 'DOGE', close: 0.15882036, galaxy_score: 72.5, social_volume: 46312 },
    });
    expect(run.records.at(-1)).toMatchObject({
      id: `social_snapshot:DOGE:day:${String(LAST)}`,
      data: { name: 'Dogecoin', price: 0.1443343, price_btc: 3.409213738321e-6, alt_rank: 40 },
    });
    expect(around.cursors.get('assets/DOGE/day')).toMatchObject({ next: LAST });
    expect((await collectOnce(lunarcrush, doge, around)).records).toEqual([]);
    expect(wire.server.seen.at(-1)?.url.searchParams.get('start')).toBe(String(LAST / 1000));
  });

  it('without a series are how things stand', async () => {
    wire.server.answer(replay(recording('lunarcrush', 'v2_assets_DOGE_no_series')));
    const run = await collectOnce(lunarcrush, doge, around);
    expect(run.failure).toBeUndefined();
    expect(run.records.map(({ kind }) => kind)).toEqual(['social_snapshot']);
    expect(run.records[0]?.data).toMatchObject({ galaxy_score: 63.5, tweets: 62352 });
  });

  it('of another symbol than was asked for are bad data', async () => {
    wire.server.answer(replay(recording('lunarcrush', 'v2_assets_DOGE_5d')));
    const run = await collectOnce(lunarcrush, { ...doge, symbols: ['BTC'] }, around);
    expect(run).toMatchObject({ records: [], failure: { outcome: 'bad_data' } });
  });
});

it.each([429, 200])('the recorded refusal of a day is a used-up quota, with %i', async (status) => {
  const { response } = recording('lunarcrush', 'v4_doc_rate_limited_daily');
  wire.server.answer(sendJson(response.body, status));
  const run = await collectOnce(lunarcrush, doge, around);
  expect(run).toMatchObject({ failure: { outcome: 'quota_exhausted', status }, records: [] });
  expect(around.verdicts[0]).toMatchObject({ bucket: 'day', retryAt: LAST + DAY_MS });
});

it('the key is sent as a Bearer token and nowhere else', async () => {
  around.key = 'a-key';
  wire.server.answer(replay(recording('lunarcrush', 'v2_assets_DOGE_no_series')));
  await collectOnce(lunarcrush, doge, around);
  const seen = wire.server.seen.at(-1);
  expect(seen?.headers.authorization).toBe('Bearer a-key');
  expect(seen?.url.pathname).toBe('/v2');
  expect(seen?.url.href).not.toContain('a-key');
});

it('no recording is left out', () => {
  expect(recordings('lunarcrush').map(({ name }) => name)).toEqual([
    'v2_assets_DOGE_365d',
    'v2_assets_DOGE_5d',
    'v2_assets_DOGE_no_series',
    'v4_doc_rate_limited_daily',
  ]);
});
