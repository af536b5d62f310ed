/**
 * The small types every room shares.
 *
 * `Flavor` tags a primitive with its meaning: two different flavors do not mix, a plain literal fits
 * either. (Why flavors and not brands: docs/decisions/0003-flavors.md.)
 */

export type Flavor<T, Name extends string> = T & { readonly __flavor?: Name };

/** A moment: milliseconds since the Unix epoch, UTC. */
export type EpochMs = Flavor<number, 'EpochMs'>;
/** A length of time in milliseconds. */
export type DurationMs = Flavor<number, 'DurationMs'>;
/** A reading of a clock that never steps: milliseconds since some fixed moment of this process. */
export type MonotonicMs = Flavor<number, 'MonotonicMs'>;
/** Index of an event in its stream, from 0. */
export type Revision = Flavor<number, 'Revision'>;
/** Order of an event in the whole journal. Grows; may have holes. */
export type Position = Flavor<number, 'Position'>;

export type StreamId = Flavor<string, 'StreamId'>;
export type EventId = Flavor<string, 'EventId'>;
export type CommandId = Flavor<string, 'CommandId'>;

/** What JSON can carry. */
export type Json =
  null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
export type JsonObject = { readonly [key: string]: Json };

/** The expected outcome of something that may be refused: a value, never an exception. */
export type Result<T, E> =
  { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: E };

export function ok<T>(value: T): { readonly ok: true; readonly value: T } {
  return { ok: true, value };
}

export function fail<E>(error: E): { readonly ok: false; readonly error: E } {
  return { ok: false, error };
}

/** The exhaustive end of a `switch`: does not compile while a case is missing. */
export function unreachable(value: never): never {
  throw new Error(`unreachable: ${JSON.stringify(value)}`);
}
