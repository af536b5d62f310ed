/** Every recording of Glassnode, replayed by a real server through transport, profile, schema and source. */
import { beforeEach, describe, expect, it } from 'vitest';
import { DAY_MS } from '../../src/kernel/time.js';
import type { Metric } from '../../src/sources/glassnode-metrics.js';
import { glassnode, type GlassnodeOptions } from '../../src/sources/glassnode.js';
import { collectOnce, world, type World } from '../support/sources-context.js';
import { recording, recordings, replay } from '../support/sources-server.js';
import { wireForFile } from '../support/sources-wire.js';

const wire = wireForFile();
let around: World;

const START = 1_735_689_600_000;
beforeEach(() => {
  around = world(wire.transport, wire.server.url, START + 2.5 * DAY_MS);
});

const of = (metric: Metric): GlassnodeOptions => ({
  assets: ['BTC'],
  metrics: [metric],
  resolution: '24h',
});
const begun = (metric: Metric, next: number): void => {
  around.cursors.set(`BTC/${metric}/24h`, { next });
};

describe('points', () => {
  it('of a recorded price are records with its figures, to the last digit', async () => {
    const { response } = recording('glassnode', 'price_usd_close_BTC_2');
    wire.server.answer((request, reply) => {
      // The vendor's JSON comes as text (LIMITS.md).
      reply.writeHead(200, { 'content-type': 'text/plain; charset=utf-8' });
      reply.end(JSON.stringify(response.body));
      request.resume();
    });
    begun('price', START);
    const run = await collectOnce(glassnode, of('price'), around);
    expect(run.failure).toBeUndefined();
    expect(run.records.map(({ id, data }) => [id, data['value']])).toEqual([
      [`onchain_metric:BTC:price:24h:${String(START)}`, 94397.1460817957],
      [`onchain_metric:BTC:price:24h:${String(START + DAY_MS)}`, 96861.96531975128],
    ]);
    const asked = wire.server.seen.at(-1)?.url;
    expect(asked?.pathname).toBe('/v1/metrics/market/price_usd_close');
    expect(asked?.searchParams.get('s')).toBe('1735689600');
    expect(around.cursors.get('BTC/price/24h')).toMatchObject({ next: START + 2 * DAY_MS });
  });

  it('with parts keep open, high, low and close', async () => {
    wire.server.answer(replay(recording('glassnode', 'price_usd_ohlc_BTC_2')));
    begun('price_ohlc', START);
    const run = await collectOnce(glassnode, of('price_ohlc'), around);
    expect(run.records[0]?.data['parts']).toEqual({
      close: 94397.1460817957,
      high: 94786.71640471379,
      low: 92849.72911448359,
      open: 93430.7880403108,
    });
    expect(run.records.length).toBe(2);
  });

  it('of a point-in-time metric carry when they were computed', async () => {
    const start = 1_790_899_200_000;
    around.now = start + 4 * DAY_MS;
    wire.server.answer(replay(recording('glassnode', 'active_count_pit_BTC_3')));
    begun('active_addresses_pit', start);
    const run = await collectOnce(glassnode, of('active_addresses_pit'), around);
    expect(run.records.map(({ data }) => [data['value'], data['computed_at_ms']])).toEqual([
      [729981, 1790985731000],
      [631346, 1791072134000],
      [555361, 1791158538000],
    ]);
  });

  it('of 2009 are read as well', async () => {
    const start = 1_230_940_800_000;
    wire.server.answer(replay(recording('glassnode', 'cli_metric_points')));
    begun('price', start);
    around.now = start + 5 * DAY_MS;
    const run = await collectOnce(glassnode, of('price'), around);
    expect(run.records.map(({ data }) => data['value'])).toEqual(Array(3).fill(2.4755000000000003));
  });
});

it('assets become a record each, of those that are collected', async () => {
  const list = recording('glassnode', 'cli_assets');
  const points = recording('glassnode', 'price_usd_close_BTC_2');
  wire.server.answer((request, reply) => {
    const isList = (request.url ?? '').startsWith('/v1/metadata/assets');
    replay(isList ? list : points)(request, reply);
  });
  begun('price', START);
  const options = { ...of('price'), assets: ['BTC', 'NOPE'], assetDetails: true };
  const run = await collectOnce(glassnode, options, around);
  expect(run.records[0]).toMatchObject({ id: 'onchain_asset:BTC', data: { name: 'Bitcoin' } });
  expect(around.warnings).toEqual(['glassnode knows no NOPE']);
});

it.each([
  ['cli_401_invalid_key', 'auth', 401],
  ['doc_429', 'throttled', 429],
  // What points are not, however well it was answered.
  ['bulk_marketcap_usd_BTC_ETH_SOL', 'bad_data', 200],
  ['cli_metric_bulk', 'bad_data', 200],
  ['cli_metric_describe', 'bad_data', 200],
  ['cli_assets', 'bad_data', 200],
])('%s is %s', async (name, outcome, status) => {
  wire.server.answer(replay(recording('glassnode', name)));
  const run = await collectOnce(glassnode, of('market_cap'), around);
  expect(run).toMatchObject({ failure: { outcome, status }, records: [], pages: [] });
  const [verdict] = around.verdicts;
  expect(verdict).toMatchObject({ malformedHeaders: 0, charged: status !== 429 });
  if (status !== 429) return;
  const resetAt = around.now + 60_000;
  expect(verdict).toMatchObject({
    retryAt: resetAt,
    observations: [{ bucket: 'requests', limit: 600, remaining: 0, resetAt }],
  });
});

it('the key is sent in its header and nowhere else', async () => {
  around.key = 'a-key';
  wire.server.answer(replay(recording('glassnode', 'cli_metric_points')));
  await collectOnce(glassnode, of('price'), around);
  const seen = wire.server.seen.at(-1);
  expect(seen?.headers['x-api-key']).toBe('a-key');
  expect(seen?.url.href).not.toContain('a-key');
});

it('no recording is left out', () => {
  expect(recordings('glassnode').length).toBe(10);
});
