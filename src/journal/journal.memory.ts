/**
 * The journal in memory, for tests and simulation: the same serialisation, chain and rules as the
 * stored ones, and a hand to make it fail. Nothing of it survives the process (J3 holds in what is
 * simulated: a `MemoryStore` outlives the journals opened over it).
 */
import type { EventId, Position, Revision, StreamId } from '../kernel/types.js';
import { categoryOf } from '../kernel/ids.js';
import { assert } from '../kernel/errors.js';
import { admit, checkExpected } from './admission.js';
import type { ChainLink, SealedEvent } from './chain.js';
import { CHAIN_START, sealEvent } from './chain.js';
import type { EncodedBatch } from './encode.js';
import { encodeBatch } from './encode.js';
import { DEFAULT_LIMITS, PAGE_SCAN_MAX, pageSize } from './limits.js';
import type { JournalLimits } from './limits.js';
import type { AppendResult, EventFilter, Journal, Page, StoredEvent } from './port.js';
import { JournalClosed, JournalUnavailable } from './port.js';
import { bell, livePages } from './subscription.js';

type MemoryRow = SealedEvent & {
  readonly stream: StreamId;
  readonly position: Position;
  readonly eventId: EventId;
};

/** What a simulated disk holds. `log[i]` is at position i + 1. */
export type MemoryStore = {
  readonly log: MemoryRow[];
  readonly streams: Map<StreamId, MemoryRow[]>;
};

export function memoryStore(): MemoryStore {
  return { log: [], streams: new Map() };
}

/** Where the next append fails: before it is stored, or after it, when only the answer is lost. */
export type FaultPoint = 'before-commit' | 'after-commit';

export type MemoryFaults = {
  /** The next append rejects with JournalUnavailable, `not-written` or `unknown` as it fell. */
  readonly failNext: (point: FaultPoint) => void;
  /** Until the returned function is called, appends wait (first in, first out), as on a slow disk. */
  readonly hold: () => () => void;
};

export type MemoryJournalOptions = {
  readonly store?: MemoryStore;
  readonly limits?: Partial<JournalLimits>;
};

/** A journal over `store` (a fresh one by default) and the hand that makes it fail. */
export function memoryJournal(options: MemoryJournalOptions = {}): {
  readonly journal: Journal;
  readonly faults: MemoryFaults;
} {
  const store = options.store ?? memoryStore();
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const news = bell(store.log.length);
  const faults: FaultPoint[] = [];
  const line = waitingLine();
  let isClosed = false;
  const open = (): void => {
    if (isClosed) throw new JournalClosed('the journal is closed');
  };

  const commit = (stream: StreamId, expected: Revision, batch: EncodedBatch): AppendResult => {
    const fault = faults.shift();
    if (fault === 'before-commit') throw new JournalUnavailable('injected: nothing was written');
    const result = storeBatch(store, stream, expected, batch);
    news.ring(store.log.length);
    if (fault === undefined) return result;
    throw new JournalUnavailable('injected: the answer was lost', { outcome: 'unknown' });
  };

  const readAll: Journal['readAll'] = async (after, filter, limit) => {
    open();
    return Promise.resolve(pageOf(store, after, filter, pageSize(limit)));
  };

  const journal: Journal = {
    async append(stream, expected, events) {
      open();
      checkExpected(expected);
      const batch = encodeBatch(stream, events, limits);
      return line.run(() => commit(stream, expected, batch));
    },
    async read(stream, from, limit) {
      open();
      const rows = store.streams.get(stream) ?? [];
      const start = Math.max(0, from);
      const events = rows.slice(start, start + pageSize(limit)).map(parsed);
      return Promise.resolve({ events, atEnd: start + events.length >= rows.length });
    },
    readAll,
    subscribe: (after, filter, signal) => livePages({ readAll, bell: news }, after, filter, signal),
    async head() {
      open();
      return Promise.resolve(store.log.length);
    },
    async streamHead(stream) {
      open();
      const last = store.streams.get(stream)?.at(-1);
      return Promise.resolve(last && { stream, revision: last.revision, hash: last.hash });
    },
    async streams(category, afterStream, limit) {
      open();
      const names = [...store.streams.keys()]
        .filter((name) => category === undefined || categoryOf(name) === category)
        .filter((name) => afterStream === undefined || name > afterStream)
        .sort()
        .slice(0, pageSize(limit));
      return Promise.resolve(names.map((name) => ({ stream: name, ...linkOf(store, name) })));
    },
    async close() {
      isClosed = true;
      news.close(() => new JournalClosed('the journal was closed'));
      await line.empty();
    },
  };
  return { journal, faults: { failNext: (point) => faults.push(point), hold: line.hold } };
}

/** Tasks one after the other; while it is held they wait. */
function waitingLine(): {
  readonly run: <T>(task: () => T) => Promise<T>;
  readonly empty: () => Promise<void>;
  readonly hold: () => () => void;
} {
  let tail: Promise<void> = Promise.resolve();
  const enqueue = (step: Promise<void>): void => {
    const before = tail;
    tail = step.then(() => before);
  };
  return {
    run(task) {
      const turn = tail.then(task);
      tail = turn.then(
        () => undefined,
        () => undefined,
      );
      return turn;
    },
    empty: () => tail,
    hold() {
      let release = (): void => undefined;
      enqueue(
        new Promise<void>((resolve) => {
          release = resolve;
        }),
      );
      return () => {
        release();
      };
    },
  };
}

function storeBatch(
  store: MemoryStore,
  stream: StreamId,
  expected: Revision,
  batch: EncodedBatch,
): AppendResult {
  const rows = store.streams.get(stream) ?? [];
  const ids = (): string[] => batch.events.map(({ eventId }) => eventId);
  const idsAfter = (revision: Revision, limit: number): string[] =>
    rows.slice(revision + 1, revision + 1 + limit).map(({ eventId }) => eventId);
  const admission = admit(stream, expected, rows.length - 1, ids, idsAfter);
  if (admission.kind === 'conflict') return admission;
  if (admission.kind === 'new') {
    for (const event of batch.events) {
      const sealed = sealEvent(stream, rows.at(-1) ?? CHAIN_START, event);
      const { eventId } = event;
      const row = { ...sealed, eventId, stream, position: store.log.length + 1 };
      rows.push(row);
      store.log.push(row);
    }
    store.streams.set(stream, rows);
  }
  const revision = expected + batch.events.length;
  const last = rows[revision];
  assert(last !== undefined, `the last event of a batch stands at ${String(revision)}`);
  return { kind: 'appended', revision, position: last.position };
}

function pageOf(store: MemoryStore, after: Position, filter: EventFilter, limit: number): Page {
  const { log } = store;
  const from = Math.max(0, after);
  const upTo = Math.min(log.length, from + PAGE_SCAN_MAX);
  const events: StoredEvent[] = [];
  let next = from;
  while (next < upTo && events.length < limit) {
    const row = log[next];
    next += 1;
    if (row !== undefined && passes(filter, row.stream)) events.push(parsed(row));
  }
  return { events, next: Math.max(after, next), atEnd: next >= log.length };
}

function passes(filter: EventFilter, stream: StreamId): boolean {
  return filter.categories === undefined || filter.categories.includes(categoryOf(stream));
}

function linkOf(store: MemoryStore, stream: StreamId): ChainLink {
  const { revision, hash } = store.streams.get(stream)?.at(-1) ?? CHAIN_START;
  return { revision, hash };
}

/** Parsed anew for each reader: nobody can change what is stored. */
function parsed(row: MemoryRow): StoredEvent {
  const { stream, revision, position, type, hash } = row;
  const data = JSON.parse(row.data) as StoredEvent['data'];
  const metadata = { ...(JSON.parse(row.metadata) as StoredEvent['metadata']), hash };
  return { stream, revision, position, type, data, metadata };
}
