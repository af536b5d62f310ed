/** What the rows of several upstreams have in common. */
import { Type } from '@sinclair/typebox';
import type { EpochMs } from '../kernel/types.js';

/** ISO 8601 in UTC; whether a calendar has the day is for `calendarMoment` to say. */
export const isoMoment = Type.String({
  pattern:
    '^\\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\\d|3[01])T([01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d(\\.\\d{1,9})?Z$',
});

/** NaN for a day no calendar has: `Date.parse` takes 31 April for 1 May. `text` is in UTC. */
export function calendarMoment(text: string): EpochMs {
  const moment = Date.parse(text);
  if (Number.isNaN(moment)) return moment;
  return new Date(moment).toISOString().startsWith(text.slice(0, 10)) ? moment : Number.NaN;
}

/** A member of a record's data that is there only if the upstream gave it. */
export function present<V extends string | number | boolean>(
  name: string,
  value: V | null | undefined,
): Record<string, V> {
  return value === undefined || value === null ? {} : { [name]: value };
}

/** `2026-01-15` of a day that is given as its UTC midnight. */
export function dateText(day: EpochMs): string {
  return new Date(day).toISOString().slice(0, 10);
}
