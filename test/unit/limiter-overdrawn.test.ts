/**
 * Corrections in both directions under random callers: nothing leaves while what is known to be used, by
 * the answers so far and the reservations of what is still under way, leaves no room for it.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seededRandom, type Random } from '../../src/kernel/random.js';
import { bucket, dailyQuota, HOUR, MINUTE } from '../support/limiter-given.js';
import { answer, bench, request, type Bench } from '../support/limiter-gate.js';

const KINDS = [
  { ...dailyQuota, name: 'units', limit: 200 },
  { ...dailyQuota, name: 'units', limit: 200, quota: false },
  bucket({ name: 'units', limit: 200, windowMs: 24 * HOUR }),
  bucket({ name: 'units', kind: 'fixed', limit: 200, windowMs: 24 * HOUR, anchor: 'reset' }),
];

type Watch = {
  readonly made: Bench;
  readonly random: Random;
  readonly limit: number;
  /** By call: what is known of it, at any moment. */
  readonly known: number[];
  readonly wrong: string[];
  corrections: number;
};

function caller(watch: Watch): void {
  const { made, random, known, wrong, limit } = watch;
  const { gate, clock } = made;
  const reserved = 1 + Math.floor(5 * random.next());
  const chance = random.next();
  const drawn = chance < 0.2 ? 0 : chance < 0.35 ? reserved * 8 : reserved;
  const [dally, late] = [random.next() * 1500, random.next() * 1500];
  const weights = { units: reserved };
  void gate.acquire(request({ weights, waitMaxMs: 3000 })).then((acquired) => {
    if (!acquired.ok) return;
    clock.after(dally, () => {
      const before = known.reduce((sum, units) => sum + units, 0);
      if (!acquired.permit.spend()) return;
      if (before + reserved > limit) wrong.push(`${String(before)} + ${String(reserved)}`);
      const index = known.push(reserved) - 1;
      clock.after(late, () => {
        known[index] = drawn;
        watch.corrections += drawn > reserved ? 1 : 0;
        acquired.permit.report(answer(drawn === reserved ? {} : { units: { units: drawn } }));
      });
    });
  });
}

async function live(seed: number, factor = 1): Promise<Watch> {
  const random = seededRandom(seed);
  const kind = KINDS[Math.floor(random.next() * KINDS.length)] ?? dailyQuota;
  const buckets = [{ ...kind, limit: kind.limit * factor }];
  const made = await bench({ buckets, maxRequestsPerSecond: 1 + 9 * random.next() });
  const watch: Watch = { made, random, limit: kind.limit, known: [], wrong: [], corrections: 0 };
  for (let step = 0; step < 60; step += 1) {
    made.actor.journal.delayMs = random.next() < 0.4 ? Math.floor(random.next() * 400) : 0;
    for (let n = 0; n < 1 + 3 * random.next(); n += 1) caller(watch);
    await made.clock.advance(Math.floor(random.next() * 2500));
  }
  await made.clock.advance(MINUTE);
  made.gate.close();
  made.actor.kill();
  return watch;
}

describe('P12: what calls drew beyond their reservations', () => {
  it('counts before anything else leaves', async () => {
    let corrections = 0;
    await fc.assert(
      fc.asyncProperty(fc.nat(), async (seed) => {
        const watch = await live(seed);
        corrections += watch.corrections;
        expect(watch.wrong).toEqual([]);
      }),
      { numRuns: 40 },
    );
    expect(corrections).toBeGreaterThan(50);
  });

  it('and a bucket that gives twice as much is found out', async () => {
    const lives = await Promise.all([1, 2, 3].map((seed) => live(seed, 2)));
    expect(lives.some(({ wrong }) => wrong.length > 0)).toBe(true);
  });
});
