/** The bars an exchange cuts time into, all in UTC: weeks begin on Monday, months with the calendar. */
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../kernel/time.js';
import type { EpochMs } from '../../kernel/types.js';

/** All but `1s`, which the real one has too: minutes are the smallest bar here. */
const FIXED_MS: Readonly<Record<string, number>> = {
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
  '3d': 3 * DAY_MS,
  '1w': 7 * DAY_MS,
};
/** 1970-01-05, a Monday. */
const FIRST_MONDAY = 4 * DAY_MS;

export type Interval = {
  /** Where the bar that holds this moment opens. */
  floor(at: EpochMs): EpochMs;
  /** Where the bar after the one that opens here opens. */
  next(open: EpochMs): EpochMs;
  /** Where the bar before the one that opens here opens. */
  previous(open: EpochMs): EpochMs;
};

const fixed = (length: number, anchor: EpochMs): Interval => ({
  floor: (at) => Math.floor((at - anchor) / length) * length + anchor,
  next: (open) => open + length,
  previous: (open) => open - length,
});

const month = (at: EpochMs, offset: number): EpochMs => {
  const date = new Date(at);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + offset, 1);
};

/** The interval of that name, or undefined when the exchange has none. */
export function intervalOf(name: string): Interval | undefined {
  if (name === '1M') {
    return {
      floor: (at) => month(at, 0),
      next: (open) => month(open, 1),
      previous: (open) => month(open, -1),
    };
  }
  const length = Object.hasOwn(FIXED_MS, name) ? FIXED_MS[name] : undefined;
  if (length === undefined) return undefined;
  return fixed(length, name === '1w' ? FIRST_MONDAY : 0);
}
