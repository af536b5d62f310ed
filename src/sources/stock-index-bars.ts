/** Yahoo's charts: their shape, what makes one impossible, which of its bars are over, how they become records. */
import { Type, type Static } from '@sinclair/typebox';
import type { CollectedRecord } from '../kernel/record.js';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../kernel/time.js';
import type { DurationMs, EpochMs } from '../kernel/types.js';
import { AHEAD_MAX_MS } from './cursors.js';
import { dateText } from './rows.js';
import { isZone, localDay } from './stock-index-zones.js';

/** Lengths of bars, and how far back each reaches at the upstream, with a day to spare. */
export const INTERVALS = {
  '1m': { length: MINUTE_MS, reach: 29 * DAY_MS, chunk: 7 * DAY_MS },
  '5m': { length: 5 * MINUTE_MS, reach: 59 * DAY_MS, chunk: 30 * DAY_MS },
  '15m': { length: 15 * MINUTE_MS, reach: 59 * DAY_MS, chunk: 30 * DAY_MS },
  '30m': { length: 30 * MINUTE_MS, reach: 59 * DAY_MS, chunk: 30 * DAY_MS },
  '1h': { length: HOUR_MS, reach: 729 * DAY_MS, chunk: 180 * DAY_MS },
  '1d': { length: DAY_MS, reach: Infinity, chunk: 3650 * DAY_MS },
} as const satisfies Readonly<
  Record<string, { length: DurationMs; reach: DurationMs; chunk: DurationMs }>
>;
export type Interval = keyof typeof INTERVALS;

/** Prices come up to 20 minutes late: a bar is over when its last price must have come. */
export const DELAY_MS: DurationMs = 30 * MINUTE_MS;
/** Most bars accepted in one answer. */
const BARS_MAX = 20_000;
/** Of a long chart so much may be impossible and is left out; beyond it the chart is. */
export const IMPOSSIBLE_SHARE = 0.1;

const price = Type.Union([Type.Number({ minimum: -1e12, maximum: 1e12 }), Type.Null()]);
const column = Type.Optional(Type.Array(price, { maxItems: BARS_MAX }));
const second = Type.Integer({ minimum: -1e10, maximum: 1e11 });
const name = Type.String({ maxLength: 64 });

export const chartSchema = Type.Object({
  chart: Type.Object({
    result: Type.Array(
      Type.Object({
        meta: Type.Object({
          symbol: name,
          exchangeTimezoneName: name,
          dataGranularity: name,
          currency: Type.Optional(Type.Union([name, Type.Null()])),
          currentTradingPeriod: Type.Optional(
            Type.Object({ regular: Type.Object({ start: second, end: second }) }),
          ),
        }),
        /** Not there when the range has no session. */
        timestamp: Type.Optional(Type.Array(second, { maxItems: BARS_MAX })),
        indicators: Type.Object({
          quote: Type.Array(
            Type.Object({ open: column, high: column, low: column, close: column, volume: column }),
            { minItems: 1, maxItems: 1 },
          ),
        }),
      }),
      { minItems: 1, maxItems: 1 },
    ),
    error: Type.Optional(Type.Null()),
  }),
});
export type ChartBody = Static<typeof chartSchema>;
type Chart = ChartBody['chart']['result'][number];

export type Prices = {
  readonly open: number;
  readonly high: number;
  readonly low: number;
  readonly close: number;
  /** Of an index often 0; absent where the upstream has none. */
  readonly volume?: number;
};
/** `key`: when an intraday bar opens; of a daily one its date, as UTC midnight. */
export type Bar = Prices & { readonly key: EpochMs };

export type Asked = { readonly symbol: string; readonly interval: Interval; readonly now: EpochMs };

/** What makes a chart impossible though it has the right shape; undefined when nothing does. */
export function impossibleChart(body: ChartBody, asked: Asked): string | undefined {
  const [chart] = body.chart.result;
  if (chart === undefined) return 'no chart';
  const { meta, timestamp = [] } = chart;
  if (meta.symbol !== asked.symbol) return 'a chart of another symbol';
  if (meta.dataGranularity !== asked.interval) return 'a chart of another interval';
  if (!isZone(meta.exchangeTimezoneName)) return 'a zone nobody knows';
  const [quote] = chart.indicators.quote;
  const columns = [quote?.open, quote?.high, quote?.low, quote?.close, quote?.volume];
  if (timestamp.length > 0 && columns.some((one) => one?.length !== timestamp.length))
    return 'its columns are not equally long';
  const daily = asked.interval === '1d';
  const odd = timestamp.findIndex((at, index) => {
    const before = timestamp[index - 1] ?? -Infinity;
    return at * 1000 > asked.now + AHEAD_MAX_MS || (daily ? at < before : at <= before);
  });
  if (odd >= 0) return `bar ${String(odd)}: in the future or out of its turn`;
  const rows = rowsOf(chart);
  const bad = rows.filter(({ prices }) => !agree(prices)).length;
  return bad > rows.length * IMPOSSIBLE_SHARE
    ? 'its lows and highs do not hold its prices'
    : undefined;
}

/** Whether low and high hold open and close, and the volume is one. */
export function agree({ open, high, low, close, volume = 0 }: Prices): boolean {
  return low <= Math.min(open, close) && high >= Math.max(open, close) && volume >= 0;
}

type Row = { readonly at: EpochMs; readonly prices: Prices };

/** Rows without a price are days without a session. */
function rowsOf({ timestamp = [], indicators }: Chart): readonly Row[] {
  const [quote] = indicators.quote;
  const columns = [quote?.open, quote?.high, quote?.low, quote?.close];
  const rows: Row[] = [];
  for (const [index, at] of timestamp.entries()) {
    const known = columns.map((one) => one?.[index]).filter((one) => typeof one === 'number');
    const [open, high, low, close] = known;
    if (open === undefined || high === undefined) continue;
    if (low === undefined || close === undefined) continue;
    const volume = quote?.volume?.[index] ?? undefined;
    const prices = { open, high, low, close, ...(volume !== undefined && { volume }) };
    rows.push({ at: at * 1000, prices });
  }
  return rows;
}

export type ClosedBars = {
  readonly bars: readonly Bar[];
  /** Rows that cannot be and were left out. */
  readonly odd: number;
  readonly currency: string | undefined;
};

/** The bars that are over, oldest first. The body has passed `impossibleChart`. */
export function closedBars(body: ChartBody, { interval, now }: Asked): ClosedBars {
  const [chart] = body.chart.result;
  if (chart === undefined) return { bars: [], odd: 0, currency: undefined };
  const rows = rowsOf(chart);
  const good = rows.filter(({ prices }) => agree(prices));
  const bars = interval === '1d' ? dailyBars(chart, good, now) : intradayBars(good, interval, now);
  const currency = chart.meta.currency ?? undefined;
  return { bars, odd: rows.length - good.length, currency };
}

/** While a session runs, its bar carries the time of the last trade, beside or in place of its own. */
function dailyBars({ meta }: Chart, rows: readonly Row[], now: EpochMs): readonly Bar[] {
  const zone = meta.exchangeTimezoneName;
  const days = new Map<EpochMs, Bar>();
  for (const { at, prices } of rows) {
    const key = localDay(zone, at);
    const before = days.get(key);
    days.set(key, before === undefined ? { key, ...prices } : { key, ...joined(before, prices) });
  }
  const today = localDay(zone, now);
  const session = meta.currentTradingPeriod?.regular;
  const isTodayOver =
    session !== undefined &&
    localDay(zone, session.start * 1000) === today &&
    session.end > session.start &&
    now >= session.end * 1000 + DELAY_MS;
  return [...days.values()].filter(({ key }) => key < today || (key === today && isTodayOver));
}

function joined(first: Prices, then: Prices): Prices {
  return {
    open: first.open,
    high: Math.max(first.high, then.high),
    low: Math.min(first.low, then.low),
    close: then.close,
    volume: Math.max(first.volume ?? 0, then.volume ?? 0),
  };
}

/** The last row of a running session opens at the last trade, off the minute: it is none yet. */
function intradayBars(rows: readonly Row[], interval: Interval, now: EpochMs): readonly Bar[] {
  const { length } = INTERVALS[interval];
  return rows
    .filter(({ at }) => at % MINUTE_MS === 0 && at + length + DELAY_MS <= now)
    .map(({ at, prices }) => ({ key: at, ...prices }));
}

export function barSeries(symbol: string, interval: Interval): string {
  return `${symbol}/${interval}`;
}

/** One bar that is over. Its id is the same whenever it is read again. */
export function barRecord(
  symbol: string,
  interval: Interval,
  { key, ...prices }: Bar,
  currency: string | undefined,
): CollectedRecord {
  const { length } = INTERVALS[interval];
  const daily = interval === '1d';
  return {
    id: `index_bar:${symbol}:${interval}:${daily ? dateText(key) : String(key)}`,
    kind: 'index_bar',
    series: barSeries(symbol, interval),
    at: daily ? key : key + length,
    data: {
      symbol,
      interval,
      ...(daily ? { date: dateText(key) } : { open_time_ms: key }),
      ...prices,
      ...(currency !== undefined && { currency }),
      upstream: 'yahoo',
    },
  };
}
