/**
 * The rare branches a run of many seeds must reach: *sometimes* assertions. One that is never reached
 * means that the simulation no longer tests what it seems to test.
 */
import type { EventMetadata } from '../../src/journal/port.js';
import type { SeenFact } from './simulation-history.js';

/** The field of a fact that tells its branches apart. */
const WORD: Readonly<Record<string, string>> = {
  BreakerForced: 'override',
  BreakerOverrideCleared: 'cause',
  Throttled: 'pauseSource',
  UnitsSettled: 'cause',
  BucketBlocked: 'cause',
  ScopeBlocked: 'cause',
  Unblocked: 'cause',
  CollectorSuspended: 'cause',
  SuspensionLifted: 'cause',
  RunUnknown: 'cause',
  RunBlocked: 'cause',
  DrainStarted: 'cause',
  CollectorStopped: 'cause',
  CursorSet: 'cause',
  RunFailed: 'outcome',
  RunStarted: 'trigger',
};

/** What a stored fact is called among the branches. */
export function branchesOf(fact: SeenFact, metadata: EventMetadata): readonly string[] {
  const { type } = fact;
  const transition = fact['transition'] as { readonly trigger?: string } | undefined;
  const field = WORD[type];
  const word = transition?.trigger ?? (field === undefined ? undefined : String(fact[field]));
  const named = word === undefined ? type : `${type} ${word}`;
  return [named, ...furtherOf(fact, named, metadata)];
}

function furtherOf(fact: SeenFact, named: string, metadata: EventMetadata): readonly string[] {
  switch (fact.type) {
    case 'UnitsSettled':
      return fact['cause'] === 'expired' ? [`${named} ${reasonOf(metadata)}`] : [];
    case 'RunStarted':
      return Number(fact['skipped']) > 0 ? ['RunStarted after missed runs'] : [];
    case 'RunProgressed':
      return (fact['gaps'] as readonly unknown[]).length > 0 ? ['RunProgressed with a gap'] : [];
    case 'CollectorEnabled':
    case 'CollectorDisabled': {
      const forATime = fact['untilMs'] === undefined ? [] : [`${named} for a time`];
      return [...forATime, ...ofTimer(named, metadata)];
    }
    default:
      return [];
  }
}

function reasonOf({ reason = '' }: EventMetadata): string {
  return reason === 'recovery' ? 'by recovery' : 'by its timer';
}

function ofTimer(type: string, { reason = '' }: EventMetadata): readonly string[] {
  return reason === 'timer wish' ? [`${type} by its time`] : [];
}

/** Each is reached at least once within a few hundred seeds. */
export const SOMETIMES: readonly string[] = [
  // The breaker.
  'BreakerTripped consecutive_failures',
  'BreakerTripped failure_rate',
  'BreakerTripped slow_rate',
  'BreakerTripped manual',
  'BreakerProbing timer',
  'BreakerProbing manual',
  'BreakerReopened probe_failed',
  'BreakerReopened deadline',
  'BreakerReopened restart',
  'BreakerRecovered probes_succeeded',
  'BreakerRecovered manual',
  'BreakerForced forced_open',
  'BreakerForced metrics_only',
  'BreakerForced disabled',
  'BreakerOverrideCleared expired',
  'BreakerOverrideCleared operator',
  'BreakerReset manual',
  // The limiter.
  'Throttled retry_after',
  'Throttled exponential',
  'RateRecovered',
  'EpisodeEnded',
  'BucketBlocked local_quota',
  'BucketBlocked quota_exhausted',
  'ScopeBlocked banned',
  'Unblocked expired',
  'Unblocked operator',
  'UnitsSettled settled',
  'UnitsSettled expired by recovery',
  'UnitsSettled expired by its timer',
  'PeriodRolled',
  'QuotaObserved',
  'RateLimitConfigured',
  'ClockAnomaly',
  // The collector.
  'CollectorSuspended auth',
  'CollectorSuspended quota',
  'CollectorSuspended banned',
  'SuspensionLifted enable',
  'SuspensionLifted restart',
  'SuspensionLifted retry',
  'SuspensionLifted start',
  'CollectorDisabled for a time',
  'CollectorEnabled by its time',
  'RunStarted schedule',
  'RunStarted manual',
  'RunStarted wake',
  'RunStarted after missed runs',
  'RunProgressed with a gap',
  'RunFailed server',
  'RunFailed bad_data',
  'RunFailed throttled',
  'RunFailed banned',
  'RunFailed quota_exhausted',
  'RunFailed auth',
  'RunFailed blocked',
  'RunFailed cancelled',
  'RunFailed sink',
  'RunUnknown process ended',
  'RunUnknown drain deadline',
  'RunBlocked breaker',
  'RunBlocked rate_limit',
  'RunBlocked quota',
  'RunBlocked ban',
  'DrainStarted disable',
  'DrainStarted restart',
  'DrainStarted shutdown',
  'RestartRequested',
  'CursorSet sink_behind',
  'CursorSet operator',
  // Journal, snapshots, processes.
  'append not-written',
  'append unknown',
  'append conflict',
  'append held',
  'snapshot',
  'snapshot bad',
  'snapshots lost',
  'sink restored from a copy',
  'crash now',
  'crash before append',
  'crash after append',
  'crash before send',
  'crash after send',
  'crash before write',
  'crash after write',
  'stop clean',
  'refused journal-unavailable',
  'refused illegal-state',
  'refused breaker-open',
];

/** What a run of many seeds should have reached and did not. */
export function neverReached(branches: ReadonlyMap<string, number>): readonly string[] {
  return SOMETIMES.filter((branch) => !branches.has(branch));
}
