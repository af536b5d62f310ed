/** When a collector runs: an interval or a cron expression, and how far apart that makes two runs. */
import { Cron } from 'croner';
import type { DurationMs } from '../kernel/types.js';
import { messageOf } from '../kernel/errors.js';
import { COLLECTOR_OPTIONS } from './options-collector.js';
import { shown } from './problem.js';
import { numberIn, textIn } from './values.js';
import type { CollectorValues, Wrong } from './values.js';

export type ScheduleSettings = {
  /** 0 when cron rules. */
  readonly intervalMs: DurationMs;
  /** Empty when the interval rules. */
  readonly cron: string;
  readonly zone: string;
  readonly jitter: number;
};

/** `cadenceMs`: how far two runs are apart, at the most. */
export function scheduleOf(
  given: CollectorValues,
  ownIntervalMs: DurationMs,
  wrong: Wrong,
): { readonly schedule: ScheduleSettings; readonly cadenceMs: DurationMs } {
  const cron = textIn(given, 'cron') ?? '';
  const zone = textIn(given, 'zone');
  const jitter = numberIn(given, 'jitter') ?? DEFAULT_JITTER;
  const intervalMs = numberIn(given, 'interval_ms') ?? ownIntervalMs;
  if (zone !== undefined && !isZone(zone))
    wrong('zone', 'must be an IANA zone', { value: shown(zone) });
  if (cron === '') {
    return { schedule: { intervalMs, cron, zone: zone ?? 'UTC', jitter }, cadenceMs: intervalMs };
  }
  if (given.has('interval_ms')) wrong('interval_ms', 'must not be set beside cron');
  const schedule = { intervalMs: 0, cron, zone: zone ?? 'UTC', jitter };
  try {
    return { schedule, cadenceMs: cronCadenceMs(cron) };
  } catch (error) {
    wrong('cron', `must be a cron expression: ${messageOf(error)}`, { value: shown(cron) });
    return { schedule, cadenceMs: ownIntervalMs };
  }
}

const DEFAULT_JITTER = COLLECTOR_OPTIONS.find(({ key }) => key === 'jitter')?.default as number;

/** A fixed moment, so that the same expression has the same cadence whenever it is read. */
const CADENCE_FROM = new Date('2024-01-01T00:00:00Z');
const CADENCE_RUNS = 10;

function cronCadenceMs(cron: string): DurationMs {
  const runs = new Cron(cron, { paused: true, timezone: 'UTC' }).nextRuns(
    CADENCE_RUNS,
    CADENCE_FROM,
  );
  const [first] = runs;
  if (first === undefined) throw new RangeError('it never comes due');
  const moments = [CADENCE_FROM, ...runs].map((run) => run.getTime());
  return Math.max(...moments.slice(1).map((moment, index) => moment - (moments[index] ?? moment)));
}

function isZone(zone: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone });
    return true;
  } catch {
    return false;
  }
}
