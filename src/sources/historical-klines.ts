/** Binance's klines: their shape, what makes a page of them impossible, and how they become records. */
import { Type, type Static } from '@sinclair/typebox';
import type { CollectedRecord } from '../kernel/record.js';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../kernel/time.js';
import type { DurationMs, EpochMs } from '../kernel/types.js';
import { AHEAD_MAX_MS } from './cursors.js';
import { gapsBetween, type Gap } from './grid.js';

/** Lengths of the intervals that are aligned to the epoch. (Weeks and months are not.) */
export const INTERVAL_MS = {
  '1m': MINUTE_MS,
  '3m': 3 * MINUTE_MS,
  '5m': 5 * MINUTE_MS,
  '15m': 15 * MINUTE_MS,
  '30m': 30 * MINUTE_MS,
  '1h': HOUR_MS,
  '2h': 2 * HOUR_MS,
  '4h': 4 * HOUR_MS,
  '6h': 6 * HOUR_MS,
  '8h': 8 * HOUR_MS,
  '12h': 12 * HOUR_MS,
  '1d': DAY_MS,
} as const satisfies Readonly<Record<string, DurationMs>>;
export type Interval = keyof typeof INTERVAL_MS;

/** Most rows Binance gives in one answer. */
export const KLINES_PER_PAGE = 1000;

/** How long after its end a bar without successor counts as closed: our clocks may differ a little. */
export const CLOSE_GRACE_MS: DurationMs = 2000;

const moment = Type.Integer({ minimum: 0, maximum: 8_640_000_000_000_000 });
/** Kept as text: a price is not a float. */
const decimal = Type.String({ pattern: '^\\d{1,30}(\\.\\d{1,20})?$' });

export const klinesSchema = Type.Array(
  Type.Tuple([
    moment, // open time
    decimal, // open
    decimal, // high
    decimal, // low
    decimal, // close
    decimal, // volume
    moment, // close time, inclusive
    decimal, // quote volume
    Type.Integer({ minimum: 0 }), // trades
    decimal, // taker buy volume
    decimal, // taker buy quote volume
    Type.String({ maxLength: 40 }), // unused by the upstream
  ]),
  { maxItems: KLINES_PER_PAGE },
);
export type Kline = Static<typeof klinesSchema>[number];

/** What was asked for: bars with `from <= open time < to`, and when it was asked. */
export type KlineRange = {
  readonly interval: Interval;
  readonly from: EpochMs;
  readonly to?: EpochMs;
  readonly now: EpochMs;
};

/** What makes rows impossible though each has the right shape; undefined when nothing does. */
export function impossibleKlines(
  rows: readonly Kline[],
  { interval, from, to, now }: KlineRange,
): string | undefined {
  const length = INTERVAL_MS[interval];
  let least = from;
  for (const [index, row] of rows.entries()) {
    const [open, , , , , , close] = row;
    const where = `row ${String(index)}`;
    if (open % length !== 0) return `${where}: opens off the ${interval} grid`;
    if (open < least)
      return `${where}: opens before ${index === 0 ? 'what was asked' : 'its turn'}`;
    if (to !== undefined && open >= to) return `${where}: opens after what was asked`;
    if (open > now + AHEAD_MAX_MS) return `${where}: opens in the future`;
    if (close < open || close >= open + length) return `${where}: closes outside its interval`;
    if (!pricesAgree(row)) return `${where}: its low and high do not hold its open and close`;
    least = open + length;
  }
  return undefined;
}

function pricesAgree([, open, high, low, close]: Kline): boolean {
  const [o, h, l, c] = [Number(open), Number(high), Number(low), Number(close)];
  return l <= Math.min(o, c) && h >= Math.max(o, c);
}

/** The rows whose bar is over: one that has a successor, or whose end is past by our clock. */
export function closedKlines(
  rows: readonly Kline[],
  interval: Interval,
  now: EpochMs,
): readonly Kline[] {
  const last = rows.at(-1);
  if (last === undefined || last[0] + INTERVAL_MS[interval] + CLOSE_GRACE_MS <= now) return rows;
  return rows.slice(0, -1);
}

/** One closed bar. Its id is the same whenever it is read again. */
export function klineRecord(symbol: string, interval: Interval, row: Kline): CollectedRecord {
  const [open, first, high, low, last, volume, close, quote, trades, taker, takerQuote] = row;
  return {
    id: `kline:${symbol}:${interval}:${String(open)}`,
    kind: 'kline',
    series: klineSeries(symbol, interval),
    at: close,
    data: {
      symbol,
      interval,
      open_time_ms: open,
      close_time_ms: close,
      open: first,
      high,
      low,
      close: last,
      volume,
      quote_volume: quote,
      trades,
      taker_buy_volume: taker,
      taker_buy_quote_volume: takerQuote,
    },
  };
}

export function klineSeries(symbol: string, interval: Interval): string {
  return `${symbol}/${interval}`;
}

/** Bars that should be there and are not (`gapsBetween`), by their open times. */
export function klineGaps(
  rows: readonly Kline[],
  {
    interval,
    from,
    to,
  }: { readonly interval: Interval; readonly from: EpochMs; readonly to?: EpochMs },
): readonly Gap[] {
  return gapsBetween(
    rows.map(([open]) => open),
    { from, to, length: INTERVAL_MS[interval] },
  );
}
