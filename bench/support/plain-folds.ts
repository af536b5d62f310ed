/**
 * The same folds without a chart: a switch over the fact's type, explicit copies, the state's value kept
 * by hand. It asks nothing (any fact is taken anywhere), so it is what the chart is measured against.
 */
import type { BreakerFact } from '../../src/actors/breaker/index.js';
import * as evolve from '../../src/actors/breaker/evolve.js';
import { INITIAL_CONTEXT, type BreakerContext } from '../../src/actors/breaker/state.js';
import {
  EMPTY_COLLECTOR,
  type CollectorContext,
  type CollectorValue,
} from '../../src/actors/collector/context.js';
import type { CollectorFact } from '../../src/actors/collector/index.js';
import type { Of } from '../../src/actors/kind.js';
import { EMPTY_LIMITER, type LimiterContext } from '../../src/actors/limiter/context.js';
import { evolve as evolveLimiter } from '../../src/actors/limiter/evolve.js';
import type { LimiterFact } from '../../src/actors/limiter/index.js';

type Plain<V, C> = { readonly value: V; readonly context: C };

type PlainBreaker = Plain<'closed' | 'open' | 'halfOpen', BreakerContext>;

export const PLAIN_BREAKER: PlainBreaker = { value: 'closed', context: INITIAL_CONTEXT };

export function foldBreaker({ value, context }: PlainBreaker, fact: BreakerFact): PlainBreaker {
  const to = (next: PlainBreaker['value'], change: Partial<BreakerContext>): PlainBreaker => ({
    value: next,
    context: { ...context, ...change },
  });
  switch (fact.type) {
    case 'BreakerConfigured':
      return to(value, evolve.configured(context, fact));
    case 'CallsRecorded':
      return to(
        value,
        evolve.recorded(context, fact, value === 'halfOpen' ? 'half_open' : 'closed'),
      );
    case 'BreakerTripped':
      return to('open', evolve.tripped(context, fact));
    case 'BreakerProbing':
      return to('halfOpen', evolve.probing(context, fact));
    case 'BreakerRecovered':
      return to('closed', evolve.recovered(context, fact));
    case 'BreakerReopened':
      return to('open', evolve.reopened(context, fact));
    case 'BreakerForced':
      return to(value, evolve.forced(context, fact));
    case 'BreakerOverrideCleared':
      return to(value, evolve.overrideCleared(context, fact));
    case 'BreakerReset':
      return to('closed', evolve.reset(context, fact));
  }
}

type PlainLimiter = Plain<'steady' | 'throttled' | 'recovering', LimiterContext>;

export const PLAIN_LIMITER: PlainLimiter = { value: 'steady', context: EMPTY_LIMITER };

export function foldLimiter({ value, context }: PlainLimiter, fact: LimiterFact): PlainLimiter {
  return { value: limiterValue(value, fact), context: evolveLimiter(context, fact) };
}

function limiterValue(value: PlainLimiter['value'], { type }: LimiterFact): PlainLimiter['value'] {
  if (type === 'Throttled') return 'throttled';
  if (type === 'EpisodeEnded') return 'steady';
  return type === 'RateRecovered' && value === 'throttled' ? 'recovering' : value;
}

type PlainCollector = Plain<CollectorValue, CollectorContext>;

export const PLAIN_COLLECTOR: PlainCollector = {
  value: { desired: 'disabled', suspension: 'clear', activity: 'stopped' },
  context: EMPTY_COLLECTOR,
};

type Change = {
  readonly value?: Partial<CollectorValue>;
  readonly context: Partial<CollectorContext>;
};
type FoldOf<T extends CollectorFact['type']> = (
  context: CollectorContext,
  fact: Of<CollectorFact, T>,
  value: CollectorValue,
) => Change;

/** The facts of a life without suspensions, drains and restarts (lives.ts). */
const collectorFolds: { readonly [T in CollectorFact['type']]?: FoldOf<T> } = {
  CollectorRegistered: (_, { name, collectorType, source }) => ({
    context: { name, collectorType, source },
  }),
  CollectorConfigured: ({ generation }, { type: _type, atMs: _at, schedule, ...rest }) => {
    const { intervalMs = 0, cron = '', zone = '', jitter = 0 } = schedule ?? {};
    const config = { schedule: { intervalMs, cron, zone, jitter }, ...rest };
    return { context: { config, generation: generation + 1 } };
  },
  CollectorEnabled: ({ generation }, { reason, actor, atMs: since }, { activity }) => ({
    value: { desired: 'enabled', activity: activity === 'stopped' ? 'starting' : activity },
    context: { wish: { reason, actor, since, until: null }, generation: generation + 1 },
  }),
  CollectorConnected: ({ generation }, fact) => ({
    value: { activity: 'idle' },
    context: { blocked: null, due: dueOf(fact), generation: generation + 1 },
  }),
  RunStarted: (_, { run: id, trigger, priority, atMs: startedAt }) => {
    const run = { id, trigger, priority, startedAt, records: 0, newRecords: 0 };
    return { value: { activity: 'collecting' }, context: { run, blocked: null, due: null } };
  },
  RunProgressed: ({ run, cursors }, fact) => {
    const { series, cursor, ordinal } = fact;
    const records = (run?.records ?? 0) + fact.records;
    const newRecords = (run?.newRecords ?? 0) + fact.newRecords;
    return {
      context: {
        run: run === null ? null : { ...run, records, newRecords },
        cursors: { ...cursors, [series]: { cursor, ordinal } },
      },
    };
  },
  RunSucceeded: (c, fact) => ended(c, fact, 0),
  RunFailed: (c, fact) => ended(c, fact, fact.consecutive),
};

function ended(
  { generation }: CollectorContext,
  fact: { readonly atMs: number; readonly nextDueMs: number },
  consecutive: number,
): Change {
  const failures = { consecutive, crashes: 0 };
  const context = { run: null, due: dueOf(fact), generation: generation + 1, failures };
  return { value: { activity: 'idle' }, context };
}

function dueOf({ atMs, nextDueMs }: { readonly atMs: number; readonly nextDueMs: number }) {
  return nextDueMs > 0 ? { at: nextDueMs, setAt: atMs } : null;
}

export function foldCollector(
  { value, context }: PlainCollector,
  fact: CollectorFact,
): PlainCollector {
  const fold = collectorFolds[fact.type] as FoldOf<CollectorFact['type']> | undefined;
  if (fold === undefined) throw new Error(`no life here has ${fact.type}`);
  const change = fold(context, fact, value);
  return {
    value: change.value === undefined ? value : { ...value, ...change.value },
    context: { ...context, ...change.context },
  };
}
