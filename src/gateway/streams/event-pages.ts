/** Pages of the journal for those who ask once: onwards from a position, or the newest. Bounded work. */
import type { Journal, StoredEvent } from '../../journal/port.js';
import type { Position } from '../../kernel/types.js';
import type { Views } from '../../projections/views.js';
import { askedOf, streamsOf } from './event-filter.js';
import type { EventQuestion } from './event-filter.js';

/** Pages of the journal that one answer looks at; then it says where to go on. */
const PAGES_MAX = 20;
/** Events of a page: decoded in one go. */
const PAGE_EVENTS = 500;
/** Events looked at, per stream or in the whole journal, for the newest ones. */
const BACKWARDS_MAX = 20_000;

type Readers = {
  readonly journal: Pick<Journal, 'readAll' | 'read' | 'head' | 'streamHead'>;
  readonly views: Pick<Views, 'docs'>;
};

export type EventPage = {
  readonly events: readonly StoredEvent[];
  /** Past every event that was looked at. */
  readonly next: Position;
  /** Nothing more was there when it was read. */
  readonly atEnd: boolean;
};

/** Events after a position (and before `before`), oldest first, at most `limit`. */
export async function eventsAfter(
  { journal, views }: Readers,
  question: EventQuestion,
  after: Position,
  before: Position,
  limit: number,
): Promise<EventPage> {
  const { filter, fits } = askedOf(question, views);
  const events: StoredEvent[] = [];
  // Nothing stands between two positions that follow each other, and before the first there is nothing.
  if (before <= after + 1) return { events, next: after, atEnd: true };
  let next = after;
  for (let pages = 0; pages < PAGES_MAX; pages += 1) {
    const page = await journal.readAll(next, filter, PAGE_EVENTS);
    for (const event of page.events) {
      if (event.position >= before) return { events, next: before - 1, atEnd: true };
      if (!fits(event)) continue;
      events.push(event);
      if (events.length === limit) return { events, next: event.position, atEnd: false };
    }
    next = page.next;
    if (page.atEnd || next >= before - 1) {
      return { events, next: Math.min(next, before - 1), atEnd: true };
    }
  }
  return { events, next, atEnd: false };
}

/** The newest `last` events, oldest first. Of rare ones, those among the newest `BACKWARDS_MAX`. */
export async function newestEvents(
  readers: Readers,
  question: EventQuestion,
  last: number,
): Promise<EventPage> {
  const { journal, views } = readers;
  const head = await journal.head();
  const { fits } = askedOf(question, views);
  const sources =
    question.collector === undefined
      ? [wholeJournal(journal, head, askedOf(question, views).filter)]
      : await Promise.all(
          streamsOf(question.collector, views).map((stream) => oneStream(journal, stream)),
        );
  const found: StoredEvent[] = [];
  for (const source of sources) {
    const ours = (event: StoredEvent): boolean => event.position <= head && fits(event);
    found.push(...(await newestOf(source, last, ours)));
  }
  const events = found.sort((a, b) => a.position - b.position).slice(-last);
  return { events, next: head, atEnd: true };
}

/** Events by an index that grows with them: a revision, or the position before. */
type Backwards = {
  readonly end: number;
  /** Events of the indices from <= i < to, oldest first. */
  readonly between: (from: number, to: number) => Promise<readonly StoredEvent[]>;
};

async function newestOf(
  { end, between }: Backwards,
  last: number,
  fits: (event: StoredEvent) => boolean,
): Promise<readonly StoredEvent[]> {
  let found: readonly StoredEvent[] = [];
  const least = Math.max(0, end - BACKWARDS_MAX);
  for (let to = end; to > least && found.length < last;) {
    const from = Math.max(least, to - PAGE_EVENTS);
    found = [...(await between(from, to)).filter(fits), ...found];
    to = from;
  }
  return found.slice(-last);
}

async function oneStream(journal: Readers['journal'], stream: string): Promise<Backwards> {
  const head = await journal.streamHead(stream);
  return {
    end: (head?.revision ?? -1) + 1,
    between: async (from, to) => {
      const events: StoredEvent[] = [];
      for (let next = from; next < to;) {
        const page = await journal.read(stream, next, to - next);
        events.push(...page.events);
        next += page.events.length;
        if (page.atEnd || page.events.length === 0) break;
      }
      return events;
    },
  };
}

function wholeJournal(
  journal: Readers['journal'],
  head: Position,
  filter: Parameters<Journal['readAll']>[1],
): Backwards {
  return {
    end: head,
    between: async (from, to) => {
      const events: StoredEvent[] = [];
      for (let next: Position = from; next < to;) {
        const page = await journal.readAll(next, filter, to - next);
        events.push(...page.events.filter(({ position }) => position <= to));
        next = page.next;
        if (page.atEnd) break;
      }
      return events;
    },
  };
}
