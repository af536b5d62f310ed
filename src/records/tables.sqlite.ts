/**
 * The tables of the record sink, and what is done to them. Synchronous: runs in the sink's own thread
 * (thread.sqlite.ts), so that no fsync holds up the event loop.
 */
import Database from 'better-sqlite3';
import type { EpochMs, JsonObject } from '../kernel/types.js';
import { canonicalJson } from '../kernel/canonical.js';
import type { CollectedRecord } from '../kernel/record.js';
import type { RecordPage, RecordQuery, SeriesPosition, StoredRecord, WriteResult } from './port.js';
import { PRUNE_SLICE_ROWS, type CallName, type Calls, type TablesConfig } from './protocol.js';
import * as kept from './retention.js';
import type { Evidence } from './retention.js';

const TABLES = `
  CREATE TABLE IF NOT EXISTS collectors (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    records INTEGER NOT NULL DEFAULT 0
  );
  CREATE TABLE IF NOT EXISTS records (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    collector INTEGER NOT NULL REFERENCES collectors (id),
    id TEXT NOT NULL,
    kind TEXT NOT NULL,
    series TEXT NOT NULL,
    at REAL NOT NULL,
    collected_at REAL NOT NULL,
    data TEXT NOT NULL,
    UNIQUE (collector, id)
  );
  CREATE INDEX IF NOT EXISTS records_in_order ON records (collector, sequence, collected_at);
  CREATE INDEX IF NOT EXISTS records_of_series ON records (collector, series, sequence);
  CREATE TABLE IF NOT EXISTS positions (
    collector TEXT NOT NULL,
    series TEXT NOT NULL,
    cursor TEXT NOT NULL,
    ordinal REAL NOT NULL,
    PRIMARY KEY (collector, series)
  ) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS evidence (
    sha256 TEXT NOT NULL,
    collector TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    bytes REAL NOT NULL,
    head TEXT NOT NULL,
    at REAL NOT NULL,
    PRIMARY KEY (sha256, collector)
  ) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS evidence_by_age ON evidence (at);
`;

type Db = Database.Database;

export type RecordTables = {
  readonly [N in CallName]: (ask: Calls[N]['ask']) => Calls[N]['answer'];
} & {
  /** Runs several writes as one transaction: all of them are durable when it returns, or none is. */
  readonly together: (pages: readonly RecordPage[]) => readonly WriteResult[];
};

/** @throws what SQLite throws: the file cannot be opened, or a call could not be done. */
export function openRecordTables(config: TablesConfig): RecordTables {
  const db = new Database(config.path);
  db.pragma('journal_mode = WAL');
  db.pragma('synchronous = FULL');
  if (config.filePagesMax !== undefined) {
    db.pragma(`max_page_count = ${String(config.filePagesMax)}`);
  }
  db.exec(TABLES);
  const write = pageWriter(db);
  const together = db.transaction((pages: readonly RecordPage[]) => pages.map(write));
  const count = db.prepare<[string], { records: number }>(
    'SELECT records FROM collectors WHERE name = ?',
  );
  const positions = db.prepare<[string], SeriesPosition>(
    'SELECT series, cursor, ordinal FROM positions WHERE collector = ? ORDER BY series',
  );
  const setPosition = db.prepare<[string, string, string, number]>(
    `INSERT INTO positions (collector, series, cursor, ordinal) VALUES (?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET cursor = excluded.cursor, ordinal = excluded.ordinal`,
  );
  return {
    together: (pages) => together.immediate(pages),
    write: (page) => together.immediate([page])[0] ?? { added: 0, changed: 0 },
    query: querier(db),
    count: (collector) => count.get(collector)?.records ?? 0,
    positions: (collector) => positions.all(collector),
    setPosition: ({ collector, position: { series, cursor, ordinal } }) => {
      setPosition.run(collector, series, cursor, ordinal);
      return null;
    },
    pruneSlice: pruner(db, config),
    ...evidenceTable(db),
    close: () => {
      db.close();
      return null;
    },
  };
}

type KnownRow = {
  readonly sequence: number;
  readonly kind: string;
  readonly series: string;
  readonly at: number;
  readonly data: string;
};

/** Must run inside a transaction (K2). */
function pageWriter(db: Db): (page: RecordPage) => WriteResult {
  const known = db.prepare<[number, string], KnownRow>(
    'SELECT sequence, kind, series, at, data FROM records WHERE collector = ? AND id = ?',
  );
  const insert = db.prepare<[number, string, string, string, number, number, string]>(
    `INSERT INTO records (collector, id, kind, series, at, collected_at, data)
     VALUES (?, ?, ?, ?, ?, ?, ?)`,
  );
  const remove = db.prepare<[number]>('DELETE FROM records WHERE sequence = ?');
  const collectorOf = db.prepare<[string], { id: number }>(
    `INSERT INTO collectors (name) VALUES (?)
     ON CONFLICT (name) DO UPDATE SET name = excluded.name RETURNING id`,
  );
  const grown = db.prepare<[number, number]>(
    'UPDATE collectors SET records = records + ? WHERE id = ?',
  );
  // A page that is told again (after a crash) never moves a position back.
  const advance = db.prepare<[string, string, string, number]>(
    `INSERT INTO positions (collector, series, cursor, ordinal) VALUES (?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET cursor = excluded.cursor, ordinal = excluded.ordinal
       WHERE excluded.ordinal >= ordinal`,
  );
  const store = (owner: number, record: CollectedRecord, at: EpochMs): keyof WriteResult | '' => {
    const data = canonicalJson(record.data);
    const before = known.get(owner, record.id);
    if (before !== undefined) {
      if (isSame(before, record, data)) return '';
      // Stored anew under a later sequence: who reads on after the last it saw gets the change.
      remove.run(before.sequence);
    }
    insert.run(owner, record.id, record.kind, record.series, record.at, at, data);
    return before === undefined ? 'added' : 'changed';
  };
  return ({ collector, series, records, cursor, ordinal, collectedAt }) => {
    const owner = collectorOf.get(collector)?.id ?? 0;
    const result = { added: 0, changed: 0 };
    for (const record of records) {
      const what = store(owner, record, collectedAt);
      if (what !== '') result[what] += 1;
    }
    if (result.added > 0) grown.run(result.added, owner);
    advance.run(collector, series, cursor, ordinal);
    return result;
  };
}

function isSame(before: KnownRow, record: CollectedRecord, data: string): boolean {
  const { kind, series, at } = record;
  const isSameThing = before.kind === kind && before.series === series && before.at === at;
  return isSameThing && before.data === data;
}

type RecordRow = {
  readonly sequence: number;
  readonly id: string;
  readonly kind: string;
  readonly series: string;
  readonly at: number;
  readonly collected_at: number;
  readonly data: string;
};

type QueryArgs = [string, number, number, number];
type SeriesArgs = [string, string, number, number, number];

function querier(db: Db): (query: RecordQuery) => readonly StoredRecord[] {
  const select = (series: string, order: string) =>
    `SELECT sequence, id, kind, series, at, collected_at, data FROM records
     WHERE collector = (SELECT id FROM collectors WHERE name = ?) ${series}
       AND sequence > ? AND collected_at >= ? ORDER BY sequence ${order} LIMIT ?`;
  const ofSeries = 'AND series = ?';
  const all = {
    oldest: db.prepare<QueryArgs, RecordRow>(select('', 'ASC')),
    newest: db.prepare<QueryArgs, RecordRow>(select('', 'DESC')),
  };
  const one = {
    oldest: db.prepare<SeriesArgs, RecordRow>(select(ofSeries, 'ASC')),
    newest: db.prepare<SeriesArgs, RecordRow>(select(ofSeries, 'DESC')),
  };
  return ({ collector, after = 0, since = 0, series, limit, order }) => {
    const rows = Math.max(0, Math.min(limit, kept.QUERY_ROWS_MAX));
    const found =
      series === undefined
        ? all[order].all(collector, after, since, rows)
        : one[order].all(collector, series, after, since, rows);
    return found.map((row) => ({
      id: row.id,
      kind: row.kind,
      series: row.series,
      at: row.at,
      data: JSON.parse(row.data) as JsonObject,
      collector,
      collectedAt: row.collected_at,
      sequence: row.sequence,
    }));
  };
}

/** One slice of what is too old or too much, oldest first. */
function pruner(db: Db, { retention }: TablesConfig): (now: EpochMs) => number {
  const collectors = db.prepare<[], { id: number; records: number }>(
    'SELECT id, records FROM collectors',
  );
  const tooOld = db.prepare<[number, number, number]>(
    `DELETE FROM records WHERE sequence IN (SELECT sequence FROM records
       WHERE collector = ? AND collected_at < ? ORDER BY sequence LIMIT ?)`,
  );
  const oldest = db.prepare<[number, number]>(
    `DELETE FROM records WHERE sequence IN (SELECT sequence FROM records
       WHERE collector = ? ORDER BY sequence LIMIT ?)`,
  );
  const shrunk = db.prepare<[number, number]>(
    'UPDATE collectors SET records = records - ? WHERE id = ?',
  );
  const oldEvidence = db.prepare<[number]>('DELETE FROM evidence WHERE at < ?');
  const run = db.transaction((now: EpochMs): number => {
    oldEvidence.run(now - kept.EVIDENCE_KEPT_MS);
    let gone = 0;
    for (const { id, records } of collectors.all()) {
      const aged = tooOld.run(id, now - retention.maxAgeMs, PRUNE_SLICE_ROWS - gone).changes;
      const excess = Math.max(0, records - aged - retention.perCollectorMax);
      const room = PRUNE_SLICE_ROWS - gone - aged;
      const cut = excess === 0 || room === 0 ? 0 : oldest.run(id, Math.min(excess, room)).changes;
      if (aged + cut > 0) shrunk.run(aged + cut, id);
      gone += aged + cut;
      if (gone >= PRUNE_SLICE_ROWS) break;
    }
    return gone;
  });
  return (now) => run.immediate(now);
}

function evidenceTable(db: Db): Pick<RecordTables, 'keep' | 'evidence'> {
  const keep = db.prepare<[string, string, string, number, string, number]>(
    `INSERT INTO evidence (sha256, collector, endpoint, bytes, head, at) VALUES (?, ?, ?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET endpoint = excluded.endpoint, at = excluded.at`,
  );
  const cut = db.prepare<[number]>(
    `DELETE FROM evidence WHERE (sha256, collector) IN
       (SELECT sha256, collector FROM evidence ORDER BY at DESC LIMIT -1 OFFSET ?)`,
  );
  const find = db.prepare<[string], Evidence>(
    `SELECT sha256, collector, endpoint, bytes, head, at FROM evidence
     WHERE sha256 = ? ORDER BY collector`,
  );
  return {
    keep: ({ sha256, collector, endpoint, bytes, head, at }) => {
      keep.run(sha256, collector, endpoint, bytes, head.slice(0, kept.EVIDENCE_HEAD_CHARS_MAX), at);
      cut.run(kept.EVIDENCE_ROWS_MAX);
      return null;
    },
    evidence: (sha256) => find.all(sha256),
  };
}
