/**
 * Read model of health: one check per finished or blocked run, kept raw for a day, rolled up per minute
 * for 30 days and per hour for a year.
 *
 * H1 Every check is in exactly one minute and one hour.
 * H2 Old rows go by the time of the facts, never by a clock: a recount gives the same rows.
 */
import { entityOf } from '../kernel/ids.js';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../kernel/time.js';
import type { DurationMs, EpochMs, Revision } from '../kernel/types.js';
import type { CollectorFact } from './facts.js';
import { isOverdue, wordOfBlockedRun, wordOfFailedRun, wordOfSucceededRun } from './health.js';
import { put, sortable, table } from './projection.js';
import type { Projection, Rows, RowWrite, Where } from './projection.js';
import type { HealthCheck } from './views.js';

export const RAW_KEPT_MS: DurationMs = DAY_MS;
export const MINUTES_KEPT_MS: DurationMs = 30 * DAY_MS;
export const HOURS_KEPT_MS: DurationMs = 365 * DAY_MS;

/** Checks of one minute or one hour. */
export type RollUp = {
  readonly start: EpochMs;
  readonly checks: number;
  readonly healthy: number;
  readonly degraded: number;
  readonly failed: number;
  readonly circuitOpen: number;
  readonly disabled: number;
  readonly records: number;
  readonly newRecords: number;
  /** Of the finished runs, in all. */
  readonly durationMs: DurationMs;
  readonly latencyP95MaxMs: DurationMs | null;
};

/** What the next check of a collector has to know. */
type HealthState = {
  readonly registeredAt: EpochMs;
  readonly expectedEveryMs: DurationMs;
  readonly lastNewDataAt: EpochMs | null;
  /** The last run that failed and was a check: a block decided together with it is the same run. */
  readonly failed: { readonly revision: Revision; readonly at: EpochMs } | null;
  readonly minute: RollUp | null;
  readonly hour: RollUp | null;
};

const NOTHING_YET: HealthState = {
  registeredAt: 0,
  expectedEveryMs: 0,
  lastNewDataAt: null,
  failed: null,
  minute: null,
  hour: null,
};

const STATES = table<HealthState>('health.state');
export const RAW = table<HealthCheck>('health.raw', false);
export const MINUTES = table<RollUp>('health.minute', false);
export const HOURS = table<RollUp>('health.hour', false);

type Of<T extends CollectorFact['type']> = Extract<CollectorFact, { readonly type: T }>;

/** Keys of raw checks and roll-ups sort by collector, then time. */
export function healthKey(collector: string, at: EpochMs): string {
  return `${collector}|${sortable(at)}`;
}

function stateOf(rows: Rows, name: string): HealthState {
  return rows.get(STATES, name) ?? NOTHING_YET;
}

function remember(name: string, state: HealthState): readonly RowWrite[] {
  return [put(STATES, name, state, [])];
}

type Check = HealthCheck & { readonly state: HealthState };

/** H1: the raw check, both roll-ups, and what passed its retention. */
function record({ state, ...check }: Check, where: Where): readonly RowWrite[] {
  const name = entityOf(where.stream);
  const minute = rolledUp(state.minute, check, MINUTE_MS);
  const hour = rolledUp(state.hour, check, HOUR_MS);
  const key = `${healthKey(name, check.at)}|${sortable(where.revision)}`;
  const next = { ...state, minute, hour };
  return [
    put(RAW, key, check, [name]),
    put(MINUTES, healthKey(name, minute.start), minute, [name]),
    put(HOURS, healthKey(name, hour.start), hour, [name]),
    ...remember(name, next),
    ...(state.hour?.start === hour.start ? [] : outdated(name, hour.start)),
  ];
}

/** H2: looked at once per hour of checks. */
function outdated(name: string, at: EpochMs): readonly RowWrite[] {
  const kept = [
    [RAW, RAW_KEPT_MS],
    [MINUTES, MINUTES_KEPT_MS],
    [HOURS, HOURS_KEPT_MS],
  ] as const;
  return kept.map(([of, keptMs]) => {
    const range = { from: healthKey(name, 0), to: healthKey(name, at - keptMs) };
    return { kind: 'remove-range', table: of, ...range };
  });
}

function rolledUp(before: RollUp | null, check: HealthCheck, lengthMs: DurationMs): RollUp {
  const start = Math.floor(check.at / lengthMs) * lengthMs;
  const base = before?.start === start ? before : emptyRollUp(start);
  const one = (word: string): number => (check.health === word ? 1 : 0);
  return {
    start,
    checks: base.checks + 1,
    healthy: base.healthy + one('healthy'),
    degraded: base.degraded + one('degraded'),
    failed: base.failed + one('failed'),
    circuitOpen: base.circuitOpen + one('circuit_open'),
    disabled: base.disabled + one('disabled'),
    records: base.records + check.records,
    newRecords: base.newRecords + check.newRecords,
    durationMs: base.durationMs + (check.durationMs ?? 0),
    latencyP95MaxMs:
      check.latencyP95Ms === null
        ? base.latencyP95MaxMs
        : Math.max(base.latencyP95MaxMs ?? 0, check.latencyP95Ms),
  };
}

function emptyRollUp(start: EpochMs): RollUp {
  return {
    start,
    checks: 0,
    healthy: 0,
    degraded: 0,
    failed: 0,
    circuitOpen: 0,
    disabled: 0,
    records: 0,
    newRecords: 0,
    durationMs: 0,
    latencyP95MaxMs: null,
  };
}

function onSucceeded(f: Of<'RunSucceeded'>, where: Where, rows: Rows): readonly RowWrite[] {
  const state = stateOf(rows, entityOf(where.stream));
  const age = f.atMs - (state.lastNewDataAt ?? state.registeredAt);
  const overdue = isOverdue(age, state.expectedEveryMs);
  const check = {
    state,
    at: f.atMs,
    health: wordOfSucceededRun(overdue),
    run: f.run,
    outcome: 'ok',
    message: overdue ? 'the run succeeded, but new data is overdue' : '',
    durationMs: f.durationMs,
    records: f.records,
    newRecords: f.newRecords,
    latencyP95Ms: f.calls > 0 ? f.latencyP95Ms : null,
  };
  return record(check, where);
}

function onFailed(f: Of<'RunFailed'>, where: Where, rows: Rows): readonly RowWrite[] {
  const health = wordOfFailedRun(f.outcome) ?? (f.goesOn ? 'degraded' : undefined);
  if (health === undefined) return [];
  const { atMs: at, run, outcome, message, durationMs, records, newRecords } = f;
  const failed = { revision: where.revision, at };
  const state = { ...stateOf(rows, entityOf(where.stream)), failed };
  const ran = { run, outcome, message, durationMs, records, newRecords };
  return record({ state, at, health, ...ran, latencyP95Ms: null }, where);
}

const NO_RUN = { durationMs: null, records: 0, newRecords: 0, latencyP95Ms: null } as const;

function onUnknown(f: Of<'RunUnknown'>, where: Where, rows: Rows): readonly RowWrite[] {
  const state = stateOf(rows, entityOf(where.stream));
  const word = { health: 'degraded', outcome: 'unknown', message: f.cause };
  return record({ state, at: f.atMs, run: f.run, ...word, ...NO_RUN }, where);
}

function onBlocked(f: Of<'RunBlocked'>, where: Where, rows: Rows): readonly RowWrite[] {
  const state = stateOf(rows, entityOf(where.stream));
  const { failed } = state;
  if (failed?.revision === where.revision - 1 && failed.at === f.atMs) return [];
  const word = { health: wordOfBlockedRun(f.cause), outcome: `blocked_${f.cause}` };
  return record({ state, at: f.atMs, run: null, ...word, message: f.detail, ...NO_RUN }, where);
}

export const healthHistory: Projection = {
  name: 'health-history',
  version: 1,
  categories: ['collector'],
  handlers: {
    CollectorRegistered: (f, { stream }, rows) => {
      const name = entityOf(stream);
      return remember(name, { ...stateOf(rows, name), registeredAt: f.atMs });
    },
    CollectorConfigured: (f, { stream }, rows) => {
      const name = entityOf(stream);
      const expectedEveryMs =
        f.expectedEveryMs > 0 ? f.expectedEveryMs : (f.schedule?.intervalMs ?? 0);
      return remember(name, { ...stateOf(rows, name), expectedEveryMs });
    },
    RunProgressed: (f, { stream }, rows) => {
      if (f.newRecords === 0) return [];
      const name = entityOf(stream);
      return remember(name, { ...stateOf(rows, name), lastNewDataAt: f.atMs });
    },
    RunSucceeded: onSucceeded,
    RunFailed: onFailed,
    RunUnknown: onUnknown,
    RunBlocked: onBlocked,
  },
};
