/**
 * Time as an argument: the wall clock tells moments, the monotonic clock measures lengths.
 * This file (and kernel/random.ts) is the only place that touches the machine's clock and timers.
 */
import { performance } from 'node:perf_hooks';
import type { DurationMs, EpochMs, MonotonicMs } from './types.js';

export type Cancel = () => void;

export interface Clock {
  /** The wall clock. May jump, in both directions. */
  now(): EpochMs;
  /** Never steps, never runs backwards. */
  monotonic(): MonotonicMs;
  /**
   * Runs `task` once, not before `delay` has passed on the monotonic clock. Delays of any length work
   * (Node's own timers overflow after 24.8 days). A negative delay counts as 0.
   */
  after(delay: DurationMs, task: () => void): Cancel;
}

/** Longest delay one Node timer can hold: 2^31 - 1 ms. */
const TIMER_MAX_MS = 2_147_483_647;

/** The machine's clocks. Timers do not keep the process alive when `unref` is set. */
export function systemClock(options: { readonly unref?: boolean } = {}): Clock {
  const monotonic = (): MonotonicMs => performance.now();
  return {
    now: () => Date.now(),
    monotonic,
    after(delay, task) {
      const dueAt = monotonic() + Math.max(0, delay);
      let handle: NodeJS.Timeout | undefined;
      const arm = (): void => {
        const left = dueAt - monotonic();
        handle = setTimeout(fire, Math.min(Math.ceil(Math.max(0, left)), TIMER_MAX_MS));
        if (options.unref === true) handle.unref();
      };
      const fire = (): void => {
        if (monotonic() < dueAt) arm();
        else task();
      };
      arm();
      return () => {
        clearTimeout(handle);
      };
    },
  };
}

/** Resolves after `delay`, or at once when `signal` aborts. Never rejects. */
export function wait(clock: Clock, delay: DurationMs, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) {
      resolve();
      return;
    }
    const done = (): void => {
      cancel();
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const cancel = clock.after(delay, done);
    signal?.addEventListener('abort', done, { once: true });
  });
}

/** ISO 8601 in UTC, or null for a moment that never came. */
export function isoTime(at: EpochMs): string;
export function isoTime(at: EpochMs | undefined | null): string | null;
export function isoTime(at: EpochMs | undefined | null): string | null {
  return at === undefined || at === null ? null : new Date(at).toISOString();
}

export const SECOND_MS = 1000;
export const MINUTE_MS = 60_000;
export const HOUR_MS = 3_600_000;
export const DAY_MS = 86_400_000;
