/** A collector's breakers as REST has always shown them, and what was added. */
import type { LiveBreaker } from '../../actors/engine.js';
import { PRIMARY_UPSTREAM } from '../../kernel/ids.js';
import type { EpochMs } from '../../kernel/types.js';
import { effectiveState } from '../../projections/index.js';
import type { BreakerDoc, CollectorDoc } from '../../projections/views.js';
import { moment, ratio, seconds } from './numbers.js';

/** REST's spelling of a computed state. */
export function restState(state: string): string {
  return state === 'half_open' ? 'half-open' : state;
}

/** `state` as clients know it: held open is `open`, whoever holds it. */
export function stateOf(doc: BreakerDoc): string {
  const effective = effectiveState(doc);
  return effective === 'forced_open' ? 'open' : restState(effective);
}

/** 1 - failure rate of the window as it stands at `at`; 1 when it is empty. */
export function breakerScore(doc: BreakerDoc, at: EpochMs): number {
  const { calls, failures } = doc.window;
  const isOver = at - doc.window.at > doc.policy.windowMs;
  return isOver || calls === 0 ? 1 : ratio(1 - failures / calls);
}

function statistics(doc: BreakerDoc, at: EpochMs) {
  const since = doc.computed === 'closed' ? null : doc.openedAt;
  const sinceOpened = since === null ? 0 : Math.max(0, at - since);
  const told = doc.statistics;
  return {
    total_failures: told.totalFailures,
    total_successes: told.totalSuccesses,
    circuit_opens: told.circuitOpens,
    successful_recoveries: told.successfulRecoveries,
    failed_recoveries: told.failedRecoveries,
    time_in_open_state: seconds(told.timeInOpenMs + sinceOpened),
    last_open_time: moment(told.lastOpenAt),
  };
}

/** The breaker of a line of `GET /collectors`. */
export function breakerLine(doc: BreakerDoc, at: EpochMs) {
  return {
    state: stateOf(doc),
    failure_count: doc.consecutiveFailures,
    failure_threshold: doc.policy.failureThreshold,
    health_score: breakerScore(doc, at),
    statistics: statistics(doc, at),
  };
}

function override(doc: BreakerDoc) {
  if (doc.override === null) return null;
  const { state, reason, actor, expiresAt } = doc.override;
  return { state, reason, actor, expires_at: moment(expiresAt) };
}

/** How an upstream is reached, by the collector's configuration. */
type Reached = NonNullable<CollectorDoc['upstreamDetails']>[number];

/** `retry_at` is when an open one will probe; `waiting_for_key` the variable that is missing. */
function upstreamLine(doc: BreakerDoc, reached: Reached | undefined, at: EpochMs) {
  return {
    state: stateOf(doc),
    failure_count: doc.consecutiveFailures,
    health_score: breakerScore(doc, at),
    computed: restState(doc.computed),
    override: override(doc),
    effective: restState(effectiveState(doc)),
    retry_at: moment(doc.retryAt),
    last_state_change: moment(doc.lastChangeAt),
    scope: reached?.scope ?? null,
    waiting_for_key: reached === undefined || reached.missingKey === '' ? null : reached.missingKey,
  };
}

/** Attempts are calls admitted, which memory knows before any of them has ended. */
function halfOpen(doc: BreakerDoc, live: LiveBreaker | undefined) {
  if (doc.computed !== 'half_open') return {};
  const successes = doc.halfOpen?.successes ?? 0;
  const attempts = Math.max(doc.halfOpen?.attempts ?? 0, live?.halfOpenAdmitted ?? 0);
  const half_open = {
    attempts,
    successes,
    max_calls: doc.policy.halfOpenPermits,
    success_threshold: doc.policy.successThreshold,
    success_rate: attempts === 0 ? null : ratio(successes / attempts),
  };
  return { half_open };
}

/** One breaker with all its numbers. `retry_at` is when an open one will probe. */
export function breakerDetail(
  doc: BreakerDoc,
  siblings: readonly BreakerDoc[],
  live: Readonly<Record<string, LiveBreaker>> | undefined,
  at: EpochMs,
  reached: readonly Reached[] = [],
) {
  return {
    ...breakerLine(doc, at),
    consecutive_successes: doc.halfOpen?.successes ?? 0,
    timeout_seconds: seconds(doc.openDelayMs ?? doc.policy.openMs),
    last_failure_time: moment(doc.lastFailureAt),
    last_state_change: moment(doc.lastChangeAt),
    opened_at: moment(doc.openedAt),
    retry_at: moment(doc.retryAt),
    ...halfOpen(doc, live?.[doc.upstream]),
    computed: restState(doc.computed),
    override: override(doc),
    effective: restState(effectiveState(doc)),
    config_revision: doc.configRevision,
    generation: doc.generation,
    upstreams: Object.fromEntries(
      siblings.map((each) => {
        const how = reached.find(({ name }) => name === each.upstream);
        return [each.upstream, upstreamLine(each, how, at)];
      }),
    ),
  };
}

/** The breaker REST shows as the collector's own. */
export function primaryOf(docs: readonly BreakerDoc[]): BreakerDoc | undefined {
  return docs.find((doc) => doc.upstream === PRIMARY_UPSTREAM) ?? docs[0];
}
