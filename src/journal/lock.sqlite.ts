/**
 * One process per journal. The lock is an exclusive transaction held on a second, empty SQLite file:
 * the operating system drops it when the process dies, whatever kills it. Who holds it stands in a
 * third file, for the message only: reading the locked file itself would drop its POSIX locks.
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import Database from 'better-sqlite3';
import { messageOf } from '../kernel/errors.js';
import { JournalLocked, JournalUnavailable } from './port.js';
import { sqliteCode } from './schema.sqlite.js';

export type Lock = { readonly release: () => void };

/** A process that is just dying may hold it this much longer. */
const LOCK_WAIT_MS = 250;

/**
 * @throws {JournalLocked} another process has it; the message names it.
 * @throws {JournalUnavailable} the lock's file cannot be made.
 */
export function takeLock(path: string): Lock {
  const owner = `${path}.owner`;
  let db: Database.Database | undefined;
  try {
    db = new Database(`${path}.lock`, { timeout: LOCK_WAIT_MS });
    db.pragma('locking_mode = EXCLUSIVE');
    db.exec('BEGIN EXCLUSIVE');
    writeFileSync(owner, JSON.stringify({ pid: process.pid }));
  } catch (thrown) {
    db?.close();
    const code = sqliteCode(thrown) ?? '';
    if (code.startsWith('SQLITE_BUSY') || code.startsWith('SQLITE_LOCKED')) {
      const holder = holderOf(owner);
      throw new JournalLocked(`the journal ${path} is in use by ${holder}; one at a time`);
    }
    throw new JournalUnavailable(`cannot lock the journal ${path}: ${messageOf(thrown)}`, {
      cause: thrown,
    });
  }
  const held = db;
  return {
    release() {
      rmSync(owner, { force: true });
      held.close();
    },
  };
}

function holderOf(owner: string): string {
  try {
    const { pid } = JSON.parse(readFileSync(owner, 'utf8')) as { readonly pid?: unknown };
    return typeof pid === 'number' ? `process ${String(pid)}` : 'another process';
  } catch {
    return 'another process';
  }
}
