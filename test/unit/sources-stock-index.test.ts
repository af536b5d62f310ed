/** Bars of indices: which are over, what is asked next; funds that stand in: when, and as what. */
import { describe, expect, it } from 'vitest';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../src/kernel/time.js';
import type { Json } from '../../src/kernel/types.js';
import { fitsSchema } from '../../src/sources/exchange.port.js';
import type { RequestFailure } from '../../src/sources/port.js';
import { DELAY_MS } from '../../src/sources/stock-index-bars.js';
import { CALLS_PER_DAY } from '../../src/sources/stock-index-funds.js';
import {
  FUNDS,
  INDICES,
  stockIndex,
  type StockIndexOptions,
} from '../../src/sources/stock-index.js';
import { collectFrom, failing, type Asked, type Script } from '../support/sources-script.js';

const NEW_YORK = 'America/New_York';
/** Thursday 2026-01-15, 12:00 in New York: a session is under way. */
const noon = Date.UTC(2026, 0, 15, 17);
const day = (n: number): number => Date.UTC(2026, 0, n);
const open = (n: number): number => Date.UTC(2026, 0, n, 14, 30);
const close = (n: number): number => Date.UTC(2026, 0, n, 21);
const one: StockIndexOptions = { ...stockIndex.defaults, symbols: ['^GSPC'], historyDays: 10 };

type Cell = number | null;
type Row = readonly [at: number, open: Cell, high: Cell, low: Cell, close: Cell, volume?: Cell];
const flat = (at: number, level = 100): Row => [at, level, level + 2, level - 2, level + 1, 5];

type Given = {
  readonly symbol?: string;
  readonly interval?: string;
  readonly zone?: string;
  readonly session?: readonly [start: number, end: number];
};
function chart(rows: readonly Row[], given: Given = {}): Json {
  const {
    symbol = '^GSPC',
    interval = '1d',
    zone = NEW_YORK,
    session = [open(15), close(15)],
  } = given;
  const column = (n: number): Json => rows.map((row) => row[n] ?? null);
  const meta = {
    symbol,
    exchangeTimezoneName: zone,
    dataGranularity: interval,
    currency: 'USD',
    currentTradingPeriod: { regular: { start: session[0] / 1000, end: session[1] / 1000 } },
  };
  const quote = {
    open: column(1),
    high: column(2),
    low: column(3),
    close: column(4),
    volume: column(5),
  };
  const timestamp = rows.map(([at]) => Math.floor(at / 1000));
  const result =
    rows.length === 0
      ? { meta, indicators: { quote: [{}] } }
      : { meta, timestamp, indicators: { quote: [quote] } };
  return { chart: { result: [result], error: null } };
}
const week = [12, 13, 14].map((n) => flat(open(n), 100 + n));
const symbolOf = ({ path }: Asked): string => decodeURIComponent(path.split('/').at(-1) ?? '');
const isFund = ({ upstream }: Asked): boolean => upstream === 'alpha_vantage';
const yahooOf = (run: { readonly asked: readonly Asked[] }) =>
  run.asked.filter((each) => !isFund(each));
const fundsOf = (run: { readonly asked: readonly Asked[] }) => run.asked.filter(isFund);

function daily(symbol: string, ...days: readonly number[]): Json {
  const rows = days.map((n): [string, Json] => [
    new Date(day(n)).toISOString().slice(0, 10),
    {
      '1. open': '10.0',
      '2. high': '12.0',
      '3. low': '9.5',
      '4. close': '11.25',
      '5. volume': '77',
    },
  ]);
  return {
    'Meta Data': { '2. Symbol': symbol, '5. Time Zone': 'US/Eastern' },
    'Time Series (Daily)': Object.fromEntries(rows),
  };
}

describe('bars', () => {
  it('of a day are one record when the session is over and its prices have come', async () => {
    // The running session's row carries the time of the last trade.
    const during = [...week, flat(noon - 1000)];
    const at = async (now: number, rows: readonly Row[], cursors = new Map<string, Json>()) =>
      collectFrom(stockIndex, one, () => chart(rows), { now, cursors });
    const cursors = new Map<string, Json>();
    const first = await at(noon, during, cursors);
    expect(first.failure).toBeUndefined();
    expect(first.records.map(({ id }) => id)).toEqual([
      'index_bar:^GSPC:1d:2026-01-12',
      'index_bar:^GSPC:1d:2026-01-13',
      'index_bar:^GSPC:1d:2026-01-14',
    ]);
    expect(first.records[0]).toEqual({
      id: 'index_bar:^GSPC:1d:2026-01-12',
      kind: 'index_bar',
      series: '^GSPC/1d',
      at: day(12),
      data: {
        symbol: '^GSPC',
        interval: '1d',
        date: '2026-01-12',
        open: 112,
        high: 114,
        low: 110,
        close: 113,
        volume: 5,
        currency: 'USD',
        upstream: 'yahoo',
      },
    });
    const early = await at(close(15) + DELAY_MS - 1, [...week, flat(close(15))], cursors);
    expect(early).toMatchObject({ pages: [], failure: undefined });
    const late = await at(close(15) + DELAY_MS, [...week, flat(close(15))], cursors);
    expect(late.records.map(({ id }) => id)).toEqual(['index_bar:^GSPC:1d:2026-01-15']);
    expect((await at(close(15) + HOUR_MS, [...week, flat(open(15))], cursors)).records).toEqual([]);
  });

  it('of a day that came twice, at its opening and at its last trade, are one', async () => {
    const rows: Row[] = [
      ...week,
      [open(15), 100, 104, 99, 101, 3],
      [close(15), 101, 103, 97, 98, 9],
    ];
    const run = await collectFrom(stockIndex, one, () => chart(rows), { now: close(15) + HOUR_MS });
    expect(run.records.at(-1)?.data).toMatchObject({
      open: 100,
      high: 104,
      low: 97,
      close: 98,
      volume: 9,
    });
  });

  it.each([
    ['Asia/Tokyo', Date.UTC(2026, 0, 15, 0), '2026-01-15'],
    ['Pacific/Auckland', Date.UTC(2026, 0, 14, 21), '2026-01-15'],
    ['America/New_York', Date.UTC(2026, 0, 14, 14, 30), '2026-01-14'],
    ['America/Sao_Paulo', Date.UTC(2026, 0, 14, 13), '2026-01-14'],
  ])('in %s have the date of the exchange', async (zone, at, date) => {
    const now = at + 2 * DAY_MS;
    const run = await collectFrom(stockIndex, one, () => chart([flat(at)], { zone }), { now });
    expect(run.records.map(({ data }) => data['date'])).toEqual([date]);
  });

  it('without prices are none, without a volume they are', async () => {
    const rows: Row[] = [
      [open(12), null, null, null, null, null],
      [open(13), 1, 2, null, 1, 0],
      [open(14), 1, 2, 1, 2, null],
    ];
    const run = await collectFrom(stockIndex, one, () => chart(rows), { now: noon });
    expect(run.records.map(({ data }) => data['date'])).toEqual(['2026-01-14']);
    expect(run.records[0]?.data).not.toHaveProperty('volume');
  });

  it('may be none at all, as on a weekend', async () => {
    const run = await collectFrom(stockIndex, one, () => chart([]), { now: noon });
    expect(run).toMatchObject({ pages: [], failure: undefined });
  });

  it('within a day are over a while after they end, and never the last trade', async () => {
    const minutes = { ...one, interval: '5m' as const };
    const given = { interval: '5m' };
    const at = (n: number): number => open(15) + n * 5 * MINUTE_MS;
    const rows = [flat(at(0)), flat(at(1)), flat(at(2)), flat(at(2) + 61_500)];
    const now = at(2) + DELAY_MS;
    const run = await collectFrom(stockIndex, minutes, () => chart(rows, given), { now });
    expect(run.records.map(({ id, at: end }) => [id, end])).toEqual([
      [`index_bar:^GSPC:5m:${String(at(0))}`, at(1)],
      [`index_bar:^GSPC:5m:${String(at(1))}`, at(2)],
    ]);
    expect(run.cursors.get('^GSPC/5m')).toEqual({ next: at(2) });
  });

  it('that cannot be are left out of a long chart and said; a chart of them is bad data', async () => {
    const many = Array.from({ length: 20 }, (_, n) => flat(open(12) - (25 - n) * DAY_MS));
    const odd: Row = [open(12), 100, 99, 98, 100, 1];
    const long = await collectFrom(stockIndex, one, () => chart([...many, odd]), { now: noon });
    expect(long.failure).toBeUndefined();
    expect(long.records.map(({ data }) => data['date'])).not.toContain('2026-01-12');
    expect(long.warnings).toEqual(['yahoo: 1 bars of ^GSPC left out: they cannot be']);
    const short = await collectFrom(stockIndex, one, () => chart([odd]), { now: noon });
    expect(short).toMatchObject({ records: [], failure: { outcome: 'bad_data' } });
  });

  it.each([
    ['of another symbol', chart(week, { symbol: '^DJI' })],
    ['of another interval', chart(week, { interval: '1wk' })],
    ['in a zone nobody knows', chart(week, { zone: 'Mars/Olympus' })],
    ['out of their turn', chart([...week].reverse())],
    ['in the future', chart([flat(noon + 2 * DAY_MS)])],
    ['with a negative volume', chart([[open(12), 1, 1, 1, 1, -1]])],
  ])('%s are bad data', async (_what, body) => {
    const run = await collectFrom(stockIndex, { ...one, funds: {} }, () => body, { now: noon });
    expect(run).toMatchObject({ records: [], failure: { outcome: 'bad_data' } });
  });
});

describe('ranges', () => {
  const secondsOf = (asked: readonly Asked[]) =>
    asked.map(({ query }) => [Number(query['period1']) * 1000, Number(query['period2']) * 1000]);

  it('begin so many days back, then where the last bar ended', async () => {
    const first = await collectFrom(stockIndex, one, () => chart(week), { now: noon });
    expect(secondsOf(first.asked)).toEqual([[day(4), noon]]);
    expect(first.asked).toMatchObject([
      { path: '/v8/finance/chart/%5EGSPC', query: { interval: '1d' }, priority: 'live' },
    ]);
    const { cursors } = first;
    const next = await collectFrom(stockIndex, one, () => chart(week), { now: noon, cursors });
    expect(secondsOf(next.asked)).toEqual([[day(14), noon]]);
  });

  it('Y2: of the past are read to the end, with or without bars, and a crash repeats at most one', async () => {
    const old = { ...one, historyDays: 9000 };
    const rows = Array.from({ length: 9000 }, (_, n) => flat(open(14) - (8999 - n) * DAY_MS));
    const script: Script = ({ query }) => {
      const [from, to] = [Number(query['period1']) * 1000, Number(query['period2']) * 1000];
      return chart(rows.filter(([at]) => at >= Math.max(from, day(14) - 3000 * DAY_MS) && at < to));
    };
    const whole = await collectFrom(stockIndex, old, script, { now: noon });
    expect(whole.asked.map(({ priority }) => priority)).toEqual(['backfill', 'backfill', 'live']);
    expect(new Set(whole.records.map(({ id }) => id)).size).toBe(3001);
    expect(whole.records).toHaveLength(3001);
    for (const pagesMax of [1, 2, 3]) {
      const cursors = new Map<string, Json>();
      const cut = await collectFrom(stockIndex, old, script, { now: noon, cursors, pagesMax });
      const rest = await collectFrom(stockIndex, old, script, { now: noon, cursors });
      expect(cut.asked.length + rest.asked.length).toBe(4);
      const ids = new Set([...cut.records, ...rest.records].map(({ id }) => id));
      expect(ids).toEqual(new Set(whole.records.map(({ id }) => id)));
    }
  });

  it.each([
    ['1m', 29],
    ['5m', 59],
    ['1h', 729],
  ] as const)('of %s never begin before the upstream does', async (interval, days) => {
    const deep = { ...one, interval, historyDays: 5000 };
    const run = await collectFrom(stockIndex, deep, () => chart([], { interval }), { now: noon });
    const first = Number(run.asked[0]?.query['period1']) * 1000;
    expect(first).toBeGreaterThanOrEqual(noon - days * DAY_MS);
    expect(first).toBeLessThan(noon - (days - 1) * DAY_MS);
    expect(run.failure).toBeUndefined();
  });

  it.each(['x', 3, { next: -1 }, { next: noon + 9 * DAY_MS }, {}] as Json[])(
    'begin anew when the cursor is %j',
    async (cursor) => {
      const cursors = new Map([['^GSPC/1d', cursor]]);
      const run = await collectFrom(stockIndex, one, () => chart(week), { now: noon, cursors });
      expect(run.records).toHaveLength(3);
    },
  );
});

describe('symbols', () => {
  const good: Script = (asked) => chart(week, { symbol: symbolOf(asked) });

  it('are the twelve by default, each in its turn', async () => {
    const run = await collectFrom(stockIndex, stockIndex.defaults, good, { now: noon });
    expect(new Set(run.asked.map(symbolOf))).toEqual(new Set(INDICES));
    expect(run.records).toHaveLength(36);
    const later = { now: noon + 15 * MINUTE_MS };
    const next = await collectFrom(stockIndex, stockIndex.defaults, good, later);
    expect(next.asked.map(symbolOf)[0]).toBe(run.asked.map(symbolOf)[1]);
    expect(fundsOf(run)).toEqual([]);
  });

  it('X1: that are gone or garbled do not hold up the others', async () => {
    const script: Script = (asked) =>
      symbolOf(asked) === '^VIX'
        ? failing('client')
        : symbolOf(asked) === '^DJI'
          ? chart(week)
          : good(asked);
    const run = await collectFrom(stockIndex, stockIndex.defaults, script, { now: noon });
    expect(run.asked).toHaveLength(12);
    expect(run.records).toHaveLength(30);
    expect(['client', 'bad_data']).toContain(run.failure?.outcome);
    expect(fundsOf(run)).toEqual([]);
  });
});

describe('stand-ins', () => {
  const until = noon + HOUR_MS;
  const fundScript: Script = ({ query }) => daily(String(query['symbol']), 12, 13, 14, 15);
  const down =
    (outcome: RequestFailure['outcome'], details = {}, fund: Script = fundScript): Script =>
    (asked) =>
      isFund(asked) ? fund(asked) : failing(outcome, details);
  const all = stockIndex.defaults;

  it('F1: are records of their own, that say whom they stand in for', async () => {
    const run = await collectFrom(stockIndex, all, down('throttled', { until }), { now: noon });
    expect(run.failure).toBeUndefined();
    expect(run.warnings).toEqual([
      'yahoo is throttled until 2026-01-15T18:00:00.000Z: alpha_vantage stands in for 6 of 12 indices',
    ]);
    expect(yahooOf(run)).toHaveLength(1);
    expect(fundsOf(run).map(({ query }) => query['symbol'])).toEqual(Object.values(FUNDS));
    // Today's row may still change.
    expect(run.records).toHaveLength(18);
    expect(run.records[0]).toEqual({
      id: 'fund_bar:SPY:1d:2026-01-12',
      kind: 'fund_bar',
      series: 'alpha_vantage/SPY/1d',
      at: day(12),
      data: {
        symbol: 'SPY',
        interval: '1d',
        date: '2026-01-12',
        open: 10,
        high: 12,
        low: 9.5,
        close: 11.25,
        volume: 77,
        stands_in_for: ['^GSPC'],
        upstream: 'alpha_vantage',
      },
    });
  });

  it.each([
    ['server', {}, 'yahoo is failing:'],
    ['banned', { until }, 'yahoo is refusing us until 2026-01-15T18:00:00.000Z:'],
    ['bad_data', {}, 'yahoo is not making sense:'],
    ['blocked', { cause: 'breaker', until }, 'yahoo is held back by its breaker until'],
    ['blocked', { cause: 'rate_limit' }, 'yahoo is throttled:'],
  ] as const)('come when yahoo is %s %j', async (outcome, details, words) => {
    const run = await collectFrom(stockIndex, all, down(outcome, details), { now: noon });
    expect(run.failure).toBeUndefined();
    expect(run.warnings[0]).toContain(words);
    expect(run.records.every(({ kind }) => kind === 'fund_bar')).toBe(true);
    expect(run.records).toHaveLength(18);
  });

  it.each([
    ['cancelled', {}],
    ['blocked', { cause: 'draining' }],
  ] as const)('do not come when we ended it ourselves: %s %j', async (outcome, details) => {
    const run = await collectFrom(stockIndex, all, down(outcome, details), { now: noon });
    expect(run).toMatchObject({ failure: { outcome }, records: [] });
    expect(fundsOf(run)).toEqual([]);
  });

  it('stand in only for what was not read, from where it stands', async () => {
    let calls = 0;
    const script: Script = (asked) => {
      if (isFund(asked)) return fundScript(asked);
      calls += 1;
      return calls > 10 ? failing('server') : chart(week, { symbol: symbolOf(asked) });
    };
    const cursors = new Map<string, Json>(INDICES.map((name) => [`${name}/1d`, { next: day(14) }]));
    const run = await collectFrom(stockIndex, all, script, { now: noon, cursors });
    const unread = yahooOf(run).slice(10).map(symbolOf);
    const last = INDICES.filter((name) => !yahooOf(run).slice(0, 10).map(symbolOf).includes(name));
    expect(last).toHaveLength(2);
    expect(last).toEqual(expect.arrayContaining(unread));
    const wanted = last.filter((name) => Object.hasOwn(FUNDS, name)).map((name) => FUNDS[name]);
    expect(fundsOf(run).map(({ query }) => query['symbol'])).toEqual(wanted);
    const stoodIn = run.records.filter(({ kind }) => kind === 'fund_bar');
    expect(stoodIn.map(({ data }) => data['date'])).toEqual(wanted.map(() => '2026-01-14'));
  });

  it('F3: never make more than 20 calls a day, and end when yahoo is well', async () => {
    const cursors = new Map<string, Json>();
    let calls = 0;
    const ids: string[] = [];
    for (let at = noon; at < noon + DAY_MS; at += 15 * MINUTE_MS) {
      const run = await collectFrom(stockIndex, all, down('throttled'), { now: at, cursors });
      expect(run.failure).toBeUndefined();
      expect(run.warnings).toHaveLength(1);
      calls += fundsOf(run).length;
      ids.push(...run.records.map(({ id }) => id));
    }
    expect(calls).toBeLessThanOrEqual(CALLS_PER_DAY);
    expect(calls).toBe(3 * Object.keys(FUNDS).length);
    expect(new Set(ids).size).toBe(ids.length);
    const well: Script = (asked) => chart(week, { symbol: symbolOf(asked) });
    const run = await collectFrom(stockIndex, all, well, { now: noon + DAY_MS, cursors });
    expect(run).toMatchObject({ failure: undefined, warnings: [] });
    expect(fundsOf(run)).toEqual([]);
  });

  it('without their key, or refused themselves, leave the run to fail by what is wrong with yahoo', async () => {
    const noKey = failing('blocked', { cause: 'key', message: 'set ALPHA_VANTAGE_API_KEY' });
    const run = await collectFrom(
      stockIndex,
      all,
      down('throttled', { until }, () => noKey),
      { now: noon },
    );
    expect(run.failure).toMatchObject({ outcome: 'throttled', until });
    expect(run.warnings).toEqual(['alpha_vantage does not stand in: set ALPHA_VANTAGE_API_KEY']);
    expect(fundsOf(run)).toHaveLength(1);
    const spent = down('server', {}, () => failing('quota_exhausted', { until }));
    const other = await collectFrom(stockIndex, all, spent, { now: noon });
    expect(other.failure?.outcome).toBe('server');
    const none = await collectFrom(stockIndex, { ...all, funds: {} }, down('server'), {
      now: noon,
    });
    expect(none).toMatchObject({ failure: { outcome: 'server' }, warnings: [] });
  });

  it('that are unknown do not hold up the others, and are not asked for at once again', async () => {
    const script = down('server', {}, (asked) =>
      asked.query['symbol'] === 'SPY' ? failing('client') : fundScript(asked),
    );
    const cursors = new Map<string, Json>();
    const run = await collectFrom(stockIndex, all, script, { now: noon, cursors });
    expect(run.failure).toBeUndefined();
    expect(run.warnings).toEqual([
      'yahoo is failing: alpha_vantage stands in for 5 of 12 indices',
      'not for the others: by the script',
    ]);
    const again = await collectFrom(stockIndex, all, script, { now: noon + MINUTE_MS, cursors });
    expect(fundsOf(again)).toEqual([]);
    expect(again.warnings).toEqual([
      'yahoo is failing: alpha_vantage stands in for 5 of 12 indices',
    ]);
  });

  it('that brought nothing stand in for nobody until they are asked again', async () => {
    const script = down('server', {}, () => failing('bad_data'));
    const cursors = new Map<string, Json>();
    const run = await collectFrom(stockIndex, all, script, { now: noon, cursors });
    const soon = await collectFrom(stockIndex, all, script, { now: noon + MINUTE_MS, cursors });
    for (const { failure } of [run, soon]) expect(failure?.outcome).toBe('server');
    expect(fundsOf(soon)).toEqual([]);
    const later = { now: noon + 9 * HOUR_MS, cursors };
    const well = await collectFrom(stockIndex, all, down('server'), later);
    expect(well.failure).toBeUndefined();
    const after = { now: later.now + MINUTE_MS, cursors };
    expect(await collectFrom(stockIndex, all, down('server'), after)).toMatchObject({
      failure: undefined,
      warnings: ['yahoo is failing: alpha_vantage stands in for 6 of 12 indices'],
    });
  });

  it('of several indices are read once', async () => {
    const options = {
      ...all,
      symbols: ['^GSPC', '^DJI'],
      funds: { '^GSPC': 'SPY', '^DJI': 'SPY' },
    };
    const run = await collectFrom(stockIndex, options, down('server'), { now: noon });
    expect(fundsOf(run)).toHaveLength(1);
    expect(run.records[0]?.data['stands_in_for']).toEqual(['^GSPC', '^DJI']);
    expect(run.warnings[0]).toContain('for 2 of 2 indices');
  });

  it.each([
    ['of another symbol', daily('QQQ', 14)],
    ['in the future', daily('SPY', 20)],
    [
      'on a day no calendar has',
      { ...(daily('SPY') as object), 'Time Series (Daily)': { '2026-02-30': {} } },
    ],
  ])('%s are bad data', async (_what, body) => {
    const options = { ...one, funds: { '^GSPC': 'SPY' } };
    const run = await collectFrom(
      stockIndex,
      options,
      down('server', {}, () => body),
      { now: noon },
    );
    expect(run).toMatchObject({ records: [], failure: { outcome: 'server' } });
    expect(run.warnings).toHaveLength(1);
  });
});

it('options are checked', () => {
  const accepts = (value: Json): boolean => fitsSchema(stockIndex.options, value).ok;
  expect(accepts(stockIndex.defaults)).toBe(true);
  expect(accepts({ ...stockIndex.defaults, symbols: ['BTC-USD', 'EURUSD=X', 'GC=F'] })).toBe(true);
  for (const bad of [
    { symbols: [] },
    { symbols: ['../x'] },
    { interval: '2d' },
    { funds: { '^GSPC': 3 } },
    { more: 1 },
  ]) {
    expect(accepts({ ...stockIndex.defaults, ...bad })).toBe(false);
  }
});
