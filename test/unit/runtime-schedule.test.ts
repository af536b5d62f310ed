import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Schedule } from '../../src/actors/collector/index.js';
import { cadenceMs, missedRuns, nextDue } from '../../src/actors/collector/schedule.js';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const NOON = Date.UTC(2026, 0, 5, 12);

const every = (intervalMs: number, jitter = 0): Schedule => ({
  intervalMs,
  cron: '',
  zone: '',
  jitter,
});
const cron = (expression: string, zone = ''): Schedule => ({
  intervalMs: 0,
  cron: expression,
  zone,
  jitter: 0,
});
const names = fc.string({ minLength: 1, maxLength: 20 });
const moments = fc.integer({ min: 0, max: 4e12 });
const intervals = fc.integer({ min: 1000, max: 24 * HOUR });

describe('a schedule by interval', () => {
  it('is due after now, within one interval, on a grid of its own', () => {
    fc.assert(
      fc.property(names, moments, intervals, (name, at, intervalMs) => {
        const due = nextDue(every(intervalMs), name, at, 0.5);
        expect(due).toBeGreaterThan(at);
        expect(due).toBeLessThanOrEqual(at + intervalMs);
        // From any moment before it, the same one is due.
        expect(nextDue(every(intervalMs), name, Math.floor((at + due - 1) / 2), 0.5)).toBe(due);
        expect(nextDue(every(intervalMs), name, due, 0.5)).toBe(due + intervalMs);
        expect(due).toBe(Math.floor(due));
      }),
    );
  });

  it('lies elsewhere for another name: a thousand collectors do not fire together', () => {
    const offsets = Array.from({ length: 1000 }, (_, n) => {
      return nextDue(every(MINUTE), `collector-${String(n)}`, NOON, 0) - NOON;
    });
    const perSecond = Array.from({ length: 60 }, (_, second) => {
      return offsets.filter((offset) => Math.floor(offset / 1000) === second % 60).length;
    });
    expect(Math.max(...perSecond)).toBeLessThan(40);
    expect(Math.min(...perSecond)).toBeGreaterThan(2);
  });

  it('adds its jitter on top: a share of the interval, by chance', () => {
    fc.assert(
      fc.property(
        moments,
        intervals,
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (at, intervalMs, jitter, chance) => {
          const plain = nextDue(every(intervalMs), 'one', at, chance);
          const spread = nextDue(every(intervalMs, jitter), 'one', at, chance);
          expect(spread - plain).toBe(Math.floor(jitter * intervalMs * chance));
        },
      ),
    );
  });

  it('counts the runs that were missed since one was due, that one aside', () => {
    expect(missedRuns(every(MINUTE), NOON, NOON + 59_999)).toBe(0);
    expect(missedRuns(every(MINUTE), NOON, NOON + MINUTE)).toBe(1);
    expect(missedRuns(every(MINUTE), NOON, NOON + 10.5 * MINUTE)).toBe(10);
    expect(missedRuns(every(MINUTE), NOON, NOON - HOUR)).toBe(0);
  });
});

describe('a schedule by cron', () => {
  it.each([
    ['*/5 * * * *', '', NOON + 1, NOON + 5 * MINUTE],
    ['30 6 * * *', '', NOON, NOON + 18.5 * HOUR],
    // Noon in UTC is one o'clock in Berlin.
    ['0 14 * * *', 'Europe/Berlin', NOON, NOON + HOUR],
    ['0 9 * * *', 'America/New_York', NOON, NOON + 2 * HOUR],
    ['*/20 * * * * *', 'Asia/Kolkata', NOON, NOON + 20_000],
  ])('%s in %s', (expression, zone, at, due) => {
    expect(nextDue(cron(expression, zone), 'one', at, 0.9)).toBe(due);
  });

  it('keeps the hour of its zone when the clocks there change', () => {
    const nine = cron('0 9 * * *', 'Europe/Berlin');
    // 28 March 2026: winter time; on the 29th the clocks go forward.
    const saturday = nextDue(nine, 'one', Date.UTC(2026, 2, 28), 0);
    const sunday = nextDue(nine, 'one', saturday, 0);
    expect(new Date(saturday).toISOString()).toBe('2026-03-28T08:00:00.000Z');
    expect(new Date(sunday).toISOString()).toBe('2026-03-29T07:00:00.000Z');
    expect(cadenceMs(nine, saturday - 1)).toBe(23 * HOUR);
  });

  it('counts the runs that were missed, as a list of them would', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('*/7 * * * *', '0 * * * *', '15,45 3-9 * * *', '0 0 1 * *'),
        fc.constantFrom('', 'Europe/Berlin', 'America/Sao_Paulo'),
        fc.integer({ min: -2 * HOUR, max: 40 * HOUR }),
        (expression, zone, lateMs) => {
          const schedule = cron(expression, zone);
          const dueAt = nextDue(schedule, 'one', NOON, 0);
          let expected = 0;
          let next = nextDue(schedule, 'one', dueAt, 0);
          for (; next <= dueAt + lateMs; next = nextDue(schedule, 'one', next, 0)) expected += 1;
          expect(missedRuns(schedule, dueAt, dueAt + lateMs)).toBe(expected);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('counts no more than a thousand: more says nothing', () => {
    expect(missedRuns(cron('* * * * *'), NOON, NOON + 48 * HOUR)).toBe(1000);
  });

  it('is never due for an expression without a next run, and counts none as missed', () => {
    const never = cron('0 0 30 2 *');
    expect(nextDue(never, 'one', NOON, 0)).toBe(0);
    expect(missedRuns(never, NOON, NOON + HOUR)).toBe(0);
    expect(cadenceMs(never, NOON)).toBe(0);
  });
});
