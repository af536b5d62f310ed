/** How documents become what REST shows: money, breakers, rates, and sentences about the past. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseBody } from '../../src/gateway/rest/json-body.js';
import { momentOf } from '../../src/gateway/inputs.js';
import { breakerDetail, breakerScore } from '../../src/gateway/shapes/breaker.js';
import { costLine, costTotals } from '../../src/gateway/shapes/costs.js';
import { checkLine } from '../../src/gateway/shapes/health.js';
import { limiterDetail, rateAt } from '../../src/gateway/shapes/limiter.js';
import { decimalOf } from '../../src/gateway/shapes/numbers.js';
import { whyOfDocs } from '../../src/gateway/shapes/why.js';
import type { CollectorDoc } from '../../src/projections/views.js';
import {
  COST,
  MINUTE,
  NOW,
  breakerDoc,
  check,
  docsOf,
  limiterDoc,
  liveOf,
} from '../support/gateway-docs.js';

describe('money', () => {
  it('is the decimal of its micro-units, whatever the sum', () => {
    fc.assert(
      fc.property(fc.nat({ max: 2 ** 53 - 1 }), (micros) => {
        const digits = String(micros).padStart(7, '0');
        const text = `${digits.slice(0, -6)}.${digits.slice(-6)}`;
        expect(decimalOf(micros)).toBe(Number(text));
      }),
    );
    expect(() => decimalOf(0.5)).toThrow('safe integer');
  });

  it('is summed over integers: ten times a tenth is one', () => {
    const tenth = { ...COST, costMicros: 100_000 };
    const totals = costTotals(Array.from({ length: 10 }, () => tenth));
    expect(totals).toMatchObject({ total_estimated_cost: 1, currency: 'USD' });
    const mixed = costTotals([COST, { ...COST, currency: 'EUR' }]);
    expect(mixed).toMatchObject({ total_estimated_cost: null, currency: null });
  });

  it('comes with rates and forecasts of six places, not of sixteen', () => {
    const line = costLine({ ...COST, burnRate: 100 / 3, forecastUnits: 2000 / 3 });
    expect(line).toMatchObject({ burn_rate: 33.333333, forecast_end_of_period: 666.666667 });
    expect(checkLine({ ...check(NOW), latencyP95Ms: 5.828213000000687 })).toMatchObject({
      latency_p95_ms: 5.828213,
    });
  });

  it('names the quota by its period', () => {
    expect(costLine(COST)).toHaveProperty('monthly_quota', 3_000_000);
    const day = costLine({ ...COST, period: { ...COST.period, kind: 'day' }, quota: null });
    expect(day).toHaveProperty('daily_quota', null);
    expect(day).not.toHaveProperty('monthly_quota');
  });
});

describe('a breaker', () => {
  const open = { ...breakerDoc('m'), computed: 'open', openedAt: NOW - 5000, retryAt: NOW + 1000 };

  it('is shown computed, overridden and effective, apart', () => {
    const held = {
      ...breakerDoc('m'),
      override: { state: 'forced_open', reason: 'stop', actor: 'ann', expiresAt: NOW },
    };
    expect(breakerDetail(held, [held], undefined, NOW)).toMatchObject({
      state: 'open',
      computed: 'closed',
      effective: 'forced_open',
      override: { state: 'forced_open', reason: 'stop', expires_at: '2026-01-05T12:00:00.000Z' },
    });
  });

  it('counts the time it is still open', () => {
    const told = breakerDetail(open, [open], undefined, NOW);
    expect(told.statistics.time_in_open_state).toBe(305);
    expect(told.retry_at).toBe('2026-01-05T12:00:01.000Z');
  });

  it('has a whole score when its window is empty or over', () => {
    const half = { ...open, window: { at: NOW, calls: 4, failures: 2, slow: 0 } };
    expect(breakerScore(half, NOW)).toBe(0.5);
    expect(breakerScore(half, NOW + half.policy.windowMs + 1)).toBe(1);
    expect(breakerScore({ ...half, window: { ...half.window, calls: 0 } }, NOW)).toBe(1);
  });

  it('shows what was admitted half-open before any of it ended', () => {
    const probing = { ...open, computed: 'half_open', halfOpen: { attempts: 0, successes: 0 } };
    const live = { primary: { inFlight: 2, halfOpenAdmitted: 2 } };
    const told = breakerDetail(probing, [probing], live, NOW);
    expect(told).toMatchObject({ half_open: { attempts: 2, success_rate: 0 } });
    const untouched = breakerDetail(probing, [probing], undefined, NOW);
    expect(untouched).toMatchObject({ half_open: { attempts: 0, success_rate: null } });
  });

  it('lists its siblings by upstream', () => {
    const second = breakerDoc('m', 'second');
    const told = breakerDetail(open, [open, second], undefined, NOW);
    expect(told.upstreams).toMatchObject({
      primary: { state: 'open' },
      second: { state: 'closed', effective: 'closed' },
    });
  });
});

describe('a limiter', () => {
  const episode = { backoff: 4, cuts: 2, wMax: 4.75, pauseUntil: NOW, lastCutAt: NOW - 5000 };
  const cut = { ...limiterDoc('m'), episode };

  it('of the past has the rate its episode had reached', () => {
    expect(rateAt(limiterDoc('m'), 'm', NOW)).toBe(5);
    expect(rateAt(cut, 'm', NOW - 1000)).toBeCloseTo(4.75 / 4);
    expect(rateAt(cut, 'm', NOW + MINUTE / 2)).toBeCloseTo(4.75 - (4.75 * 3) / 4 / 8);
    expect(rateAt(cut, 'm', NOW + MINUTE)).toBeCloseTo(4.75);
    expect(rateAt(cut, 'm', NOW + 10 * MINUTE)).toBeCloseTo(4.9875);
    expect(rateAt(cut, 'm', NOW + 1000 * MINUTE)).toBe(5);
  });

  it('never falls while it recovers, and never passes its cap', () => {
    fc.assert(
      fc.property(
        fc.nat(1e8),
        fc.nat(1e8),
        fc.double({ min: 0.1, max: 10, noNaN: true }),
        (a, b, cap) => {
          const settings = { maxRequestsPerSecond: cap, backoffMultiplier: 2, maxBackoff: 64 };
          const capped = { ...cut, caps: { m: settings } };
          const [first, then] = [Math.min(a, b), Math.max(a, b)];
          const early = rateAt(capped, 'm', NOW + first);
          expect(rateAt(capped, 'm', NOW + then)).toBeGreaterThanOrEqual(early - 1e-9);
          expect(early).toBeLessThanOrEqual(cap);
        },
      ),
    );
  });

  it('sums what a collector used of two scopes and shows its own settings', () => {
    const second = { ...limiterDoc('m'), scope: 'other', collectors: ['m', 'n'] };
    const own = { maxRequestsPerSecond: 1, backoffMultiplier: 3, maxBackoff: 9 };
    const first = { ...limiterDoc('m'), caps: { m: own } };
    const told = limiterDetail([first, second], 'm', liveOf('m'), NOW);
    expect(told).toMatchObject({
      current_rate: 5,
      initial_rate: 1,
      backoff_multiplier: 3,
      scopes: ['m-account', 'other'],
      statistics: { total_requests: 2468, total_throttles: 10, total_429_errors: 6 },
    });
  });
});

describe('the past', () => {
  const docs = docsOf('m');
  const where = (change: Partial<CollectorDoc>) => ({
    ...docs,
    collector: { ...docs.collector, ...change },
  });

  it('says why nothing was fetched and when that would end', () => {
    const until = NOW + MINUTE;
    const override = { state: 'forced_open', reason: 'stop', actor: 'ann', expiresAt: until };
    const barred = { ...limiterDoc('m'), blocked: { cause: 'banned', until, detail: '' } };
    const episode = { backoff: 2, cuts: 1, wMax: 4, pauseUntil: until, lastCutAt: NOW };
    const told = [
      where({ missingKey: 'MORALIS_API_KEY' }),
      where({ suspended: { cause: 'auth', detail: '401', since: NOW, nextTry: until } }),
      { ...docs, breakers: [{ ...breakerDoc('m'), override }] },
      { ...docs, breakers: [{ ...breakerDoc('m'), computed: 'open', retryAt: until }] },
      { ...docs, limiters: [barred] },
      { ...docs, limiters: [{ ...limiterDoc('m'), episode }] },
      where({ blocked: { cause: 'quota', detail: '', until } }),
      where({ phase: 'collecting' }),
      where({ phase: 'draining' }),
      docs,
    ].map((each) => whyOfDocs(each, NOW));
    expect(told).toEqual([
      { sentence: 'it waits for its key: set MORALIS_API_KEY', changesAt: null },
      { sentence: 'it is suspended: auth (401)', changesAt: until },
      { sentence: 'its circuit breaker is held open by ann (stop)', changesAt: until },
      { sentence: 'its circuit breaker is open', changesAt: until },
      { sentence: 'm-account is barred: banned', changesAt: until },
      {
        sentence: `it waits: rate limit until ${new Date(until).toISOString()}, the upstream asked m-account to pause`,
        changesAt: until,
      },
      { sentence: 'its last run was blocked: quota', changesAt: until },
      { sentence: 'it is collecting', changesAt: null },
      { sentence: 'it is draining', changesAt: NOW + 4 * MINUTE },
      { sentence: 'it waits for its next run', changesAt: NOW + 4 * MINUTE },
    ]);
  });
});

describe('moments', () => {
  it('are ISO 8601 with an offset, and real', () => {
    expect(momentOf('2026-01-05T12:00:00Z')).toBe(NOW);
    expect(momentOf('2026-01-05T13:00:00.000+01:00')).toBe(NOW);
    for (const text of ['2026-01-05', '2026-01-05T12:00:00', '2026-13-05T12:00:00Z', '1', 'now']) {
      expect(momentOf(text)).toBeUndefined();
    }
  });
});

describe('bodies', () => {
  it('that JSON.parse reads unambiguously come through unchanged', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 8 }), (value) => {
        const told = parseBody(Buffer.from(JSON.stringify(value)));
        expect(told).toEqual({ ok: true, value: JSON.parse(JSON.stringify(value)) as unknown });
      }),
    );
  });

  it('with one member twice are refused, however it is written; equal names apart are not', () => {
    const twice = ['{"a":1,"a":2}', '{"a":1,"\\u0061":2}', '[{"x":{"":1,"":2}}]'];
    for (const text of twice) expect(parseBody(Buffer.from(text)).ok).toBe(false);
    const fine = ['{"a":{"a":1},"b":["a","a"]}', '[{"a":1},{"a":1}]', '{"a":"\\"a\\":1,"}'];
    for (const text of fine) expect(parseBody(Buffer.from(text)).ok).toBe(true);
  });

  it('are no deeper than sixteen levels', () => {
    const deep = (levels: number) => Buffer.from('['.repeat(levels) + ']'.repeat(levels));
    expect(parseBody(deep(16)).ok).toBe(true);
    expect(parseBody(deep(17)).ok).toBe(false);
  });
});
