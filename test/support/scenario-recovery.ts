/** Judges how soon an hour is as good as a calm one: calls and new records of each collector. */
import { MINUTE_MS } from '../../src/kernel/time.js';
import type { EpochMs } from '../../src/kernel/types.js';
import { numberIn, of, type Hour, type Route } from './scenario-hour.js';

/** Windows of the providers, by LIMITS.md and semantics §3 (60 s where none is known). */
const WINDOW_MS: Readonly<Record<string, number>> = {
  twitter: 15 * MINUTE_MS,
  reddit: 10 * MINUTE_MS,
  // Its refusals last for minutes to hours and say nothing.
  yahoo: 15 * MINUTE_MS,
};
const OTHER_WINDOW_MS = MINUTE_MS;
export const MEASURED_MS = 20 * MINUTE_MS;
/** Of fewer calls a tenth cannot be told. */
const CALLS_MIN = 10;
const SHARE = 0.9;

const iso = (at: EpochMs): string => new Date(at).toISOString();

/** Two windows after the later of the faults' end and the last moment that held it up. */
export function backAt(hour: Hour, route: Route): EpochMs {
  const moments = [
    ...['BreakerTripped', 'BreakerReopened'].flatMap((type) =>
      of(hour, type, route.breaker).map((fact) => numberIn(fact, 'retryAtMs')),
    ),
    ...['ScopeBlocked', 'BucketBlocked'].flatMap((type) =>
      of(hour, type, route.limiter).map((fact) => numberIn(fact, 'untilMs')),
    ),
  ];
  const held = Math.max(hour.faultsEnd, ...moments);
  return held + 2 * (WINDOW_MS[route.provider] ?? OTHER_WINDOW_MS);
}

export function callsBetween(hour: Hour, provider: string, from: EpochMs, to: EpochMs): number {
  return hour.world.arrivals.filter(
    (arrived) => arrived.provider === provider && arrived.at >= from && arrived.at < to,
  ).length;
}

function recordsBetween(hour: Hour, collector: string, from: EpochMs, to: EpochMs): number {
  return of(hour, 'RunProgressed', `collector-${collector}`)
    .filter(({ at }) => at >= from && at < to)
    .reduce((sum, fact) => sum + numberIn(fact, 'newRecords'), 0);
}

export type Recovered = {
  readonly route: Route;
  readonly from: EpochMs;
  readonly calls: number;
  readonly ceiling: number;
  readonly records: number;
  readonly recordsCeiling: number;
};

/** Calls and records of every upstream in the window after it should be back, beside a calm hour's. */
export function recovered(hour: Hour, calm: Hour): readonly Recovered[] {
  return hour.routes.map((route) => {
    const { collector, provider } = route;
    const from = backAt(hour, route);
    const to = from + MEASURED_MS;
    // The calm hour's same minutes: the same seed has the same data in them.
    return {
      route,
      from,
      calls: callsBetween(hour, provider, from, to),
      ceiling: callsBetween(calm, provider, from, to),
      records: recordsBetween(hour, collector, from, to),
      recordsCeiling: recordsBetween(calm, collector, from, to),
    };
  });
}

/** A run at the window's edge may fall into it or not: what one run brings. */
export function throughput(hour: Hour, calm: Hour): readonly string[] {
  return recovered(hour, calm).flatMap(
    ({ calls, ceiling, from, records, recordsCeiling, route }) => {
      const { cadenceMs, collector, provider } = route;
      if (ceiling === 0 && recordsCeiling === 0) return [];
      const where = `${provider} from ${iso(from)}`;
      if (from + MEASURED_MS > hour.to) return [`throughput: ${where} cannot be measured any more`];
      const findings: string[] = [];
      if (ceiling >= CALLS_MIN && calls < SHARE * ceiling)
        findings.push(`throughput: ${where} has ${String(calls)} calls of ${String(ceiling)}`);
      const ofOneRun = (recordsCeiling * cadenceMs) / MEASURED_MS;
      if (route.isPrimary && records < SHARE * recordsCeiling - ofOneRun)
        findings.push(
          `throughput: ${collector} from ${iso(from)} has ${String(records)} new records of ${String(recordsCeiling)}`,
        );
      return findings;
    },
  );
}
