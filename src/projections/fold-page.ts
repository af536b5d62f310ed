/** Folding events into rows: a fact at a time, parking the stream of one that cannot be handled. */
import { messageOf } from '../kernel/errors.js';
import type { Position, StreamId } from '../kernel/types.js';
import type { Fact, Incoming } from './facts.js';
import type { PageRows } from './page-rows.js';
import type { Parking } from './parking.js';
import type { Projection, RowWrite, Rows, Where } from './projection.js';
import type { Parked } from './read-store.js';

/** How often a handler gets to see the same fact before its stream is parked. */
const ATTEMPTS = 3;

export type Fold = { readonly rows: PageRows; readonly parking: Parking };

/** Facts after `from`, oldest first; those of parked streams are counted only. */
export function foldPage(
  projection: Projection,
  page: readonly Incoming[],
  from: Position,
  fold: Fold,
): void {
  for (const each of page) {
    const { event } = each;
    if (event.position <= from || !concerns(projection, each)) continue;
    const parked = fold.parking.get(event.stream);
    if (parked !== undefined) {
      fold.parking.set({ ...parked, toRevision: event.revision, events: parked.events + 1 });
      continue;
    }
    const error = tryFold(projection, each, fold.rows);
    if (error !== undefined) fold.parking.set(newlyParked(each, error));
  }
}

function concerns({ categories, events }: Projection, { category }: Incoming): boolean {
  return events !== undefined || (category !== undefined && categories.includes(category));
}

function newlyParked({ event }: Incoming, error: string): Parked {
  const { stream, revision, position } = event;
  const from = { fromRevision: revision, toRevision: revision, fromPosition: position };
  return { stream, ...from, events: 1, error };
}

/** What went wrong, or undefined when the fact's writes are in `rows`. */
function tryFold(projection: Projection, each: Incoming, rows: PageRows): string | undefined {
  let error = '';
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    try {
      rows.add(writesOf(projection, each, rows));
      return undefined;
    } catch (thrown) {
      error = messageOf(thrown);
    }
  }
  return error;
}

/** What a fact means to a projection: the writes, nothing done yet. */
export function writesOf(
  projection: Projection,
  { event, fact }: Incoming,
  rows: Rows,
): readonly RowWrite[] {
  if (projection.events !== undefined) return projection.events(event, rows);
  // An event type without a handler means nothing to this read model.
  if (!Object.hasOwn(projection.handlers, event.type)) return [];
  const decoded = fact();
  const handler = projection.handlers[decoded.type] as
    ((fact: Fact, where: Where, rows: Rows) => readonly RowWrite[]) | undefined;
  return handler?.(decoded, event, rows) ?? [];
}

export type ReplayedPage = { readonly events: number; readonly stuck: boolean };

/** Applies parked facts of one stream; what is left of them stays parked. */
export function replayPage(
  projection: Projection,
  page: readonly Incoming[],
  stream: StreamId,
  { rows, parking }: Fold,
): ReplayedPage {
  const parked = parking.get(stream);
  if (parked === undefined) return { events: 0, stuck: true };
  const waiting = page.filter(
    ({ event: { revision } }) => parked.fromRevision <= revision && revision <= parked.toRevision,
  );
  let events = 0;
  for (const each of waiting) {
    const { revision, position } = each.event;
    const error = tryFold(projection, each, rows);
    if (error !== undefined) {
      const left = parked.events - events;
      const from = { fromRevision: revision, fromPosition: position };
      parking.set({ ...parked, ...from, events: left, error });
      return { events, stuck: true };
    }
    events += 1;
  }
  const last = waiting.at(-1)?.event.revision;
  if (last === undefined) return { events, stuck: true };
  if (last >= parked.toRevision) parking.remove(stream);
  else parking.set({ ...parked, fromRevision: last + 1, events: parked.events - events });
  return { events, stuck: false };
}
