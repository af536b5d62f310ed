/** Compares the journal's end with what its witness saw, when it is opened. */
import { JournalRegressed } from './port.js';
import type { SqliteFile } from './schema.sqlite.js';
import { headPosition } from './schema.sqlite.js';
import type { Sighting, Witnessed } from './witness.js';

type Row = {
  readonly position: number;
  readonly hash: string;
  readonly stream: string;
  readonly revision: number;
};

const ROW = `SELECT e.position, e.hash, s.name AS stream, e.revision
  FROM events e JOIN streams s ON s.id = e.stream_id`;

/** The newest event of the file, as a witness tells it; position 0 when the journal is empty. */
export function newestEvent(db: SqliteFile, journal: string): Sighting {
  const row = db.prepare<[], Row>(`${ROW} ORDER BY e.position DESC LIMIT 1`).get();
  return { journal, ...(row ?? { position: 0, hash: '', stream: '', revision: -1 }) };
}

/** One sentence on what is missing; undefined when the journal holds all that the witness saw. */
export function regression(
  db: SqliteFile,
  journal: string,
  witnessed: Witnessed,
): string | undefined {
  if (witnessed.kind !== 'seen') return undefined;
  const { sighting } = witnessed;
  const saw =
    sighting.position === 0
      ? 'the witness saw an empty journal'
      : `the witness saw ${sighting.stream}@${String(sighting.revision)} at position ${String(sighting.position)}`;
  if (sighting.journal !== journal) return `this is another journal: ${saw} in ${sighting.journal}`;
  if (sighting.position === 0) return undefined;
  const row = db.prepare<[number], Row>(`${ROW} WHERE e.position = ?`).get(sighting.position);
  if (row !== undefined && row.hash === sighting.hash) return undefined;
  const head = headPosition(db);
  if (row === undefined && head < sighting.position) {
    const missing = `positions ${String(head + 1)} to ${String(sighting.position)} are missing`;
    return `the journal ends at position ${String(head)}, but ${saw}: ${missing} (a lost tail, or an old file)`;
  }
  const there = row === undefined ? 'nothing' : `${row.stream}@${String(row.revision)}`;
  return `another history: ${saw}, and ${there} with another hash is there now`;
}

export type TailCheck = {
  readonly warnings: readonly string[];
  /** Positions up to here were given out once and must not be given to other events. */
  readonly positionsTaken: number;
};

/**
 * Decides whether the journal may be served.
 * @throws {JournalRegressed} it ends before, or differs from, what the witness saw, and that was not
 *   accepted.
 */
export function checkTail(
  db: SqliteFile,
  journal: string,
  witnessed: Witnessed,
  acceptRegressed: boolean,
): TailCheck {
  const missing = regression(db, journal, witnessed);
  if (missing !== undefined) {
    if (!acceptRegressed) throw new JournalRegressed(missing);
    const positionsTaken = witnessed.kind === 'seen' ? witnessed.sighting.position : 0;
    return { warnings: [`accepted as told: ${missing}`], positionsTaken };
  }
  if (witnessed.kind === 'seen' || headPosition(db) === 0) {
    return { warnings: [], positionsTaken: 0 };
  }
  const state = witnessed.kind === 'absent' ? 'absent' : 'unreadable';
  const warning = `the tail witness is ${state}: a lost tail would not have been noticed this time`;
  return { warnings: [warning], positionsTaken: 0 };
}

/** Goes on after the positions that were lost: readers who saw them must not meet others there. */
export function skipPositions(db: SqliteFile, taken: number): void {
  const skip = db.transaction(() => {
    const moved = db
      .prepare("UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = 'events'")
      .run(taken);
    if (moved.changes > 0) return;
    db.prepare("INSERT INTO sqlite_sequence (name, seq) VALUES ('events', ?)").run(taken);
  });
  if (taken > 0) skip.immediate();
}
