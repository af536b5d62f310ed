/** Moments and lengths as people read them: local ISO with its offset, UTC, or relative to now. */
import { DAY_MS, HOUR_MS, isoTime, MINUTE_MS, SECOND_MS } from '../../kernel/time.js';
import type { DurationMs, EpochMs } from '../../kernel/types.js';

/** How moments are told. */
export type Zone = 'local' | 'utc';

const two = (value: number): string => String(value).padStart(2, '0');

/** `2026-01-05 13:00:00+01:00`; in UTC `2026-01-05 12:00:00Z`. */
export function momentText(at: EpochMs, zone: Zone): string {
  if (zone === 'utc') return `${isoTime(at).slice(0, 19).replace('T', ' ')}Z`;
  const then = new Date(at);
  const day = `${String(then.getFullYear())}-${two(then.getMonth() + 1)}-${two(then.getDate())}`;
  return `${day} ${clockText(at, zone)}${offsetText(-then.getTimezoneOffset())}`;
}

/**
 * The same where a terminal's lines are dear: `13:00:00` of the day that `now` is in, `01-05 13:00:00` of
 * its year. A pipe (no width) gets the whole moment.
 */
export function stampText(at: EpochMs, { now, zone, width }: Looked): string {
  const whole = momentText(at, zone);
  if (width === undefined) return whole;
  const today = momentText(now, zone);
  const end = zone === 'utc' ? 'Z' : '';
  if (whole.slice(0, 10) === today.slice(0, 10)) return `${whole.slice(11, 19)}${end}`;
  if (whole.slice(0, 4) === today.slice(0, 4)) return `${whole.slice(5, 19)}${end}`;
  return `${whole.slice(0, 19)}${end}`;
}

/** When and how it is looked at. */
type Looked = { readonly now: EpochMs; readonly zone: Zone; readonly width?: number };

/** `13:00:00`. */
export function clockText(at: EpochMs, zone: Zone): string {
  if (zone === 'utc') return isoTime(at).slice(11, 19);
  const then = new Date(at);
  return `${two(then.getHours())}:${two(then.getMinutes())}:${two(then.getSeconds())}`;
}

function offsetText(minutes: number): string {
  const away = Math.abs(minutes);
  return `${minutes < 0 ? '-' : '+'}${two(Math.floor(away / 60))}:${two(away % 60)}`;
}

/** `0 s`, `12 s`, `3 m`, `2 h`, `5 d` without the blank: the largest unit that is full. */
export function lengthText(ms: DurationMs): string {
  const length = Math.max(0, ms);
  if (length < MINUTE_MS) return `${String(Math.floor(length / SECOND_MS))}s`;
  if (length < HOUR_MS) return `${String(Math.floor(length / MINUTE_MS))}m`;
  if (length < 2 * DAY_MS) return `${String(Math.floor(length / HOUR_MS))}h`;
  return `${String(Math.floor(length / DAY_MS))}d`;
}

/** `in 3m`, `5s ago`, `now`. */
export function relativeText(at: EpochMs, now: EpochMs): string {
  if (Math.abs(at - now) < SECOND_MS) return 'now';
  return at > now ? `in ${lengthText(at - now)}` : `${lengthText(now - at)} ago`;
}

/** Both: where it stands on the clock, and how far away that is. */
export function whenText(at: EpochMs, now: EpochMs, zone: Zone): string {
  return `${momentText(at, zone)} (${relativeText(at, now)})`;
}
