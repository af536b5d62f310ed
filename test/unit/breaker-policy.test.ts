import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { defaultPolicy, policyRefusal } from '../../src/actors/breaker/index.js';
import type { BreakerPolicy } from '../../src/actors/breaker/index.js';
import { openDelayMs, samePolicy } from '../../src/actors/breaker/policy.js';
import { configured, MINUTE, POLICY, report } from '../support/breaker-given.js';

const refused = (change: Partial<BreakerPolicy>, pollIntervalMs = MINUTE): unknown =>
  policyRefusal({ ...POLICY, ...change }, pollIntervalMs);

describe('the default policy', () => {
  it('follows from the poll interval, the request timeout and the longest wait', () => {
    const cadence = { pollIntervalMs: 300_000, requestTimeoutMs: 20_000, maxWaitMs: 30_000 };
    expect(defaultPolicy(cadence)).toEqual({
      failureThreshold: 5,
      minimumCalls: 10,
      failureRate: 0.5,
      slowRate: 1,
      slowCallMs: 10_000,
      windowMs: 6_000_000,
      openMs: 300_000,
      openMultiplier: 1.5,
      openMaxMs: 3_600_000,
      openJitter: 0.1,
      halfOpenPermits: 3,
      successThreshold: 2,
      halfOpenDeadlineMs: 600_000,
    });
    const quick = defaultPolicy({ ...cadence, pollIntervalMs: 1000 });
    expect(quick).toMatchObject({ windowMs: 60_000, halfOpenDeadlineMs: 100_000 });
  });

  it('may be used at any cadence, from ten a second to once a quarter', () => {
    fc.assert(
      fc.property(fc.integer({ min: 100, max: 92 * 86_400_000 }), (pollIntervalMs) => {
        const cadence = { pollIntervalMs, requestTimeoutMs: 10_000, maxWaitMs: 60_000 };
        expect(policyRefusal(defaultPolicy(cadence), pollIntervalMs)).toBeUndefined();
      }),
    );
  });
});

describe('a policy', () => {
  it('is refused by the name of the setting that breaks its rule', () => {
    const cases: readonly [Partial<BreakerPolicy>, string, string][] = [
      [{ failureThreshold: -1 }, '/policy/failure_threshold', 'must be >= 0, got -1'],
      [{ minimumCalls: 1.5 }, '/policy/minimum_calls', 'must be a whole number, got 1.5'],
      [{ failureRate: 0 }, '/policy/failure_rate', 'must be >= 0.0001, got 0'],
      [{ slowRate: 1.01 }, '/policy/slow_rate', 'must be <= 1, got 1.01'],
      [{ slowCallMs: NaN }, '/policy/slow_call_ms', 'must be a number, got NaN'],
      [{ windowMs: Infinity }, '/policy/window_ms', 'must be a number, got Infinity'],
      [{ openJitter: 0.6 }, '/policy/open_jitter', 'must be <= 0.5, got 0.6'],
      [{ openMaxMs: 1000 }, '/policy/open_max_ms', 'must be >= open_ms, got 1000 < 300000'],
      [
        { successThreshold: 4 },
        '/policy/success_threshold',
        'must be <= half_open_permits, got 4 > 3',
      ],
    ];
    for (const [change, field, detail] of cases) {
      expect(refused(change)).toEqual({ kind: 'invalid', field, detail });
    }
    expect(refused({}, 0)).toMatchObject({ field: '/poll_interval_ms' });
    expect(refused({}, NaN)).toMatchObject({ field: '/poll_interval_ms' });
  });

  it('is refused when it could never trip at the cadence of its collector, and says why', () => {
    const popular = { windowMs: 10_000, minimumCalls: 100, failureThreshold: 0 };
    expect(refused(popular)).toEqual({
      kind: 'would-never-trip',
      detail:
        'it could never trip: a window of 10000 ms holds 0 calls at one call every 60000 ms, ' +
        'and minimum_calls is 100; failure_threshold is 0 (off)',
    });
    expect(refused({ ...popular, failureThreshold: 1000 }, 300_000)).toMatchObject({
      kind: 'would-never-trip',
    });
    expect(refused({ ...popular, failureThreshold: 5 })).toBeUndefined();
    expect(refused({ ...popular, windowMs: 6_000_000 })).toBeUndefined();
  });

  it('with the counting rule off trips by rates alone', () => {
    const closed = configured({ failureThreshold: 0 });
    const nine = closed.then(report(closed, ...Array.from({ length: 9 }, () => 'server')));
    expect(nine.facts).toHaveLength(1);
    expect(nine.then(report(nine, 'server')).facts[1]).toMatchObject({
      transition: { trigger: 'failure_rate' },
    });
  });

  it('is the same when every setting is', () => {
    expect(samePolicy(POLICY, { ...POLICY })).toBe(true);
    expect(samePolicy(POLICY, { ...POLICY, openJitter: 0.2 })).toBe(false);
  });

  it('opens within a tenth of open_ms · multiplier^n, capped after the jitter', () => {
    fc.assert(
      fc.property(fc.nat(2000), fc.double({ min: 0, max: 0.999_999, noNaN: true }), (n, chance) => {
        const plain = Math.min(300_000 * 1.5 ** n, 3_600_000);
        const delay = openDelayMs(POLICY, n, chance);
        expect(delay).toBeLessThanOrEqual(Math.min(plain * 1.1, 3_600_000) + 1);
        expect(delay).toBeGreaterThanOrEqual(plain * 0.9 - 1);
      }),
    );
    expect(openDelayMs(POLICY, 6, 0)).toBe(Math.round(300_000 * 1.5 ** 6 * 0.9));
    expect(openDelayMs(POLICY, 6, 0.99)).toBe(3_600_000);
  });
});
