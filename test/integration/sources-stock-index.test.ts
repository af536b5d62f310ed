/** The source `stock_index` over real HTTP: every recording, and whole runs against the sandbox. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../src/kernel/time.js';
import type { Json } from '../../src/kernel/types.js';
import type { Transport } from '../../src/sources/port.js';
import { SANDBOX_KEYS } from '../../src/sources/sandbox/index.js';
import { INDICES, stockIndex, type StockIndexOptions } from '../../src/sources/stock-index.js';
import { NOON, sandboxKit, type Kit } from '../support/sandbox-kit.js';
import {
  recording,
  recordings,
  replay,
  sendJson,
  type Recording,
  type TestServer,
} from '../support/sources-server.js';
import { wireForFile } from '../support/sources-wire.js';
import { anyStatus, ENDS, saying, spoilt } from '../support/sources-spoilt.js';
import { collectSides, type Sides, type SidesRun } from '../support/sources-upstreams.js';

const wire = wireForFile();

const keys = { ALPHA_VANTAGE_API_KEY: 'a-key' };
function sides(url: string, now: number, over: Transport = wire.transport): Sides {
  return {
    transport: over,
    sides: { yahoo: { baseUrl: url }, alpha_vantage: { baseUrl: url, keys } },
    now: () => now,
    cursors: new Map(),
    verdicts: [],
  };
}

const all = recordings('stock_index');
type Chart = {
  readonly meta: { readonly symbol: string; readonly dataGranularity: string };
  readonly timestamp?: readonly number[];
};
const chartIn = ({ response }: Recording): Chart => {
  const body = response.body as unknown as { chart: { result: readonly [Chart] } };
  return body.chart.result[0];
};
const isChart = ({ name }: Recording): boolean => /^(yahoo_chart|gspc_chart)/.test(name);
const optionsFor = (of: Recording): StockIndexOptions => {
  const { symbol, dataGranularity } = chartIn(of).meta;
  const interval = dataGranularity as StockIndexOptions['interval'];
  return { symbols: [symbol], interval, historyDays: 20_000, funds: {} };
};

/** Answers with the part of a recorded chart that lies in the range asked for, as the upstream does. */
function chartServer(of: Recording): Parameters<TestServer['answer']>[0] {
  return (request, response) => {
    const { searchParams: asked } = new URL(request.url ?? '/', 'http://test');
    const [from, to] = [Number(asked.get('period1')), Number(asked.get('period2'))];
    const body = structuredClone(of.response.body) as {
      chart: { result: Record<string, never>[] };
    };
    const result = body.chart.result[0] as unknown as {
      timestamp?: number[];
      indicators: { quote: [Record<string, unknown[]>] };
    };
    const { timestamp = [], indicators } = result;
    const kept = timestamp.map((at) => at >= from && at < to);
    result.timestamp = timestamp.filter((_, n) => kept[n]);
    const [quote] = indicators.quote;
    for (const [name, column] of Object.entries(quote)) {
      if (timestamp.length > 0) quote[name] = column.filter((_, n) => kept[n]);
    }
    sendJson(body, 200)(request, response);
  };
}

describe('recordings', () => {
  it.each(all.filter(isChart))('reads each bar of $name, once', async (of) => {
    const times = chartIn(of).timestamp ?? [];
    const around = sides(wire.server.url, ((times.at(-1) ?? 1.74e9) + 7 * 86_400) * 1000);
    wire.server.answer(chartServer(of));
    const run = await collectSides(stockIndex, optionsFor(of), around);
    expect(run.failure).toBeUndefined();
    expect(run.warnings).toEqual([]);
    expect(run.records).toHaveLength(times.length);
    expect(new Set(run.records.map(({ id }) => id)).size).toBe(times.length);
    for (const { data } of run.records) {
      expect(data).toMatchObject({ symbol: chartIn(of).meta.symbol, upstream: 'yahoo' });
      expect(Number(data['low'])).toBeLessThanOrEqual(Number(data['close']));
      expect(Number(data['high'])).toBeGreaterThanOrEqual(Number(data['close']));
    }
    const again = await collectSides(stockIndex, optionsFor(of), around);
    expect(again).toMatchObject({ records: [], failure: undefined });
  });

  it('gspc_daily_ohlcv_2000_2020_csv: the same values as the chart of the same days', async () => {
    const csv = recording('stock_index', 'gspc_daily_ohlcv_2000_2020_csv').response.body as string;
    const lines = new Map(csv.split('\n').map((line) => [line.slice(0, 10), line.split(',')]));
    const of = recording('stock_index', 'gspc_chart_253d_derived');
    wire.server.answer(chartServer(of));
    const run = await collectSides(
      stockIndex,
      optionsFor(of),
      sides(wire.server.url, Date.UTC(2020, 4)),
    );
    expect(run.records).toHaveLength(253);
    for (const { data } of run.records) {
      const line = lines.get(data['date'] as string) ?? [];
      const told = [data['open'], data['high'], data['low'], data['close'], data['volume']];
      expect(told).toEqual([1, 2, 3, 4, 6].map((n) => Number(line[n])));
    }
    // As a body it is what a chart is not.
    wire.server.answer(replay(recording('stock_index', 'gspc_daily_ohlcv_2000_2020_csv')));
    const raw = await collectSides(stockIndex, optionsFor(of), sides(wire.server.url, NOON));
    expect(raw).toMatchObject({ failure: { outcome: 'bad_data' }, records: [] });
  });

  it('says who we are, spells symbols so that they survive a path, and sends no key', async () => {
    wire.server.answer(replay(recording('stock_index', 'yahoo_doc_404_chart_not_found')));
    const options = { ...stockIndex.defaults, symbols: ['^GSPC', '000001.SS'] };
    await collectSides(stockIndex, options, sides(wire.server.url, NOON));
    const [one, two] = wire.server.seen.slice(-2);
    expect([one?.url.pathname, two?.url.pathname].sort()).toEqual([
      '/v8/finance/chart/%5EGSPC',
      '/v8/finance/chart/000001.SS',
    ]);
    expect(one?.headers['user-agent']).toMatch(/^Headgate\//);
    expect(JSON.stringify([one?.url.href, one?.headers])).not.toContain('a-key');
  });

  const yahoo: Readonly<Record<string, object>> = {
    yahoo_doc_404_chart_not_found: { outcome: 'client' },
    yahoo_quoteSummary_404: { outcome: 'client' },
    yahoo_v7_download_400_plain_text: { outcome: 'client' },
    yahoo_doc_429_edge: { outcome: 'throttled', retryAt: NOON + 15 * MINUTE_MS },
    yahoo_doc_429_plain_text: { outcome: 'throttled', retryAt: NOON + 15 * MINUTE_MS },
  };
  const plain = (of: Recording): Parameters<TestServer['answer']>[0] => {
    const { body, status } = of.response;
    return (_request, response) => {
      const text = typeof body === 'string' ? body : JSON.stringify(body);
      response.writeHead(status, { 'content-type': 'text/plain' }).end(text);
    };
  };
  it.each(Object.keys(yahoo))('classes %s', async (name) => {
    wire.server.answer(plain(recording('stock_index', name)));
    const around = sides(wire.server.url, NOON);
    const options = { ...stockIndex.defaults, symbols: ['^GSPC'], funds: {} };
    const run = await collectSides(stockIndex, options, around);
    expect(around.verdicts[0]).toMatchObject({ upstream: 'yahoo', ...yahoo[name] });
    expect(run).toMatchObject({ records: [], failure: { outcome: around.verdicts[0]?.outcome } });
  });

  it.each([
    [200, 'Too Many Requests\r\n', 'throttled'],
    [999, 'Unable to process request at this time', 'throttled'],
    [403, '<html></html>', 'banned'],
    [200, { chart: { result: null, error: { code: 'Not Found' } } }, 'client'],
    [200, { chart: { result: null, error: { code: 'Unprocessable Entity' } } }, 'client'],
    [200, { chart: { result: null, error: { code: 'Too Many Requests' } } }, 'throttled'],
    [200, { chart: { result: null, error: { code: 'Unauthorized' } } }, 'auth'],
    [200, { chart: { result: null, error: { code: 'internal-error' } } }, 'server'],
    [200, { chart: { result: null, error: null } }, 'bad_data'],
    [200, {}, 'bad_data'],
    [502, '<html></html>', 'server'],
  ])('classes a %i with %j', async (status, body, outcome) => {
    wire.server.answer((_request, response) => {
      response.writeHead(status).end(typeof body === 'string' ? body : JSON.stringify(body));
    });
    const options = { ...stockIndex.defaults, symbols: ['^GSPC'], funds: {} };
    const run = await collectSides(stockIndex, options, sides(wire.server.url, NOON));
    expect(run).toMatchObject({ records: [], failure: { outcome } });
  });

  /** Yahoo is dead, so that Alpha Vantage is asked. */
  const standIn = async (answer: Parameters<TestServer['answer']>[0], now = NOON) => {
    wire.server.answer((request, response) => {
      const isFund = request.url?.startsWith('/query') === true;
      (isFund ? answer : sendJson({}, 500))(request, response);
    });
    const around = sides(wire.server.url, now);
    const options = { ...stockIndex.defaults, symbols: ['^GSPC'] };
    return { run: await collectSides(stockIndex, options, around), around };
  };

  const vantage: Readonly<Record<string, object>> = {
    av_200_information_25_per_day: {
      outcome: 'quota_exhausted',
      bucket: 'requests_per_day',
      retryAt: Date.UTC(2026, 0, 6),
    },
    av_200_information_spread_out: { outcome: 'throttled', retryAt: NOON + 2000 },
    av_200_note_throttled_5_per_min: { outcome: 'throttled', retryAt: NOON + MINUTE_MS },
    // What days are not, however well it was answered.
    av_fx_rate: { outcome: 'ok' },
    av_global_quote_MSFT: { outcome: 'ok' },
    av_intraday_MSFT_1min: { outcome: 'ok' },
    av_sector: { outcome: 'ok' },
    av_symbol_search_BA: { outcome: 'ok' },
  };
  it.each(Object.keys(vantage))('classes %s', async (name) => {
    const { run, around } = await standIn(replay(recording('stock_index', name)));
    expect(around.verdicts.at(-1)).toMatchObject({ upstream: 'alpha_vantage', ...vantage[name] });
    expect(run).toMatchObject({ records: [], failure: { outcome: 'server' } });
    expect(run.warnings).toHaveLength(1);
    expect(run.warnings.join()).not.toContain('a-key');
  });

  it.each([
    ['Error Message', 'Invalid API call. Please retry or visit the documentation', 'client'],
    ['Error Message', 'the parameter apikey is invalid or missing.', 'auth'],
    ['Information', 'This is a premium endpoint. You may subscribe', 'client'],
    ['Information', 'The **demo** API key is for demo purposes only.', 'auth'],
    ['Information', 'Something nobody has seen', 'throttled'],
    ['Note', '75 requests per minute', 'throttled'],
  ])('classes a 200 with %s: %s', async (word, text, outcome) => {
    const { run, around } = await standIn(sendJson({ [word]: text }));
    expect(around.verdicts.at(-1)).toMatchObject({ outcome });
    expect(run.records).toEqual([]);
  });

  it('reads days in the shape of the recorded series, the key in the query only', async () => {
    const recorded = recording('stock_index', 'av_intraday_MSFT_1min').response.body as {
      'Meta Data': Record<string, string>;
      'Time Series (1min)': Record<string, Json>;
    };
    const [row] = Object.values(recorded['Time Series (1min)']);
    const { run } = await standIn(
      sendJson({
        'Meta Data': { ...recorded['Meta Data'], '2. Symbol': 'SPY', '5. Time Zone': 'US/Eastern' },
        'Time Series (Daily)': { '2025-12-31': row ?? null },
      }),
    );
    expect(run.failure).toBeUndefined();
    expect(run.records).toMatchObject([
      { id: 'fund_bar:SPY:1d:2025-12-31', data: { close: 86.5, stands_in_for: ['^GSPC'] } },
    ]);
    const seen = wire.server.seen.at(-1);
    expect(seen?.url.searchParams.get('apikey')).toBe('a-key');
    expect(JSON.stringify(seen?.headers)).not.toContain('a-key');
  });

  it('none is left out', () => {
    const named = [
      'gspc_daily_ohlcv_2000_2020_csv',
      ...Object.keys(yahoo),
      ...Object.keys(vantage),
    ];
    const charts = all.filter(isChart).map(({ name }) => name);
    expect(new Set([...charts, ...named])).toEqual(new Set(all.map(({ name }) => name)));
    expect(all).toHaveLength(27);
  });

  it('that are spoilt never become a wrong record and never crash', async () => {
    const small = all.filter(({ name }) => !/TSLA|csv|253d|_1y/.test(name));
    const series = {
      'Meta Data': { '2. Symbol': 'SPY', '5. Time Zone': 'US/Eastern' },
      'Time Series (Daily)': Object.fromEntries(
        ['2025-12-29', '2025-12-30', '2025-12-31'].map((date) => [
          date,
          { '1. open': '2', '2. high': '4', '3. low': '1', '4. close': '3', '5. volume': '9' },
        ]),
      ),
    };
    const bodies: Json[] = [...small.map(({ response }) => response.body), series];
    const symbols = [...new Set(small.filter(isChart).map((of) => chartIn(of).meta.symbol))];
    const options: StockIndexOptions = {
      symbols,
      interval: '1d',
      historyDays: 3000,
      funds: Object.fromEntries(symbols.map((symbol) => [symbol, 'SPY'])),
    };
    let records = 0;
    await fc.assert(
      fc.asyncProperty(anyStatus, spoilt(bodies), async (status, body) => {
        const around = sides('http://127.0.0.1:9', NOON, saying(status, body));
        const run = await collectSides(stockIndex, options, around);
        expect(ENDS).toContain(run.failure?.outcome ?? 'blocked');
        records += run.records.length;
        for (const { at, data, id, kind } of run.records) {
          expect(id.length).toBeLessThan(100);
          expect(Number.isSafeInteger(at) && at <= NOON).toBe(true);
          const prices = [data['open'], data['high'], data['low'], data['close']];
          const [open = NaN, high = NaN, low = NaN, close = NaN] = prices.map(Number);
          expect(prices.every((price) => Number.isFinite(price))).toBe(true);
          expect(low <= Math.min(open, close) && high >= Math.max(open, close)).toBe(true);
          expect(Number(data['volume'] ?? 0)).toBeGreaterThanOrEqual(0);
          expect(data['date']).toBe(new Date(at).toISOString().slice(0, 10));
          expect(
            kind === 'fund_bar'
              ? data['symbol'] === 'SPY'
              : symbols.includes(data['symbol'] as string),
          ).toBe(true);
        }
      }),
      { numRuns: 300 },
    );
    // Some of it is harmless: else the property would say nothing of records.
    expect(records).toBeGreaterThan(0);
  });
});

describe('against the sandbox', () => {
  const options: StockIndexOptions = { ...stockIndex.defaults, historyDays: 60 };
  const sandboxSides = (kit: Kit, withKey = true): Sides => ({
    transport: wire.transport,
    sides: {
      yahoo: { baseUrl: kit.upstreamUrl('yahoo') },
      alpha_vantage: {
        baseUrl: kit.upstreamUrl('alpha_vantage'),
        ...(withKey && { keys: SANDBOX_KEYS }),
      },
    },
    now: () => kit.clock.now(),
    cursors: new Map(),
    verdicts: [],
  });
  const idsOf = (...runs: readonly SidesRun[]): string[] =>
    runs.flatMap(({ records }) => records.map(({ id }) => id));

  it.each(['1d', '15m'] as const)(
    'reads %s bars of twelve indices, then only new ones',
    async (interval) => {
      const kit = await sandboxKit();
      const around = sandboxSides(kit);
      const chosen = { ...options, interval };
      const runs = [await collectSides(stockIndex, chosen, around)];
      for (let pass = 0; pass < 16; pass += 1) {
        await kit.clock.advance(3 * HOUR_MS);
        runs.push(await collectSides(stockIndex, chosen, around));
      }
      expect(runs.flatMap(({ failure }) => failure?.message ?? [])).toEqual([]);
      expect(runs.flatMap(({ warnings }) => warnings)).toEqual([]);
      const ids = idsOf(...runs);
      expect(new Set(ids).size).toBe(ids.length);
      // One walk at the end finds the same bars, with the same values.
      const walk = await collectSides(stockIndex, chosen, { ...around, cursors: new Map() });
      const kept = new Map(runs.flatMap(({ records }) => records.map((one) => [one.id, one])));
      for (const record of walk.records) expect(kept.get(record.id)).toEqual(record);
      for (const symbol of INDICES) {
        const fresh = runs.slice(1).flatMap(({ records }) => records);
        expect(fresh.filter(({ data }) => data['symbol'] === symbol).length).toBeGreaterThan(1);
      }
      expect(kit.control.counters('yahoo').violations).toBe(0);
      expect(kit.control.counters('alpha_vantage').received).toBe(0);
    },
  );

  it('repeats at most a page after a crash', async () => {
    const kit = await sandboxKit();
    const whole = await collectSides(stockIndex, options, sandboxSides(kit));
    for (const pagesMax of [1, 5, 12]) {
      const around = sandboxSides(kit);
      await kit.clock.advance(MINUTE_MS);
      const cut = await collectSides(stockIndex, options, around, pagesMax);
      const rest = await collectSides(stockIndex, options, around);
      const ids = idsOf(cut, rest);
      expect(new Set(ids)).toEqual(new Set(idsOf(whole)));
      const lost = cut.pages.at(-1)?.records.length ?? 0;
      expect(ids.length - new Set(ids).size).toBe(lost);
    }
  });

  it('lets funds stand in while yahoo throttles, and goes back to it when it is well', async () => {
    const kit = await sandboxKit();
    kit.control.configure('alpha_vantage', { spacingMs: 0 });
    const around = sandboxSides(kit);
    await collectSides(stockIndex, options, around);
    kit.control.configure('yahoo', { requestLimit: 0 });
    await kit.clock.advance(DAY_MS);
    const down = await collectSides(stockIndex, options, around);
    expect(down.failure).toBeUndefined();
    expect(down.warnings).toHaveLength(1);
    expect(down.warnings[0]).toMatch(
      /^yahoo is throttled until 2026-01-06T12:15:00.000Z: alpha_vantage stands in for 6 of 12 indices$/,
    );
    expect(down.records.map(({ id }) => id)).toContain('fund_bar:SPY:1d:2026-01-05');
    expect(down.records).toHaveLength(6);
    expect(kit.control.counters('yahoo').byStatus).toMatchObject({ '429': 1 });
    const { yahoo } = around.sides;
    if (yahoo === undefined) throw new Error('no yahoo');
    yahoo.blocked = {
      cause: 'breaker',
      message: 'the breaker is open',
      until: kit.clock.now() + HOUR_MS,
    };
    await kit.clock.advance(DAY_MS);
    const open = await collectSides(stockIndex, options, around);
    expect(open.warnings[0]).toMatch(/^yahoo is held back by its breaker until/);
    expect(open.records.map(({ id }) => id)).toContain('fund_bar:SPY:1d:2026-01-06');
    yahoo.blocked = undefined;
    kit.control.configure('yahoo', { requestLimit: 100 });
    await kit.clock.advance(HOUR_MS);
    const well = await collectSides(stockIndex, options, around);
    expect(well).toMatchObject({ failure: undefined, warnings: [] });
    expect(well.records.every(({ kind }) => kind === 'index_bar')).toBe(true);
    expect(well.records.map(({ id }) => id)).toEqual(
      expect.arrayContaining(['index_bar:^GSPC:1d:2026-01-05', 'index_bar:^GSPC:1d:2026-01-06']),
    );
    expect(kit.control.counters('alpha_vantage').violations).toBe(0);
  });

  it('fails by what is wrong with yahoo when nobody can stand in', async () => {
    const kit = await sandboxKit();
    kit.control.setFaults('yahoo', [{ kind: 'status', status: 500, body: 'html' }]);
    const noKey = await collectSides(stockIndex, options, sandboxSides(kit, false));
    expect(noKey).toMatchObject({ failure: { outcome: 'server' }, records: [] });
    expect(noKey.warnings).toEqual(['alpha_vantage does not stand in: set ALPHA_VANTAGE_API_KEY']);
    kit.control.setFaults('alpha_vantage', [{ kind: 'quota_gone' }]);
    const spent = await collectSides(stockIndex, options, sandboxSides(kit));
    expect(spent.failure?.outcome).toBe('server');
    expect(spent.warnings[0]).toMatch(/the requests of the day are used up, until 2026-01-06T00/);
  });
});
