/**
 * Bars of any interval, made of the walk's minutes and written as the exchange writes them.
 *
 * 1. A closed bar never changes. The open one grows: its high never falls, its low never rises, its
 *    volume and its trades never shrink.
 * 2. Sums are of whole numbers, so a 1h bar is to the last digit what its sixty 1m bars add up to.
 * 3. A minute in a gap does not exist; a bar without any minute is missing.
 */
import { DAY_MS, MINUTE_MS } from '../../kernel/time.js';
import type { EpochMs, Json } from '../../kernel/types.js';
import { unit } from './hash.js';
import type { MarketSymbol } from './binance-symbols.js';
import { GENESIS_MS, walkOf, type Day } from './binance-walk.js';

const SECONDS = 60;
/** Whole days folded once are kept: a 1d, 1w or 1M bar is then a few additions. */
const FOLDED_DAYS_MAX = 4096;
const SECONDLY = 4;

export type Gap = { readonly symbol: string; readonly fromMs: EpochMs; readonly toMs: EpochMs };

/** A bar in ticks and lots. Quote sums are kept in two parts: whole units and the remainder. */
type Fold = {
  minutes: number;
  open: number;
  high: number;
  low: number;
  close: number;
  volume: number;
  trades: number;
  taker: number;
  quoteWhole: number;
  quoteRest: number;
  takerQuoteWhole: number;
  takerQuoteRest: number;
};

export type Series = {
  /** The 12 columns of the bar that opens here and ends before `end`; undefined: there is none. */
  bar(open: EpochMs, end: EpochMs, now: EpochMs): readonly Json[] | undefined;
};

const nothing = (): Fold => ({
  minutes: 0,
  open: 0,
  high: 0,
  low: Infinity,
  close: 0,
  volume: 0,
  trades: 0,
  taker: 0,
  quoteWhole: 0,
  quoteRest: 0,
  takerQuoteWhole: 0,
  takerQuoteRest: 0,
});

function add(into: Fold, part: Fold): void {
  if (part.minutes === 0) return;
  if (into.minutes === 0) into.open = part.open;
  into.minutes += part.minutes;
  into.high = Math.max(into.high, part.high);
  into.low = Math.min(into.low, part.low);
  into.close = part.close;
  into.volume += part.volume;
  into.trades += part.trades;
  into.taker += part.taker;
  into.quoteWhole += part.quoteWhole;
  into.quoteRest += part.quoteRest;
  into.takerQuoteWhole += part.takerQuoteWhole;
  into.takerQuoteRest += part.takerQuoteRest;
}

type Shape = { readonly high: number; readonly low: number; readonly close: number };

/** What a minute looked like after `second` of its seconds: a path inside its final range. */
function shapeAfter(
  day: Day,
  minute: number,
  second: number,
  chance: (s: number) => number,
): Shape {
  const open = day.price[minute] ?? 0;
  const final = day.price[minute + 1] ?? 0;
  const top = day.high[minute] ?? 0;
  const bottom = day.low[minute] ?? 0;
  let high = open;
  let low = open;
  let close = open;
  for (let s = 1; s <= second; s += 1) {
    const wiggle = (chance(s) - 0.5) * (top - bottom);
    const drift = open + ((final - open) * s) / SECONDS;
    close = Math.min(top, Math.max(bottom, Math.round(drift + wiggle)));
    high = Math.max(high, close);
    low = Math.min(low, close);
  }
  return { high, low, close };
}

/** How far a minute is: closed, or so many seconds old and of this shape. */
type Progress = { readonly second: number; readonly shape?: Shape };
const CLOSED: Progress = { second: SECONDS };

/** Adds one minute as far as it is. No allocation: hot. */
function addMinute(
  into: Fold,
  day: Day,
  minute: number,
  scale: number,
  { second, shape }: Progress,
): void {
  const open = day.price[minute] ?? 0;
  const close = day.price[minute + 1] ?? 0;
  const high = day.high[minute] ?? 0;
  const low = day.low[minute] ?? 0;
  const share = second / SECONDS;
  // At its final mean price from the first second on: else the quote volume could shrink.
  const mean = Math.round((open + high + low + close) / 4);
  const volume = Math.floor((day.volume[minute] ?? 0) * share);
  const taker = Math.floor((day.taker[minute] ?? 0) * share);
  const quote = volume * mean;
  const takerQuote = taker * mean;
  if (into.minutes === 0) into.open = open;
  into.minutes += 1;
  into.high = Math.max(into.high, shape?.high ?? high);
  into.low = Math.min(into.low, shape?.low ?? low);
  into.close = shape?.close ?? close;
  into.volume += volume;
  into.trades += Math.floor((day.trades[minute] ?? 0) * share);
  into.taker += taker;
  into.quoteWhole += Math.floor(quote / scale);
  into.quoteRest += quote % scale;
  into.takerQuoteWhole += Math.floor(takerQuote / scale);
  into.takerQuoteRest += takerQuote % scale;
}

/** Whole units plus a rest in 10^-decimals, as the exchange prints it: 8 decimals, exact. */
export function decimal8(whole: number, rest: number, decimals: number): string {
  const scale = 10 ** decimals;
  const carried = whole + Math.floor(rest / scale);
  const fraction = decimals === 0 ? '' : String(rest % scale).padStart(decimals, '0');
  return `${String(carried)}.${fraction.padEnd(8, '0')}`;
}

function row(open: EpochMs, end: EpochMs, fold: Fold, symbol: MarketSymbol): readonly Json[] {
  const price = (ticks: number): string => decimal8(0, ticks, symbol.priceDecimals);
  const amount = (lots: number): string => decimal8(0, lots, symbol.lotDecimals);
  const quoteDecimals = symbol.priceDecimals + symbol.lotDecimals;
  return [
    open,
    price(fold.open),
    price(fold.high),
    price(fold.low),
    price(fold.close),
    amount(fold.volume),
    end - 1,
    decimal8(fold.quoteWhole, fold.quoteRest, quoteDecimals),
    fold.trades,
    amount(fold.taker),
    decimal8(fold.takerQuoteWhole, fold.takerQuoteRest, quoteDecimals),
    '0',
  ];
}

/** The series of one pair. `gaps` is read at every bar: it may change at run time. */
export function seriesOf(symbol: MarketSymbol, seed: number, gaps: () => readonly Gap[]): Series {
  const walk = walkOf(symbol, seed);
  const scale = 10 ** (symbol.priceDecimals + symbol.lotDecimals);
  const folded = new Map<number, Fold>();
  const ownGaps = (from: EpochMs, to: EpochMs): readonly Gap[] =>
    gaps().filter((gap) => gap.symbol === symbol.symbol && gap.fromMs < to && gap.toMs > from);

  const openMinute = (day: Day, at: EpochMs, now: EpochMs): Progress => {
    const second = Math.floor((now - at) / 1000);
    const minute = (at % DAY_MS) / MINUTE_MS;
    const chance = (s: number): number => unit(seed, SECONDLY, at / MINUTE_MS, s);
    return { second, shape: shapeAfter(day, minute, second, chance) };
  };

  /** Folds [from, to), which lies within one day, as it stands at `now`. */
  const foldPart = (from: EpochMs, to: EpochMs, now: EpochMs): Fold => {
    const number = Math.floor(from / DAY_MS);
    const day = walk.day(number);
    const missing = ownGaps(from, to);
    const total = nothing();
    for (let at = from; at < to && at <= now; at += MINUTE_MS) {
      if (missing.length > 0 && missing.some((gap) => gap.fromMs <= at && at < gap.toMs)) continue;
      const minute = (at - number * DAY_MS) / MINUTE_MS;
      const progress = at + MINUTE_MS <= now ? CLOSED : openMinute(day, at, now);
      addMinute(total, day, minute, scale, progress);
    }
    return total;
  };

  const foldDay = (number: number): Fold => {
    const cached = folded.get(number);
    if (cached !== undefined) return cached;
    const fold = foldPart(number * DAY_MS, (number + 1) * DAY_MS, Infinity);
    if (folded.size >= FOLDED_DAYS_MAX) folded.clear();
    folded.set(number, fold);
    return fold;
  };

  return {
    bar(open, end, now) {
      const total = nothing();
      let at = Math.max(open, GENESIS_MS);
      while (at < end && at <= now) {
        const number = Math.floor(at / DAY_MS);
        const dayEnd = (number + 1) * DAY_MS;
        const to = Math.min(end, dayEnd);
        const isWhole = at === number * DAY_MS && to === dayEnd && dayEnd <= now;
        const whole = isWhole && ownGaps(at, to).length === 0;
        add(total, whole ? foldDay(number) : foldPart(at, to, now));
        at = to;
      }
      return total.minutes === 0 ? undefined : row(open, end, total, symbol);
    },
  };
}
