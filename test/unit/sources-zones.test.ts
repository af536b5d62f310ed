/** Trading days go by the calendar of their exchange. */
import { expect, it } from 'vitest';
import { zoneOffset } from '../../src/kernel/calendar.js';
import { HOUR_MS } from '../../src/kernel/time.js';
import { isZone, localDay } from '../../src/sources/stock-index-zones.js';

const NEW_YORK = 'America/New_York';
const day = (date: number): number => Date.UTC(2026, 0, date);

it('zones know summer time', () => {
  expect(zoneOffset(NEW_YORK, Date.UTC(2026, 0, 15))).toBe(-5 * HOUR_MS);
  expect(zoneOffset(NEW_YORK, Date.UTC(2026, 6, 15))).toBe(-4 * HOUR_MS);
});

it('a day is that of the exchange', () => {
  expect(localDay('Pacific/Auckland', Date.UTC(2026, 0, 14, 12))).toBe(day(15));
  expect(localDay(NEW_YORK, Date.UTC(2026, 0, 15, 4, 59))).toBe(day(14));
});

it('a name that is no zone is known as none, whatever it looks like', () => {
  expect(isZone(NEW_YORK)).toBe(true);
  for (const name of ['', 'Mars/Olympus', '../etc', '+01:00']) expect(isZone(name)).toBe(false);
});
