/** What each fact does to a breaker's memory: the assignments of the chart (machine.ts). */
import type { EpochMs } from '../../kernel/types.js';
import type { Of } from '../kind.js';
import { isSuccess, type BreakerFact, type BreakerPolicy, type Computed } from './events.js';
import type { BreakerSettings, FinishedCall, Override, Trigger } from './events.js';
import { LAST_CALLS, NO_STATISTICS } from './state.js';
import { POLICY_FIELDS } from './policy.js';
import type { BreakerContext, BreakerStatistics, Retry } from './state.js';
import { countCall, tallyOf } from './tally.js';
import { emptyWindow, resizedWindow } from './window.js';

type Change = Partial<BreakerContext>;

export function configured(
  context: BreakerContext,
  fact: Of<BreakerFact, 'BreakerConfigured'>,
): Change {
  const policy = policyOf(fact.policy ?? context.policy);
  return {
    collector: fact.collector,
    upstream: fact.upstream,
    policy,
    configRevision: fact.configRevision,
    window: resizedWindow(context.window, policy.windowMs),
    lastChangeAt: context.lastChangeAt ?? fact.atMs,
    ...heldAfter(context, fact),
  };
}

function heldAfter(
  context: BreakerContext,
  { operator, configured: underneath }: Of<BreakerFact, 'BreakerConfigured'>,
): Pick<BreakerContext, 'held'> {
  if (operator !== undefined && underneath !== undefined) {
    return { held: { settings: settingsIn(operator), configured: policyOf(underneath) } };
  }
  return context.held === undefined ? {} : { held: null };
}

/** Only those that are there, in the order of a policy. */
function settingsIn(settings: Partial<Record<keyof BreakerPolicy, number | undefined>>) {
  const present = POLICY_FIELDS.flatMap((field) => {
    const value = settings[field];
    return value === undefined ? [] : [[field, value] as const];
  });
  return Object.fromEntries(present) as BreakerSettings;
}

/** Calls of the current generation count; those of older ones change statistics only. */
export function recorded(
  context: BreakerContext,
  fact: Of<BreakerFact, 'CallsRecorded'>,
  computed: Computed,
): Change {
  const tally = tallyOf(context);
  const last = [...context.lastCalls];
  let { lastFailureAt } = context;
  let { totalFailures, totalSuccesses } = context.statistics;
  for (const wireCall of fact.calls) {
    const { outcome, durationMs, endpoint, generation } = wireCall;
    const call = { at: fact.baseMs + wireCall.offsetMs, outcome, durationMs, endpoint, generation };
    if (isSuccess(outcome)) {
      totalSuccesses += 1;
    } else {
      totalFailures += 1;
      lastFailureAt = call.at;
    }
    if (generation !== context.generation) continue;
    countCall(tally, call, computed, context.policy);
    keepLast(last, call);
  }
  return {
    window: tally.window,
    consecutiveFailures: tally.consecutiveFailures,
    probeSuccesses: tally.probeSuccesses,
    lastCalls: last,
    lastFailureAt,
    statistics: { ...context.statistics, totalFailures, totalSuccesses },
  };
}

/** Keeps the newest calls, in place. */
export function keepLast(calls: FinishedCall[], call: FinishedCall): void {
  calls.push(call);
  if (calls.length > LAST_CALLS) calls.shift();
}

export function tripped(context: BreakerContext, fact: Of<BreakerFact, 'BreakerTripped'>): Change {
  return { ...opened(fact), awaySince: fact.atMs, statistics: openedAgain(context, fact.atMs) };
}

/** After a restart it is the same opening, not a new one. */
export function reopened(
  context: BreakerContext,
  fact: Of<BreakerFact, 'BreakerReopened'>,
): Change {
  const { failedRecoveries } = fact;
  if (triggerOf(fact) === 'restart') return { ...opened(fact), failedRecoveries };
  const statistics = openedAgain(context, fact.atMs);
  return {
    ...opened(fact),
    failedRecoveries,
    statistics: { ...statistics, failedRecoveries: statistics.failedRecoveries + 1 },
  };
}

export function probing(_: BreakerContext, fact: Of<BreakerFact, 'BreakerProbing'>): Change {
  const { generation, atMs } = fact;
  return { generation, probeSuccesses: 0, retry: null, lastChangeAt: atMs };
}

/** Closed: the window begins anew, the back-off is forgotten. */
export function recovered(
  context: BreakerContext,
  fact: Of<BreakerFact, 'BreakerRecovered'>,
): Change {
  const { statistics } = context;
  const byProbes = triggerOf(fact) === 'probes_succeeded' ? 1 : 0;
  return {
    ...clean(context.policy),
    generation: fact.generation,
    lastChangeAt: fact.atMs,
    statistics: {
      ...statistics,
      successfulRecoveries: statistics.successfulRecoveries + byProbes,
      timeInOpenMs: statistics.timeInOpenMs + fact.openForMs,
    },
  };
}

export function forced(_: BreakerContext, fact: Of<BreakerFact, 'BreakerForced'>): Change {
  const { reason, actor, atMs, generation } = fact;
  const state = fact.override as Override;
  const expiresAt = fact.expiresAtMs ?? null;
  const override = { state, reason, actor, since: atMs, expiresAt, generation };
  return { generation, override, lastChangeAt: atMs };
}

export function overrideCleared(
  _: BreakerContext,
  fact: Of<BreakerFact, 'BreakerOverrideCleared'>,
): Change {
  return { generation: fact.generation, override: null, lastChangeAt: fact.atMs };
}

export function reset(context: BreakerContext, fact: Of<BreakerFact, 'BreakerReset'>): Change {
  return {
    ...clean(context.policy),
    generation: fact.generation,
    override: null,
    lastCalls: [],
    lastFailureAt: null,
    lastChangeAt: fact.atMs,
    statistics: NO_STATISTICS,
  };
}

function opened(fact: Of<BreakerFact, 'BreakerTripped' | 'BreakerReopened'>): Change {
  const { generation, atMs, delayMs } = fact;
  const retry: Retry = { at: fact.retryAtMs, delayMs, generation };
  return { generation, probeSuccesses: 0, retry, lastChangeAt: atMs };
}

function openedAgain({ statistics }: BreakerContext, at: EpochMs): BreakerStatistics {
  return { ...statistics, circuitOpens: statistics.circuitOpens + 1, lastOpenAt: at };
}

function clean(policy: BreakerPolicy): Change {
  return {
    window: emptyWindow(policy.windowMs),
    consecutiveFailures: 0,
    probeSuccesses: 0,
    failedRecoveries: 0,
    awaySince: null,
    retry: null,
  };
}

function triggerOf(fact: Of<BreakerFact, 'BreakerReopened' | 'BreakerRecovered'>): Trigger {
  return fact.transition?.trigger as Trigger;
}

/** The same policy with the keys in the order of the schema: the state's hash depends on it. */
function policyOf(policy: BreakerPolicy): BreakerPolicy {
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
    openJitter: policy.openJitter,
    halfOpenPermits: policy.halfOpenPermits,
    successThreshold: policy.successThreshold,
    halfOpenDeadlineMs: policy.halfOpenDeadlineMs,
  };
}
