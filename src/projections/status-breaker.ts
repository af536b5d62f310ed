/** What a breaker's facts make of its document. Pure; folded live and for any past moment alike. */
import type { BreakerPolicy, BreakerTransition, Call } from '../gen/headgate/events/v1/breaker.js';
import { entityOf, PRIMARY_UPSTREAM } from '../kernel/ids.js';
import type { EpochMs, StreamId } from '../kernel/types.js';
import type { BreakerFact } from './facts.js';
import type { BreakerDoc, CallOutcome } from './views.js';

const LAST_CALLS_SHOWN = 5;

type Reducers = {
  readonly [T in BreakerFact['type']]: (
    doc: BreakerDoc,
    fact: Extract<BreakerFact, { readonly type: T }>,
  ) => BreakerDoc;
};

/** The document after one more fact. */
export function breakerDocAfter(
  doc: BreakerDoc | undefined,
  fact: BreakerFact,
  stream: StreamId,
): BreakerDoc {
  const reduce = reducers[fact.type] as (doc: BreakerDoc, fact: BreakerFact) => BreakerDoc;
  return reduce(doc ?? emptyBreakerDoc(stream, fact.atMs), fact);
}

const NO_STATISTICS: BreakerDoc['statistics'] = {
  totalFailures: 0,
  totalSuccesses: 0,
  circuitOpens: 0,
  successfulRecoveries: 0,
  failedRecoveries: 0,
  timeInOpenMs: 0,
  lastOpenAt: null,
};

function emptyBreakerDoc(stream: StreamId, at: EpochMs): BreakerDoc {
  return {
    stream,
    collector: entityOf(stream),
    upstream: PRIMARY_UPSTREAM,
    computed: 'closed',
    override: null,
    generation: 0,
    consecutiveFailures: 0,
    policy: NO_POLICY,
    configRevision: 0,
    window: { at, calls: 0, failures: 0, slow: 0 },
    openedAt: null,
    retryAt: null,
    openDelayMs: null,
    failedRecoveries: 0,
    halfOpen: null,
    lastFailureAt: null,
    lastChangeAt: at,
    statistics: NO_STATISTICS,
    lastCalls: [],
  };
}

const NO_POLICY: BreakerDoc['policy'] = {
  failureThreshold: 0,
  minimumCalls: 0,
  failureRate: 0,
  slowRate: 0,
  slowCallMs: 0,
  windowMs: 0,
  openMs: 0,
  openMultiplier: 0,
  openMaxMs: 0,
  halfOpenPermits: 0,
  successThreshold: 0,
};

function policyOf(policy: BreakerPolicy): BreakerDoc['policy'] {
  return {
    failureThreshold: policy.failureThreshold,
    minimumCalls: policy.minimumCalls,
    failureRate: policy.failureRate,
    slowRate: policy.slowRate,
    slowCallMs: policy.slowCallMs,
    windowMs: policy.windowMs,
    openMs: policy.openMs,
    openMultiplier: policy.openMultiplier,
    openMaxMs: policy.openMaxMs,
    halfOpenPermits: policy.halfOpenPermits,
    successThreshold: policy.successThreshold,
    openJitter: policy.openJitter,
    halfOpenDeadlineMs: policy.halfOpenDeadlineMs,
  };
}

function heldOf({
  operator,
  configured,
}: Extract<BreakerFact, { readonly type: 'BreakerConfigured' }>): Pick<BreakerDoc, 'held'> {
  if (operator === undefined || configured === undefined) return {};
  const given = Object.entries(operator).filter(([, value]) => value !== undefined);
  const settings = Object.fromEntries(given) as Readonly<Record<string, number>>;
  return { held: { settings, configured: policyOf(configured) } };
}

const reducers: Reducers = {
  BreakerConfigured: ({ held: _, ...doc }, f) => ({
    ...doc,
    collector: f.collector === '' ? doc.collector : f.collector,
    upstream: f.upstream === '' ? doc.upstream : f.upstream,
    policy: f.policy === undefined ? doc.policy : policyOf(f.policy),
    configRevision: f.configRevision,
    ...heldOf(f),
  }),
  CallsRecorded: (doc, f) => {
    let { totalFailures, totalSuccesses } = doc.statistics;
    let { lastFailureAt } = doc;
    let attempts = doc.halfOpen?.attempts ?? 0;
    let successes = doc.halfOpen?.successes ?? 0;
    for (const call of f.calls) {
      const failed = isFailure(call.outcome);
      if (!failed && call.outcome !== 'ok') continue;
      if (failed) {
        totalFailures += 1;
        lastFailureAt = f.baseMs + call.offsetMs;
      } else totalSuccesses += 1;
      if (call.generation !== doc.generation) continue;
      attempts += 1;
      if (!failed) successes += 1;
    }
    return {
      ...doc,
      consecutiveFailures: f.consecutiveFailures,
      window: {
        at: f.atMs,
        calls: f.windowCalls,
        failures: f.windowFailures,
        slow: f.windowSlow,
      },
      halfOpen: doc.halfOpen === null ? null : { attempts, successes },
      lastFailureAt,
      statistics: { ...doc.statistics, totalFailures, totalSuccesses },
      lastCalls: [...doc.lastCalls, ...lastOf(f.calls, f.baseMs)].slice(-LAST_CALLS_SHOWN),
    };
  },
  BreakerTripped: (doc, f) => opened(doc, f),
  BreakerReopened: (doc, f) => {
    const isFailed =
      f.transition?.trigger === 'probe_failed' || f.transition?.trigger === 'deadline';
    const next = opened(doc, f);
    const { statistics } = next;
    const failedRecoveries = statistics.failedRecoveries + (isFailed ? 1 : 0);
    return {
      ...next,
      failedRecoveries: f.failedRecoveries,
      statistics: { ...statistics, failedRecoveries },
    };
  },
  BreakerProbing: (doc, f) => ({
    ...changed(doc, 'half_open', f),
    halfOpen: { attempts: 0, successes: 0 },
    retryAt: null,
    openDelayMs: null,
  }),
  BreakerRecovered: (doc, f) => {
    const { statistics } = doc;
    const byProbes = f.transition?.trigger === 'probes_succeeded';
    return {
      ...closed(changed(doc, 'closed', f)),
      consecutiveFailures: 0,
      window: { at: f.atMs, calls: 0, failures: 0, slow: 0 },
      statistics: {
        ...statistics,
        successfulRecoveries: statistics.successfulRecoveries + (byProbes ? 1 : 0),
        timeInOpenMs: statistics.timeInOpenMs + f.openForMs,
      },
    };
  },
  BreakerForced: (doc, f) => ({
    ...doc,
    override: {
      state: f.override,
      reason: f.reason,
      actor: f.actor,
      expiresAt: f.expiresAtMs ?? null,
    },
    generation: f.generation,
    lastChangeAt: f.atMs,
  }),
  BreakerOverrideCleared: (doc, f) => ({
    ...doc,
    override: null,
    generation: f.generation,
    lastChangeAt: f.atMs,
  }),
  BreakerReset: (doc, f) => ({
    ...closed(changed(doc, 'closed', f)),
    override: null,
    consecutiveFailures: 0,
    window: { at: f.atMs, calls: 0, failures: 0, slow: 0 },
    lastFailureAt: null,
    statistics: NO_STATISTICS,
    lastCalls: [],
  }),
};

type Changed = {
  readonly atMs: EpochMs;
  readonly generation: number;
  readonly transition?: BreakerTransition | undefined;
};

function changed(doc: BreakerDoc, computed: string, { atMs, generation }: Changed): BreakerDoc {
  return { ...doc, computed, generation, lastChangeAt: atMs, halfOpen: null };
}

/** After a restart a half-open breaker comes back as open: the same opening, not a new one. */
function opened(
  doc: BreakerDoc,
  fact: Changed & { readonly retryAtMs: EpochMs; readonly delayMs: number },
): BreakerDoc {
  const { transition, atMs } = fact;
  const isNew = transition?.trigger !== 'restart';
  const { statistics } = doc;
  return {
    ...changed(doc, 'open', fact),
    consecutiveFailures: transition?.consecutiveFailures ?? doc.consecutiveFailures,
    openedAt: doc.openedAt ?? atMs,
    retryAt: fact.retryAtMs,
    openDelayMs: fact.delayMs,
    statistics: {
      ...statistics,
      circuitOpens: statistics.circuitOpens + (isNew ? 1 : 0),
      lastOpenAt: isNew ? atMs : statistics.lastOpenAt,
    },
  };
}

function closed(doc: BreakerDoc): BreakerDoc {
  return { ...doc, openedAt: null, retryAt: null, openDelayMs: null, failedRecoveries: 0 };
}

/** Which classes the breaker counts as failures (semantics §1). */
function isFailure(outcome: string): boolean {
  return outcome === 'server' || outcome === 'bad_data';
}

function lastOf(calls: readonly Call[], baseMs: EpochMs): readonly CallOutcome[] {
  return calls.slice(-LAST_CALLS_SHOWN).map(({ offsetMs, outcome, durationMs, endpoint }) => ({
    at: baseMs + offsetMs,
    outcome,
    durationMs,
    endpoint,
  }));
}
