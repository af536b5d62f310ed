/**
 * P12 with buckets of every kind at once: random callers and answers, corrections, crashes, restarts, live
 * changes, clock jumps; judged by a log of departures and by an upstream that counts for itself.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { BucketConfig } from '../../src/gen/headgate/events/v1/limiter.js';
import { mostInAnyWindow, mostPerClockWindow, sumOf } from '../support/limiter-judge.js';
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

/** All the others give twenty times as much: only this one binds, by its `factor`. */
function tight(name: string, factor = 1): readonly BucketConfig[] {
  return ALL.map((each) => ({
    ...each,
    limit: each.limit * (each.name === name ? factor : 20),
    burst: each.name === 'paced' && name === 'paced' ? each.burst * factor : each.burst * 20,
  }));
}

describe('P12: no window of any bucket is ever exceeded', () => {
  it('whatever callers, upstream, operators and the clock do', async () => {
    const seen = { sent: 0, restarts: 0, jumps: 0, told: 0 };
    await fc.assert(
      fc.asyncProperty(fc.nat(), fc.constantFrom(...WORDS), async (seed, word) => {
        const life = await live({ seed, word, buckets: ALL });
        expect(exceeded(life)).toEqual([]);
        seen.sent += life.log.length;
        seen.restarts += life.restarts;
        seen.jumps += life.jumps;
        seen.told += life.facts.filter(
          (fact) => fact.type === 'QuotaObserved' && fact.windowEndMs !== undefined,
        ).length;
      }),
      { numRuns: 40 },
    );
    // A life in which nothing happens exceeds nothing.
    expect(seen.sent).toBeGreaterThan(1000);
    expect(Math.min(seen.restarts, seen.jumps, seen.told)).toBeGreaterThan(20);
  }, 120_000);

  for (const { name } of ALL) {
    it(`where only the ${name} bucket binds`, async () => {
      await fc.assert(
        fc.asyncProperty(fc.nat(), fc.constantFrom(...WORDS), async (seed, word) => {
          const life = await live({ seed, word, buckets: tight(name) });
          expect(exceeded(life)).not.toContain(name);
        }),
        { numRuns: name === 'reset' ? 40 : 12 },
      );
    }, 120_000);

    it(`and a ${name} bucket that gives more than the upstream allows is found out`, async () => {
      let isFound = false;
      for (let seed = 1; seed <= 12 && !isFound; seed += 1) {
        const life = await live({ seed, word: 'never', buckets: tight(name, 3), steps: 150 });
        isFound = exceeded(life).includes(name);
      }
      expect(isFound).toBe(true);
    }, 120_000);
  }
});

/** The buckets that a life exceeded. */
function exceeded({ log, mostInReset }: Life): readonly string[] {
  const most: readonly (readonly [BucketConfig, number])[] = [
    [PACED, mostInAnyWindow(log, PACED.windowMs)],
    [RING, mostInAnyWindow(log, RING.windowMs)],
    [CLOCK, mostPerClockWindow(log, CLOCK.windowMs)],
    [RESET, mostInReset],
    [DAY, sumOf(log)],
  ];
  return most.filter(([{ limit }, units]) => units > limit + 1e-6).map(([{ name }]) => name);
}
