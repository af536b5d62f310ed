/**
 * Snapshots in a file of their own beside the journal: a cache that may be deleted at any time.
 * Rows carry a digest; what does not match it is left out and counted. A file that cannot be used at
 * all is thrown away and begun anew.
 */
import { mkdirSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import Database from 'better-sqlite3';
import { sha256Hex } from '../kernel/canonical.js';
import { messageOf } from '../kernel/errors.js';
import type { Logger, MetricSource } from '../kernel/observe.js';
import { silentLogger } from '../kernel/observe.js';
import type { Snapshot, SnapshotStore } from './port.js';
import { SNAPSHOTS_PER_STREAM } from './port.js';

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS snapshots (
    stream TEXT NOT NULL,
    revision INTEGER NOT NULL,
    digest TEXT NOT NULL,
    snapshot TEXT NOT NULL,
    PRIMARY KEY (stream, revision)
  ) STRICT, WITHOUT ROWID;
`;

type Row = { readonly digest: string; readonly snapshot: string };

export type SqliteSnapshots = SnapshotStore & {
  readonly metrics: MetricSource;
  readonly close: () => void;
};

export type SqliteSnapshotsOptions = { readonly path: string; readonly log?: Logger };

/** Opens the cache; never throws for what the file holds. */
export function sqliteSnapshots(options: SqliteSnapshotsOptions): SqliteSnapshots {
  const log = options.log ?? silentLogger;
  const counts = { saved: 0, failed: 0, unreadable: 0 };
  const complain = (what: string, thrown: unknown): void => {
    counts.failed += 1;
    log.warn(`snapshot ${what} failed; snapshots are a cache`, { error: messageOf(thrown) });
  };
  let db = openOrRenew(options.path, complain);
  const attempt = <T>(what: string, fallback: T, task: (file: Database.Database) => T): T => {
    if (db === undefined) return fallback;
    try {
      return task(db);
    } catch (thrown) {
      complain(what, thrown);
      db.close();
      db = openOrRenew(options.path, complain, isDamaged(thrown));
      return fallback;
    }
  };
  return {
    load: (stream) =>
      Promise.resolve(
        attempt('load', [], (file) => {
          const rows = file
            .prepare<[string], Row>(
              'SELECT digest, snapshot FROM snapshots WHERE stream = ? ORDER BY revision DESC',
            )
            .all(stream);
          const readable = rows.filter(({ digest, snapshot }) => digest === sha256Hex(snapshot));
          counts.unreadable += rows.length - readable.length;
          return readable
            .slice(0, SNAPSHOTS_PER_STREAM)
            .map(({ snapshot }) => JSON.parse(snapshot) as Snapshot);
        }),
      ),
    save: (snapshot) => {
      attempt('save', undefined, (file) => {
        store(file, snapshot);
        counts.saved += 1;
      });
      return Promise.resolve();
    },
    close: () => db?.close(),
    metrics: () => [
      {
        name: 'headgate_journal_snapshots_total',
        help: 'Snapshots by what became of them.',
        type: 'counter',
        samples: Object.entries(counts).map(([result, value]) => ({ labels: { result }, value })),
      },
    ],
  };
}

function store(file: Database.Database, snapshot: Snapshot): void {
  const { stream, revision } = snapshot;
  const text = JSON.stringify(snapshot);
  const save = file.transaction(() => {
    file
      .prepare('INSERT OR REPLACE INTO snapshots VALUES (?, ?, ?, ?)')
      .run(stream, revision, sha256Hex(text), text);
    file
      .prepare(
        `DELETE FROM snapshots WHERE stream = ? AND revision NOT IN
         (SELECT revision FROM snapshots WHERE stream = ? ORDER BY revision DESC LIMIT ?)`,
      )
      .run(stream, stream, SNAPSHOTS_PER_STREAM);
  });
  save.immediate();
}

function isDamaged(thrown: unknown): boolean {
  const code = thrown instanceof Database.SqliteError ? thrown.code : '';
  return code.startsWith('SQLITE_CORRUPT') || code === 'SQLITE_NOTADB';
}

function openOrRenew(
  path: string,
  complain: (what: string, thrown: unknown) => void,
  isRenewed = false,
): Database.Database | undefined {
  if (isRenewed) for (const tail of ['', '-wal', '-shm']) rmSync(path + tail, { force: true });
  let db: Database.Database | undefined;
  try {
    mkdirSync(dirname(path), { recursive: true });
    db = new Database(path);
    db.pragma('journal_mode = WAL');
    // It may lose its newest rows in a power cut, and even its order: the digests tell.
    db.pragma('synchronous = OFF');
    db.exec(SCHEMA);
    return db;
  } catch (thrown) {
    db?.close();
    complain('open', thrown);
    return isRenewed || !isDamaged(thrown) ? undefined : openOrRenew(path, complain, true);
  }
}
