/**
 * What health means (semantics §5): the word of one check, the word and the score of a collector.
 * Pure, and the only place where these are decided.
 */
import type { DurationMs, EpochMs } from '../kernel/types.js';
import { HOUR_MS } from '../kernel/time.js';
import type { BreakerDoc, CollectorDoc, HealthCheck, HealthView, LimiterDoc } from './views.js';

export const HEALTH_WORDS = ['healthy', 'degraded', 'failed', 'circuit_open', 'disabled'] as const;
export type HealthWord = (typeof HEALTH_WORDS)[number];

/** How far back the score looks. */
export const SCORE_WINDOW_MS: DurationMs = HOUR_MS;
/** New data older than this many times what is expected is stale. */
const STALE_AFTER = 3;
/** Failed runs in a row that make a collector failed, however well the hour went before. */
const FAILED_AFTER = 3;

const WEIGHTS = { successRatio: 0.5, freshness: 0.3, latency: 0.1, quotaHeadroom: 0.1 } as const;

/**
 * What the end of a run says about its source. `undefined`: nothing, another fact tells it.
 *
 *   RunSucceeded                                    healthy; degraded while new data is overdue
 *   RunFailed  server, client, auth, banned,        failed
 *              quota_exhausted, crashed
 *   RunFailed  throttled, bad_data                  degraded: it answers, but not as we need
 *   RunFailed  cancelled                            disabled: stopped by ourselves
 *   RunFailed  blocked                              undefined: RunBlocked follows; if it goes on
 *                                                   by another upstream, degraded
 *   RunUnknown                                      degraded: neither success nor failure
 *   RunBlocked breaker                              circuit_open
 *   RunBlocked rate_limit, quota, ban, key          degraded: blocked time is down, not unknown
 */
export function wordOfFailedRun(outcome: string): HealthWord | undefined {
  switch (outcome) {
    case 'throttled':
    case 'bad_data':
      return 'degraded';
    case 'cancelled':
      return 'disabled';
    case 'blocked':
      return undefined;
    default:
      return 'failed';
  }
}

export function wordOfSucceededRun(isOverdue: boolean): HealthWord {
  return isOverdue ? 'degraded' : 'healthy';
}

export function wordOfBlockedRun(cause: string): HealthWord {
  return cause === 'breaker' ? 'circuit_open' : 'degraded';
}

/** Whether the newest data is older than may be expected. */
export function isOverdue(ageMs: DurationMs, expectedEveryMs: DurationMs): boolean {
  return expectedEveryMs > 0 && ageMs > STALE_AFTER * expectedEveryMs;
}

/** What calls meet: an override, else what the automatic breaker is. */
export function effectiveState(breaker: BreakerDoc): string {
  return breaker.override?.state ?? breaker.computed;
}

/** All that a collector's health depends on. */
export type HealthInput = {
  readonly collector: CollectorDoc;
  /** The primary first. */
  readonly breakers: readonly BreakerDoc[];
  /** Absent: nothing is known of its limits. */
  readonly limiters?: readonly LimiterDoc[];
  /** Of the last `SCORE_WINDOW_MS`, in any order. */
  readonly checks: readonly HealthCheck[];
  /** Shares that are left, 0..1; absent without a quota. */
  readonly quota?: { readonly leftShare: number; readonly periodLeftShare: number };
  readonly now: EpochMs;
};

/** Word, score with its parts, and flags. The score is 0 when failed or forced open, null when disabled. */
export function healthOf(input: HealthInput): HealthView {
  const { collector, now } = input;
  const stale = isOverdue(newsAge(collector, now), collector.expectedEveryMs);
  const stalled = stale && collector.lastRun?.outcome === 'ok';
  const parts = partsOf(input);
  const word = wordOf(input, stale);
  const forced = input.breakers.some((breaker) => breaker.override?.state === 'forced_open');
  const score = word === 'disabled' ? null : word === 'failed' || forced ? 0 : scoreOf(parts);
  return { health: word, score, parts, stale, stalled };
}

/** Without any data yet, the age counts from the registration. */
function newsAge(collector: CollectorDoc, now: EpochMs): DurationMs {
  return Math.max(0, now - (collector.lastNewDataAt ?? collector.registeredAt));
}

function wordOf(input: HealthInput, stale: boolean): HealthWord {
  const { collector, breakers, checks } = input;
  const [primary] = breakers;
  if (!collector.desired.enabled) return 'disabled';
  if (primary !== undefined && isShut(primary)) return 'circuit_open';
  if (isFailed(input)) return 'failed';
  const last = lastWord(collector, checks) ?? 'healthy';
  const isPlagued = stale || isHeldUp(input) || (last !== 'healthy' && last !== 'disabled');
  return isPlagued ? 'degraded' : 'healthy';
}

function isShut(breaker: BreakerDoc): boolean {
  const state = effectiveState(breaker);
  return state === 'open' || state === 'forced_open';
}

function isHeldUp(input: HealthInput): boolean {
  const { collector, breakers } = input;
  return (
    collector.missingKey !== '' ||
    collector.blocked !== null ||
    collector.runs.consecutiveFailures > 0 ||
    isBarred(input) ||
    // A further upstream that is half-open harms nobody: one that stands in may never be asked again.
    breakers.some(isShut) ||
    breakers[0]?.computed === 'half_open'
  );
}

/**
 * The primary upstream lets nobody through. Where another stands in, runs go well meanwhile: what was
 * wanted is missing all the same, and nobody should have to read warnings to see it.
 */
function isBarred({ collector, limiters = [], now }: HealthInput): boolean {
  const scope = collector.upstreamDetails?.[0]?.scope ?? collector.scopes[0];
  const limiter = limiters.find((each) => each.scope === scope);
  if (limiter === undefined) return false;
  const { blocked, episode } = limiter;
  return Math.max(blocked?.until ?? 0, episode?.pauseUntil ?? 0) > now;
}

/** One bad run degrades; several in a row, or one with no good run within the hour, is a failure. */
function isFailed({ collector, checks, now }: HealthInput): boolean {
  if (collector.suspended !== null) return true;
  const { lastSuccessAt, runs } = collector;
  if (lastWord(collector, checks) !== 'failed') return false;
  if (runs.consecutiveFailures >= FAILED_AFTER) return true;
  return lastSuccessAt === null || now - lastSuccessAt > SCORE_WINDOW_MS;
}

/** The word of the newest check. Where there is none within the hour, the last run decides. */
function lastWord(collector: CollectorDoc, checks: readonly HealthCheck[]): string | undefined {
  const last = newest(checks);
  if (last !== undefined) return last.health;
  const outcome = collector.lastRun?.outcome ?? null;
  switch (outcome) {
    case null:
      return undefined;
    case 'ok':
      return 'healthy';
    case 'unknown':
      return 'degraded';
    default:
      return wordOfFailedRun(outcome);
  }
}

function newest(checks: readonly HealthCheck[]): HealthCheck | undefined {
  return checks.reduce<HealthCheck | undefined>(
    (last, check) => (last === undefined || check.at >= last.at ? check : last),
    undefined,
  );
}

function isSuccess(check: HealthCheck): boolean {
  return check.outcome === 'ok';
}

function partsOf({ collector, checks, quota, now }: HealthInput): HealthView['parts'] {
  // What we stopped ourselves, and what nobody saw the end of, says nothing about the source.
  const judged = checks.filter((c) => c.health !== 'disabled' && c.outcome !== 'unknown');
  const latencies = checks.flatMap((c) => (c.latencyP95Ms === null ? [] : [c.latencyP95Ms]));
  const { expectedEveryMs, requestTimeoutMs } = collector;
  const p95 = percentile(latencies, 0.95);
  return {
    ...(judged.length > 0 && { successRatio: judged.filter(isSuccess).length / judged.length }),
    ...(expectedEveryMs > 0 && {
      freshness: clamp((3 - newsAge(collector, now) / expectedEveryMs) / 2),
    }),
    ...(p95 !== undefined &&
      requestTimeoutMs > 0 && { latency: clamp(1 - p95 / requestTimeoutMs) }),
    ...(quota !== undefined && { quotaHeadroom: headroom(quota) }),
  };
}

/** At the very end of a period any quota left is plenty. */
function headroom({ leftShare, periodLeftShare }: NonNullable<HealthInput['quota']>): number {
  if (periodLeftShare <= 0) return leftShare > 0 ? 1 : 0;
  return clamp(leftShare / periodLeftShare);
}

/** The weighted mean of the parts that exist; 1 when none does: nothing is known against it. */
export function scoreOf(parts: HealthView['parts']): number {
  let sum = 0;
  let weights = 0;
  for (const name of Object.keys(WEIGHTS) as (keyof typeof WEIGHTS)[]) {
    const part = parts[name];
    if (part === undefined) continue;
    sum += WEIGHTS[name] * part;
    weights += WEIGHTS[name];
  }
  return weights === 0 ? 1 : clamp(sum / weights);
}

/** Nearest rank. */
function percentile(values: readonly number[], share: number): number | undefined {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
}

function clamp(value: number): number {
  return Math.min(1, Math.max(0, value));
}
