import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RETRY_LIMITS, retryBudget, retryPauseMs } from '../../src/actors/retry.js';
import type { Random } from '../../src/kernel/random.js';
import { ask, asking, doorBench, doorRun } from '../support/door-bench.js';
import { answered, failing } from '../support/door-transport.js';

/** Chance that is always the same: the longest pause there is, nearly. */
const late: Random = { next: () => 0.999, uuid: () => '00000000-0000-4000-8000-000000000000' };

describe('the pause before a retry', () => {
  it('is uniform in [0, base x 2^(n-1)), never beyond its cap', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 60 }),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (attempt, chance) => {
          const pause = retryPauseMs(RETRY_LIMITS, attempt, chance);
          expect(pause).toBeGreaterThanOrEqual(0);
          expect(pause).toBeLessThanOrEqual(20_000);
          expect(pause).toBeLessThanOrEqual(500 * 2 ** (attempt - 1));
          expect(pause).toBe(chance * Math.min(20_000, 500 * 2 ** (attempt - 1)));
        },
      ),
    );
  });
});

describe('the retry budget', () => {
  it('costs 5 a retry, 10 after a timeout, and gives 1 back per clean success, within its size', () => {
    const budget = retryBudget({ budgetTokens: 20 });
    expect(budget.take(true)).toBe(true);
    expect(budget.left()).toBe(10);
    expect(budget.take(false)).toBe(true);
    expect(budget.take(true)).toBe(false);
    expect(budget.left()).toBe(5);
    for (let n = 0; n < 100; n += 1) budget.succeeded();
    expect(budget.left()).toBe(20);
  });

  it('is never overdrawn, whatever happens', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 600 }),
        fc.array(fc.constantFrom('retry', 'timeout', 'success')),
        (budgetTokens, steps) => {
          const budget = retryBudget({ budgetTokens });
          for (const step of steps) {
            const before = budget.left();
            const taken = step === 'success' ? undefined : budget.take(step === 'timeout');
            if (step === 'success') budget.succeeded();
            const price = step === 'timeout' ? 10 : 5;
            expect(taken ?? false).toBe(step !== 'success' && before >= price);
            expect(budget.left()).toBeGreaterThanOrEqual(0);
            expect(budget.left()).toBeLessThanOrEqual(budgetTokens);
          }
        },
      ),
    );
  });
});

describe('a failed call', () => {
  it('is tried three times in all when the upstream broke; each attempt is a call of its own', async () => {
    const bench = await doorBench({ attemptsMax: 3, random: late });
    bench.wire.say = () => answered(503);
    const reply = await ask(bench, 10_000);
    expect(reply).toMatchObject({ ok: false, outcome: 'server' });
    expect(bench.wire.sent).toHaveLength(3);
    expect(bench.budget.left()).toBe(490);
    await bench.clock.advance(5000);
    const calls = bench.facts('CallsRecorded').flatMap((fact) => fact['calls'] as unknown[]);
    expect(calls).toHaveLength(3);
    const sent = bench.facts('UnitsSettled').reduce((sum, f) => sum + Number(f['sent'] ?? 0), 0);
    expect(sent).toBe(3);
  });

  it('succeeds with its second attempt, which gives nothing back to the budget', async () => {
    const bench = await doorBench({ attemptsMax: 3 });
    bench.wire.say = (_, nth) => (nth === 1 ? failing('timeout') : answered(200));
    expect(await ask(bench, 10_000)).toMatchObject({ ok: true });
    expect(bench.budget.left()).toBe(490);
    expect(await ask(bench)).toMatchObject({ ok: true });
    expect(bench.budget.left()).toBe(491);
  });

  it('is not tried again when the budget is spent', async () => {
    const bench = await doorBench({ attemptsMax: 3, budgetTokens: 4 });
    bench.wire.say = () => answered(500);
    await ask(bench, 10_000);
    expect(bench.wire.sent).toHaveLength(1);
  });

  it.each([
    ['auth', answered(401)],
    ['client', answered(404)],
    ['bad_data', answered(200, '<html>')],
    ['banned', answered(418, {}, { 'retry-after': '120' })],
  ])('is not tried again when it is %s', async (outcome, said) => {
    const bench = await doorBench({ attemptsMax: 3 });
    bench.wire.say = () => said;
    expect(await ask(bench, 10_000)).toMatchObject({ outcome });
    expect(bench.wire.sent).toHaveLength(1);
    expect(bench.budget.left()).toBe(500);
  });

  it('is tried again after a throttle whose pause is short, not before it is over', async () => {
    const bench = await doorBench({ attemptsMax: 2, waitMaxMs: 20_000 });
    bench.wire.say = (_, nth) =>
      nth === 1 ? answered(429, {}, { 'retry-after': '10' }) : answered(200);
    const { reply } = asking(bench);
    await bench.clock.advance(9900);
    expect(bench.wire.sent).toHaveLength(1);
    await bench.clock.advance(2000);
    expect(reply()).toMatchObject({ ok: true });
  });

  it('is not tried again after a throttle whose pause is longer than it may wait', async () => {
    const bench = await doorBench({ attemptsMax: 3, waitMaxMs: 5000 });
    bench.wire.say = () => answered(429, {}, { 'retry-after': '10' });
    expect(await ask(bench, 6000)).toMatchObject({ outcome: 'throttled' });
    await bench.clock.advance(60_000);
    expect(bench.wire.sent).toHaveLength(1);
  });

  it('is told by the upstream’s own answer when a breaker stops its retry', async () => {
    const bench = await doorBench({ attemptsMax: 3, policy: { failureThreshold: 1 } });
    bench.wire.say = () => answered(502);
    expect(await ask(bench, 10_000)).toMatchObject({ outcome: 'server', status: 502 });
    expect(bench.wire.sent).toHaveLength(1);
  });

  it('is not tried again once its run is aborted, and its pause ends at once', async () => {
    const bench = await doorBench({ attemptsMax: 3, random: late });
    bench.wire.say = () => answered(500);
    const abort = new AbortController();
    const { reply } = asking(bench, doorRun({ signal: abort.signal }));
    await bench.clock.advance(30);
    expect(reply()).toBeUndefined();
    abort.abort();
    await bench.clock.advance(0);
    expect(reply()).toBeDefined();
    await bench.clock.advance(10_000);
    expect(bench.wire.sent).toHaveLength(1);
  });

  it('counts as no failure of the upstream when we aborted it', async () => {
    const bench = await doorBench({ attemptsMax: 3 });
    bench.wire.say = () => 'hang';
    const abort = new AbortController();
    const { reply } = asking(bench, doorRun({ signal: abort.signal }));
    await bench.clock.advance(1000);
    expect(bench.wire.inFlight()).toBe(1);
    abort.abort();
    await bench.clock.advance(5000);
    expect(reply()).toMatchObject({ outcome: 'cancelled' });
    expect(bench.facts('CallsRecorded')).toEqual([]);
  });
});
