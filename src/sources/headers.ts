/**
 * Reads an answer's limit headers with their declared units. A header that makes no sense is ignored
 * and counted, never guessed at.
 */
import { DAY_MS, SECOND_MS } from '../kernel/time.js';
import type { DurationMs, EpochMs } from '../kernel/types.js';

/** Furthest an upstream may push us away: a longer wait is cut to this. */
export const UPSTREAM_WAIT_MAX_MS = 7 * DAY_MS;

/** A reset further from now than any provider's longest period is no moment. */
const RESET_MAX_MS = 40 * DAY_MS;

/** What the number in a reset header means. */
export type ResetUnit = 'epoch_seconds' | 'seconds_left';

export type HeaderReader = {
  /** A count: digits only. Undefined when absent or malformed. */
  count(name: string): number | undefined;
  /** A count that may have decimals (Reddit's `remaining: 997.0`). Undefined when absent or malformed. */
  decimal(name: string): number | undefined;
  /**
   * The moment a limit's window ends, by its declared unit: two providers use one name with different
   * units, so it is never guessed. Epoch seconds are read against the answer's own `Date`, where it has
   * one: the upstream's clock may be off. At most seven days ahead.
   */
  resetAt(name: string, unit: ResetUnit, at: EpochMs): EpochMs | undefined;
  /**
   * `Retry-After` as a moment: seconds, or an HTTP-date (read against the answer's own `Date` too), never
   * in the past, at most seven days ahead.
   */
  retryAfter(at: EpochMs): EpochMs | undefined;
  /** A header of another form; `parse` answers undefined for what makes no sense, and never throws. */
  parsed<T>(name: string, parse: (value: string) => T | undefined): T | undefined;
  has(name: string): boolean;
  /** How many headers were there and made no sense, so far. */
  malformed(): number;
};

/** A reader over lower-case header names. A name asked for twice is counted once when malformed. */
export function headerReader(headers: Readonly<Record<string, string>>): HeaderReader {
  const malformed = new Set<string>();
  const text = (name: string): string | undefined =>
    Object.hasOwn(headers, name) ? headers[name]?.trim() : undefined;
  const read = <T>(name: string, parse: (value: string) => T | undefined): T | undefined => {
    const value = text(name);
    if (value === undefined) return undefined;
    const parsed = parse(value);
    if (parsed === undefined) malformed.add(name);
    return parsed;
  };
  return {
    count: (name) => read(name, countOf),
    decimal: (name) => read(name, decimalOf),
    resetAt: (name, unit, at) =>
      read(name, (value) => resetOf(value, unit, at, httpDate(text('date') ?? ''))),
    retryAfter: (at) =>
      read('retry-after', (value) => momentOf(value, at, httpDate(text('date') ?? ''))),
    parsed: read,
    has: (name) => text(name) !== undefined,
    malformed: () => malformed.size,
  };
}

/** A moment an upstream named, kept between now and the furthest it may push us. */
export function boundedMoment(moment: EpochMs, at: EpochMs): EpochMs {
  return Math.min(Math.max(moment, at), at + UPSTREAM_WAIT_MAX_MS);
}

function countOf(value: string): number | undefined {
  if (!/^\d+$/.test(value)) return undefined;
  const count = Number(value);
  return Number.isSafeInteger(count) ? count : undefined;
}

function decimalOf(value: string): number | undefined {
  if (!/^\d{1,15}(\.\d{1,15})?$/.test(value)) return undefined;
  return Number(value);
}

function resetOf(
  value: string,
  unit: ResetUnit,
  at: EpochMs,
  serverNow: EpochMs | undefined,
): EpochMs | undefined {
  const seconds = decimalOf(value);
  if (seconds === undefined) return undefined;
  if (unit === 'seconds_left') return boundedMoment(at + seconds * SECOND_MS, at);
  const moment = seconds * SECOND_MS + skewOf(serverNow, at);
  // Years away: not an epoch second at all.
  if (Math.abs(moment - at) > RESET_MAX_MS) return undefined;
  return boundedMoment(moment, at);
}

/**
 * How far our clock is ahead of the upstream's. `Date` is a second cut off, so up to one second too much:
 * a moment read with it is never too early.
 */
function skewOf(serverNow: EpochMs | undefined, at: EpochMs): DurationMs {
  return serverNow === undefined ? 0 : at - serverNow;
}

function momentOf(value: string, at: EpochMs, serverNow: EpochMs | undefined): EpochMs | undefined {
  // However many digits: infinitely long is still "the longest wait there is".
  if (/^\d+$/.test(value)) return boundedMoment(at + Number(value) * SECOND_MS, at);
  const date = httpDate(value);
  return date === undefined ? undefined : boundedMoment(date + skewOf(serverNow, at), at);
}

const DAY = '(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)';
const MONTH = '(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)';
const CLOCK = '\\d{2}:\\d{2}:\\d{2}';
/** RFC 9110 §5.6.7, in its three forms. `Date.parse` alone takes "garbage 5" for a date. */
// X names the zone UTC (recorded).
const IMF_FIXDATE = new RegExp(`^${DAY}, \\d{2} ${MONTH} \\d{4} ${CLOCK} (?:GMT|UTC)$`);
const RFC_850 = new RegExp(`^${DAY}[a-z]*, \\d{2}-${MONTH}-\\d{2} ${CLOCK} GMT$`);
const ASCTIME = new RegExp(`^${DAY} ${MONTH} [ \\d]\\d ${CLOCK} \\d{4}$`);

function httpDate(value: string): EpochMs | undefined {
  const zoned = ASCTIME.test(value) ? `${value} GMT` : value;
  if (zoned === value && !IMF_FIXDATE.test(value) && !RFC_850.test(value)) return undefined;
  const moment = Date.parse(zoned);
  return Number.isNaN(moment) ? undefined : moment;
}
