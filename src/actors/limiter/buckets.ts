/**
 * What a bucket may give: GCRA for rolling windows, counters for fixed ones. Pure.
 *
 * The GCRA here keeps two promises that the usual form does not:
 * B1 No window of `windowMs` ever holds more than N units: with burst B the emission interval is
 *    W / (N - B + 1) (a plain W / N admits nearly 2N).
 * B2 Leave given and not yet used (`held`) is counted as if it were used at the last moment, so the
 *    promise is about when calls leave, not about when they were allowed. Giving it back is exact.
 */
import { periodOf } from '../../kernel/calendar.js';
import type { DurationMs, EpochMs, MonotonicMs } from '../../kernel/types.js';
import type { Window } from './context.js';
import type { BucketConfig } from './events.js';

/** Rolling windows longer than this need a ring of slots, not a GCRA. */
export const ROLLING_WINDOW_MAX_MS: DurationMs = 60_000;

/** A rolling bucket in memory. `tat`: theoretical arrival time, on the monotonic clock. */
export type Gcra = {
  limit: number;
  burst: number;
  intervalMs: DurationMs;
  tat: MonotonicMs;
  held: number;
};

/** Units a window may hold after the margin; at least one. */
export function effectiveLimit(limit: number, margin: number): number {
  return Math.max(1, Math.floor(limit * (1 - margin) + 1e-9));
}

/** Emission interval for N units in any window with bursts of B (B1). */
export function emissionIntervalMs(limit: number, burst: number, windowMs: DurationMs): DurationMs {
  return windowMs / (limit - burst + 1);
}

/** A rolling bucket with its burst just used up: what a start, which knows nothing, must assume. */
export function exhaustedGcra(
  limit: number,
  burst: number,
  windowMs: DurationMs,
  now: MonotonicMs,
): Gcra {
  const bounded = Math.min(limit, Math.max(1, burst));
  const intervalMs = emissionIntervalMs(limit, bounded, windowMs);
  return { limit, burst: bounded, intervalMs, tat: now + bounded * intervalMs, held: 0 };
}

/**
 * When `units` more may be held: <= now means now; Infinity means when another's leave is used or given
 * back. A weight above the burst waits for an idle bucket and goes alone.
 */
export function gcraReadyAt(bucket: Gcra, units: number, now: MonotonicMs): MonotonicMs {
  const wanted = bucket.held + units;
  if (wanted > bucket.burst && bucket.held > 0) return Infinity;
  const readyAt = bucket.tat + (wanted - bucket.burst) * bucket.intervalMs;
  return readyAt <= now ? now : readyAt;
}

/** Held units leave now. */
export function gcraSpend(bucket: Gcra, units: number, now: MonotonicMs): void {
  bucket.held -= units;
  bucket.tat = Math.max(bucket.tat, now) + units * bucket.intervalMs;
}

/** The upstream says fewer are left than we think: the bucket gives no more than `remaining` at once. */
export function gcraTighten(bucket: Gcra, remaining: number, now: MonotonicMs): void {
  const left = Math.max(0, Math.min(remaining, bucket.burst));
  bucket.tat = Math.max(bucket.tat, now + (bucket.burst - left) * bucket.intervalMs);
}

/** Whether its period begins by a recorded fact: quotas and calendar periods. Others by the clock. */
export function rollsByFact(bucket: BucketConfig): boolean {
  return bucket.kind === 'fixed' && (bucket.quota || bucket.period !== '');
}

export function isFixed(bucket: BucketConfig): boolean {
  return bucket.kind === 'fixed';
}

export function freshWindow(start: EpochMs, end: EpochMs, prior: number): Window {
  return { start, end, spent: 0, held: 0, foreign: 0, prior, byCollector: {} };
}

/**
 * The window of a fixed bucket that holds `moment`, given the one last written. Undefined: its period
 * must be rolled by a fact first. Never goes back: a clock that does finds what it had counted.
 */
export function windowAt(
  bucket: BucketConfig,
  last: Window | undefined,
  moment: EpochMs,
): Window | undefined {
  if (last !== undefined && moment < last.end && moment < last.start) return last;
  if (rollsByFact(bucket)) return last !== undefined && moment < last.end ? last : undefined;
  const { start, end } = periodOf(bucket, moment);
  if (last === undefined || start >= last.end) return freshWindow(start, end, last?.spent ?? 0);
  return last.start === start && last.end === end ? last : { ...last, start, end };
}

/** What the window counts as used: settled, in open blocks, and what the upstream saw beyond ours. */
export function usedIn(window: Window): number {
  return window.spent + window.held + window.foreign;
}
