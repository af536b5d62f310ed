/**
 * The read store on SQLite: WAL with synchronous=NORMAL, for what it holds can be rebuilt.
 * On the main thread: a page of events is one transaction of a few changed rows.
 */
import { rmSync } from 'node:fs';
import Database from 'better-sqlite3';
import { messageOf } from '../kernel/errors.js';
import type { JsonObject } from '../kernel/types.js';
import type { RowWrite } from './projection.js';
import { ReadStoreUnavailable, START } from './read-store.js';
import type { Checkpoint, Commit, Instance, Parked, ReadStore } from './read-store.js';

/** Path of a store that lives in memory only. */
export const IN_MEMORY = ':memory:';

/** Goes up when the tables below change; another version's file is emptied and rebuilt. */
const LAYOUT = 1;
const BUSY_TIMEOUT_MS = 1000;
const CACHE_KIB = 8192;
const CHECKPOINT_PAGES = 4000; // a page that changed often is moved and synced once

const TABLES = `
  CREATE TABLE projections (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    version INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('serving', 'building', 'dropped')),
    position INTEGER NOT NULL,
    event_position INTEGER NOT NULL,
    event_hash TEXT NOT NULL,
    moves INTEGER NOT NULL
  );
  CREATE UNIQUE INDEX one_serves ON projections (name) WHERE state = 'serving';
  CREATE TABLE rows (
    projection INTEGER NOT NULL,
    tbl TEXT NOT NULL,
    key TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (projection, tbl, key)
  ) WITHOUT ROWID;
  CREATE TABLE parked (
    projection INTEGER NOT NULL,
    stream TEXT NOT NULL,
    from_revision INTEGER NOT NULL,
    to_revision INTEGER NOT NULL,
    from_position INTEGER NOT NULL,
    events INTEGER NOT NULL,
    error TEXT NOT NULL,
    PRIMARY KEY (projection, stream)
  ) WITHOUT ROWID;
`;

type Db = Database.Database;

/**
 * Opens (or creates) a read store. A file that is no database, or of another layout, is emptied: its
 * content is rebuilt from the journal.
 * @throws {ReadStoreUnavailable} the file cannot be opened.
 */
export function sqliteReadStore(path: string): ReadStore {
  return storeOn(
    guarded('open', () => {
      try {
        return openDatabase(path);
      } catch (thrown) {
        if (!isBroken(thrown)) throw thrown;
        for (const file of [path, `${path}-wal`, `${path}-shm`]) rmSync(file, { force: true });
        return openDatabase(path);
      }
    }),
  );
}

function isBroken(thrown: unknown): boolean {
  const broken = ['SQLITE_NOTADB', 'SQLITE_CORRUPT'];
  return thrown instanceof Database.SqliteError && broken.includes(thrown.code);
}

function openDatabase(path: string): Db {
  const db = new Database(path, { timeout: BUSY_TIMEOUT_MS });
  try {
    db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL');
    db.pragma(`cache_size = -${String(CACHE_KIB)}`);
    db.pragma(`wal_autocheckpoint = ${String(CHECKPOINT_PAGES)}`);
    layOut(db);
    return db;
  } catch (thrown) {
    db.close();
    throw thrown;
  }
}

function layOut(db: Db): void {
  db.transaction(() => {
    if (db.pragma('user_version', { simple: true }) === LAYOUT) return;
    for (const name of ['projections', 'rows', 'parked']) db.exec(`DROP TABLE IF EXISTS ${name}`);
    db.exec(TABLES);
    db.pragma(`user_version = ${String(LAYOUT)}`);
  }).immediate();
}

function guarded<T>(what: string, run: () => T): T {
  try {
    return run();
  } catch (thrown) {
    throw new ReadStoreUnavailable(`cannot ${what} the read store: ${messageOf(thrown)}`, {
      cause: thrown,
    });
  }
}

type InstanceRow = {
  readonly id: number;
  readonly name: string;
  readonly version: number;
  readonly state: Instance['state'];
  readonly position: number;
  readonly event_position: number;
  readonly event_hash: string;
  readonly moves: number;
};

const INSTANCE_COLUMNS = 'id, name, version, state, position, event_position, event_hash, moves';

function instanceOf(row: InstanceRow): Instance {
  const { id, name, version, state, moves } = row;
  const checkpoint: Checkpoint = {
    position: row.position,
    eventPosition: row.event_position,
    eventHash: row.event_hash,
  };
  return { id, name, version, state, checkpoint, moves };
}

function storeOn(db: Db): ReadStore {
  const select = db.prepare<[number], InstanceRow>(
    `SELECT ${INSTANCE_COLUMNS} FROM projections WHERE id = ? AND state <> 'dropped'`,
  );
  const selectAll = db.prepare<[], InstanceRow>(
    `SELECT ${INSTANCE_COLUMNS} FROM projections WHERE state <> 'dropped' ORDER BY id`,
  );
  const insert = db.prepare<[string, number, string]>(
    `INSERT INTO projections (name, version, state, position, event_position, event_hash, moves)
     VALUES (?, ?, ?, 0, 0, '', 0)`,
  );
  const setState = db.prepare<[string, number]>('UPDATE projections SET state = ? WHERE id = ?');
  const commitIn = committer(db);
  const reader = readerOf(db);
  const activate = db.transaction((id: number) => {
    const built = select.get(id);
    for (const row of selectAll.all()) {
      const served = row.state === 'serving' && row.name === built?.name && row.id !== id;
      if (served) setState.run('dropped', row.id);
    }
    setState.run('serving', id);
  });
  return {
    ...reader,
    instances: () => guarded('read', () => selectAll.all().map(instanceOf)),
    instance: (id) =>
      guarded('read', () => {
        const row = select.get(id);
        return row === undefined ? undefined : instanceOf(row);
      }),
    create: (name, version, state) =>
      guarded('write', () => {
        const id = Number(insert.run(name, version, state).lastInsertRowid);
        return { id, name, version, state, checkpoint: START, moves: 0 };
      }),
    commit: (id, commit) => guarded('write', () => commitIn(id, commit)),
    activate: (id) => guarded('write', () => activate.immediate(id)),
    drop: (id) => guarded('write', () => void setState.run('dropped', id)),
    purge: purger(db),
    close: () => void db.close(),
  };
}

/** R1, R2: the compare-and-set goes first, so that a loser writes nothing. */
function committer(db: Db): (id: number, commit: Commit) => boolean {
  const move = db.prepare<[number, number, string, number, number]>(
    `UPDATE projections SET position = ?, event_position = ?, event_hash = ?, moves = moves + 1
     WHERE id = ? AND moves = ? AND state <> 'dropped'`,
  );
  const write = rowWriter(db);
  const park = db.prepare<[number, string, number, number, number, number, string]>(
    `INSERT INTO parked (projection, stream, from_revision, to_revision, from_position, events, error)
     VALUES (?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET from_revision = excluded.from_revision,
       to_revision = excluded.to_revision, from_position = excluded.from_position,
       events = excluded.events, error = excluded.error`,
  );
  const unpark = db.prepare<[number, string]>(
    'DELETE FROM parked WHERE projection = ? AND stream = ?',
  );
  const run = db.transaction((id: number, commit: Commit): boolean => {
    const { position, eventPosition, eventHash } = commit.to;
    if (move.run(position, eventPosition, eventHash, id, commit.moves).changes === 0) return false;
    for (const each of commit.writes) write(id, each);
    for (const { stream, fromRevision, toRevision, fromPosition, events, error } of commit.parked) {
      park.run(id, stream, fromRevision, toRevision, fromPosition, events, error);
    }
    for (const stream of commit.unparked) unpark.run(id, stream);
    return true;
  });
  return (id, commit) => run.immediate(id, commit);
}

function rowWriter(db: Db): (id: number, write: RowWrite) => void {
  const upsert = db.prepare<[number, string, string, string]>(
    `INSERT INTO rows (projection, tbl, key, body) VALUES (?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET body = excluded.body`,
  );
  const remove = db.prepare<[number, string, string]>(
    'DELETE FROM rows WHERE projection = ? AND tbl = ? AND key = ?',
  );
  const removeRange = db.prepare<[number, string, string, string]>(
    'DELETE FROM rows WHERE projection = ? AND tbl = ? AND key >= ? AND key < ?',
  );
  return (id, write) => {
    const tbl = write.table.name;
    if (write.kind === 'put') upsert.run(id, tbl, write.key, JSON.stringify(write.body));
    else if (write.kind === 'remove') remove.run(id, tbl, write.key);
    else removeRange.run(id, tbl, write.from, write.to);
  };
}

type ParkedRow = {
  readonly stream: string;
  readonly from_revision: number;
  readonly to_revision: number;
  readonly from_position: number;
  readonly events: number;
  readonly error: string;
};

function parkedOf(row: ParkedRow): Parked {
  return {
    stream: row.stream,
    fromRevision: row.from_revision,
    toRevision: row.to_revision,
    fromPosition: row.from_position,
    events: row.events,
    error: row.error,
  };
}

function readerOf(db: Db): Pick<ReadStore, 'row' | 'scan' | 'parked'> {
  const one = db.prepare<[number, string, string], { body: string }>(
    'SELECT body FROM rows WHERE projection = ? AND tbl = ? AND key = ?',
  );
  const range = (order: string) =>
    db.prepare<[number, string, string, string, number], { key: string; body: string }>(
      `SELECT key, body FROM rows WHERE projection = ? AND tbl = ? AND key >= ? AND key < ?
       ORDER BY key ${order} LIMIT ?`,
    );
  const ranges = { ascending: range('ASC'), descending: range('DESC') };
  const parked = db.prepare<[number], ParkedRow>(
    'SELECT * FROM parked WHERE projection = ? ORDER BY stream',
  );
  return {
    row: (id, tbl, key) =>
      guarded('read', () => {
        const found = one.get(id, tbl, key);
        return found === undefined ? undefined : (JSON.parse(found.body) as JsonObject);
      }),
    scan: (id, tbl, { from, to, limit, order }) =>
      guarded('read', () =>
        ranges[order]
          .all(id, tbl, from, to, limit)
          .map(({ key, body }) => ({ key, body: JSON.parse(body) as JsonObject })),
      ),
    parked: (id) => guarded('read', () => parked.all(id).map(parkedOf)),
  };
}

/** Dropped instances go in slices, so that a swap never stalls the process. */
function purger(db: Db): (limit: number) => number {
  const dropped = db.prepare<[], { id: number }>(
    `SELECT id FROM projections WHERE state = 'dropped' LIMIT 1`,
  );
  const slice = db.prepare<[number, number, number]>(
    `DELETE FROM rows WHERE projection = ? AND (tbl, key) IN
       (SELECT tbl, key FROM rows WHERE projection = ? LIMIT ?)`,
  );
  const forgetParked = db.prepare<[number]>('DELETE FROM parked WHERE projection = ?');
  const forget = db.prepare<[number]>('DELETE FROM projections WHERE id = ?');
  const run = db.transaction((next: { readonly id: number }, limit: number): number => {
    const gone = slice.run(next.id, next.id, limit).changes;
    if (gone < limit) {
      forgetParked.run(next.id);
      forget.run(next.id);
    }
    return Math.max(gone, 1);
  });
  return (limit) =>
    guarded('write', () => {
      const next = dropped.get();
      return next === undefined ? 0 : run.immediate(next, limit);
    });
}
