/** What the upstream says is left: it may only tighten, and is recorded coalesced. */
import { PERIOD_MAX_MS } from '../../kernel/calendar.js';
import { MINUTE_MS } from '../../kernel/time.js';
import type { DurationMs, EpochMs } from '../../kernel/types.js';
import type { Observation } from '../../sources/port.js';
import { facts, type Decision } from '../kind.js';
import { renewed, RESET_TOLERANCE_MS, toldEnd, type Told } from './anchored.js';
import { countingOf, usedIn } from './buckets.js';
import type { ObserveQuota } from './commands.js';
import type { LimiterContext, Observed } from './context.js';
import type { BucketConfig, LimiterFact } from './events.js';
import { anchoredOf, bucketOf, windowOf } from './counted.js';
import { usedByUpstream } from './evolve.js';
import { limitOf } from './periods.js';
import { EXTENDS_MS } from './restrict.js';
import { OBSERVED_BAR_MAX_MS } from './restrictions.js';

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
    const isWorth = isWorthRecording(context, seen, at, ours, command.sentAt);
    return isWorth || command.isFirst === true
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
  const { bucket, remaining, resetAt } = seen;
  // What was said last holds until something else is said, whatever this answer leaves out.
  const limit = seen.limit ?? context.observed[bucket]?.limit ?? undefined;
  const used = usedByUpstream(withLimit(context, seen));
  const told = toldBy(context, seen, at, command.sentAt);
  const ours = told?.windowNext === true ? carriedIn(context, seen, at) : command.ours?.[bucket];
  return {
    type: 'QuotaObserved',
    atMs: at,
    bucket,
    ...(limit !== undefined && { limit }),
    ...(remaining !== undefined && { remaining }),
    ...(used !== undefined && { used }),
    ...(resetAt !== undefined && { resetAtMs: resetAt }),
    endpoint: command.endpoint,
    beyondOurs: Math.max(0, beyondOurs(context, seen, at, ours) ?? 0),
    ...(told !== undefined && {
      windowSureMs: told.windowSureMs,
      windowEndMs: told.windowEndMs,
      ...(told.windowNext && { windowNext: true }),
    }),
  };
}

/** What the upstream says of the end of a window that begins with a call; undefined: nothing new. */
function toldBy(
  context: LimiterContext,
  { bucket: name, resetAt }: Observation,
  at: EpochMs,
  sentAt: EpochMs = at,
): Told | undefined {
  const bucket = bucketOf(context, name);
  if (resetAt === undefined || bucket === undefined) return undefined;
  if (countingOf(bucket) !== 'reset') return undefined;
  return toldEnd(anchoredOf(context, bucket), resetAt, at, Math.max(0, at - sentAt));
}

function carriedIn(context: LimiterContext, seen: Observation, at: EpochMs): number | undefined {
  const bucket = bucketOf(context, seen.bucket);
  return bucket === undefined ? undefined : usedIn(renewed(anchoredOf(context, bucket), at));
}

/** A told reset as it is believed: never further than the bucket's own window reaches. */
export function believed(bucket: BucketConfig, resetAt: EpochMs, now: EpochMs): EpochMs {
  switch (countingOf(bucket)) {
    case 'paced':
      return Math.min(resetAt, now + OBSERVED_BAR_MAX_MS);
    case 'calendar':
      return Math.min(resetAt, now + PERIOD_MAX_MS);
    case 'ring':
    case 'reset':
    case 'clock':
      return Math.min(resetAt, now + bucket.windowMs + RESET_TOLERANCE_MS);
  }
}

/** New, a minute old, moved by a tenth, another limit, or more used than we knew. */
export function isWorthRecording(
  context: LimiterContext,
  seen: Observation,
  at: EpochMs,
  ours?: number,
  sentAt?: EpochMs,
): boolean {
  const last = context.observed[seen.bucket];
  if (last === undefined || at - last.at >= OBSERVED_EVERY_MS) return true;
  if (seen.limit !== undefined && seen.limit !== last.limit) return true;
  if (toldBy(context, seen, at, sentAt) !== undefined) return true;
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
  const limit = withLimit(context, seen).limit ?? 1;
  return Math.floor((OBSERVED_STEPS * (seen.used ?? limit - (seen.remaining ?? limit))) / limit);
}

/** The upstream counted noticeably more in this window than was known, or gives less than it did. */
export function tightens(
  context: LimiterContext,
  seen: Observation,
  at: EpochMs,
  ours?: number,
): boolean {
  const lowest = context.observed[seen.bucket]?.limit ?? bucketOf(context, seen.bucket)?.limit;
  if (seen.limit !== undefined && seen.limit < (lowest ?? 0)) return true;
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

/** Remaining without a limit is read against the one told last, or else against ours. */
export function withLimit(context: LimiterContext, seen: Observation): Observation {
  const told = context.observed[seen.bucket]?.limit;
  const limit = seen.limit ?? told ?? bucketOf(context, seen.bucket)?.limit;
  return limit === undefined ? seen : { ...seen, limit };
}

/** Nothing left for longer than a minute is a block of its own; shorter ones live in memory. */
function emptied(context: LimiterContext, seen: Observation, at: EpochMs): LimiterFact[] {
  const { bucket, resetAt } = seen;
  const used = usedByUpstream(withLimit(context, seen));
  const config = bucketOf(context, bucket);
  const limit = withLimit(context, seen).limit ?? Infinity;
  if (config === undefined || resetAt === undefined || used === undefined) return [];
  if (used < limit || !(resetAt - at > MINUTE_MS)) return [];
  const until = believed(config, resetAt, at);
  if (until <= (context.blockedBuckets[bucket]?.until ?? 0) + EXTENDS_MS) return [];
  const detail = `the upstream says nothing of ${bucket} is left`;
  const cause = 'observed';
  return [
    { type: 'BucketBlocked', atMs: at, bucket, cause, untilMs: until, collector: '', detail },
  ];
}
