import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isKnownZone, periodOf } from '../../src/kernel/calendar.js';
import type { PeriodRule } from '../../src/kernel/calendar.js';
import { DAY_MS, HOUR_MS } from '../../src/kernel/time.js';

const ZONES = [
  '',
  'UTC',
  'Europe/Berlin',
  'America/New_York',
  'America/St_Johns', // once set its clocks back over midnight
  'America/Havana', // midnight comes twice
  'America/Sao_Paulo', // once skipped midnight
  'Africa/Cairo', // skips midnight
  'Asia/Kolkata',
  'Australia/Lord_Howe', // changes by half an hour
  'Pacific/Apia', // skipped a whole day
  'Pacific/Kiritimati',
];

const moments = fc.integer({ min: Date.UTC(1995, 0, 1), max: Date.UTC(2045, 0, 1) });
const rules: fc.Arbitrary<PeriodRule> = fc.record({
  period: fc.constantFrom('day', 'month'),
  windowMs: fc.constant(0),
  zone: fc.constantFrom(...ZONES),
  anchorDay: fc.integer({ min: 1, max: 31 }),
});

function shown(zone: string, at: number): string {
  return new Date(at).toLocaleString('sv-SE', { timeZone: zone === '' ? 'UTC' : zone });
}

function month(zone: string, anchorDay: number): PeriodRule {
  return { period: 'month', windowMs: 0, zone, anchorDay };
}

function day(zone: string): PeriodRule {
  return { period: 'day', windowMs: 0, zone, anchorDay: 0 };
}

describe('periodOf', () => {
  it('holds the moment it was asked for, and ends where the next period begins', () => {
    fc.assert(
      fc.property(rules, moments, (rule, at) => {
        const period = periodOf(rule, at);
        expect(period.start).toBeLessThanOrEqual(at);
        expect(at).toBeLessThan(period.end);
        expect(periodOf(rule, period.start)).toEqual(period);
        expect(periodOf(rule, period.end - 1)).toEqual(period);
        expect(periodOf(rule, period.end).start).toBe(period.end);
        expect(periodOf(rule, period.start - 1).end).toBe(period.start);
      }),
      { numRuns: 400 },
    );
  });

  it('begins where the local date changes', () => {
    fc.assert(
      fc.property(fc.constantFrom(...ZONES), moments, (zone, at) => {
        const { start } = periodOf(day(zone), at);
        const [today] = shown(zone, start).split(' ');
        const [yesterday] = shown(zone, start - 1000).split(' ');
        expect(String(yesterday) < String(today)).toBe(true);
      }),
      { numRuns: 400 },
    );
  });

  it('gives a day of 23 hours when clocks go forward and of 25 when they go back', () => {
    const spring = periodOf(day('Europe/Berlin'), Date.UTC(2026, 2, 29, 12));
    const autumn = periodOf(day('Europe/Berlin'), Date.UTC(2026, 9, 25, 12));
    expect(spring.end - spring.start).toBe(23 * HOUR_MS);
    expect(autumn.end - autumn.start).toBe(25 * HOUR_MS);
    expect(new Date(spring.start).toISOString()).toBe('2026-03-28T23:00:00.000Z');
  });

  it('begins the day at one o’clock where midnight is skipped', () => {
    const { start } = periodOf(day('America/Sao_Paulo'), Date.UTC(2018, 10, 4, 12));
    expect(shown('America/Sao_Paulo', start)).toBe('2018-11-04 01:00:00');
  });

  it('clamps an anchor on the 29th to the 31st at short months', () => {
    const at = Date.UTC(2026, 1, 20);
    const leap = Date.UTC(2028, 1, 20);
    expect(new Date(periodOf(month('', 31), at).start).toISOString()).toContain('2026-01-31');
    expect(new Date(periodOf(month('', 31), at).end).toISOString()).toContain('2026-02-28');
    expect(new Date(periodOf(month('', 29), leap).end).toISOString()).toContain('2028-02-29');
    expect(new Date(periodOf(month('', 30), leap).end).toISOString()).toContain('2028-02-29');
    const march = periodOf(month('', 30), Date.UTC(2026, 2, 1));
    expect(new Date(march.start).toISOString()).toContain('2026-02-28');
    expect(new Date(march.end).toISOString()).toContain('2026-03-30');
  });

  it('aligns plain windows to the epoch', () => {
    const rule = { period: '', windowMs: 60_000, zone: '', anchorDay: 0 };
    expect(periodOf(rule, 90_000)).toEqual({ start: 60_000, end: 120_000 });
    expect(periodOf(rule, 120_000)).toEqual({ start: 120_000, end: 180_000 });
  });

  it('refuses what is no period at all', () => {
    const none = { period: '', windowMs: 0, zone: '', anchorDay: 0 };
    expect(() => periodOf(none, 0)).toThrow(RangeError);
    expect(() => periodOf({ ...none, period: 'week' }, 0)).toThrow('unknown period week');
    expect(() => periodOf(day('Mars/Olympus'), 0)).toThrow(RangeError);
  });

  it('knows which zones exist', () => {
    expect(isKnownZone('Europe/Berlin')).toBe(true);
    expect(isKnownZone('')).toBe(true);
    expect(isKnownZone('Mars/Olympus')).toBe(false);
  });

  it('skips no instant over the day that Samoa left out', () => {
    const before = periodOf(day('Pacific/Apia'), Date.UTC(2011, 11, 30, 9));
    const after = periodOf(day('Pacific/Apia'), before.end);
    expect(shown('Pacific/Apia', before.start)).toContain('2011-12-29');
    expect(shown('Pacific/Apia', after.start)).toContain('2011-12-31');
    expect(before.end - before.start).toBe(DAY_MS);
  });
});
