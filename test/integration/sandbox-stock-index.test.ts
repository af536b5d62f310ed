/** The fake Yahoo and the fake Alpha Vantage: recorded shapes, sessions, refusals in recorded words. */
import { Value } from '@sinclair/typebox/value';
import { describe, expect, it } from 'vitest';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../src/kernel/time.js';
import type { Fault } from '../../src/sources/sandbox/index.js';
import { chartSchema } from '../../src/sources/stock-index-bars.js';
import { dailySchema } from '../../src/sources/stock-index-funds.js';
import { FUNDS, INDICES } from '../../src/sources/stock-index.js';
import {
  NOON,
  recording,
  sandboxKit,
  shapeOf,
  type Got,
  type Kit,
} from '../support/sandbox-kit.js';

type Quote = Readonly<Record<'open' | 'high' | 'low' | 'close' | 'volume', (number | null)[]>>;
type Chart = {
  readonly meta: Readonly<Record<string, unknown>>;
  readonly timestamp: readonly number[];
  readonly indicators: { readonly quote: readonly [Quote] };
};
const chartIn = (answer: Got): Chart =>
  (answer.body as { chart: { result: readonly [Chart] } }).chart.result[0];
const yahoo = (kit: Kit, symbol: string, query = ''): Promise<Got> =>
  kit.get('yahoo', `/v8/finance/chart/${encodeURIComponent(symbol)}?${query}`, {});
const range = (interval: string, from: number, to: number): string =>
  `interval=${interval}&period1=${String(from / 1000)}&period2=${String(to / 1000)}`;
const vantage = (
  kit: Kit,
  symbol: string,
  more = '&apikey=sandbox-alpha-vantage-key',
): Promise<Got> =>
  kit.get('alpha_vantage', `/query?function=TIME_SERIES_DAILY&symbol=${symbol}${more}`, {});
const daysIn = (answer: Got): Record<string, Record<string, string>> =>
  (answer.body as Record<string, Record<string, Record<string, string>>>)['Time Series (Daily)'] ??
  {};

describe('fake Yahoo', () => {
  it('answers every index in the recorded shape, prices that can be', async () => {
    const kit = await sandboxKit();
    const recorded = recording('stock_index/gspc_chart_253d_derived.json').body;
    for (const symbol of INDICES) {
      const answer = await yahoo(kit, symbol, range('1d', NOON - 90 * DAY_MS, NOON - 10 * DAY_MS));
      expect(Value.Check(chartSchema, answer.body)).toBe(true);
      const { meta, timestamp, indicators } = chartIn(answer);
      const known = (recorded as unknown as { chart: { result: [Chart] } }).chart.result[0];
      for (const name of Object.keys(known.meta)) expect(meta).toHaveProperty(name);
      expect(meta['symbol']).toBe(symbol);
      const [{ open, high, low, close }] = indicators.quote;
      expect(timestamp.length).toBeGreaterThan(50);
      for (const [n, top] of high.entries()) {
        if (top === null) continue;
        expect(top).toBeGreaterThanOrEqual(Math.max(open[n] ?? NaN, close[n] ?? NaN));
        expect(low[n]).toBeLessThanOrEqual(Math.min(open[n] ?? NaN, close[n] ?? NaN));
      }
    }
  });

  it('has sessions by the clock of the exchange, none on weekends, null rows on holidays', async () => {
    const kit = await sandboxKit();
    const july = Date.UTC(2025, 6, 1);
    const summer = chartIn(await yahoo(kit, '^GSPC', range('1d', july, july + 7 * DAY_MS)));
    expect(summer.timestamp.map((at) => new Date(at * 1000).toISOString().slice(5, 16))).toEqual([
      '07-01T13:30',
      '07-02T13:30',
      '07-03T13:30',
      '07-04T13:30',
      '07-07T13:30',
    ]);
    const winter = chartIn(await yahoo(kit, '^GSPC', range('1d', Date.UTC(2025, 11, 24), NOON)));
    expect(winter.timestamp[0]).toBe(Date.UTC(2025, 11, 24, 14, 30) / 1000);
    expect(winter.indicators.quote[0].close[1]).toBeNull();
    const saturday = Date.UTC(2026, 0, 3);
    const weekend = await yahoo(kit, '^GSPC', range('1m', saturday, saturday + DAY_MS));
    expect(chartIn(weekend)).not.toHaveProperty('timestamp');
    const recorded = recording('stock_index/yahoo_chart_AAPL_1m_weekend.json');
    const empty = { body: recorded.body } as unknown as Got;
    expect(chartIn(weekend).indicators).toEqual(chartIn(empty).indicators);
  });

  it('gives the running session the time of the last trade, and lets what is over stand', async () => {
    const kit = await sandboxKit({ at: Date.UTC(2026, 0, 5, 18, 30, 7) });
    const query = range('1d', Date.UTC(2025, 11, 29), Date.UTC(2026, 0, 10));
    const during = chartIn(await yahoo(kit, '^GSPC', query));
    expect(during.timestamp.at(-1)).toBe(Date.UTC(2026, 0, 5, 18, 30, 7) / 1000);
    await kit.clock.advance(12 * HOUR_MS);
    const after = chartIn(await yahoo(kit, '^GSPC', query));
    expect(after.timestamp.at(-1)).toBe(Date.UTC(2026, 0, 5, 14, 30) / 1000);
    const [before, then] = [during.indicators.quote[0].close, after.indicators.quote[0].close];
    expect(then.slice(0, -1)).toEqual(before.slice(0, -1));
    expect(then.at(-1)).not.toBe(before.at(-1));
    const other = await sandboxKit({ seed: 8, at: kit.clock.now() });
    expect(chartIn(await yahoo(other, '^GSPC', query)).indicators).not.toEqual(after.indicators);
  });

  it('cuts a session into bars of any length', async () => {
    const kit = await sandboxKit();
    const friday = Date.UTC(2026, 0, 2);
    for (const [interval, bars] of [
      ['1m', 390],
      ['5m', 78],
      ['15m', 26],
      ['30m', 13],
      ['1h', 7],
    ] as const) {
      const answer = await yahoo(kit, '^DJI', range(interval, friday, friday + DAY_MS));
      expect(chartIn(answer).timestamp).toHaveLength(bars);
      expect(chartIn(answer).meta['dataGranularity']).toBe(interval);
    }
  });

  it('refuses what it does not have, in the recorded words', async () => {
    const kit = await sandboxKit();
    const gone = await yahoo(kit, 'ZZZZNOPE');
    const recorded = recording('stock_index/yahoo_doc_404_chart_not_found.json');
    expect([gone.status, gone.body]).toEqual([recorded.status, recorded.body]);
    expect((await yahoo(kit, '^VIX', 'interval=7m')).status).toBe(422);
    expect((await yahoo(kit, '^VIX', range('1m', NOON - 40 * DAY_MS, NOON))).status).toBe(422);
    expect((await yahoo(kit, '^VIX', range('1d', NOON, NOON - DAY_MS))).status).toBe(400);
    expect((await yahoo(kit, '^VIX', 'period1=soon')).status).toBe(400);
    expect((await kit.get('yahoo', '/v8/finance/chart/%zz', {})).status).toBe(404);
    expect((await kit.get('yahoo', '/v7/finance/download/SPY', {})).status).toBe(404);
  });

  it('throttles in plain text for a while, and says nothing of it', async () => {
    const kit = await sandboxKit();
    kit.control.configure('yahoo', { requestLimit: 2, refusedMs: HOUR_MS, signalGraceMs: 0 });
    const statuses = [(await yahoo(kit, '^VIX')).status, (await yahoo(kit, '^VIX')).status];
    const refused = await yahoo(kit, '^VIX');
    expect([...statuses, refused.status]).toEqual([200, 200, 429]);
    expect(refused.text).toBe(recording('stock_index/yahoo_doc_429_plain_text.json').body);
    expect(refused.headers.get('retry-after')).toBeNull();
    await kit.clock.advance(MINUTE_MS - 1);
    kit.control.configure('yahoo', { edge: true });
    const edge = await yahoo(kit, '^VIX');
    expect(edge.text).toBe(recording('stock_index/yahoo_doc_429_edge.json').body);
    expect(kit.control.violations({ provider: 'yahoo' })).toHaveLength(1);
    await kit.clock.advance(HOUR_MS - MINUTE_MS);
    expect((await yahoo(kit, '^VIX')).status).toBe(429);
    await kit.clock.advance(1);
    expect((await yahoo(kit, '^VIX')).status).toBe(200);
    kit.control.setFaults('yahoo', [{ kind: 'ban', seconds: 9 }]);
    expect((await yahoo(kit, '^VIX')).status).toBe(403);
  });
});

describe('fake Alpha Vantage', () => {
  it('answers each fund in the recorded shape, newest first', async () => {
    const kit = await sandboxKit();
    kit.control.configure('alpha_vantage', { spacingMs: 0 });
    const recorded = recording('stock_index/av_intraday_MSFT_1min.json').body as {
      'Time Series (1min)': Record<string, unknown>;
    };
    const [row] = Object.values(recorded['Time Series (1min)']);
    for (const fund of Object.values(FUNDS)) {
      const answer = await vantage(kit, fund);
      expect(Value.Check(dailySchema, answer.body)).toBe(true);
      const days = daysIn(answer);
      expect(Object.keys(days)).toHaveLength(100);
      expect(Object.keys(days)).toEqual([...Object.keys(days)].sort().reverse());
      for (const bar of Object.values(days)) {
        expect(shapeOf(bar)).toEqual(shapeOf(row));
        expect(Number(bar['2. high'])).toBeGreaterThanOrEqual(Number(bar['4. close']));
      }
    }
    const full = await vantage(kit, 'SPY', '&outputsize=full&apikey=sandbox-alpha-vantage-key');
    expect(Object.keys(daysIn(full)).length).toBeGreaterThan(4000);
  });

  it('answers every refusal with a 200 and a sentence', async () => {
    const kit = await sandboxKit();
    const word = async (symbol: string, more?: string): Promise<string> => {
      await kit.clock.advance(1000);
      const { status, body } = await vantage(kit, symbol, more);
      expect(status).toBe(200);
      return JSON.stringify(body);
    };
    expect(await word('SPY', '')).toMatch(/^\{"Error Message":"the parameter apikey/);
    expect(await word('SPY', '&apikey=nope')).toMatch(/apikey is invalid/);
    expect(await word('ZZZZNOPE')).toMatch(/^\{"Error Message":"Invalid API call/);
    const path = '/query?function=SECTOR&apikey=sandbox-alpha-vantage-key';
    await kit.clock.advance(1000);
    expect((await kit.get('alpha_vantage', path, {})).text).toMatch(/Invalid API call/);
    expect((await kit.get('alpha_vantage', '/nothing', {})).status).toBe(200);
  });

  it('wants a second between two requests, and gives 25 a day', async () => {
    const kit = await sandboxKit();
    await vantage(kit, 'SPY');
    const close = await vantage(kit, 'SPY');
    const spread = recording('stock_index/av_200_information_spread_out.json').body;
    expect(close.body).toEqual(spread);
    for (let n = 0; n < 24; n += 1) {
      await kit.clock.advance(1000);
      expect(daysIn(await vantage(kit, 'SPY'))).not.toEqual({});
    }
    await kit.clock.advance(1000);
    const spent = await vantage(kit, 'SPY');
    expect(spent.body).toEqual(recording('stock_index/av_200_information_25_per_day.json').body);
    kit.control.configure('alpha_vantage', { signalGraceMs: 0 });
    await kit.clock.advance(HOUR_MS);
    await vantage(kit, 'SPY');
    expect(kit.control.violations({ provider: 'alpha_vantage' }).length).toBeGreaterThan(0);
    kit.clock.jump(12 * HOUR_MS);
    await kit.clock.advance(1000);
    expect(daysIn(await vantage(kit, 'SPY'))).not.toEqual({});
    kit.control.setFaults('alpha_vantage', [{ kind: 'auth_revoked' }]);
    expect((await vantage(kit, 'SPY')).text).toMatch(/apikey/);
    kit.control.setFaults('alpha_vantage', [{ kind: 'quota_gone' }]);
    expect((await vantage(kit, 'SPY')).text).toMatch(/25 requests per day/);
  });

  it('never logs a key', async () => {
    const kit = await sandboxKit();
    await vantage(kit, 'SPY');
    expect(JSON.stringify(kit.control.snapshot())).not.toContain('sandbox-alpha-vantage-key');
  });
});

/** Faults that any upstream can have, one of each kind. */
const FAULTS: readonly Fault[] = [
  { kind: 'latency', ms: 0 },
  { kind: 'status', status: 429 },
  { kind: 'status', status: 503, body: 'html' },
  { kind: 'reset', at: 'mid_body' },
  { kind: 'truncated' },
  { kind: 'huge', bytes: 100_000 },
  { kind: 'gzip_bomb', bytes: 100_000 },
  { kind: 'content_type' },
  { kind: 'invalid_json', form: 'cut' },
  { kind: 'schema_drift', drift: 'retype' },
  { kind: 'redirect' },
  { kind: 'clock_skew', ms: -3 * DAY_MS },
];

describe.each(['yahoo', 'alpha_vantage'] as const)('%s', (name) => {
  it.each(FAULTS)('can be told to have the fault %j', async (fault) => {
    const kit = await sandboxKit();
    kit.control.configure('alpha_vantage', { spacingMs: 0 });
    const path =
      name === 'yahoo'
        ? '/v8/finance/chart/%5EGSPC?interval=1d'
        : '/query?function=TIME_SERIES_DAILY&symbol=SPY&apikey=sandbox-alpha-vantage-key';
    const honest = await kit.get(name, path, {});
    const seen = (answer: Got | undefined) => [
      answer?.status,
      answer?.text,
      answer?.headers.get('content-type'),
    ];
    kit.control.setFaults(name, [fault]);
    const faulty = await kit.get(name, path, {}).catch(() => undefined);
    if (fault.kind === 'latency') expect(seen(faulty)).toEqual(seen(honest));
    else expect(seen(faulty)).not.toEqual(seen(honest));
    kit.control.clearFaults(name);
    expect(seen(await kit.get(name, path, {}))).toEqual(seen(honest));
  });
});
