/** P12 for calendar quotas: random use over months, short ones and changes of the clocks, counted by date. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { LimiterFact } from '../../src/actors/limiter/index.js';
import { configured, dailyQuota, HOUR, reserve, settleBlock } from '../support/limiter-given.js';

const ZONES = ['', 'Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Asia/Kolkata'];
const LIMIT = 50;

const steps = fc.array(
  fc.record({
    wait: fc.oneof(fc.integer({ min: 0, max: 6 * HOUR }), fc.integer({ min: 0, max: 60 * HOUR })),
    units: fc.integer({ min: 1, max: 30 }),
    end: fc.constantFrom<'all' | 'half' | 'crash'>('all', 'half', 'crash'),
  }),
  { minLength: 20, maxLength: 80 },
);

type Used = { readonly at: number; readonly units: number };

/** Every unit that was granted and kept, with the last moment at which it may have left. */
function granted(
  plan: readonly { wait: number; units: number; end: 'all' | 'half' | 'crash' }[],
  bucket: typeof dailyQuota,
  from: number,
): readonly Used[] {
  let at = from;
  let given = configured({ buckets: [bucket] });
  const used: Used[] = [];
  for (const [n, { wait, units, end }] of plan.entries()) {
    at += wait;
    given = given.then({ type: 'Recover' }, at);
    const block = `b${String(n)}`;
    const decision = given.when(reserve(block, units, { daily: units }, at + 2000), at);
    if (!decision.ok) continue;
    given = given.then(reserve(block, units, { daily: units }, at + 2000), at);
    const fact = given.facts.find(
      (each): each is Extract<LimiterFact, { type: 'UnitsReserved' }> => {
        return each.type === 'UnitsReserved';
      },
    );
    if (fact === undefined) continue;
    const kept = end === 'half' ? Math.floor(fact.calls / 2) : fact.calls;
    if (end !== 'crash') given = given.then(settleBlock(block, kept, { daily: kept }), at + 1000);
    used.push({ at: at + 1999, units: kept });
  }
  return used;
}

/** The most in one period, told apart by `key` of the local date. */
function most(used: readonly Used[], zone: string, key: (date: string) => string): number {
  const periods = new Map<string, number>();
  for (const { at, units } of used) {
    const date = new Date(at).toLocaleDateString('sv-SE', { timeZone: zone === '' ? 'UTC' : zone });
    periods.set(key(date), (periods.get(key(date)) ?? 0) + units);
  }
  return Math.max(0, ...periods.values());
}

/** Which month anchored to `anchor` a date is in, counted by hand. */
function anchoredMonth(date: string, anchor: number): string {
  const [year = 0, month = 0, day = 0] = date.split('-').map(Number);
  const lastDay = new Date(Date.UTC(year, month, 0)).getUTCDate();
  const index = year * 12 + month - (day >= Math.min(anchor, lastDay) ? 0 : 1);
  return String(index);
}

const starts = fc.integer({ min: Date.UTC(2026, 0, 6), max: Date.UTC(2029, 0, 1) });

describe('P12: a calendar quota', () => {
  it('is not exceeded on any day, of 23, 24 or 25 hours', () => {
    fc.assert(
      fc.property(steps, fc.constantFrom(...ZONES), starts, (plan, zone, from) => {
        const used = granted(plan, { ...dailyQuota, zone, limit: LIMIT }, from);
        expect(used.length).toBeGreaterThan(0);
        expect(most(used, zone, (date) => date)).toBeLessThanOrEqual(LIMIT);
      }),
      { numRuns: 30 },
    );
  });

  it('is not exceeded in any month, whatever its anchor and length', () => {
    const anchors = fc.constantFrom(1, 15, 28, 29, 30, 31);
    fc.assert(
      fc.property(steps, fc.constantFrom(...ZONES), anchors, starts, (plan, zone, anchor, from) => {
        const monthly = { ...dailyQuota, zone, period: 'month', anchorDay: anchor, limit: LIMIT };
        const used = granted(plan, monthly, from);
        expect(most(used, zone, (date) => anchoredMonth(date, anchor))).toBeLessThanOrEqual(LIMIT);
      }),
      { numRuns: 30 },
    );
  });

  it('and one of another zone, or of another anchor, is found out', () => {
    const zone = fc.check(
      fc.property(steps, starts, (plan, from) => {
        const used = granted(plan, { ...dailyQuota, zone: 'Asia/Kolkata', limit: LIMIT }, from);
        return most(used, 'America/New_York', (date) => date) <= LIMIT;
      }),
      { numRuns: 200, endOnFailure: true },
    );
    const anchor = fc.check(
      fc.property(steps, starts, (plan, from) => {
        const monthly = { ...dailyQuota, period: 'month', anchorDay: 1, limit: LIMIT };
        return most(granted(plan, monthly, from), '', (date) => anchoredMonth(date, 15)) <= LIMIT;
      }),
      { numRuns: 200, endOnFailure: true },
    );
    expect([zone.failed, anchor.failed]).toEqual([true, true]);
  });
});
