/** Many callers at once, each one thing after the other. */
import { performance } from 'node:perf_hooks';
import { stopwatch, type Round } from './measure.js';

/** The n-th thing that a caller does; resolves when it is done. */
export type Perform = (caller: number, n: number) => Promise<unknown>;

/** At least so many things in all, shared evenly. */
export async function byCallers(callers: number, things: number, perform: Perform): Promise<Round> {
  const latenciesMs: number[] = [];
  const each = Math.ceil(things / callers);
  const passed = stopwatch();
  await Promise.all(
    Array.from({ length: callers }, async (_, caller) => {
      for (let n = 0; n < each; n += 1) {
        const began = performance.now();
        await perform(caller, n);
        latenciesMs.push(performance.now() - began);
      }
    }),
  );
  return { operations: latenciesMs.length, ...passed(), latenciesMs };
}
