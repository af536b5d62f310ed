/** The two ways in which upstreams count: by the clock's own windows, and by the last so many seconds. */
import type { DurationMs, EpochMs, MonotonicMs } from '../../kernel/types.js';

/** Most calls a rolling window remembers; beyond it the oldest is forgotten (the fake gets lenient). */
const ROLLING_ENTRIES_MAX = 100_000;

/** Counts from 0 again at every multiple of the window: a clock minute, say. */
export type AlignedWindow = {
  add(at: EpochMs, windowMs: DurationMs, weight: number): number;
  used(at: EpochMs, windowMs: DurationMs): number;
};

/** The moment at which the window that holds `at` ends. */
export function windowEnd(at: EpochMs, windowMs: DurationMs): EpochMs {
  return (Math.floor(at / windowMs) + 1) * windowMs;
}

export function alignedWindow(): AlignedWindow {
  let end = 0;
  let used = 0;
  const roll = (at: EpochMs, windowMs: DurationMs): void => {
    const next = windowEnd(at, windowMs);
    if (next !== end) {
      end = next;
      used = 0;
    }
  };
  return {
    add(at, windowMs, weight) {
      roll(at, windowMs);
      used += weight;
      return used;
    },
    used(at, windowMs) {
      roll(at, windowMs);
      return used;
    },
  };
}

/** What the last `windowMs` held. On the monotonic clock: a wall clock that jumps starves nobody. */
export type RollingWindow = {
  used(at: MonotonicMs, windowMs: DurationMs): number;
  add(at: MonotonicMs, weight: number): void;
  /** How long until the oldest call leaves the window; 0 when it is empty. */
  oldestLeavesIn(at: MonotonicMs, windowMs: DurationMs): DurationMs;
};

export function rollingWindow(): RollingWindow {
  let calls: { readonly at: MonotonicMs; readonly weight: number }[] = [];
  let used = 0;
  const prune = (at: MonotonicMs, windowMs: DurationMs): void => {
    const kept = calls.findIndex((call) => call.at > at - windowMs);
    if (kept === 0) return;
    const gone = kept < 0 ? calls : calls.slice(0, kept);
    for (const call of gone) used -= call.weight;
    calls = kept < 0 ? [] : calls.slice(kept);
  };
  return {
    used(at, windowMs) {
      prune(at, windowMs);
      return used;
    },
    add(at, weight) {
      calls.push({ at, weight });
      used += weight;
      if (calls.length > ROLLING_ENTRIES_MAX) used -= calls.shift()?.weight ?? 0;
    },
    oldestLeavesIn(at, windowMs) {
      prune(at, windowMs);
      const oldest = calls[0];
      return oldest === undefined ? 0 : Math.max(0, oldest.at + windowMs - at);
    },
  };
}
