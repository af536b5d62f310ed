/**
 * The limiter as a chart: one arrow per recorded fact (events.ts).
 *
 *   unconfigured -> steady -> throttled -> recovering -> steady
 *
 * What is blocked stands beside it in the context: the scope and each of its buckets may be barred at
 * once, each until its own moment, whatever the rate does.
 *
 * Pure by construction: no guard, `after`, `invoke`, clock or randomness. Whatever could branch is a
 * fact that decide.ts chose, so a stream written by old code folds the same under new code.
 */
import { setup } from 'xstate';
import { EMPTY_LIMITER, type LimiterContext } from './context.js';
import type { LimiterFact } from './events.js';
import { folds } from './evolve.js';

const chart = setup({
  types: { context: {} as LimiterContext, events: {} as LimiterFact },
});

function remember(type: LimiterFact['type']) {
  const fold = folds[type] as (c: LimiterContext, f: LimiterFact) => LimiterContext;
  return chart.assign(({ context, event }) => fold(context, event));
}

/** Legal as soon as the scope has limits, whatever the rate does. */
const always = {
  ScopeConfigured: { actions: remember('ScopeConfigured') },
  RateLimitConfigured: { actions: remember('RateLimitConfigured') },
  UnitsReserved: { actions: remember('UnitsReserved') },
  UnitsSettled: { actions: remember('UnitsSettled') },
  QuotaObserved: { actions: remember('QuotaObserved') },
  BucketBlocked: { actions: remember('BucketBlocked') },
  ScopeBlocked: { actions: remember('ScopeBlocked') },
  Unblocked: { actions: remember('Unblocked') },
  PeriodRolled: { actions: remember('PeriodRolled') },
  ClockAnomaly: { actions: remember('ClockAnomaly') },
  Throttled: { target: 'throttled', actions: remember('Throttled') },
} as const;

export const limiterMachine = chart.createMachine({
  id: 'limiter',
  context: EMPTY_LIMITER,
  initial: 'unconfigured',
  states: {
    unconfigured: {
      on: { ScopeConfigured: { target: 'steady', actions: remember('ScopeConfigured') } },
    },
    steady: {
      // What an episode taught creeps back up to the ceiling.
      on: { ...always, RateRecovered: { actions: remember('RateRecovered') } },
    },
    throttled: {
      on: {
        ...always,
        RateRecovered: { target: 'recovering', actions: remember('RateRecovered') },
      },
    },
    recovering: {
      on: {
        ...always,
        RateRecovered: { actions: remember('RateRecovered') },
        EpisodeEnded: { target: 'steady', actions: remember('EpisodeEnded') },
      },
    },
  },
});
