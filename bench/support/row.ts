/** Guarded calls in a row, timed. */
import { performance } from 'node:perf_hooks';
import { setImmediate } from 'node:timers/promises';
import type { Guard } from './guards.js';
import { stopwatch, type Round } from './measure.js';

/** Calls of one round. */
export const CALLS = 40_000;
export const WARM_UP_CALLS = 20_000;
/** A single call is too short for the clock: latencies are those of so many in a row, per call. */
export const BATCH = 100;

/**
 * Calls one after the other. After each batch one turn of the event loop, inside the time: a call that
 * really goes out gives others their turn, and ours are recorded by then.
 */
export async function inARow(guard: Guard, calls: number): Promise<Round> {
  const latenciesMs: number[] = [];
  const passed = stopwatch();
  let before = performance.now();
  for (let batch = 0; batch < calls / BATCH; batch += 1) {
    for (let call = 0; call < BATCH; call += 1) await guard();
    await setImmediate();
    const now = performance.now();
    latenciesMs.push((now - before) / BATCH);
    before = now;
  }
  return { operations: calls, ...passed(), latenciesMs };
}
