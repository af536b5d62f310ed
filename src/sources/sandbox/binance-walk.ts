/**
 * The price of a pair, minute by minute, for as long as there is a calendar.
 *
 * Days walk by recorded daily returns and drift back to the pair's level; the hours of a day walk by
 * recorded hourly returns and end where the day ends; the minutes of an hour likewise. Every step is
 * a function of (seed, pair, day, hour, minute).
 *
 * 1. A minute is the same whenever, and in whatever order, it is asked for.
 * 2. Every longer bar is made of these minutes (binance-series.ts), so all intervals agree.
 * 3. Memory is bounded: a day's minutes are cached for DAYS_MAX days; daily levels cost 8 bytes each.
 */
import { DAY_MS } from '../../kernel/time.js';
import { hash32, hashText, pick } from './hash.js';
import {
  DAILY_RETURNS_PPM,
  HOUR_OF_DAY_PERCENT,
  HOURLY_RETURNS_PPM,
  HOURLY_VOLUME_PERCENT,
  MINUTE_RETURNS_PPM,
  MINUTE_TAKER_PERMILLE,
  MINUTE_VOLUME_PERCENT,
  MINUTE_WICK_DOWN_PPM,
  MINUTE_WICK_UP_PPM,
} from './binance-seed.js';
import type { MarketSymbol } from './binance-symbols.js';

/** 2017-08-17: the first day the real exchange has. */
export const GENESIS_MS = Date.UTC(2017, 7, 17);
const GENESIS_DAY = GENESIS_MS / DAY_MS;
export const MINUTES = 1440;
const HOURS = 24;
const DAYS_MAX = 64;
const PPM = 1e-6;
/** Share of its distance to the level that a price gives up per day: keeps decades plausible. */
const REVERSION = 0.01;
const DAILY = 1;
const HOURLY = 2;
const MINUTELY = 3;

/** A day in ticks and lots: all whole numbers. Index: minute of the day. */
export type Day = {
  /** MINUTES + 1 prices: minute m opens at [m] and closes at [m + 1]. */
  readonly price: Float64Array;
  readonly high: Float64Array;
  readonly low: Float64Array;
  readonly volume: Float64Array;
  readonly taker: Float64Array;
  readonly trades: Float64Array;
};

export type Walk = {
  /** Days since the Unix epoch, from GENESIS on. */
  day(day: number): Day;
};

/** Fills `path[from..from + steps]` with a walk of these returns, bent to end at `end`. */
function bridge(
  path: Float64Array,
  from: number,
  steps: number,
  end: number,
  stepReturn: (index: number) => number,
): void {
  const start = path[from] ?? 0;
  let sum = 0;
  for (let index = 1; index <= steps; index += 1) {
    sum += stepReturn(index - 1);
    path[from + index] = start + sum;
  }
  const excess = (start + sum - end) / steps;
  for (let index = 1; index <= steps; index += 1) {
    path[from + index] = (path[from + index] ?? 0) - excess * index;
  }
}

/** Logarithm of the price at the start of each day, as far as it was needed. */
function dailyLevels(symbol: MarketSymbol, seed: number): (day: number) => number {
  const level = Math.log(symbol.price);
  const levels = [level];
  return (day) => {
    const index = day - GENESIS_DAY;
    for (let at = levels.length; at <= index; at += 1) {
      const before = levels[at - 1] ?? level;
      const drawn = pick(DAILY_RETURNS_PPM, hash32(seed, DAILY, at)) * PPM * symbol.volatility;
      levels.push(before + drawn - REVERSION * (before - level));
    }
    return levels[index] ?? level;
  };
}

/** Everything about the minutes of an hour but their prices. */
function fillHour(
  day: Day,
  hour: number,
  symbol: MarketSymbol,
  seed: number,
  number: number,
): void {
  const lots = 10 ** symbol.lotDecimals;
  const tradeLots = symbol.tradeSize * lots;
  const wick = PPM * symbol.volatility;
  const hourHash = hash32(seed, HOURLY, number, hour);
  const hourly =
    symbol.minuteVolume *
    lots *
    (pick(HOUR_OF_DAY_PERCENT, hour) / 100) *
    (pick(HOURLY_VOLUME_PERCENT, hourHash) / 100);
  for (let minute = hour * 60; minute < (hour + 1) * 60; minute += 1) {
    const index = hash32(seed, MINUTELY, number, minute) % MINUTE_RETURNS_PPM.length;
    const open = day.price[minute] ?? 0;
    const close = day.price[minute + 1] ?? 0;
    const up = Math.round(open * wick * (MINUTE_WICK_UP_PPM[index] ?? 0));
    const down = Math.round(open * wick * (MINUTE_WICK_DOWN_PPM[index] ?? 0));
    day.high[minute] = Math.max(open, close) + up;
    day.low[minute] = Math.max(1, Math.min(open, close) - down);
    const volume = Math.max(1, Math.round(hourly * ((MINUTE_VOLUME_PERCENT[index] ?? 0) / 100)));
    day.volume[minute] = volume;
    day.taker[minute] = Math.round((volume * (MINUTE_TAKER_PERMILLE[index] ?? 0)) / 1000);
    day.trades[minute] = Math.max(1, Math.round(volume / tradeLots));
  }
}

function makeDay(
  symbol: MarketSymbol,
  seed: number,
  number: number,
  level: (day: number) => number,
): Day {
  const volatility = symbol.volatility * PPM;
  const hours = new Float64Array(HOURS + 1);
  hours[0] = level(number);
  bridge(hours, 0, HOURS, level(number + 1), (hour) => {
    return pick(HOURLY_RETURNS_PPM, hash32(seed, HOURLY, number, hour)) * volatility;
  });
  const path = new Float64Array(MINUTES + 1);
  path[0] = level(number);
  for (let hour = 0; hour < HOURS; hour += 1) {
    bridge(path, hour * 60, 60, hours[hour + 1] ?? 0, (minute) => {
      const hash = hash32(seed, MINUTELY, number, hour * 60 + minute);
      return pick(MINUTE_RETURNS_PPM, hash) * volatility;
    });
  }
  const ticks = 10 ** symbol.priceDecimals;
  const day: Day = {
    price: path.map((log) => Math.max(1, Math.round(Math.exp(log) * ticks))),
    high: new Float64Array(MINUTES),
    low: new Float64Array(MINUTES),
    volume: new Float64Array(MINUTES),
    taker: new Float64Array(MINUTES),
    trades: new Float64Array(MINUTES),
  };
  for (let hour = 0; hour < HOURS; hour += 1) fillHour(day, hour, symbol, seed, number);
  return day;
}

/** The walk of one pair. */
export function walkOf(symbol: MarketSymbol, masterSeed: number): Walk {
  const seed = (masterSeed ^ hashText(symbol.symbol)) >>> 0;
  const level = dailyLevels(symbol, seed);
  const cache = new Map<number, Day>();
  return {
    day(number) {
      const cached = cache.get(number);
      const day = cached ?? makeDay(symbol, seed, number, level);
      cache.delete(number);
      cache.set(number, day);
      if (cache.size > DAYS_MAX) {
        for (const oldest of cache.keys()) {
          cache.delete(oldest);
          break;
        }
      }
      return day;
    },
  };
}
