/** Which day it is somewhere: trading days are named by the calendar of their exchange. */
import { isKnownZone, zoneOffset } from '../kernel/calendar.js';
import { DAY_MS } from '../kernel/time.js';
import type { EpochMs } from '../kernel/types.js';
import { floorTo } from './grid.js';

const ZONE_NAME = /^[A-Za-z][A-Za-z0-9_+\-/]{0,63}$/;

/** Whether a name an upstream gave is a zone this runtime knows. */
export function isZone(zone: string): boolean {
  return ZONE_NAME.test(zone) && isKnownZone(zone);
}

/**
 * The local day of a moment, as the UTC midnight of the same date: days compare as numbers.
 * @throws {RangeError} the zone is unknown; see `isZone`.
 */
export function localDay(zone: string, at: EpochMs): EpochMs {
  return floorTo(at + zoneOffset(zone, at), DAY_MS);
}
