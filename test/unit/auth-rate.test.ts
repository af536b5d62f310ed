/** A caller's own rate, and the headers that tell of it. */
import fc from 'fast-check';
import { parseList } from 'structured-headers';
import { describe, expect, it } from 'vitest';
import { callerRate } from '../../src/gateway/auth/rate.js';
import { rateHeaders } from '../../src/gateway/rest/rate-headers.js';

describe('R1: a caller', () => {
  it('may make its burst at once, then waits for each further call', () => {
    const rate = callerRate({ perSecond: 10, burst: 3 });
    expect([1, 2, 3].map(() => rate.take('a', 0).remaining)).toEqual([2, 1, 0]);
    expect(rate.take('a', 0)).toMatchObject({ isAllowed: false, remaining: 0, waitMs: 100 });
    expect(rate.take('a', 99)).toMatchObject({ isAllowed: false });
    expect(rate.take('a', 100)).toMatchObject({ isAllowed: true, remaining: 0, waitMs: 0 });
    expect(rate.take('b', 100)).toMatchObject({ isAllowed: true, remaining: 2 });
  });

  it('never makes more than its burst and what time gave back, and is allowed when told to be', () => {
    const gaps = fc.array(fc.nat({ max: 500 }), { minLength: 1, maxLength: 200 });
    const rules = fc.record({
      perSecond: fc.double({ min: 0.1, max: 1_000, noNaN: true }),
      burst: fc.integer({ min: 1, max: 50 }),
    });
    fc.assert(
      fc.property(rules, gaps, (rule, all) => {
        const rate = callerRate(rule);
        const allowed: number[] = [];
        let now = 0;
        for (const gap of all) {
          now += gap;
          const { isAllowed, waitMs, remaining } = rate.take('a', now);
          expect(remaining).toBeGreaterThanOrEqual(0);
          expect(remaining).toBeLessThan(rule.burst);
          if (isAllowed) allowed.push(now);
          else {
            now += Math.ceil(waitMs);
            expect(rate.take('a', now).isAllowed).toBe(true);
            allowed.push(now);
          }
        }
        for (const [i, from] of allowed.entries()) {
          for (const [j, to] of allowed.slice(i).entries()) {
            const most = rule.burst + ((to - from) * rule.perSecond) / 1000;
            expect(j + 1).toBeLessThanOrEqual(most + 1e-3);
          }
        }
      }),
      { numRuns: 50 },
    );
  });
});

describe('R2: callers', () => {
  it('are forgotten when their calls are all back, and never more than the bound are kept', () => {
    const rate = callerRate({ perSecond: 1, burst: 1 }, 10);
    for (let i = 0; i < 10; i += 1) rate.take(String(i), 0);
    expect(rate.size()).toBe(10);
    rate.take('new', 1_000);
    expect(rate.size()).toBe(1);
    for (let i = 0; i < 100; i += 1) rate.take(`busy-${String(i)}`, 1_001);
    expect(rate.size()).toBe(10);
  });
});

describe('the headers', () => {
  it('are structured fields: quota and window, what is left and until when', () => {
    const told = rateHeaders({ limit: 100, remaining: 7, windowMs: 2_000, resetMs: 1_860 });
    const [[name, policy] = []] = parseList(told['ratelimit-policy']);
    expect(name).toBe('caller');
    expect([policy?.get('q'), policy?.get('w')]).toEqual([100, 2]);
    const [[same, left] = []] = parseList(told.ratelimit);
    expect(same).toBe('caller');
    expect([left?.get('r'), left?.get('t')]).toEqual([7, 2]);
  });
});
