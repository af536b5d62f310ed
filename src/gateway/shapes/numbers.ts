/** How numbers and moments are shown. */
import { assert } from '../../kernel/errors.js';
import { isoTime } from '../../kernel/time.js';
import type { EpochMs } from '../../kernel/types.js';

const MICROS = 1_000_000;

/**
 * Money for JSON: the decimal of an integer number of micro-units. One correctly rounded division, so
 * it prints as the exact decimal does; sums are made before, over integers.
 * @throws {InvariantViolated} when `micros` is no safe integer: money was summed as a float somewhere.
 */
export function decimalOf(micros: number): number {
  assert(Number.isSafeInteger(micros), `micros must be a safe integer, got ${String(micros)}`);
  return micros / MICROS;
}

/** A ratio to six places: 1 - 0.99 is 0.01, not 0.010000000000000009. */
export function ratio(value: number): number;
export function ratio(value: number | undefined): number | null;
export function ratio(value: number | undefined): number | null {
  return value === undefined ? null : rounded(value);
}

/** A measured or computed number to six places: further digits tell of the computer, not of the thing. */
export function rounded(value: number): number {
  return Math.round(value * MICROS) / MICROS;
}

export function seconds(ms: number): number {
  return ms / 1000;
}

/** ISO 8601 in UTC, or null for what has not happened. */
export function moment(at: EpochMs | null | undefined): string | null {
  return isoTime(at);
}
