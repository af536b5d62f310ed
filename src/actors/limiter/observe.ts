/** What the upstream says is left: it may only tighten, and is recorded coalesced. */
import { PERIOD_MAX_MS } from '../../kernel/calendar.js';
import { MINUTE_MS } from '../../kernel/time.js';
import type { DurationMs, EpochMs } from '../../kernel/types.js';
import type { Observation } from '../../sources/port.js';
import { facts, type Decision } from '../kind.js';
import { usedIn } from './buckets.js';
import type { ObserveQuota } from './commands.js';
import type { LimiterContext, Observed } from './context.js';
import type { LimiterFact } from './events.js';
import { bucketOf, usedByUpstream, windowOf } from './evolve.js';
import { limitOf } from './periods.js';
import { EXTENDS_MS } from './restrict.js';

/** What is left is recorded at least this far apart, unless it moved by a step. */
const OBSERVED_EVERY_MS: DurationMs = MINUTE_MS;
const OBSERVED_STEPS = 10;

/** What the upstream says is left: recorded coalesced; nothing left closes the bucket until its reset. */
export function decideObserve(
  command: ObserveQuota,
  context: LimiterContext,
  at: EpochMs,
): Decision<LimiterFact> {
  const list = command.observations.flatMap((seen): LimiterFact[] => {
    if (bucketOf(context, seen.bucket) === undefined) return [];
    const ours = command.ours?.[seen.bucket];
    const blocked = emptied(context, seen, at);
    return isWorthRecording(context, seen, at, ours)
      ? [observedFact(command, context, seen, at), ...blocked]
      : blocked;
  });
  return facts(...list);
}

function observedFact(
  command: ObserveQuota,
  context: LimiterContext,
  seen: Observation,
  at: EpochMs,
): LimiterFact {
  const { bucket, limit, remaining, resetAt } = seen;
  const used = usedByUpstream(withLimit(context, seen));
  return {
    type: 'QuotaObserved',
    atMs: at,
    bucket,
    ...(limit !== undefined && { limit }),
    ...(remaining !== undefined && { remaining }),
    ...(used !== undefined && { used }),
    ...(resetAt !== undefined && { resetAtMs: resetAt }),
    endpoint: command.endpoint,
    beyondOurs: Math.max(0, beyondOurs(context, seen, at, command.ours?.[bucket]) ?? 0),
  };
}

/** New, a minute old, moved by a tenth, another limit, or more used than we knew. */
export function isWorthRecording(
  context: LimiterContext,
  seen: Observation,
  at: EpochMs,
  ours?: number,
): boolean {
  const last = context.observed[seen.bucket];
  if (last === undefined || at - last.at >= OBSERVED_EVERY_MS) return true;
  if ((seen.limit ?? null) !== last.limit) return true;
  return (
    stepOf(context, seen) !== stepOf(context, known(seen.bucket, last)) ||
    tightens(context, seen, at, ours)
  );
}

function known(bucket: string, last: Observed): Observation {
  const { limit, remaining, used } = last;
  return {
    bucket,
    ...(limit !== null && { limit }),
    ...(remaining !== null && { remaining }),
    ...(used !== null && { used }),
  };
}

function stepOf(context: LimiterContext, seen: Observation): number {
  const limit = seen.limit ?? bucketOf(context, seen.bucket)?.limit ?? 1;
  return Math.floor((OBSERVED_STEPS * (seen.used ?? limit - (seen.remaining ?? limit))) / limit);
}

/** The upstream counted noticeably more in this window than was known. */
export function tightens(
  context: LimiterContext,
  seen: Observation,
  at: EpochMs,
  ours?: number,
): boolean {
  const beyond = beyondOurs(context, seen, at, ours);
  const foreign = windowOf(context, seen.bucket, at)?.foreign ?? 0;
  return beyond !== undefined && beyond - foreign > limitOf(context, seen.bucket) / 100;
}

/** Without word on what was really sent, all that is reserved is taken for sent. */
function beyondOurs(
  context: LimiterContext,
  seen: Observation,
  at: EpochMs,
  ours: number | undefined,
): number | undefined {
  const used = usedByUpstream(withLimit(context, seen));
  const window = windowOf(context, seen.bucket, at);
  if (used === undefined || window === undefined) return undefined;
  return used - (ours ?? usedIn(window) - window.foreign);
}

/** Remaining without a limit is read against ours. */
export function withLimit(context: LimiterContext, seen: Observation): Observation {
  const limit = seen.limit ?? bucketOf(context, seen.bucket)?.limit;
  return limit === undefined ? seen : { ...seen, limit };
}

/** Nothing left for longer than a minute is a block of its own; shorter ones live in memory. */
function emptied(context: LimiterContext, seen: Observation, at: EpochMs): LimiterFact[] {
  const { bucket, resetAt } = seen;
  const used = usedByUpstream(withLimit(context, seen));
  const limit = seen.limit ?? bucketOf(context, bucket)?.limit ?? Infinity;
  if (resetAt === undefined || used === undefined || used < limit) return [];
  if (resetAt - at <= MINUTE_MS) return [];
  const until = Math.min(resetAt, at + PERIOD_MAX_MS);
  if (until <= (context.blockedBuckets[bucket]?.until ?? 0) + EXTENDS_MS) return [];
  const detail = `the upstream says nothing of ${bucket} is left`;
  const cause = 'observed';
  return [
    { type: 'BucketBlocked', atMs: at, bucket, cause, untilMs: until, collector: '', detail },
  ];
}
