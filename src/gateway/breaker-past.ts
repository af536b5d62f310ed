/** What questions about a breaker's past share: which stream, which time, and its events, a page at a time. */
import type { StoredEvent } from '../journal/port.js';
import { isoTime } from '../kernel/time.js';
import { fail, ok } from '../kernel/types.js';
import type { EpochMs, Result, StreamId } from '../kernel/types.js';
import type { BreakerDoc, CollectorDocs } from '../projections/views.js';
import { shown } from './breaker-config.js';
import { wrongUpstream } from './commands.js';
import { RESERVED_NAMES, momentOf } from './inputs.js';
import type { Reach } from './operation.js';
import { collectorNotFound, invalidInput } from './problems.js';
import type { Problem } from './problems.js';
import { MOMENT_RULE, missing } from './questions.js';

/** Events of one breaker that one answer folds. */
export const EVENTS_FOLDED_MAX = 200_000;
/** Folded in one go, before others have their turn. */
const PAGE_EVENTS = 250;

export type Asked = {
  readonly name: string;
  readonly upstream?: string;
  readonly from?: string;
  readonly to?: string;
};

export type Past = {
  readonly doc: BreakerDoc;
  readonly docs: CollectorDocs;
  readonly stream: StreamId;
  /** Included. */
  readonly from: EpochMs;
  /** Not included. */
  readonly to: EpochMs;
};

/** The breaker and the time that are meant; without an upstream, the primary's. */
export function pastAsked(asked: Asked, reach: Reach): Result<Past, Problem> {
  const { name, upstream } = asked;
  if (RESERVED_NAMES.includes(name)) return fail(collectorNotFound(name));
  const wrong = wrongUpstream(name, upstream, reach);
  if (wrong !== undefined) return fail(wrong);
  const docs = reach.views.docs(name);
  const doc = shown(docs?.breakers ?? [], upstream);
  if (docs === undefined || doc === undefined) return fail(missing(name, reach));
  const now = reach.clock.now();
  const from = asked.from === undefined ? 0 : momentOf(asked.from);
  // Whatever was recorded until now: facts never run ahead, but a clock may have been set back.
  const to = asked.to === undefined ? Number.MAX_SAFE_INTEGER : momentOf(asked.to);
  if (from === undefined) return fail(invalidInput({ pointer: '/from', detail: MOMENT_RULE }));
  if (to === undefined) return fail(invalidInput({ pointer: '/to', detail: MOMENT_RULE }));
  if (from >= to || from > now) {
    const detail = `must be before ${isoTime(Math.min(to, now))}`;
    return fail(invalidInput({ pointer: '/from', detail }));
  }
  return ok({ doc, docs, stream: doc.stream, from, to });
}

/** The stream from its first event on, in slices; ends at its head as it is when it gets there. */
export async function* eventsOf(
  { journal }: Pick<Reach, 'journal'>,
  stream: StreamId,
  signal?: AbortSignal,
): AsyncGenerator<readonly StoredEvent[], void, undefined> {
  for (let next = 0; signal?.aborted !== true;) {
    const page = await journal.read(stream, next, PAGE_EVENTS);
    if (page.events.length > 0) yield page.events;
    next += page.events.length;
    if (page.atEnd || page.events.length === 0) return;
    await nextTurn();
  }
}

/** Undefined: it is short enough to be folded within one answer. */
export async function tooLong({ journal }: Reach, stream: StreamId): Promise<Problem | undefined> {
  const head = await journal.streamHead(stream);
  const events = (head?.revision ?? -1) + 1;
  if (events <= EVENTS_FOLDED_MAX) return undefined;
  const most = `at most ${String(EVENTS_FOLDED_MAX)} events are folded for one answer`;
  const detail = `${stream} has ${String(events)} events, ${most}; replay it as a stream`;
  return { code: 'illegal_state', detail };
}

/** Few questions that fold a past at once: the others are refused. */
export async function inSlot<T>(
  { slots, limits }: Reach,
  ask: () => Promise<Result<T, Problem>>,
): Promise<Result<T, Problem>> {
  if (!slots.past.enter()) {
    const detail = `${String(limits.pastQuestionsMax)} questions about the past are under way`;
    return fail({ code: 'overloaded', detail });
  }
  try {
    return await ask();
  } finally {
    slots.past.leave();
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
