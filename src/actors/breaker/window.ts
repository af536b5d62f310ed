/**
 * How the calls of the last while went: a ring of buckets, bounded whatever the traffic.
 *
 * 1. `calls`, `failures` and `slow` are the sums over the ring.
 * 2. The ring covers the newest bucket and those before it: between 19/20 and all of the window.
 * 3. A call costs O(1): what it clears, other calls had filled.
 */
import type { DurationMs, EpochMs } from '../../kernel/types.js';

/** Buckets in a ring. */
export const WINDOW_BUCKETS = 20;
/** Numbers per bucket: calls, failures, slow calls. */
const STRIDE = 3;

/** Plain data, so that it is state. Only `addCall` writes, and only on a copy its owner made. */
export type CallWindow = {
  readonly bucketMs: DurationMs;
  /** The newest bucket, counted from the epoch. */
  newest: number;
  calls: number;
  failures: number;
  slow: number;
  readonly ring: number[];
};

export type WindowSummary = {
  readonly calls: number;
  readonly failures: number;
  readonly slow: number;
  /** 0..1; 0 when empty. */
  readonly failureRate: number;
  readonly slowRate: number;
};

export type WindowCall = { readonly failed: boolean; readonly slow: boolean };

export function emptyWindow(windowMs: DurationMs): CallWindow {
  const ring = new Array<number>(WINDOW_BUCKETS * STRIDE).fill(0);
  return { bucketMs: windowMs / WINDOW_BUCKETS, newest: 0, calls: 0, failures: 0, slow: 0, ring };
}

export function copyWindow(window: Readonly<CallWindow>): CallWindow {
  const { bucketMs, newest, calls, failures, slow, ring } = window;
  return { bucketMs, newest, calls, failures, slow, ring: ring.slice() };
}

/** The window after one more call. The given one is not changed. */
export function windowAfter(
  window: Readonly<CallWindow>,
  call: WindowCall,
  at: EpochMs,
): CallWindow {
  const next = copyWindow(window);
  addCall(next, call.failed, call.slow, at);
  return next;
}

/** Counts one call in place: the hot path's `windowAfter`. */
export function addCall(window: CallWindow, failed: boolean, slow: boolean, at: EpochMs): void {
  const bucket = Math.floor(at / window.bucketMs);
  if (bucket !== window.newest) turn(window, bucket);
  const slot = (window.newest % WINDOW_BUCKETS) * STRIDE;
  add(window.ring, slot, 1);
  window.calls += 1;
  if (failed) {
    add(window.ring, slot + 1, 1);
    window.failures += 1;
  }
  if (slow) {
    add(window.ring, slot + 2, 1);
    window.slow += 1;
  }
}

/** What the window holds at a moment, which may be later than its last call. */
export function windowSummary(window: Readonly<CallWindow>, at: EpochMs): WindowSummary {
  const steps = Math.floor(at / window.bucketMs) - window.newest;
  if (steps <= 0) return summary(window.calls, window.failures, window.slow);
  if (steps >= WINDOW_BUCKETS) return summary(0, 0, 0);
  let { calls, failures, slow } = window;
  for (let step = 1; step <= steps; step += 1) {
    const slot = ((window.newest + step) % WINDOW_BUCKETS) * STRIDE;
    calls -= window.ring[slot] ?? 0;
    failures -= window.ring[slot + 1] ?? 0;
    slow -= window.ring[slot + 2] ?? 0;
  }
  return summary(calls, failures, slow);
}

/** The same calls in a window of another length: what no longer fits is left out. */
export function resizedWindow(window: Readonly<CallWindow>, windowMs: DurationMs): CallWindow {
  const next = emptyWindow(windowMs);
  if (next.bucketMs === window.bucketMs) return copyWindow(window);
  for (let age = WINDOW_BUCKETS - 1; age >= 0; age -= 1) {
    const bucket = window.newest - age;
    const slot = (bucket % WINDOW_BUCKETS) * STRIDE;
    const calls = bucket < 0 ? 0 : (window.ring[slot] ?? 0);
    if (calls === 0) continue;
    turn(next, Math.floor((bucket * window.bucketMs) / next.bucketMs));
    const into = (next.newest % WINDOW_BUCKETS) * STRIDE;
    for (let part = 0; part < STRIDE; part += 1) {
      add(next.ring, into + part, window.ring[slot + part] ?? 0);
    }
    next.calls += calls;
    next.failures += window.ring[slot + 1] ?? 0;
    next.slow += window.ring[slot + 2] ?? 0;
  }
  return next;
}

/**
 * Makes `bucket` the newest. A clock set back a little counts as standing still; a whole window, as
 * new.
 */
function turn(window: CallWindow, bucket: number): void {
  const steps = bucket - window.newest;
  if (steps <= 0 && steps > -WINDOW_BUCKETS) return;
  if (steps >= WINDOW_BUCKETS || steps < 0) {
    window.ring.fill(0);
    window.calls = 0;
    window.failures = 0;
    window.slow = 0;
  } else {
    for (let step = 1; step <= steps; step += 1) clearBucket(window, window.newest + step);
  }
  window.newest = bucket;
}

function clearBucket(window: CallWindow, bucket: number): void {
  const { ring } = window;
  const slot = (bucket % WINDOW_BUCKETS) * STRIDE;
  window.calls -= ring[slot] ?? 0;
  window.failures -= ring[slot + 1] ?? 0;
  window.slow -= ring[slot + 2] ?? 0;
  ring.fill(0, slot, slot + STRIDE);
}

function add(ring: number[], index: number, amount: number): void {
  ring[index] = (ring[index] ?? 0) + amount;
}

function summary(calls: number, failures: number, slow: number): WindowSummary {
  const share = (part: number): number => (calls === 0 ? 0 : part / calls);
  return { calls, failures, slow, failureRate: share(failures), slowRate: share(slow) };
}
