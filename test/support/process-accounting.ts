/**
 * Counts what the upstream saw against what the journal gives leave for, in the very turn in which a
 * request arrives: P6 has no later. Leave is what settled blocks say was sent, and all calls of blocks
 * that are open: tighter than the calls ever reserved, of which most are returned.
 */
import type { StoredEvent } from '../../src/journal/port.js';
import type { RequestRecord } from '../../src/sources/sandbox/index.js';
import { journalTail, numberIn, textIn, type JournalTail } from './process-journal.js';
import type { World } from './process-world.js';

export type Accounting = {
  readonly tail: JournalTail;
  /** Requests of a collector that arrived. */
  seen(collector: string): number;
  /** Calls of a collector that the journal ever reserved. */
  reserved(collector: string): number;
  /** Calls of a collector that may have left by now, by the journal. */
  leave(collector: string): number;
  readonly objections: readonly string[];
  /** Called in the turn of each arrival. */
  onArrival: () => void;
};

const OBJECTIONS_MAX = 20;

export function accounting(
  world: World,
  collectorOf: (record: RequestRecord) => string,
): Accounting {
  const tail = journalTail(world.journalPath);
  const seen = new Map<string, number>();
  const books = new Map<string, Book>();
  const objections: string[] = [];
  let folded = 0;
  const bookOf = (collector: string): Book => {
    const events = tail.events();
    for (; folded < events.length; folded += 1) {
      const event = events[folded];
      if (event !== undefined) enter(books, event);
    }
    return books.get(collector) ?? emptyBook();
  };
  const self: Accounting = {
    tail,
    seen: (collector) => seen.get(collector) ?? 0,
    reserved: (collector) => bookOf(collector).reserved,
    leave: (collector) => bookOf(collector).leave,
    objections,
    onArrival: () => undefined,
  };
  world.onArrival((record) => {
    const collector = collectorOf(record);
    const count = (seen.get(collector) ?? 0) + 1;
    seen.set(collector, count);
    const { leave } = bookOf(collector);
    if (count > leave && objections.length < OBJECTIONS_MAX) {
      objections.push(`${collector}: call ${String(count)} arrived, leave for ${String(leave)}`);
    }
    self.onArrival();
  });
  return self;
}

type Book = { reserved: number; leave: number; readonly open: Map<string, number> };

function emptyBook(): Book {
  return { reserved: 0, leave: 0, open: new Map() };
}

function enter(books: Map<string, Book>, { type, data }: StoredEvent): void {
  if (type !== 'UnitsReserved' && type !== 'UnitsSettled') return;
  const owner = textIn(data, 'collector');
  const book = books.get(owner) ?? emptyBook();
  books.set(owner, book);
  const block = textIn(data, 'block');
  if (type === 'UnitsReserved') {
    const calls = numberIn(data, 'calls');
    book.reserved += calls;
    book.leave += calls;
    book.open.set(block, calls);
    return;
  }
  book.leave += numberIn(data, 'sent') - (book.open.get(block) ?? 0);
  book.open.delete(block);
}
