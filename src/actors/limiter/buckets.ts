/**
 * What a bucket may give: GCRA for short rolling windows, counters for fixed ones. Pure. (Long rolling
 * windows: ring.ts; windows that end by the upstream's word: anchored.ts.)
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
  /** When units left last. Only what left then can be given back exactly. */
  spentAt: MonotonicMs;
};

/**
 * How a bucket is counted. paced: a GCRA in memory. ring: a rolling window longer than a minute. clock and
 * calendar: windows that begin at known moments. reset: windows that begin with a call.
 */
export type Counting = 'paced' | 'ring' | 'clock' | 'calendar' | 'reset';

export function countingOf(bucket: BucketConfig): Counting {
  if (bucket.kind === 'rolling') return bucket.windowMs > ROLLING_WINDOW_MAX_MS ? 'ring' : 'paced';
  if (bucket.period !== '') return 'calendar';
  return bucket.anchor === 'reset' ? 'reset' : 'clock';
}

/** Whether what is charged is remembered from bucket to bucket: clock and calendar windows touch. */
export function isCountedAlike(one: BucketConfig, other: BucketConfig): boolean {
  const family = (bucket: BucketConfig): Counting => {
    const counting = countingOf(bucket);
    return counting === 'calendar' ? 'clock' : counting;
  };
  return family(one) === family(other);
}

/**
 * Units a window may hold after the margin; at least one. Whole units, rounded down: with 5 % of margin
 * 25 a day become 23, 10 a minute become 9, and 1 stays 1.
 */
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
  return {
    limit,
    burst: bounded,
    intervalMs,
    tat: now + bounded * intervalMs,
    held: 0,
    spentAt: now,
  };
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
  gcraCharge(bucket, units, now);
}

/** Units leave now that were held nowhere. */
export function gcraCharge(bucket: Gcra, units: number, now: MonotonicMs): void {
  const { tat } = bucket;
  bucket.tat = (tat > now ? tat : now) + units * bucket.intervalMs;
  bucket.spentAt = now;
}

/**
 * A call that left at `spentAt` drew `more` units than it was charged with; fewer when negative. What it
 * did not draw goes back only while nothing left since: later the exact amount is not known any more.
 */
export function gcraCorrect(bucket: Gcra, more: number, spentAt: MonotonicMs): void {
  if (more > 0 || bucket.spentAt === spentAt) bucket.tat += more * bucket.intervalMs;
}

/** The upstream says fewer are left than we think: the bucket gives no more than `remaining` at once. */
export function gcraTighten(bucket: Gcra, remaining: number, now: MonotonicMs): void {
  const left = Math.max(0, Math.min(remaining, bucket.burst));
  bucket.tat = Math.max(bucket.tat, now + (bucket.burst - left) * bucket.intervalMs);
}

/** What the call drew from a bucket: as its answer told, where that makes sense; else as reserved. */
export function drawnOf(
  told: Readonly<Record<string, number>> | undefined,
  name: string,
  reserved: number,
): number {
  const drawn = told?.[name];
  return drawn !== undefined && Number.isFinite(drawn) && drawn >= 0 ? drawn : reserved;
}

/** Whether its period begins by a recorded fact: quotas and calendar periods. Others by the clock. */
export function rollsByFact(bucket: BucketConfig): boolean {
  const counting = countingOf(bucket);
  return counting === 'calendar' || (counting === 'clock' && bucket.quota);
}

/** Whether what it gave is remembered by the journal; else it lives in memory and starts exhausted. */
export function isCounted(bucket: BucketConfig): boolean {
  return countingOf(bucket) !== 'paced';
}

export function freshWindow(start: EpochMs, end: EpochMs, prior: number): Window {
  return { start, end, spent: 0, held: 0, foreign: 0, prior, byCollector: {} };
}

/**
 * The window of a clock or calendar bucket that holds `moment`, given the one last written. Undefined: its period
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
