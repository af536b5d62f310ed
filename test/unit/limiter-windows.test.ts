/**
 * P6 and P12 with random callers, restarts, live changes and a slow journal: every admission is counted
 * naively, window by window.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { exhaustedGcra, gcraReadyAt, gcraSpend } from '../../src/actors/limiter/buckets.js';
import { seededRandom, type Random } from '../../src/kernel/random.js';
import { settle } from '../support/clock.js';
import {
  bucket,
  configure,
  dailyQuota,
  MINUTE,
  NOON,
  weightPerMinute,
} from '../support/limiter-given.js';
import {
  answer,
  bench,
  request,
  reservedCalls,
  restart,
  type Bench,
} from '../support/limiter-gate.js';

type Sent = { readonly wall: number; readonly mono: number; readonly weight: number };

const ROLLING = bucket({ name: 'rolling', limit: 12, windowMs: 4000, burst: 4 });
const FIXED = { ...weightPerMinute, limit: 60 };
const QUOTA = { ...dailyQuota, limit: 400 };

/** The most units in any window of `windowMs`, looked at from each admission. */
function mostInWindow(sent: readonly Sent[], windowMs: number): number {
  return sent.reduce((most, { mono }) => {
    const inside = sent.filter(
      (other) => other.mono >= mono && other.mono < mono + windowMs - 1e-6,
    );
    return Math.max(
      most,
      inside.reduce((sum, { weight }) => sum + weight, 0),
    );
  }, 0);
}

function mostPerMinute(sent: readonly Sent[]): number {
  const minutes = new Map<number, number>();
  for (const { wall, weight } of sent) {
    const minute = Math.floor(wall / MINUTE);
    minutes.set(minute, (minutes.get(minute) ?? 0) + weight);
  }
  return Math.max(0, ...minutes.values());
}

/** One random life of a scope: what was sent, and what the journal says was reserved. */
async function live(
  seed: number,
): Promise<{ readonly sent: readonly Sent[]; readonly made: Bench }> {
  const random = seededRandom(seed);
  const buckets = [ROLLING, FIXED, QUOTA];
  const rate = 1 + 9 * random.next();
  let made = await bench({ buckets, maxRequestsPerSecond: rate });
  const sent: Sent[] = [];
  for (let step = 0; step < 60; step += 1) {
    const chance = random.next();
    made.actor.journal.delayMs = random.next() < 0.3 ? Math.floor(random.next() * 300) : 0;
    if (chance < 0.06) made = await restart(made);
    else if (chance < 0.12) await changeRate(made, random);
    else if (chance < 0.16) await reconfigure(made, random, rate);
    else for (let n = 0; n < 1 + 4 * random.next(); n += 1) caller(made, random, sent);
    await made.clock.advance(Math.floor(random.next() * 3000));
    // P6, at any moment.
    expect(sent.length).toBeLessThanOrEqual(reservedCalls(made.actor.facts));
  }
  await made.clock.advance(MINUTE);
  return { sent, made };
}

async function changeRate({ actor }: Bench, random: Random): Promise<void> {
  const maxRequestsPerSecond = 0.5 + 20 * random.next();
  void actor.send({ type: 'SetRate', collector: 'moralis', maxRequestsPerSecond });
  await settle();
}

/** Another burst, never a higher limit: the naive count has one limit only. */
async function reconfigure({ actor }: Bench, random: Random, rate: number): Promise<void> {
  const limit = 6 + Math.floor(7 * random.next());
  const burst = 1 + Math.floor(5 * random.next());
  const buckets = [{ ...ROLLING, limit, burst }, FIXED, QUOTA];
  void actor.send(configure({ buckets, maxRequestsPerSecond: rate }));
  await settle();
}

/** Asks, dallies, sends or not, dallies, answers or never does. */
function caller({ gate, clock }: Bench, random: Random, sent: Sent[]): void {
  const weight = 1 + Math.floor(3 * random.next());
  const [dally, late, chance] = [random.next(), random.next(), random.next()];
  const weights = { rolling: weight, weight, daily: weight };
  void gate.acquire(request({ weights, waitMaxMs: 5000 })).then((acquired) => {
    if (!acquired.ok) return;
    const { permit } = acquired;
    clock.after(dally < 0.5 ? 0 : dally * 2500, () => {
      if (chance < 0.1) permit.release();
      else if (permit.spend()) {
        sent.push({ wall: clock.now(), mono: clock.monotonic(), weight });
        if (chance < 0.95)
          clock.after(late * 1000, () => {
            permit.report(outcome(chance));
          });
      }
    });
  });
}

function outcome(chance: number) {
  if (chance > 0.945) return answer({ outcome: 'throttled', status: 429 });
  return answer(chance < 0.2 ? { outcome: 'server', status: 500 } : {});
}

describe('whatever callers do', () => {
  it('P12, P6: no window is ever exceeded, and nothing is sent that was not reserved', async () => {
    let total = 0;
    await fc.assert(
      fc.asyncProperty(fc.nat(), async (seed) => {
        const { sent, made } = await live(seed);
        made.gate.close();
        made.actor.kill();
        total += sent.length;
        expect(mostInWindow(sent, ROLLING.windowMs)).toBeLessThanOrEqual(ROLLING.limit);
        expect(mostPerMinute(sent)).toBeLessThanOrEqual(FIXED.limit);
        expect(sent.reduce((sum, { weight }) => sum + weight, 0)).toBeLessThanOrEqual(QUOTA.limit);
      }),
      { numRuns: 40 },
    );
    expect(total).toBeGreaterThan(500);
  });

  it('the naive count does see an excess', () => {
    const sent = Array.from({ length: 13 }, (_, i) => ({ wall: NOON + i, mono: i, weight: 1 }));
    expect(mostInWindow(sent, 4000)).toBe(13);
    expect(mostPerMinute(sent)).toBe(13);
  });

  it('P12: a rolling bucket alone holds N in any window, held or not, for any burst and weight', () => {
    const plan = fc.array(
      fc.record({
        wait: fc.double({ min: 0, max: 800, noNaN: true }),
        weight: fc.integer({ min: 1, max: 6 }),
        hold: fc.boolean(),
      }),
      { minLength: 5, maxLength: 120 },
    );
    fc.assert(
      fc.property(
        plan,
        fc.integer({ min: 6, max: 30 }),
        fc.integer({ min: 1, max: 40 }),
        (steps, n, b) => {
          const gcra = exhaustedGcra(n, b, 1000, 0);
          const sent: Sent[] = [];
          const held: number[] = [];
          const spend = (weight: number, mono: number): void => {
            gcraSpend(gcra, weight, mono);
            sent.push({ wall: mono, mono, weight });
          };
          let mono = 0;
          for (const { wait, weight, hold } of steps) {
            mono += wait;
            for (const kept of hold ? [] : held.splice(0)) spend(kept, mono);
            if (gcraReadyAt(gcra, weight, mono) > mono) continue;
            gcra.held += weight;
            if (hold) held.push(weight);
            else spend(weight, mono);
          }
          expect(mostInWindow(sent, 1000)).toBeLessThanOrEqual(n);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('P12: another burst is no new budget: for one old window the old limit holds beside it', async () => {
    const wide = { ...ROLLING, limit: 10, burst: 4, windowMs: 10_000 };
    const made = await bench({ buckets: [wide], maxRequestsPerSecond: 900 });
    await made.clock.advance(MINUTE);
    const sent: Sent[] = [];
    const ask = (): void => {
      void made.gate.acquire(request({ weights: { rolling: 1 } })).then(({ ok, ...rest }) => {
        if (!ok || !('permit' in rest) || !rest.permit.spend()) return;
        sent.push({ wall: made.clock.now(), mono: made.clock.monotonic(), weight: 1 });
      });
    };
    for (let n = 0; n < 30; n += 1) ask();
    await made.clock.advance(100);
    expect(sent).toHaveLength(4);
    const narrow = configure({ buckets: [{ ...wide, burst: 1 }], maxRequestsPerSecond: 900 });
    await made.actor.send(narrow);
    await made.clock.advance(30_000);
    made.gate.close();
    made.actor.kill();
    expect(mostInWindow(sent, 10_000)).toBe(10);
    expect(sent.length).toBeGreaterThan(25);
  });

  it('P12: a quota is not exceeded by many callers at its edge', async () => {
    const made = await bench({ buckets: [{ ...QUOTA, limit: 7 }], maxRequestsPerSecond: 500 });
    await made.clock.advance(MINUTE);
    let sent = 0;
    for (let n = 0; n < 50; n += 1) {
      void made.gate.acquire(request({ weights: { daily: 2 } })).then((acquired) => {
        if (acquired.ok && acquired.permit.spend()) sent += 1;
      });
    }
    await made.clock.advance(MINUTE);
    made.gate.close();
    made.actor.kill();
    expect(sent).toBe(3);
  });
});
