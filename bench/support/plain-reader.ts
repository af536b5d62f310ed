/** What one would write by hand to read a journal's file: pages, `JSON.parse` of data and metadata. */
import Database from 'better-sqlite3';

const PAGE = 1000;

type Row = {
  readonly position: number;
  readonly revision: number;
  readonly data: string;
  readonly metadata: string;
};

export type PlainReader = {
  /** By position; answers how many events. */
  readonly readAll: () => number;
  readonly readStream: (stream: string) => number;
  readonly close: () => void;
};

export function plainReader(path: string): PlainReader {
  const db = new Database(path, { readonly: true });
  const columns = 'position, stream_id, revision, type, data, metadata';
  const all = db.prepare<[number], Row>(
    `SELECT ${columns} FROM events WHERE position > ? ORDER BY position LIMIT ${String(PAGE)}`,
  );
  const idOf = db.prepare<[string], number>('SELECT id FROM streams WHERE name = ?').pluck();
  const byStream = db.prepare<[number, number], Row>(
    `SELECT ${columns} FROM events WHERE stream_id = ? AND revision > ?
     ORDER BY revision LIMIT ${String(PAGE)}`,
  );
  return {
    readAll: () => readPages(0, (after) => all.all(after), 'position'),
    readStream(stream) {
      const id = idOf.get(stream) ?? 0;
      return readPages(-1, (after) => byStream.all(id, after), 'revision');
    },
    close: () => db.close(),
  };
}

function readPages(
  start: number,
  page: (after: number) => readonly Row[],
  key: 'position' | 'revision',
): number {
  let after = start;
  let events = 0;
  for (;;) {
    const rows = page(after);
    for (const { data, metadata } of rows) {
      JSON.parse(data);
      JSON.parse(metadata);
    }
    events += rows.length;
    after = rows.at(-1)?.[key] ?? after;
    if (rows.length < PAGE) return events;
  }
}
