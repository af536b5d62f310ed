/**
 * Verifies a journal's file as it lies there, read-only, also while a service writes to it: everything
 * `verifyJournal` checks, SQLite's own damage, and the tail witness.
 */
import { messageOf } from '../kernel/errors.js';
import type { Position } from '../kernel/types.js';
import { PAGE_EVENTS_MAX } from './limits.js';
import type { SqliteFile } from './schema.sqlite.js';
import { journalId, openToRead, sqliteCode } from './schema.sqlite.js';
import { nextTurn } from './subscription.js';
import { regression } from './tail-check.sqlite.js';
import type { Inspector, RawEvent, Verdict } from './verify.js';
import { inspector } from './verify.js';
import { readWitness, witnessPath } from './witness.js';

/** A stream that is not in `streams` any more is named by its number. */
const EVENTS = `SELECT e.position, coalesce(s.name, '#' || e.stream_id) AS stream, e.revision, e.type,
    CAST(e.data AS TEXT) AS data, CAST(e.metadata AS TEXT) AS metadata, e.hash
  FROM events e LEFT JOIN streams s ON s.id = e.stream_id
  WHERE e.position > ? ORDER BY e.position LIMIT ?`;

const HASH_AT = `SELECT e.hash FROM events e JOIN streams s ON s.id = e.stream_id
  WHERE s.name = ? AND e.revision = ?`;

const DAMAGE_LINES_MAX = 5;

/** @throws {JournalUnavailable} it cannot be opened at all, or is no journal. */
export async function verifyJournalFile(path: string): Promise<Verdict> {
  // Read first: a running service moves the witness on while we walk, never back.
  const witnessed = readWitness(witnessPath(path));
  const file = openToRead(path);
  try {
    const hashAt = file.prepare<[string, number], string>(HASH_AT).pluck();
    const inspect = inspector((stream, revision) => hashAt.get(stream, revision));
    const isWhole = await walk(file, inspect);
    if (isWhole) {
      const missing = regression(file, journalId(file), witnessed);
      if (missing !== undefined) {
        const position = witnessed.kind === 'seen' ? witnessed.sighting.position : 0;
        const where = { stream: undefined, revision: undefined, position };
        inspect.report({ problem: 'regressed', ...where, detail: missing });
      }
      lookForDamage(file, inspect);
    }
    return inspect.verdict();
  } finally {
    file.close();
  }
}

/** Shows all rows to the inspector; false when a part of the file could not be read. */
async function walk(file: SqliteFile, inspect: Inspector): Promise<boolean> {
  const page = file.prepare<[number, number], RawEvent>(EVENTS);
  let after: Position = 0;
  let size = PAGE_EVENTS_MAX;
  for (;;) {
    let rows: readonly RawEvent[];
    try {
      rows = page.all(after, size);
    } catch (thrown) {
      const code = sqliteCode(thrown);
      if (code === undefined) throw thrown;
      if (size > 1) {
        // One by one from here: the finding shall name the first position that cannot be read.
        size = 1;
        continue;
      }
      const where = { stream: undefined, revision: undefined, position: after + 1 };
      const detail = `the first event after position ${String(after)} cannot be read (${code}): ${messageOf(thrown)}`;
      inspect.report({ problem: 'unreadable', ...where, detail });
      return false;
    }
    for (const row of rows) await inspect.look(row);
    after = rows.at(-1)?.position ?? after;
    if (rows.length < size) return true;
    await nextTurn();
  }
}

/** What no event shows: an index that disagrees with its table, pages in disorder. */
function lookForDamage(file: SqliteFile, inspect: Inspector): void {
  const where = { stream: undefined, revision: undefined, position: 0 };
  const check = `integrity_check(${String(DAMAGE_LINES_MAX)})`;
  let lines: readonly string[];
  try {
    const rows = file.pragma(check) as readonly { readonly integrity_check: string }[];
    lines = rows.map((row) => row.integrity_check);
  } catch (thrown) {
    lines = [messageOf(thrown)];
  }
  if (lines.length === 1 && lines[0] === 'ok') return;
  inspect.report({ problem: 'unreadable', ...where, detail: lines.join('; ') });
}
