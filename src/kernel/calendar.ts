/**
 * Periods of counted limits: which window, day or month of which zone a moment falls into.
 *
 * A local date begins at its first instant in the zone, so days of 23 and 25 hours, skipped midnights
 * and clocks set back over midnight all give periods that touch and never overlap.
 */
import type { DurationMs, EpochMs } from './types.js';
import { DAY_MS, HOUR_MS } from './time.js';

export type PeriodRule = {
  /** `day`, `month`, or empty: windows of `windowMs`, aligned to the epoch. */
  readonly period: string;
  readonly windowMs: DurationMs;
  /** IANA zone; empty means UTC. */
  readonly zone: string;
  /** Day of the month on which a month begins, 1..31, clamped at short months. 0 means 1. */
  readonly anchorDay: number;
};

/** `end` is exclusive and is the next period's `start`. */
export type Period = { readonly start: EpochMs; readonly end: EpochMs };

type LocalDate = { readonly year: number; readonly month: number; readonly day: number };

/** Zones whose formatter is kept. There are some 400; a service uses a handful. */
const FORMATTERS_MAX = 64;
/** No zone is further from UTC than 14 hours; beyond this margin lies the other side of a change. */
const ZONE_SPAN_MS = 26 * HOUR_MS;

const formatters = new Map<string, Intl.DateTimeFormat>();

/** Whether this runtime knows the zone. Empty (UTC) is known. */
export function isKnownZone(zone: string): boolean {
  try {
    formatterOf(zone);
    return true;
  } catch {
    return false;
  }
}

/**
 * The period that holds `at`: start <= at < end.
 * @throws {RangeError} the zone is unknown, or there is neither a period nor a window; validate before.
 */
export function periodOf(rule: PeriodRule, at: EpochMs): Period {
  if (rule.period === '') return windowOf(rule.windowMs, at);
  const local = localDate(rule.zone, at);
  if (rule.period === 'day') return settle(at, (shift) => dayStart(rule.zone, local, shift));
  if (rule.period !== 'month') throw new RangeError(`unknown period ${rule.period}`);
  const anchor = Math.min(31, Math.max(1, rule.anchorDay));
  const begun = local.day >= clampedDay(local.year, local.month, anchor) ? 0 : -1;
  return settle(at, (shift) => monthStart(rule.zone, local, begun + shift, anchor));
}

function windowOf(windowMs: DurationMs, at: EpochMs): Period {
  if (!(windowMs > 0)) throw new RangeError(`window must be > 0 ms, got ${String(windowMs)}`);
  const start = Math.floor(at / windowMs) * windowMs;
  return { start, end: start + windowMs };
}

/**
 * Where clocks are set back over midnight a local date comes twice, and the date alone can name a
 * neighbour of the period sought: so the moment itself decides.
 */
function settle(at: EpochMs, startOf: (shift: number) => EpochMs): Period {
  let shift = 0;
  while (at >= startOf(shift + 1)) shift += 1;
  while (at < startOf(shift)) shift -= 1;
  return { start: startOf(shift), end: startOf(shift + 1) };
}

function dayStart(zone: string, from: LocalDate, days: number): EpochMs {
  return firstInstant(zone, Date.UTC(from.year, from.month - 1, from.day + days));
}

function monthStart(zone: string, from: LocalDate, months: number, anchor: number): EpochMs {
  const first = new Date(Date.UTC(from.year, from.month - 1 + months, 1));
  const year = first.getUTCFullYear();
  const month = first.getUTCMonth() + 1;
  return firstInstant(zone, Date.UTC(year, month - 1, clampedDay(year, month, anchor)));
}

function clampedDay(year: number, month: number, day: number): number {
  return Math.min(day, new Date(Date.UTC(year, month, 0)).getUTCDate());
}

/** The first instant at which the zone's clock shows `localMidnight` (as if it were UTC) or later. */
function firstInstant(zone: string, localMidnight: number): EpochMs {
  if (isUtc(zone)) return localMidnight;
  const before = localMidnight - zoneOffset(zone, localMidnight - ZONE_SPAN_MS);
  const after = localMidnight - zoneOffset(zone, localMidnight + ZONE_SPAN_MS);
  const [early, late] = before <= after ? [before, after] : [after, before];
  return early + zoneOffset(zone, early) >= localMidnight ? early : late;
}

function localDate(zone: string, at: EpochMs): LocalDate {
  const local = new Date(at + zoneOffset(zone, at));
  return {
    year: local.getUTCFullYear(),
    month: local.getUTCMonth() + 1,
    day: local.getUTCDate(),
  };
}

/**
 * What the zone's clock shows at `at`, minus UTC, to the second.
 * @throws {RangeError} the zone is unknown; see `isKnownZone`.
 */
export function zoneOffset(zone: string, at: EpochMs): DurationMs {
  if (isUtc(zone)) return 0;
  const second = Math.floor(at / 1000) * 1000;
  const shown = { year: 0, month: 0, day: 0, hour: 0, minute: 0, second: 0 };
  for (const part of formatterOf(zone).formatToParts(second)) {
    if (part.type in shown) shown[part.type as keyof typeof shown] = Number(part.value);
  }
  const { year, month, day, hour, minute } = shown;
  return Date.UTC(year, month - 1, day, hour, minute, shown.second) - second;
}

function isUtc(zone: string): boolean {
  return zone === '' || zone === 'UTC';
}

function formatterOf(zone: string): Intl.DateTimeFormat {
  const known = formatters.get(zone);
  if (known !== undefined) return known;
  const made = new Intl.DateTimeFormat('en-US-u-ca-gregory-nu-latn', {
    timeZone: zone === '' ? 'UTC' : zone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  });
  if (formatters.size >= FORMATTERS_MAX) formatters.clear();
  formatters.set(zone, made);
  return made;
}

/** Longest calendar period there is: a month of 31 days with an hour set back. */
export const PERIOD_MAX_MS: DurationMs = 31 * DAY_MS + HOUR_MS;
