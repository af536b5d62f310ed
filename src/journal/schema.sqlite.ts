/** The journal's file: tables, triggers, settings; and how it is opened to write and to read. */
import Database from 'better-sqlite3';
import { systemRandom } from '../kernel/random.js';
import { messageOf } from '../kernel/errors.js';
import { JournalUnavailable } from './port.js';

/** `HGJ1`: a file of ours, in the first format. */
const APPLICATION_ID = 0x48474a31;
const FORMAT = 1;

/** One index only: a second one on random ids would cost more than the append itself. */
const SCHEMA = `
  CREATE TABLE journal (id TEXT NOT NULL) STRICT;
  CREATE TABLE streams (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    category TEXT NOT NULL
  ) STRICT;
  CREATE TABLE events (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    stream_id INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    type TEXT NOT NULL,
    data TEXT NOT NULL,
    metadata TEXT NOT NULL,
    hash TEXT NOT NULL
  ) STRICT;
  CREATE UNIQUE INDEX events_by_stream ON events (stream_id, revision);
  CREATE TRIGGER events_are_not_changed BEFORE UPDATE ON events
    BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
  CREATE TRIGGER events_are_not_removed BEFORE DELETE ON events
    BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
  CREATE TRIGGER streams_are_not_changed BEFORE UPDATE ON streams
    BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
  CREATE TRIGGER streams_are_not_removed BEFORE DELETE ON streams
    BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
`;

export type SqliteFile = Database.Database;

/** The code of an error that SQLite made, e.g. `SQLITE_FULL`; undefined for any other. */
export function sqliteCode(thrown: unknown): string | undefined {
  return thrown instanceof Database.SqliteError ? thrown.code : undefined;
}

/**
 * Opens the file to write, making it when it is not there. Only the holder of the lock may.
 * @throws {JournalUnavailable} it cannot be opened for writing, or is no journal of ours.
 */
export function openToWrite(path: string): SqliteFile {
  let db: SqliteFile | undefined;
  try {
    db = new Database(path);
    db.pragma('journal_mode = WAL');
    db.pragma('synchronous = FULL');
    db.pragma('wal_autocheckpoint = 0');
    db.pragma('cache_size = -65536');
    if (db.prepare('SELECT 1 FROM sqlite_schema').get() === undefined) create(db);
    checkFormat(db, path);
    return db;
  } catch (thrown) {
    db?.close();
    if (thrown instanceof JournalUnavailable) throw thrown;
    const why = messageOf(thrown);
    throw new JournalUnavailable(`cannot open the journal ${path} for writing: ${why}`, {
      cause: thrown,
    });
  }
}

/** @throws {JournalUnavailable} it cannot be opened, or is no journal of ours. */
export function openToRead(path: string): SqliteFile {
  let db: SqliteFile | undefined;
  try {
    db = new Database(path, { readonly: true, fileMustExist: true });
    checkFormat(db, path);
    return db;
  } catch (thrown) {
    db?.close();
    if (thrown instanceof JournalUnavailable) throw thrown;
    const why = messageOf(thrown);
    throw new JournalUnavailable(`cannot read the journal ${path}: ${why}`, { cause: thrown });
  }
}

function create(db: SqliteFile): void {
  const make = db.transaction(() => {
    db.exec(SCHEMA);
    db.prepare('INSERT INTO journal (id) VALUES (?)').run(systemRandom().uuid());
    db.pragma(`application_id = ${String(APPLICATION_ID)}`);
    db.pragma(`user_version = ${String(FORMAT)}`);
  });
  make.immediate();
}

function checkFormat(db: SqliteFile, path: string): void {
  const application = db.pragma('application_id', { simple: true });
  const format = db.pragma('user_version', { simple: true });
  if (application !== APPLICATION_ID) throw new JournalUnavailable(`${path} is not a journal`);
  if (format === FORMAT) return;
  const known = `this program knows format ${String(FORMAT)}`;
  throw new JournalUnavailable(`${path} has format ${String(format)}; ${known}`);
}

/** Random, made with the file: tells one journal from another. */
export function journalId(db: SqliteFile): string {
  return db.prepare<[], string>('SELECT id FROM journal').pluck().get() ?? '';
}

export function headPosition(db: SqliteFile): number {
  return db.prepare<[], number | null>('SELECT max(position) FROM events').pluck().get() ?? 0;
}
