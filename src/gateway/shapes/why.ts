/**
 * Why a collector is not fetching, told from its documents: for the past, where no actor can be asked.
 * What an actor would have said in the same words is said in them (src/actors/why.ts).
 */
import type { EpochMs } from '../../kernel/types.js';
import { effectiveState } from '../../projections/index.js';
import type { CollectorDocs } from '../../projections/views.js';
import { moment } from './numbers.js';

export type Why = { readonly sentence: string; readonly changesAt: EpochMs | null };

function because(reason: string): string {
  return reason === '' ? '' : ` (${reason})`;
}

function heldBreaker(docs: CollectorDocs): Why | undefined {
  const held = docs.breakers.find((each) => ['forced_open', 'open'].includes(effectiveState(each)));
  if (held === undefined) return undefined;
  if (held.override !== null) {
    const sentence = `its circuit breaker is held open by ${held.override.actor}${because(held.override.reason)}`;
    return { sentence, changesAt: held.override.expiresAt };
  }
  return { sentence: 'its circuit breaker is open', changesAt: held.retryAt };
}

function pausedLimiter(docs: CollectorDocs, at: EpochMs): Why | undefined {
  for (const limiter of docs.limiters) {
    const { blocked, episode, scope } = limiter;
    if (blocked !== null && blocked.until > at) {
      return { sentence: `${scope} is barred: ${blocked.cause}`, changesAt: blocked.until };
    }
    if (episode !== null && episode.pauseUntil > at) {
      const sentence = `the upstream asked ${scope} to pause`;
      return { sentence, changesAt: episode.pauseUntil };
    }
  }
  return undefined;
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
  const barrier = heldBreaker(docs) ?? pausedLimiter(docs, at);
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

export function whyMembers(why: {
  readonly sentence: string;
  readonly changesAt?: EpochMs | null;
}) {
  return { why: why.sentence, why_changes_at: moment(why.changesAt) };
}
