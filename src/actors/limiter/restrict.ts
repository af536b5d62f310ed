/** What the upstream says against us: too many, used up, banned. And what lifts it again. */
import { PERIOD_MAX_MS } from '../../kernel/calendar.js';
import { DAY_MS, MINUTE_MS, SECOND_MS } from '../../kernel/time.js';
import type { DurationMs, EpochMs } from '../../kernel/types.js';
import { facts, type Decision, type Of } from '../kind.js';
import type {
  BlockBucket,
  BlockScope,
  ReportClockAnomaly,
  ReportThrottle,
  Unblock,
} from './commands.js';
import type { Episode, LimiterContext } from './context.js';
import { AIM, capOf, currentRate, episodeEndsAt, scopeRate } from './curve.js';
import type { LimiterFact } from './events.js';
import { bucketOf } from './counted.js';
import { evolve } from './evolve.js';
import { refillsAt, rollsDue } from './periods.js';
import { episodeEnd } from './recovery.js';

/** Longest pause that is believed of a Retry-After: a throttle can last a day, ten years are garbage. */
export const RETRY_AFTER_MAX_MS: DurationMs = DAY_MS;
/** Longest pause without one. */
export const PAUSE_MAX_MS: DurationMs = 15 * MINUTE_MS;
/** Longest ban that is believed. */
export const BAN_MAX_MS: DurationMs = 7 * DAY_MS;
/** A ban that does not say how long. */
const BAN_DEFAULT_MS: DurationMs = 15 * MINUTE_MS;
/** A jump of the wall clock of less is ordinary clock discipline. */
export const JUMP_MS: DurationMs = MINUTE_MS;
/** A later word moves a pause or a block only by more than this. */
export const EXTENDS_MS: DurationMs = SECOND_MS;

/** The pause after the m-th cut: until Retry-After, or without one min(2^m s, 15 min). */
export function pauseEnd(cuts: number, retryAt: EpochMs | undefined, now: EpochMs): EpochMs {
  if (retryAt !== undefined && retryAt > now) return Math.min(retryAt, now + RETRY_AFTER_MAX_MS);
  return now + Math.min(2 ** cuts * SECOND_MS, PAUSE_MAX_MS);
}

/** Cuts the rate and pauses. Signs of one window, or of calls that left before the cut, count once. */
export function decideThrottle(
  command: ReportThrottle,
  context: LimiterContext,
  at: EpochMs,
): Decision<LimiterFact> {
  const { config } = context;
  if (config === null) return facts();
  const now = command.now ?? at;
  const { episode } = context;
  if (episode !== null && now >= episodeEndsAt(episode, config)) {
    const ended = episodeEnd(context, at, now);
    return facts(...ended, cutOf(command, ended.reduce(evolve, context), null, at, now));
  }
  const isSameWindow = (command.sentAt ?? now) < (episode?.sameWindowUntil ?? -Infinity);
  if (!isSameWindow || episode === null) {
    return facts(cutOf(command, context, episode, at, now));
  }
  const until = pauseEnd(episode.cuts, command.retryAt, now);
  const extends_ = command.retryAt !== undefined && until > episode.pauseUntil + EXTENDS_MS;
  return extends_ ? facts(extension(command, episode, until, at)) : facts();
}

function cutOf(
  command: ReportThrottle,
  context: LimiterContext,
  episode: Episode | null,
  at: EpochMs,
  now: EpochMs,
): LimiterFact {
  const { backoffMultiplier, maxBackoff } = capOf(context, command.collector);
  const cuts = (episode?.cuts ?? 0) + 1;
  const until = Math.max(pauseEnd(cuts, command.retryAt, now), episode?.pauseUntil ?? 0);
  return {
    ...throttled(command, at),
    backoff: Math.min(backoffMultiplier ** cuts, maxBackoff),
    cuts,
    wMax: episode?.wMax ?? AIM * rateInForce(context, now),
    pauseUntilMs: until,
    pauseSource:
      command.retryAt !== undefined && command.retryAt > now ? 'retry_after' : 'exponential',
    sameWindowUntilMs: until,
  };
}

/** The same cut; only the upstream wants more time. */
function extension(
  command: ReportThrottle,
  episode: Episode,
  until: EpochMs,
  at: EpochMs,
): LimiterFact {
  const { backoff, cuts, wMax } = episode;
  return {
    ...throttled(command, at),
    backoff,
    cuts,
    wMax,
    pauseUntilMs: until,
    pauseSource: 'retry_after',
    sameWindowUntilMs: until,
  };
}

function throttled(command: ReportThrottle, at: EpochMs) {
  const { collector, endpoint, status } = command;
  return { type: 'Throttled', atMs: at, collector, endpoint, status } as const;
}

/** What the scope may really send: its curve, and no more than its collectors' caps together. */
function rateInForce(context: LimiterContext, at: EpochMs): number {
  const collectors = context.config?.collectors ?? [];
  const caps = collectors.reduce((sum, name) => sum + currentRate(context, name, at), 0);
  return Math.min(scopeRate(context, at), caps);
}

/** The provider says a quota is used up: the bucket gives nothing until its period rolls. */
export function decideBlockBucket(
  command: BlockBucket,
  context: LimiterContext,
  at: EpochMs,
): Decision<LimiterFact> {
  const { bucket, collector, detail } = command;
  if (bucketOf(context, bucket) === undefined) return facts();
  const now = command.now ?? at;
  // What is not a moment to come is no answer to "until when".
  const said = command.until !== undefined && command.until > now ? command.until : undefined;
  const until = Math.min(said ?? refillsAt(context, bucket, now), now + PERIOD_MAX_MS);
  if (until <= (context.blockedBuckets[bucket]?.until ?? now) + EXTENDS_MS) return facts();
  const cause = 'quota_exhausted';
  return facts<LimiterFact>({
    type: 'BucketBlocked',
    atMs: at,
    bucket,
    cause,
    untilMs: until,
    collector,
    detail,
  });
}

/** The provider bars the account or address: every collector of the scope stops. */
export function decideBlockScope(
  command: BlockScope,
  context: LimiterContext,
  at: EpochMs,
): Decision<LimiterFact> {
  const { cause, collector, detail } = command;
  const until = banEnd(command.until, command.now ?? at);
  if (context.config === null || until <= (context.blocked?.until ?? 0) + EXTENDS_MS)
    return facts();
  return facts<LimiterFact>({
    type: 'ScopeBlocked',
    atMs: at,
    cause,
    untilMs: until,
    collector,
    detail,
  });
}

/** Until when a ban holds: as said, at most seven days. */
export function banEnd(until: EpochMs | undefined, now: EpochMs): EpochMs {
  if (until === undefined || !(until > now)) return now + BAN_DEFAULT_MS;
  return Math.min(until, now + BAN_MAX_MS);
}

/** By hand: what is named, or everything. What is not blocked stays as it is. */
export function decideUnblock(
  { bucket }: Unblock,
  context: LimiterContext,
  at: EpochMs,
): Decision<LimiterFact> {
  const wanted = bucket === undefined ? blockedNames(context) : [bucket];
  return facts(
    ...unblocked(
      wanted.filter((name) => isBlocked(context, name)),
      'operator',
      at,
    ),
  );
}

/** Blocks that ended by `when`. */
export function endedBlocks(
  context: LimiterContext,
  at: EpochMs,
  when: EpochMs,
): readonly LimiterFact[] {
  const ended = blockedNames(context).filter((name) => {
    const block = name === '' ? context.blocked : context.blockedBuckets[name];
    return (block?.until ?? Infinity) <= when;
  });
  return unblocked(ended, 'expired', at);
}

function blockedNames(context: LimiterContext): readonly string[] {
  const scope = context.blocked === null ? [] : [''];
  return [...scope, ...Object.keys(context.blockedBuckets)];
}

function isBlocked(context: LimiterContext, name: string): boolean {
  return name === '' ? context.blocked !== null : Object.hasOwn(context.blockedBuckets, name);
}

function unblocked(
  names: readonly string[],
  cause: 'expired' | 'operator',
  at: EpochMs,
): readonly Of<LimiterFact, 'Unblocked'>[] {
  return names.map((bucket) => ({ type: 'Unblocked', atMs: at, bucket, cause }));
}

/** The clock jumped: moments move with it, and calendar periods are those of the clock as it is now. */
export function decideClockAnomaly(
  { shiftMs, now }: ReportClockAnomaly,
  context: LimiterContext,
  at: EpochMs,
): Decision<LimiterFact> {
  if (context.config === null || !Number.isFinite(shiftMs)) return facts();
  return facts(...rebasing(context, shiftMs, now, at));
}

export function rebasing(
  context: LimiterContext,
  shiftMs: DurationMs,
  now: EpochMs,
  at: EpochMs,
): readonly LimiterFact[] {
  if (shiftMs === 0) return [];
  const jumped: LimiterFact = { type: 'ClockAnomaly', atMs: at, shiftMs };
  return [jumped, ...rollsDue(evolve(context, jumped), now, at)];
}
