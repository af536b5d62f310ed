/**
 * The collector as a chart: one arrow per recorded fact (events.ts).
 *
 *   desired      enabled <-> disabled                what an operator wants
 *   suspension   clear <-> suspended                 what automation forbids
 *   activity     stopped -> starting -> idle -> collecting -> idle | waiting
 *                any -> draining -> stopped; idle | waiting -> restarting -> idle
 *
 * Pure by construction: no guard, `after`, `invoke`, clock or randomness. Whatever could branch is a
 * fact that decide.ts chose, so a stream written by old code folds the same under new code.
 */
import { setup } from 'xstate';
import type { Of } from '../kind.js';
import { EMPTY_COLLECTOR, type CollectorContext } from './context.js';
import type { CollectorFact } from './events.js';

type Fold<T extends CollectorFact['type']> = (
  context: CollectorContext,
  fact: Of<CollectorFact, T>,
) => CollectorContext;

/** Every fact's effect on the memory; the arrows below say in which states it is legal. */
const folds: { readonly [T in CollectorFact['type']]: Fold<T> } = {
  CollectorRegistered: (c, f) => ({
    ...c,
    name: f.name,
    collectorType: f.collectorType,
    source: f.source,
  }),
  CollectorConfigured: (c, f) => ({
    ...c,
    config: {
      schedule: {
        intervalMs: f.schedule?.intervalMs ?? 0,
        cron: f.schedule?.cron ?? '',
        zone: f.schedule?.zone ?? '',
        jitter: f.schedule?.jitter ?? 0,
      },
      scopes: f.scopes,
      upstreams: f.upstreams,
      requestTimeoutMs: f.requestTimeoutMs,
      missingKey: f.missingKey,
      hasApiKey: f.hasApiKey,
      upstreamMode: f.upstreamMode,
      options: f.options,
      expectedEveryMs: f.expectedEveryMs,
      configRevision: f.configRevision,
      // Not even empty where there were none: old streams fold to the state they always had.
      ...(f.upstreamDetails.length > 0 && { upstreamDetails: f.upstreamDetails }),
    },
    generation: c.generation + 1,
  }),
  CollectorEnabled: (c, f) => ({ ...c, ...wished(c, f) }),
  CollectorDisabled: (c, f) => ({ ...c, ...wished(c, f), due: null }),
  CollectorSuspended: (c, f) => ({
    ...c,
    suspension: { cause: f.cause, detail: f.detail, since: f.atMs, nextTry: f.nextTryMs ?? null },
    due: null,
    generation: c.generation + 1,
  }),
  SuspensionLifted: (c) => ({ ...c, suspension: null, generation: c.generation + 1 }),
  CollectorConnected: (c, f) => ({ ...c, blocked: null, ...due(c, f.atMs, f.nextDueMs) }),
  RunStarted: (c, f) => ({
    ...c,
    run: {
      id: f.run,
      trigger: f.trigger,
      priority: f.priority,
      startedAt: f.atMs,
      records: 0,
      newRecords: 0,
    },
    blocked: null,
    due: null,
  }),
  RunProgressed: (c, f) => ({
    ...c,
    run:
      c.run === null
        ? null
        : {
            ...c.run,
            records: c.run.records + f.records,
            newRecords: c.run.newRecords + f.newRecords,
          },
    cursors: { ...c.cursors, [f.series]: { cursor: f.cursor, ordinal: f.ordinal } },
  }),
  RunSucceeded: (c, f) => ({
    ...c,
    run: null,
    ...due(c, f.atMs, f.nextDueMs),
    failures: { consecutive: 0, crashes: 0 },
  }),
  RunFailed: (c, f) => ({
    ...c,
    run: null,
    ...due(c, f.atMs, f.nextDueMs),
    failures: {
      consecutive: f.consecutive,
      crashes: f.outcome === 'crashed' ? c.failures.crashes + 1 : 0,
    },
  }),
  RunUnknown: (c, f) => ({ ...c, run: null, ...due(c, f.atMs, f.nextDueMs) }),
  RunBlocked: (c, f) => ({
    ...c,
    blocked: { cause: f.cause, detail: f.detail, until: f.untilMs ?? null },
    ...due(c, f.atMs, f.nextDueMs),
  }),
  DrainStarted: (c, f) => ({
    ...c,
    drain: { cause: f.cause, since: f.atMs, deadline: f.deadlineMs },
    due: null,
    generation: c.generation + 1,
  }),
  CollectorStopped: (c) => ({
    ...c,
    drain: null,
    due: null,
    blocked: null,
    generation: c.generation + 1,
  }),
  RestartRequested: (c) => ({ ...c, due: null, blocked: null, generation: c.generation + 1 }),
  CursorSet: (c, f) => ({
    ...c,
    cursors: { ...c.cursors, [f.series]: { cursor: f.cursor, ordinal: f.ordinal } },
  }),
};

function wished(
  c: CollectorContext,
  f: {
    readonly atMs: number;
    readonly reason: string;
    readonly actor: string;
    readonly untilMs?: number | undefined;
  },
): Pick<CollectorContext, 'wish' | 'generation'> {
  return {
    wish: { reason: f.reason, actor: f.actor, since: f.atMs, until: f.untilMs ?? null },
    generation: c.generation + 1,
  };
}

/** A next due of 0 means: none is planned. */
function due(
  c: CollectorContext,
  at: number,
  next: number,
): Pick<CollectorContext, 'due' | 'generation'> {
  return { due: next > 0 ? { at: next, setAt: at } : null, generation: c.generation + 1 };
}

const chart = setup({
  types: { context: {} as CollectorContext, events: {} as CollectorFact },
});

/** An arrow that changes the memory, and the state if a target is given. */
function on(type: CollectorFact['type'], target?: string): object {
  const fold = folds[type] as (c: CollectorContext, fact: CollectorFact) => CollectorContext;
  const actions = chart.assign(({ context, event }) => fold(context, event));
  return { [type]: target === undefined ? { actions } : { target, actions } };
}

/** Targets only: another region already changed the memory for the same fact. */
const to = (type: CollectorFact['type'], target: string): object => ({ [type]: { target } });

const resting = {
  ...on('RunStarted', 'collecting'),
  ...on('RunBlocked', 'waiting'),
  ...on('CollectorStopped', 'stopped'),
  ...on('RestartRequested', 'restarting'),
};

const apart = {
  ...on('CollectorConnected', 'idle'),
  ...on('RunBlocked', 'waiting'),
  ...on('CollectorStopped', 'stopped'),
};

const inFlight = {
  ...on('RunProgressed'),
};

export const collectorMachine = chart.createMachine({
  id: 'collector',
  type: 'parallel',
  context: EMPTY_COLLECTOR,
  on: {
    ...on('CollectorRegistered'),
    ...on('CollectorConfigured'),
    ...on('CursorSet'),
  },
  states: {
    desired: {
      initial: 'disabled',
      states: {
        enabled: { on: { ...on('CollectorEnabled'), ...on('CollectorDisabled', 'disabled') } },
        disabled: { on: { ...on('CollectorEnabled', 'enabled'), ...on('CollectorDisabled') } },
      },
    },
    suspension: {
      initial: 'clear',
      states: {
        clear: { on: { ...on('CollectorSuspended', 'suspended') } },
        suspended: { on: { ...on('SuspensionLifted', 'clear'), ...on('CollectorSuspended') } },
      },
    },
    activity: {
      initial: 'stopped',
      states: {
        stopped: { on: { ...apart, ...to('CollectorEnabled', 'starting') } },
        starting: { on: { ...apart, ...on('RestartRequested', 'restarting') } },
        idle: { on: { ...resting } },
        waiting: { on: { ...resting, ...on('CollectorConnected', 'idle') } },
        collecting: {
          on: {
            ...inFlight,
            ...on('RunSucceeded', 'idle'),
            ...on('RunFailed', 'idle'),
            ...on('RunUnknown', 'idle'),
            ...on('DrainStarted', 'draining'),
          },
        },
        draining: {
          on: {
            ...inFlight,
            ...on('RunSucceeded'),
            ...on('RunFailed'),
            ...on('RunUnknown'),
            ...on('DrainStarted'),
            ...on('CollectorStopped', 'stopped'),
          },
        },
        restarting: { on: { ...apart, ...on('RestartRequested') } },
      },
    },
  },
});
