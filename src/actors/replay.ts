/** A breaker's history, folded again a fact at a time by the machine that lived it. Pure. */
import type { StoredEvent } from '../journal/port.js';
import { HeadgateError, messageOf } from '../kernel/errors.js';
import type { EpochMs, Position, Revision } from '../kernel/types.js';
import { breakerFolder } from './breaker/draft.js';
import { breakerCodec, type BreakerFact, type Effective } from './breaker/events.js';
import { effectiveOf, type BreakerState } from './breaker/state.js';

/** A breaker's stream cannot be folded by this program: it is damaged, or of a newer one. */
export class ReplayStopped extends HeadgateError {
  readonly code = 'replay_stopped';
  readonly retryable = false;
}

/** The breaker before and after one fact. */
export type BreakerStep = {
  readonly revision: Revision;
  readonly position: Position;
  readonly at: EpochMs;
  /** The principal that caused it, or `system`. */
  readonly actor: string;
  readonly fact: BreakerFact;
  readonly before: BreakerState;
  readonly after: BreakerState;
};

export type BreakerReplay = {
  /**
   * The events of one breaker's stream, from its first on, in order.
   * @throws {ReplayStopped}
   */
  readonly next: (event: StoredEvent) => BreakerStep;
};

export function breakerReplay(): BreakerReplay {
  let state = breakerFolder.initial();
  return {
    next(event) {
      const { revision, position } = event;
      const fact = factOf(event);
      const before = state;
      const after = breakerFolder.apply(before, fact);
      if (after === undefined) throw stopped(event, `it has no arrow in ${valueOf(before)}`);
      state = after;
      const { actor } = event.metadata;
      return { revision, position, at: fact.atMs, actor, fact, before, after };
    },
  };
}

function factOf(event: StoredEvent): BreakerFact {
  try {
    return breakerCodec.decode(event.type, event.metadata.schema, event.data);
  } catch (cause) {
    throw stopped(event, messageOf(cause), cause);
  }
}

function valueOf({ value }: BreakerState): string {
  return JSON.stringify(value);
}

function stopped({ stream, revision, type }: StoredEvent, why: string, cause?: unknown) {
  const where = `${stream}@${String(revision)} (${type})`;
  return new ReplayStopped(`${where} cannot be replayed: ${why}`, { cause });
}

/** One change of what calls met, with the numbers that decided it. */
export type BreakerTurn = {
  /** Of the fact; undefined: it was simulated. */
  readonly where?: { readonly revision: Revision; readonly position: Position };
  readonly at: EpochMs;
  readonly type: BreakerFact['type'];
  readonly from: Effective;
  readonly to: Effective;
  /** As facts spell it; of overrides `forced` or why it ended: `operator`, `expired`. */
  readonly trigger: string;
  readonly actor: string;
  /** Of an operator's act. */
  readonly reason: string | null;
  /** While open. */
  readonly retryAt: EpochMs | null;
  readonly delayMs: number | null;
  /** What the automatic breaker had counted; undefined: an override, which counts nothing. */
  readonly numbers: BreakerFactNumbers | undefined;
};

export type BreakerFactNumbers = NonNullable<
  Extract<BreakerFact, { readonly type: 'BreakerTripped' }>['transition']
>;

/** What a fact changed, or undefined where it only counted or configured. */
export function breakerTurn(
  fact: BreakerFact,
  before: BreakerState,
  after: BreakerState,
  actor: string,
): BreakerTurn | undefined {
  const rest = {
    at: fact.atMs,
    type: fact.type,
    from: effectiveOf(before),
    to: effectiveOf(after),
  };
  const none = { reason: null, retryAt: null, delayMs: null, numbers: undefined };
  switch (fact.type) {
    case 'BreakerConfigured':
    case 'CallsRecorded':
      return undefined;
    case 'BreakerForced':
      return { ...none, ...rest, trigger: 'forced', actor: fact.actor, reason: fact.reason };
    case 'BreakerOverrideCleared':
      return { ...none, ...rest, trigger: fact.cause, actor };
    default: {
      const { transition: numbers } = fact;
      const opened = 'retryAtMs' in fact ? { retryAt: fact.retryAtMs, delayMs: fact.delayMs } : {};
      const reason = 'reason' in fact ? fact.reason : null;
      const trigger = numbers?.trigger ?? '';
      return { ...none, ...rest, ...opened, trigger, actor, reason, numbers };
    }
  }
}
