/**
 * Why a collector is not fetching, told from its documents: for the past, where no actor can be asked.
 * What an actor would have said in the same words is said in them (src/actors/why.ts).
 */
import { isoTime } from '../../kernel/time.js';
import type { EpochMs } from '../../kernel/types.js';
import { effectiveState } from '../../projections/index.js';
import type { BreakerDoc, CollectorDocs, LimiterDoc } from '../../projections/views.js';
import { moment } from './numbers.js';

export type Why = { readonly sentence: string; readonly changesAt: EpochMs | null };

function because(reason: string): string {
  return reason === '' ? '' : ` (${reason})`;
}

function heldBreaker(breakers: readonly BreakerDoc[]): Why | undefined {
  const held = breakers.find((each) => ['forced_open', 'open'].includes(effectiveState(each)));
  if (held === undefined) return undefined;
  if (held.override !== null) {
    const sentence = `its circuit breaker is held open by ${held.override.actor}${because(held.override.reason)}`;
    return { sentence, changesAt: held.override.expiresAt };
  }
  return { sentence: 'its circuit breaker is open', changesAt: held.retryAt };
}

function pausedLimiter(limiters: readonly LimiterDoc[], at: EpochMs): Why | undefined {
  for (const limiter of limiters) {
    const { blocked, episode, scope } = limiter;
    if (blocked !== null && blocked.until > at) {
      return { sentence: `${scope} is barred: ${blocked.cause}`, changesAt: blocked.until };
    }
    if (episode !== null && episode.pauseUntil > at) {
      const ends = isoTime(episode.pauseUntil);
      const sentence = `it waits: rate limit until ${ends}, the upstream asked ${scope} to pause`;
      return { sentence, changesAt: episode.pauseUntil };
    }
  }
  return undefined;
}

/** What bars every upstream whose keys are there; one that is free is enough to go on. */
function barrierOf({ collector, breakers, limiters }: CollectorDocs, at: EpochMs): Why | undefined {
  const { upstreamDetails = [] } = collector;
  if (upstreamDetails.length === 0) return heldBreaker(breakers) ?? pausedLimiter(limiters, at);
  let first: Why | undefined;
  for (const { name, scope, missingKey } of upstreamDetails) {
    if (missingKey !== '') continue;
    const found =
      heldBreaker(breakers.filter(({ upstream }) => upstream === name)) ??
      pausedLimiter(
        limiters.filter((limiter) => limiter.scope === scope),
        at,
      );
    if (found === undefined) return undefined;
    first ??= found;
  }
  return first;
}

/** The first cause that alone would stop it, in the order in which an operator would undo them. */
export function whyOfDocs(docs: CollectorDocs, at: EpochMs): Why {
  const { collector } = docs;
  const { desired, suspended, blocked, missingKey } = collector;
  if (!desired.enabled) {
    const sentence = `it is disabled by ${desired.actor}${because(desired.reason)}`;
    return { sentence, changesAt: desired.until };
  }
  if (missingKey !== '') {
    return { sentence: `it waits for its key: set ${missingKey}`, changesAt: null };
  }
  if (suspended !== null) {
    const sentence = `it is suspended: ${suspended.cause}${because(suspended.detail)}`;
    return { sentence, changesAt: suspended.nextTry };
  }
  const barrier = barrierOf(docs, at);
  if (barrier !== undefined) return barrier;
  if (blocked !== null) {
    const sentence = `its last run was blocked: ${blocked.cause}${because(blocked.detail)}`;
    return { sentence, changesAt: blocked.until };
  }
  if (collector.phase === 'collecting') return { sentence: 'it is collecting', changesAt: null };
  const { phase, nextDueAt } = collector;
  const isWaiting = phase === 'idle' || phase === 'waiting';
  if (isWaiting) return { sentence: 'it waits for its next run', changesAt: nextDueAt };
  return { sentence: `it is ${phase}`, changesAt: nextDueAt };
}

/** Ends of a run that say nothing more than the sentence itself: well, stopped or held back by us. */
const UNTOLD: ReadonlySet<string> = new Set(['ok', 'blocked', 'cancelled']);

/** What people should know of the last run beside that: that it failed, that another upstream stood in. */
export function whyWarned(
  why: { readonly sentence: string; readonly changesAt?: EpochMs | null },
  { collector }: Pick<CollectorDocs, 'collector'>,
): { readonly sentence: string; readonly changesAt?: EpochMs | null } {
  const { desired, lastRun } = collector;
  const { outcome = null, message = '', warnings = [] } = lastRun ?? {};
  const isFailure = desired.enabled && outcome !== null && !UNTOLD.has(outcome);
  // A suspension's own words are those of the run that brought it about.
  const failed = isFailure && message !== '' && !why.sentence.includes(message);
  const [first] = warnings;
  const said = [
    ...(failed ? [`its last run failed: ${message}`] : []),
    ...(first === undefined ? [] : [`${failed ? '' : 'its last run: '}${first}${more(warnings)}`]),
  ];
  return said.length === 0 ? why : { ...why, sentence: [why.sentence, ...said].join('; ') };
}

function more({ length }: readonly string[]): string {
  return length === 1 ? '' : ` (and ${String(length - 1)} more)`;
}

export function whyMembers(why: {
  readonly sentence: string;
  readonly changesAt?: EpochMs | null;
}) {
  return { why: why.sentence, why_changes_at: moment(why.changesAt) };
}
