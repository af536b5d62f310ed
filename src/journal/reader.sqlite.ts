/**
 * Reading the journal's file, in pages, on the caller's thread.
 *
 * R1 Nothing is served that is not what was written: each event's hash is computed again; a stream's
 *    events must also follow one another. What fails is named by a JournalCorrupt.
 * R2 No statement stays open between calls: a reader never pins the write-ahead log.
 */
import { sha256Hex } from '../kernel/canonical.js';
import { messageOf } from '../kernel/errors.js';
import type { Position, Revision, StreamId } from '../kernel/types.js';
import type { ChainLink } from './chain.js';
import { CHAIN_START, breakBetween, hashedText } from './chain.js';
import { PAGE_BYTES_MAX, PAGE_SCAN_MAX, pageSize } from './limits.js';
import type { EventFilter, Page, StoredEvent, StreamHead, StreamPage } from './port.js';
import { JournalCorrupt, JournalUnavailable } from './port.js';
import type { SqliteFile } from './schema.sqlite.js';
import { sqliteCode } from './schema.sqlite.js';

export type EventRow = {
  readonly position: Position;
  readonly stream: StreamId;
  readonly revision: Revision;
  readonly type: string;
  readonly data: string;
  readonly metadata: string;
  readonly hash: string;
};

/** Rows fetched at once: a page of large events is cut between two of these. */
const ROWS_PER_FETCH = 250;

const COLUMNS = `e.position, s.name AS stream, e.revision, e.type, e.data, e.metadata, e.hash
  FROM events e JOIN streams s ON s.id = e.stream_id`;

function prepare(db: SqliteFile) {
  return {
    stream: db.prepare<[string], number>('SELECT id FROM streams WHERE name = ?').pluck(),
    byStream: db.prepare<[number, number, number], EventRow>(
      `SELECT ${COLUMNS} WHERE e.stream_id = ? AND e.revision >= ? ORDER BY e.revision LIMIT ?`,
    ),
    linkAt: db.prepare<[number, number], { revision: number; hash: string }>(
      `SELECT revision, hash FROM events WHERE stream_id = ? AND revision = ?`,
    ),
    all: db.prepare<[number, number, number], EventRow>(
      `SELECT ${COLUMNS} WHERE e.position > ? AND e.position <= ? ORDER BY e.position LIMIT ?`,
    ),
    ofCategories: db.prepare<[number, number, string, number], EventRow>(
      `SELECT ${COLUMNS} WHERE e.position > ? AND e.position <= ?
       AND s.category IN (SELECT value FROM json_each(?)) ORDER BY e.position LIMIT ?`,
    ),
    head: db.prepare<[], number | null>('SELECT max(position) FROM events').pluck(),
    heads: db.prepare<[string | null, string | null, string, number], StreamHead>(
      `SELECT s.name AS stream, e.revision, e.hash
       FROM streams s JOIN events e ON e.stream_id = s.id
         AND e.revision = (SELECT max(revision) FROM events WHERE stream_id = s.id)
       WHERE (? IS NULL OR s.category = ?) AND s.name > ? ORDER BY s.name LIMIT ?`,
    ),
    headOf: db.prepare<[number], { revision: number; hash: string }>(
      `SELECT revision, hash FROM events
       WHERE stream_id = ? ORDER BY revision DESC LIMIT 1`,
    ),
  };
}

export type Reader = {
  readonly read: (stream: StreamId, from: Revision, limit: number) => StreamPage;
  readonly readAll: (after: Position, filter: EventFilter, limit: number) => Page;
  readonly head: () => Position;
  readonly streamHead: (stream: StreamId) => StreamHead | undefined;
  readonly streams: (
    category: string | undefined,
    after: StreamId | undefined,
    limit: number,
  ) => readonly StreamHead[];
};

/** Reads from an open file; the caller closes it. */
export function sqliteReader(db: SqliteFile): Reader {
  const statements = prepare(db);
  return {
    read: (stream, from, limit) => named(() => readStream(statements, stream, from, limit)),
    readAll: (after, filter, limit) => named(() => readPage(statements, after, filter, limit)),
    head: () => named(() => statements.head.get() ?? 0),
    streamHead: (stream) =>
      named(() => {
        const id = statements.stream.get(stream);
        const row = id === undefined ? undefined : statements.headOf.get(id);
        return row === undefined ? undefined : { stream, ...row };
      }),
    streams: (category, after, limit) =>
      named(() => {
        const only = category ?? null;
        return statements.heads.all(only, only, after ?? '', pageSize(limit));
      }),
  };
}

/** SQLite's own failures in the words of the port. */
function named<T>(read: () => T): T {
  try {
    return read();
  } catch (thrown) {
    const code = sqliteCode(thrown);
    if (code === undefined) throw thrown;
    const message = `the journal's file cannot be read (${code}): ${messageOf(thrown)}`;
    throw new JournalUnavailable(message, { cause: thrown });
  }
}

function readStream(
  statements: ReturnType<typeof prepare>,
  stream: StreamId,
  from: Revision,
  limit: number,
): StreamPage {
  const id = statements.stream.get(stream);
  if (id === undefined) return { events: [], atEnd: true };
  const start = Math.max(0, from);
  const most = pageSize(limit);
  const before = start === 0 ? CHAIN_START : statements.linkAt.get(id, start - 1);
  const fetch = (count: number, after: EventRow | undefined): readonly EventRow[] =>
    statements.byStream.all(id, after === undefined ? start : after.revision + 1, count);
  const { rows, isCut } = fetchRows(fetch, most);
  // Past the end: nothing is there, and nothing to compare with.
  if (rows.length === 0) return { events: [], atEnd: true };
  let link: ChainLink = before ?? { revision: start - 1, hash: '' };
  const events = rows.map((row) => {
    const event = verified(row, link);
    link = { revision: event.revision, hash: event.metadata.hash };
    return event;
  });
  return { events, atEnd: !isCut };
}

function readPage(
  statements: ReturnType<typeof prepare>,
  after: Position,
  filter: EventFilter,
  limit: number,
): Page {
  const head = statements.head.get() ?? 0;
  const isFiltered = filter.categories !== undefined;
  const upTo = isFiltered ? Math.min(head, after + PAGE_SCAN_MAX) : head;
  const categories = JSON.stringify(filter.categories ?? []);
  const fetch = (count: number, last: EventRow | undefined): readonly EventRow[] => {
    const from = last?.position ?? after;
    if (!isFiltered) return statements.all.all(from, upTo, count);
    return statements.ofCategories.all(from, upTo, categories, count);
  };
  const { rows, isCut } = fetchRows(fetch, pageSize(limit));
  const events: StoredEvent[] = [];
  for (const row of rows) {
    try {
      events.push(verified(row, undefined));
    } catch (thrown) {
      // What is good before it is served first; the next page begins, and fails, with it.
      if (events.length === 0) throw thrown;
      return { events, next: events.at(-1)?.position ?? after, atEnd: false };
    }
  }
  const next = isCut ? (rows.at(-1)?.position ?? after) : Math.max(after, upTo);
  return { events, next, atEnd: next >= head };
}

/** Fetches in pieces until there are enough rows or bytes. `isCut`: there may be more. */
function fetchRows(
  fetch: (count: number, after: EventRow | undefined) => readonly EventRow[],
  most: number,
): { readonly rows: readonly EventRow[]; readonly isCut: boolean } {
  const rows: EventRow[] = [];
  let bytes = 0;
  while (rows.length < most && bytes < PAGE_BYTES_MAX) {
    const count = Math.min(ROWS_PER_FETCH, most - rows.length);
    const piece = fetch(count, rows.at(-1));
    for (const row of piece) {
      rows.push(row);
      bytes += row.data.length + row.metadata.length;
    }
    if (piece.length < count) return { rows, isCut: false };
  }
  return { rows, isCut: true };
}

/** R1. `link` is what must stand before it; undefined: not known here. */
function verified(row: EventRow, link: ChainLink | undefined): StoredEvent {
  const { stream, revision, position, type, hash } = row;
  const corrupt = (why: string): JournalCorrupt =>
    new JournalCorrupt(
      `${stream}@${String(revision)} at position ${String(position)} is not what was written: ${why}`,
      { stream, revision, position },
    );
  const text = hashedText(stream, revision, type, row.data, row.metadata);
  if (sha256Hex(text) !== hash) throw corrupt('the hash is not that of its content');
  const data = JSON.parse(row.data) as StoredEvent['data'];
  const metadata = JSON.parse(row.metadata) as StoredEvent['metadata'] & { hash: string };
  metadata.hash = hash;
  if (link !== undefined) {
    const found = breakBetween(link, { revision, prevHash: metadata.prevHash });
    if (found !== undefined) throw corrupt(found.detail);
  }
  return { stream, revision, position, type, data, metadata };
}
