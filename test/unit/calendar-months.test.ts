/** Days and months against another way to tell a local date: what the runtime shows in the zone. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { periodOf, type PeriodRule } from '../../src/kernel/calendar.js';
import { DAY_MS, HOUR_MS } from '../../src/kernel/time.js';

/** Zones whose midnights all exist in these years: there a month begins on its day, at midnight. */
const PLAIN = ['', 'UTC', 'Europe/Berlin', 'America/New_York', 'Asia/Kolkata', 'Asia/Tokyo'];
const ODD = ['America/St_Johns', 'America/Havana', 'America/Sao_Paulo', 'Africa/Cairo'];

const moments = fc.integer({ min: Date.UTC(2000, 0, 1), max: Date.UTC(2040, 0, 1) });
const anchors = fc.integer({ min: 0, max: 31 });

function shown(zone: string, at: number): string {
  return new Date(at).toLocaleString('sv-SE', { timeZone: zone === '' ? 'UTC' : zone });
}

const month = (zone: string, anchorDay: number): PeriodRule => ({
  period: 'month',
  windowMs: 0,
  zone,
  anchorDay,
});

function lastDayOf(year: number, oneBasedMonth: number): number {
  return new Date(Date.UTC(year, oneBasedMonth, 0)).getUTCDate();
}

/** What is wrong with where a month begins; empty: nothing. */
function wrongStart(zone: string, anchor: number, start: number): string {
  const [date = '', clock = ''] = shown(zone, start).split(' ');
  const [year = 0, of = 0, day = 0] = date.split('-').map(Number);
  const wanted = Math.min(Math.max(1, anchor), lastDayOf(year, of));
  if (day !== wanted) return `${date} begins a month that is anchored to ${String(wanted)}`;
  return clock === '00:00:00' ? '' : `${date} begins at ${clock}`;
}

describe('a month', () => {
  it('begins at midnight of its anchor day, or of the last day of a shorter month', () => {
    fc.assert(
      fc.property(fc.constantFrom(...PLAIN), anchors, moments, (zone, anchor, at) => {
        const { start, end } = periodOf(month(zone, anchor), at);
        expect(wrongStart(zone, anchor, start)).toBe('');
        expect(wrongStart(zone, anchor, end)).toBe('');
      }),
      { numRuns: 400 },
    );
  });

  it('and one that begins a day late is found out', () => {
    const { start } = periodOf(month('Europe/Berlin', 31), Date.UTC(2026, 1, 20));
    expect(wrongStart('Europe/Berlin', 31, start)).toBe('');
    expect(wrongStart('Europe/Berlin', 31, start + DAY_MS)).not.toBe('');
    expect(wrongStart('Europe/Berlin', 31, start + HOUR_MS)).not.toBe('');
  });

  it('comes twelve times between one anchor and the same a year later, wherever clocks change', () => {
    fc.assert(
      fc.property(fc.constantFrom(...PLAIN, ...ODD), anchors, moments, (zone, anchor, at) => {
        const first = periodOf(month(zone, anchor), at);
        let { start } = first;
        for (let n = 0; n < 12; n += 1) {
          const { end } = periodOf(month(zone, anchor), start);
          const days = (end - start) / DAY_MS;
          expect(days).toBeGreaterThan(27);
          expect(days).toBeLessThan(32.1);
          start = end;
        }
        const [from = ''] = shown(zone, first.start).split(' ');
        const [to = ''] = shown(zone, start).split(' ');
        expect(Number(to.slice(0, 4)) - Number(from.slice(0, 4))).toBe(1);
        expect(to.slice(5, 7)).toBe(from.slice(5, 7));
      }),
      { numRuns: 150 },
    );
  });

  it('anchored to the 31st begins on the last day of each month of a leap year', () => {
    const starts: string[] = [];
    let at = Date.UTC(2028, 0, 31);
    for (let n = 0; n < 12; n += 1) {
      starts.push(new Date(at).toISOString().slice(5, 10));
      at = periodOf(month('', 31), at).end;
    }
    const last = '01-31 02-29 03-31 04-30 05-31 06-30 07-31 08-31 09-30 10-31 11-30 12-31';
    expect(starts.join(' ')).toBe(last);
  });
});
