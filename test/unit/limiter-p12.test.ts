/**
 * P12 with buckets of every kind at once: random callers and answers, corrections, crashes, restarts, live
 * changes, clock jumps; judged by a log of departures and by an upstream that counts for itself.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  mostInAnyWindow,
  mostPerClockWindow,
  sumOf,
  type Departure,
} from '../support/limiter-judge.js';
import {
  ALL,
  CLOCK,
  DAY,
  live,
  PACED,
  RESET,
  RING,
  WORDS,
  type Life,
} from '../support/limiter-life.js';

/** The first bucket that a life exceeded; undefined: none. */
function exceeded({ log, mostInReset }: Pick<Life, 'log' | 'mostInReset'>): string | undefined {
  const most: readonly (readonly [string, number, number])[] = [
    [PACED.name, mostInAnyWindow(log, PACED.windowMs), PACED.limit],
    [RING.name, mostInAnyWindow(log, RING.windowMs), RING.limit],
    [CLOCK.name, mostPerClockWindow(log, CLOCK.windowMs), CLOCK.limit],
    [RESET.name, mostInReset, RESET.limit],
    [DAY.name, sumOf(log), DAY.limit],
  ];
  return most.find(([, units, limit]) => units > limit + 1e-6)?.[0];
}

describe('P12: no window of any bucket is ever exceeded', () => {
  it('whatever callers, upstream, operators and the clock do', async () => {
    const seen = { sent: 0, restarts: 0, jumps: 0, told: 0, nextTold: 0, full: 0 };
    await fc.assert(
      fc.asyncProperty(fc.nat(), fc.constantFrom(...WORDS), async (seed, word) => {
        const life = await live({ seed, word, buckets: ALL });
        expect(exceeded(life)).toBeUndefined();
        seen.sent += life.log.length;
        seen.restarts += life.restarts;
        seen.jumps += life.jumps;
        for (const fact of life.facts) {
          if (fact.type !== 'QuotaObserved') continue;
          if (fact.windowEndMs !== undefined) seen.told += 1;
          if (fact.windowNext === true) seen.nextTold += 1;
        }
      }),
      { numRuns: 60 },
    );
    // A life in which nothing happens exceeds nothing.
    expect(seen.sent).toBeGreaterThan(1000);
    expect(Math.min(seen.restarts, seen.jumps, seen.told)).toBeGreaterThan(20);
  }, 120_000);

  for (const wrong of ALL) {
    it(`and a ${wrong.name} bucket that gives more than the upstream allows is found out`, async () => {
      let found = 0;
      for (let seed = 1; seed <= 12 && found === 0; seed += 1) {
        // Only the one that is wrong binds.
        const buckets = ALL.map((each) => ({
          ...each,
          limit: each.limit * (each.name === wrong.name ? 3 : 20),
          burst: each.name === 'paced' ? each.burst * 3 : each.burst,
        }));
        const life = await live({ seed, word: 'never', buckets, steps: 150 });
        if (over(life, wrong.name)) found += 1;
      }
      expect(found).toBe(1);
    }, 120_000);
  }
});

function over(life: Life, name: string): boolean {
  const { log, mostInReset } = life;
  const most: Record<string, number> = {
    paced: mostInAnyWindow(log, PACED.windowMs) - PACED.limit,
    ring: mostInAnyWindow(log, RING.windowMs) - RING.limit,
    clock: mostPerClockWindow(log, CLOCK.windowMs) - CLOCK.limit,
    reset: mostInReset - RESET.limit,
    day: sumOf(log) - DAY.limit,
  };
  return (most[name] ?? 0) > 0;
}

export type { Departure };
