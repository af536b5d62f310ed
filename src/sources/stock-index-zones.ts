/** Which day it is somewhere: trading days are named by the calendar of their exchange. */
import { isKnownZone } from '../kernel/calendar.js';
import { DAY_MS } from '../kernel/time.js';
import type { DurationMs, EpochMs } from '../kernel/types.js';

/** Zones whose formatter is kept; a dozen indices have a handful. */
const FORMATTERS_MAX = 64;
const ZONE_NAME = /^[A-Za-z][A-Za-z0-9_+\-/]{0,63}$/;

const formatters = new Map<string, Intl.DateTimeFormat>();

/** Whether a name an upstream gave is a zone this runtime knows. */
export function isZone(zone: string): boolean {
  return ZONE_NAME.test(zone) && isKnownZone(zone);
}

/**
 * What the zone's clock shows at `at`, minus UTC, to the minute.
 * @throws {RangeError} the zone is unknown; see `isZone`.
 */
export function zoneOffset(zone: string, at: EpochMs): DurationMs {
  const shown = { year: 0, month: 0, day: 0, hour: 0, minute: 0 };
  const minute = Math.floor(at / 60_000) * 60_000;
  for (const part of formatterOf(zone).formatToParts(minute)) {
    if (part.type in shown) shown[part.type as keyof typeof shown] = Number(part.value);
  }
  const { year, month, day, hour } = shown;
  return Date.UTC(year, month - 1, day, hour, shown.minute) - minute;
}

/** The local day of a moment, as the UTC midnight of the same date: days compare as numbers. */
export function localDay(zone: string, at: EpochMs): EpochMs {
  return Math.floor((at + zoneOffset(zone, at)) / DAY_MS) * DAY_MS;
}

/** `2026-01-15` of such a day. */
export function dateText(day: EpochMs): string {
  return new Date(day).toISOString().slice(0, 10);
}

function formatterOf(zone: string): Intl.DateTimeFormat {
  const known = formatters.get(zone);
  if (known !== undefined) return known;
  const made = new Intl.DateTimeFormat('en-US-u-ca-gregory-nu-latn', {
    timeZone: zone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
  });
  if (formatters.size >= FORMATTERS_MAX) formatters.clear();
  formatters.set(zone, made);
  return made;
}
