/**
 * Reads an answer's limit headers with their declared units. A header that makes no sense is ignored
 * and counted, never guessed at.
 */
import { DAY_MS, SECOND_MS } from '../kernel/time.js';
import type { EpochMs } from '../kernel/types.js';

/** Furthest an upstream may push us away: a longer wait is cut to this. */
export const UPSTREAM_WAIT_MAX_MS = 7 * DAY_MS;

export type HeaderReader = {
  /** A count: digits only. Undefined when absent or malformed. */
  count(name: string): number | undefined;
  /** `Retry-After` as a moment: seconds or an HTTP-date, never in the past, at most seven days ahead. */
  retryAfter(at: EpochMs): EpochMs | undefined;
  has(name: string): boolean;
  /** How many headers were there and made no sense, so far. */
  malformed(): number;
};

/** A reader over lower-case header names. A name asked for twice is counted once when malformed. */
export function headerReader(headers: Readonly<Record<string, string>>): HeaderReader {
  const malformed = new Set<string>();
  const text = (name: string): string | undefined =>
    Object.hasOwn(headers, name) ? headers[name]?.trim() : undefined;
  const read = (name: string, parse: (value: string) => number | undefined): number | undefined => {
    const value = text(name);
    if (value === undefined) return undefined;
    const parsed = parse(value);
    if (parsed === undefined) malformed.add(name);
    return parsed;
  };
  return {
    count: (name) => read(name, countOf),
    retryAfter: (at) => read('retry-after', (value) => momentOf(value, at)),
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

function momentOf(value: string, at: EpochMs): EpochMs | undefined {
  // However many digits: infinitely long is still "the longest wait there is".
  if (/^\d+$/.test(value)) return boundedMoment(at + Number(value) * SECOND_MS, at);
  const date = httpDate(value);
  return date === undefined ? undefined : boundedMoment(date, at);
}

const DAY = '(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)';
const MONTH = '(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)';
const CLOCK = '\\d{2}:\\d{2}:\\d{2}';
/** RFC 9110 §5.6.7, in its three forms. `Date.parse` alone takes "garbage 5" for a date. */
const IMF_FIXDATE = new RegExp(`^${DAY}, \\d{2} ${MONTH} \\d{4} ${CLOCK} GMT$`);
const RFC_850 = new RegExp(`^${DAY}[a-z]*, \\d{2}-${MONTH}-\\d{2} ${CLOCK} GMT$`);
const ASCTIME = new RegExp(`^${DAY} ${MONTH} [ \\d]\\d ${CLOCK} \\d{4}$`);

function httpDate(value: string): EpochMs | undefined {
  const zoned = ASCTIME.test(value) ? `${value} GMT` : value;
  if (zoned === value && !IMF_FIXDATE.test(value) && !RFC_850.test(value)) return undefined;
  const moment = Date.parse(zoned);
  return Number.isNaN(moment) ? undefined : moment;
}
