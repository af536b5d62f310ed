import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  cubicElapsed,
  cubicRate,
  currentBackoff,
  currentRate,
  scopeRate,
} from '../../src/actors/limiter/curve.js';
import { configured, lapse, MINUTE, NOON, SECOND, throttle } from '../support/limiter-given.js';

const curves = fc.record({
  wMax: fc.double({ min: 0.01, max: 1000, noNaN: true }),
  backoff: fc.double({ min: 1, max: 100, noNaN: true }),
  windowMs: fc.integer({ min: 1000, max: 3_600_000 }),
});
const share = fc.double({ min: 0, max: 1.5, noNaN: true });

describe('the recovery curve', () => {
  it('never falls, starts at w0, stays at or below Wmax', () => {
    fc.assert(
      fc.property(curves, share, share, ({ wMax, backoff, windowMs }, one, two) => {
        const [early, late] = one <= two ? [one, two] : [two, one];
        const before = cubicRate(wMax, backoff, windowMs, early * windowMs);
        const after = cubicRate(wMax, backoff, windowMs, late * windowMs);
        expect(after).toBeGreaterThanOrEqual(before - 1e-9);
        expect(after).toBeLessThanOrEqual(wMax + 1e-9);
        expect(cubicRate(wMax, backoff, windowMs, 0)).toBeCloseTo(wMax / backoff, 9);
      }),
    );
  });

  it('has no step at K', () => {
    fc.assert(
      fc.property(curves, ({ wMax, backoff, windowMs }) => {
        const just = cubicRate(wMax, backoff, windowMs, windowMs * (1 - 1e-6));
        expect(wMax - just).toBeLessThanOrEqual(wMax * 1e-9);
        expect(cubicRate(wMax, backoff, windowMs, windowMs)).toBe(wMax);
      }),
    );
  });

  it('can be asked when a rate is reached', () => {
    fc.assert(
      fc.property(curves, fc.double({ min: 0, max: 0.99, noNaN: true }), (curve, part) => {
        const { wMax, backoff, windowMs } = curve;
        const elapsed = windowMs * part;
        const rate = cubicRate(wMax, backoff, windowMs, elapsed);
        const back = cubicElapsed(wMax, backoff, windowMs, rate);
        expect(cubicRate(wMax, backoff, windowMs, back)).toBeCloseTo(rate, 6);
      }),
    );
  });
});

describe('the rate of a scope', () => {
  const cut = configured().then(throttle({ retryAt: NOON + 10 * SECOND }));
  const resumed = NOON + 10 * SECOND;

  it('aims at 95 % of the rate at the first cut, from that divided by the back-off', () => {
    expect(currentRate(cut.context, 'moralis', resumed)).toBeCloseTo(2.375, 9);
    expect(currentRate(cut.context, 'moralis', resumed + MINUTE / 2)).toBeCloseTo(4.453125, 9);
    expect(currentRate(cut.context, 'moralis', resumed + MINUTE)).toBeCloseTo(4.75, 9);
    expect(currentRate(cut.context, 'moralis', resumed + 9 * MINUTE)).toBeCloseTo(4.75, 9);
  });

  it('rises by 5 % per clean ten windows after that, up to the ceiling', () => {
    const { context } = cut;
    expect(currentRate(context, 'moralis', resumed + 10 * MINUTE)).toBeCloseTo(4.9875, 9);
    expect(currentRate(context, 'moralis', resumed + 20 * MINUTE)).toBe(5);
    const ended = lapse(cut, resumed + 10 * MINUTE);
    expect(ended.context.episode).toBeNull();
    expect(currentRate(ended.context, 'moralis', resumed + 10 * MINUTE)).toBeCloseTo(4.9875, 9);
    const whole = lapse(ended, resumed + 20 * MINUTE);
    expect(whole.context.learned).toBeNull();
    expect(currentRate(whole.context, 'moralis', resumed + 20 * MINUTE)).toBe(5);
  });

  it('says by how much it is divided: 2 at first, 1 when it is back', () => {
    expect(currentBackoff(cut.context, NOON)).toBeCloseTo(2, 9);
    expect(currentBackoff(cut.context, resumed + MINUTE)).toBe(1);
    expect(currentBackoff(configured().context, NOON)).toBe(1);
  });

  it('never falls below the floor', () => {
    const low = configured({ maxRequestsPerSecond: 1, floorRate: 0.2, maxBackoff: 100 });
    let given = low;
    for (let cuts = 0; cuts < 6; cuts += 1) {
      const { episode } = given.context;
      given = given.then(throttle(), (episode?.pauseUntil ?? NOON) + 1);
    }
    expect(given.context.episode?.backoff).toBe(64);
    expect(scopeRate(given.context, given.context.episode?.pauseUntil ?? 0)).toBe(0.2);
  });

  it('is at most the collector’s own cap, which may exceed the default of the profile', () => {
    const slow = configured().then({
      type: 'SetRate',
      collector: 'moralis',
      maxRequestsPerSecond: 1,
    });
    expect(currentRate(slow.context, 'moralis', NOON)).toBe(1);
    const fast = slow.then({ type: 'SetRate', collector: 'moralis', maxRequestsPerSecond: 50 });
    expect(currentRate(fast.context, 'moralis', NOON)).toBe(50);
    expect(slow.then(throttle()).context.episode?.wMax).toBeCloseTo(0.95, 9);
  });
});
