/** The part of the policy that is about runs: when one may begin, what its end means (semantics §1, §4). */
import { HOUR_MS, MINUTE_MS } from '../../kernel/time.js';
import type { EpochMs } from '../../kernel/types.js';
import { facts, refuse, type Circumstances, type Decision, type Of } from '../kind.js';
import type { CollectorCommand, Obstacle, RunEnd } from './commands.js';
import {
  mayFetch,
  regions,
  type CollectorContext,
  type CollectorState,
  type Schedule,
} from './context.js';
import type { CollectorFact } from './events.js';
import { missedRuns, nextDue } from './schedule.js';
import { stopped } from './stopping.js';

/** Crashes in a row of a source's own code after which it is suspended. */
export const CRASHES_MAX = 100;
/** The longest pause between two tries after crashes. */
const CRASH_PAUSE_MAX_MS = 60 * MINUTE_MS;
/** A wrong key is tried again this often. */
const AUTH_RETRY_MS = HOUR_MS;
/** A blocked collector looks again at least this often: its health history has no holes. */
const BLOCKED_CHECK_MAX_MS = HOUR_MS;
/** Without a word from the upstream, a spent quota is tried again this often. */
const QUOTA_RETRY_MS = HOUR_MS;

export function startOrBlock(
  command: Of<CollectorCommand, 'StartRun'>,
  state: CollectorState,
  circumstances: Circumstances,
): Decision<CollectorFact> {
  return command.obstacle === undefined
    ? startRun(command, state, circumstances)
    : blockRun(command.obstacle, state, circumstances);
}

function startRun(
  command: Of<CollectorCommand, 'StartRun'>,
  state: CollectorState,
  { at }: Circumstances,
): Decision<CollectorFact> {
  const refusal = whyNotRun(state);
  if (refusal !== undefined) return refuse({ kind: 'illegal-state', detail: refusal });
  const { config, due } = state.context;
  const isScheduled = command.trigger === 'schedule' && due !== null && config !== null;
  return facts({
    type: 'RunStarted',
    atMs: at,
    run: command.run,
    trigger: command.trigger,
    priority: command.priority,
    skipped: isScheduled ? missedRuns(config.schedule, due.at, at) : 0,
  });
}

/** One reason why no run may begin now, or undefined. */
function whyNotRun(state: CollectorState): string | undefined {
  const { desired, activity } = regions(state);
  const { suspension, blocked } = state.context;
  if (desired === 'disabled') return 'it is disabled';
  if (suspension !== null) return `it is suspended (${suspension.cause})`;
  if (blocked?.cause === 'key') return `its key is missing: ${blocked.detail}`;
  if (activity === 'idle' || activity === 'waiting') return undefined;
  return activity === 'collecting' ? 'a run is under way already' : `it is ${activity}`;
}

/** A run was due and a gate is closed: recorded, so that history shows it, and looked at again in time. */
function blockRun(
  obstacle: Obstacle,
  state: CollectorState,
  circumstances: Circumstances,
): Decision<CollectorFact> {
  const refusal = whyNotRun(state);
  if (refusal !== undefined) return refuse({ kind: 'illegal-state', detail: refusal });
  return facts(blocked(obstacle, state.context, circumstances));
}

function blocked(
  obstacle: Obstacle,
  context: CollectorContext,
  circumstances: Circumstances,
): CollectorFact {
  const { at } = circumstances;
  const { config, name } = context;
  const scheduled =
    config === null ? at + MINUTE_MS : dueAfter(config.schedule, name, circumstances);
  const ends = obstacle.until === undefined ? undefined : inStream(obstacle.until, circumstances);
  const expected = ends ?? (isAgain(obstacle, context) ? twiceTheWait(context, at) : 0);
  const until = Math.min(expected, at + BLOCKED_CHECK_MAX_MS);
  return {
    type: 'RunBlocked',
    atMs: at,
    cause: obstacle.cause,
    detail: obstacle.detail,
    ...(obstacle.until !== undefined && { untilMs: obstacle.until }),
    nextDueMs: Math.max(scheduled, until),
  };
}

/** The same cause as the last time: a gate that opens wakes the collector, so it need not look often. */
function isAgain({ cause }: Obstacle, { blocked: last }: CollectorContext): boolean {
  return last !== null && last.cause === cause && last.until === null;
}

/** Each look at a cause without an end is twice as far away as the one before. */
function twiceTheWait({ due }: CollectorContext, at: EpochMs): EpochMs {
  return due === null ? at : at + 2 * (at - due.setAt);
}

export function progress(
  { run, page }: Of<CollectorCommand, 'Progress'>,
  state: CollectorState,
  { at }: Circumstances,
): Decision<CollectorFact> {
  if (state.context.run?.id !== run) {
    return refuse({ kind: 'illegal-state', detail: `run ${run} is not under way` });
  }
  return facts({
    type: 'RunProgressed',
    atMs: at,
    run,
    series: page.series,
    cursor: page.cursor,
    ordinal: page.ordinal,
    records: page.records,
    newRecords: page.newRecords,
    ...(page.newestAt !== undefined && { newestAtMs: page.newestAt }),
    gaps: page.gaps.map((gap) => ({ ...gap })),
  });
}

/** Idempotent: the end of a run that is not under way changes nothing. */
export function finishRun(
  { run, end }: Of<CollectorCommand, 'FinishRun'>,
  state: CollectorState,
  circumstances: Circumstances,
): Decision<CollectorFact> {
  const { context } = state;
  if (context.run?.id !== run) return facts();
  const ended = end.outcome === 'ok' ? succeeded : failed;
  const decided: CollectorFact[] = [ended(end, context, circumstances)];
  const { drain } = context;
  if (drain !== null) return facts(...decided, stopped(drain.cause, circumstances.at));
  const suspended = mayFetch(state) ? suspension(end, context, circumstances) : [];
  if (suspended.length === 0 && end.obstacle !== undefined) {
    decided.push(blocked(end.obstacle, context, circumstances));
  }
  return facts(...decided, ...suspended);
}

function succeeded(
  end: RunEnd,
  context: CollectorContext,
  circumstances: Circumstances,
): CollectorFact {
  const { at } = circumstances;
  const { run } = context;
  return {
    type: 'RunSucceeded',
    atMs: at,
    run: run?.id ?? '',
    calls: end.calls,
    records: run?.records ?? 0,
    newRecords: run?.newRecords ?? 0,
    durationMs: at - (run?.startedAt ?? at),
    nextDueMs: scheduledAfter(context, circumstances),
    latencyP95Ms: end.latencyP95Ms,
    warnings: [...(end.warnings ?? [])],
  };
}

function failed(
  end: RunEnd,
  context: CollectorContext,
  circumstances: Circumstances,
): CollectorFact {
  const { at, chance } = circumstances;
  const { run, failures } = context;
  return {
    type: 'RunFailed',
    atMs: at,
    run: run?.id ?? '',
    outcome: end.outcome,
    message: end.message,
    calls: end.calls,
    records: run?.records ?? 0,
    newRecords: run?.newRecords ?? 0,
    durationMs: at - (run?.startedAt ?? at),
    nextDueMs:
      end.outcome === 'crashed'
        ? at + crashPauseMs(failures.crashes, chance)
        : Math.max(scheduledAfter(context, circumstances), throttledUntil(end, circumstances)),
    consecutive: failures.consecutive + (isFailure(end) ? 1 : 0),
    endpoint: end.endpoint,
    status: end.status,
    warnings: [...(end.warnings ?? [])],
    upstream: end.upstream ?? '',
    goesOn: end.outcome === 'blocked' && end.obstacle === undefined,
    ...(end.evidence !== undefined && { evidence: { ...end.evidence } }),
  };
}

/** What we stopped or held back ourselves says nothing of the source. */
function isFailure({ outcome }: RunEnd): boolean {
  return outcome !== 'cancelled' && outcome !== 'blocked';
}

/** The pause an upstream asked for, as far as a collector should look ahead. */
function throttledUntil(end: RunEnd, circumstances: Circumstances): EpochMs {
  const { at } = circumstances;
  const { outcome, until, isElsewhereFree } = end;
  if (outcome !== 'throttled' || until === undefined || isElsewhereFree === true) return at;
  return Math.min(inStream(until, circumstances), at + BLOCKED_CHECK_MAX_MS);
}

function scheduledAfter(
  { config, name, drain }: CollectorContext,
  circumstances: Circumstances,
): EpochMs {
  return config === null || drain !== null ? 0 : dueAfter(config.schedule, name, circumstances);
}

/** The schedule goes by the wall clock, what is planned by the stream's own time. */
export function dueAfter(schedule: Schedule, name: string, circumstances: Circumstances): EpochMs {
  const { at, now = at, chance } = circumstances;
  const next = nextDue(schedule, name, now, chance);
  return next === 0 ? 0 : inStream(next, circumstances);
}

/**
 * A moment of the wall clock in the time of the stream, which stands still while a clock that was set
 * back is behind it: as far ahead of one as of the other.
 */
function inStream(moment: EpochMs, { at, now = at }: Circumstances): EpochMs {
  return moment + at - now;
}

/** n² + n minutes after the n-th crash in a row (0, 2, 6, 12, …), at most an hour, jittered by a tenth. */
function crashPauseMs(crashes: number, chance: number): number {
  const full = Math.min((crashes * crashes + crashes) * MINUTE_MS, CRASH_PAUSE_MAX_MS);
  return full * (0.9 + 0.2 * chance) + 1;
}

/** What automation makes of an end (semantics §1, column "also"). */
function suspension(
  end: RunEnd,
  context: CollectorContext,
  circumstances: Circumstances,
): readonly CollectorFact[] {
  const { at } = circumstances;
  const until = end.until === undefined ? undefined : inStream(end.until, circumstances);
  const suspend = (cause: string, nextTry?: EpochMs): readonly CollectorFact[] => [
    {
      type: 'CollectorSuspended',
      atMs: at,
      cause,
      detail: end.message,
      ...(nextTry !== undefined && { nextTryMs: nextTry }),
    },
    stopped('suspend', at),
  ];
  // Only the primary's refusal is the collector's: a further upstream never stops its siblings.
  if (end.upstream !== undefined) return [];
  switch (end.outcome) {
    case 'auth':
      return suspend('auth', at + AUTH_RETRY_MS);
    case 'quota_exhausted':
      return suspend('quota', until ?? at + QUOTA_RETRY_MS);
    case 'banned':
      return suspend('banned', until ?? at + QUOTA_RETRY_MS);
    case 'crashed':
      return context.failures.crashes + 1 >= CRASHES_MAX ? suspend('failing') : [];
    default:
      return [];
  }
}
