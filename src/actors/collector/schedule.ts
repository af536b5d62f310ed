/** When the next run is due. Pure: moments in, moments out. */
import { Cron } from 'croner';
import { sha256Hex } from '../../kernel/canonical.js';
import type { DurationMs, EpochMs } from '../../kernel/types.js';
import type { Schedule } from './context.js';

/**
 * The first due moment after `at`. Intervals lie on a grid whose offset derives from the collector's
 * name, so that a thousand collectors of one interval do not fire together; jitter (a share of the
 * interval, times `chance` in [0, 1)) is added on top. Runs that were missed are not piled up.
 */
export function nextDue(schedule: Schedule, name: string, at: EpochMs, chance: number): EpochMs {
  if (schedule.cron !== '') {
    const next = new Cron(schedule.cron, { timezone: zoneOf(schedule), paused: true }).nextRun(
      new Date(at),
    );
    // An expression without a next run ("30 February") is refused by the configuration.
    return next === null ? 0 : next.getTime();
  }
  const interval = schedule.intervalMs;
  const offset = phaseOf(name, interval);
  const grid = Math.floor((at - offset) / interval) * interval + offset + interval;
  return grid + Math.floor(schedule.jitter * interval * chance);
}

/** Counting missed cron runs stops here: a number larger than this says nothing more. */
const MISSED_MAX = 1000;

/** Scheduled runs that lay between a due moment and now, the due one itself not counted. */
export function missedRuns(schedule: Schedule, dueAt: EpochMs, at: EpochMs): number {
  if (schedule.cron === '') return Math.max(0, Math.floor((at - dueAt) / schedule.intervalMs));
  const cron = new Cron(schedule.cron, { timezone: zoneOf(schedule), paused: true });
  let missed = 0;
  // No further than now: each step into the future costs a search through the calendar of a zone.
  for (let next = cron.nextRun(new Date(dueAt)); missed < MISSED_MAX; missed += 1) {
    if (next === null || next.getTime() > at) break;
    next = cron.nextRun(next);
  }
  return missed;
}

/** Nominal distance between two runs; for cron the next one as seen from `at`. */
export function cadenceMs(schedule: Schedule, at: EpochMs): DurationMs {
  if (schedule.cron === '') return schedule.intervalMs;
  const cron = new Cron(schedule.cron, { timezone: zoneOf(schedule), paused: true });
  const [first, second] = cron.nextRuns(2, new Date(at));
  return first === undefined || second === undefined ? 0 : second.getTime() - first.getTime();
}

function zoneOf(schedule: Schedule): string {
  return schedule.zone === '' ? 'UTC' : schedule.zone;
}

/**
 * A collector's place within its interval, the same in every process. Whole milliseconds, as the wall
 * clock counts: at 100 ms a run that is due at 100.6 ms would be due again.
 */
function phaseOf(name: string, interval: DurationMs): DurationMs {
  return Math.floor((parseInt(sha256Hex(name).slice(0, 8), 16) / 2 ** 32) * interval);
}
