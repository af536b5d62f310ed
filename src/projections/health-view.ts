/** Answers from the health history: checks, statistics, and the last hour for the score. */
import { HOUR_MS, MINUTE_MS } from '../kernel/time.js';
import type { DurationMs, EpochMs, JsonObject } from '../kernel/types.js';
import { SCORE_WINDOW_MS } from './health.js';
import { HOURS, MINUTES, MINUTES_KEPT_MS, RAW, RAW_KEPT_MS, healthKey } from './health-history.js';
import type { RollUp } from './health-history.js';
import { prefixEnd } from './projection.js';
import type { RowWrite, ScanRows, Table } from './projection.js';
import type { HealthCheck, HealthStatistics } from './views.js';

/** Most rows looked at for one answer: more than a year of hours, or a day of checks every 2 s. */
const ROWS_MAX = 50_000;
/** Most collectors whose last hour is kept in memory. */
const RECENT_COLLECTORS_MAX = 2000;

export type HealthQueries = {
  /** Newest first. */
  readonly checks: (name: string, since: EpochMs, limit: number) => readonly HealthCheck[];
  readonly statistics: (name: string, since: EpochMs) => HealthStatistics;
  /** Checks of the last hour, oldest first. */
  readonly lastHour: (name: string, now: EpochMs) => readonly HealthCheck[];
  /** What the projection wrote; undefined: look at everything again. */
  readonly told: (writes: readonly RowWrite[] | undefined) => void;
};

type Recent = { readonly since: EpochMs; readonly checks: readonly HealthCheck[] };

/** `rows` are those of the health projection that serves, asked anew for each answer. */
export function healthQueries(rows: () => ScanRows): HealthQueries {
  const recent = new Map<string, Recent>();
  return {
    checks: (name, since, limit) =>
      rows()
        .scan(RAW, {
          from: healthKey(name, since),
          to: prefixEnd(`${name}|`),
          limit: Math.max(0, Math.min(limit, ROWS_MAX)),
          order: 'descending',
        })
        .map(({ body }) => body),
    statistics: (name, since) => statisticsOf(rows(), name, since),
    lastHour(name, now) {
      const since = now - SCORE_WINDOW_MS;
      const known = recent.get(name);
      const checks =
        known === undefined || known.since > since
          ? between(rows(), RAW, name, since, undefined)
          : youngerThan(since, known.checks);
      if (recent.size >= RECENT_COLLECTORS_MAX && known === undefined) recent.clear();
      recent.set(name, { since, checks });
      return checks;
    },
    told(writes) {
      if (writes === undefined) {
        recent.clear();
        return;
      }
      for (const write of writes) {
        if (write.kind !== 'put' || write.table !== RAW) continue;
        for (const name of write.of) {
          const known = recent.get(name);
          if (known === undefined) continue;
          const check = write.body as HealthCheck & JsonObject;
          // Only the last hour is kept, also while nobody asks.
          const since = Math.max(known.since, check.at - SCORE_WINDOW_MS);
          recent.set(name, { since, checks: [...youngerThan(since, known.checks), check] });
        }
      }
    },
  };
}

/** Oldest first: when the first is young enough, all are. */
function youngerThan(since: EpochMs, checks: readonly HealthCheck[]): readonly HealthCheck[] {
  const [oldest] = checks;
  if (oldest === undefined || oldest.at >= since) return checks;
  return checks.filter((check) => check.at >= since);
}

function between<T extends JsonObject>(
  rows: ScanRows,
  from: Table<T>,
  name: string,
  since: EpochMs,
  until: EpochMs | undefined,
): readonly T[] {
  const to = until === undefined ? prefixEnd(`${name}|`) : healthKey(name, until);
  const range = { from: healthKey(name, since), to, limit: ROWS_MAX, order: 'ascending' } as const;
  return rows.scan(from, range).map(({ body }) => body);
}

/**
 * Whole hours, the minutes before the first of them, and the raw checks before the first of those:
 * a hundred rows or two instead of a day of checks. What is not kept raw any more counts by whole
 * minutes, later by whole hours.
 */
function statisticsOf(rows: ScanRows, name: string, since: EpochMs): HealthStatistics {
  const range = { from: healthKey(name, 0), to: prefixEnd(`${name}|`), limit: 1 } as const;
  const [newest] = rows.scan(HOURS, { ...range, order: 'descending' });
  if (newest === undefined) return { totalChecks: 0, healthy: 0, failed: 0, degraded: 0 };
  const { start } = newest.body;
  const hasRaw = since >= start - RAW_KEPT_MS;
  const hasMinutes = since >= start - MINUTES_KEPT_MS;
  const minutesFrom = hasRaw ? nextFull(since, MINUTE_MS) : lastFull(since, MINUTE_MS);
  const hoursFrom = hasMinutes ? nextFull(minutesFrom, HOUR_MS) : lastFull(since, HOUR_MS);
  const rollUps: RollUp[] = [...between(rows, HOURS, name, hoursFrom, undefined)];
  if (hasMinutes) rollUps.push(...between(rows, MINUTES, name, minutesFrom, hoursFrom));
  const raw = countedWords(hasRaw ? between(rows, RAW, name, since, minutesFrom) : []);
  const healthy = sum(rollUps, 'healthy') + raw.healthy;
  const degraded = sum(rollUps, 'degraded') + raw.degraded;
  const failed = sum(rollUps, 'failed') + sum(rollUps, 'circuitOpen') + raw.failed;
  return { totalChecks: healthy + degraded + failed, healthy, failed, degraded };
}

/** Blocked by the breaker is failed; what we stopped ourselves is no check. */
export function countedWords(checks: readonly HealthCheck[]): HealthStatistics {
  const words = (word: string): number => checks.filter(({ health }) => health === word).length;
  const [healthy, degraded] = [words('healthy'), words('degraded')];
  const failed = words('failed') + words('circuit_open');
  return { totalChecks: healthy + degraded + failed, healthy, failed, degraded };
}

type Counter = 'healthy' | 'degraded' | 'failed' | 'circuitOpen';

function sum(rollUps: readonly RollUp[], counter: Counter): number {
  return rollUps.reduce((total, rollUp) => total + rollUp[counter], 0);
}

function nextFull(at: EpochMs, lengthMs: DurationMs): EpochMs {
  return Math.ceil(at / lengthMs) * lengthMs;
}

function lastFull(at: EpochMs, lengthMs: DurationMs): EpochMs {
  return Math.floor(at / lengthMs) * lengthMs;
}
