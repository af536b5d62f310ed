/** What tests of the journal share: events, temporary journals, a fatal that fails the test. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach } from 'vitest';
import { sqliteJournal } from '../../src/journal/journal.sqlite.js';
import type { SqliteJournal, SqliteJournalOptions } from '../../src/journal/journal.sqlite.js';
import type { Journal, StoredEvent } from '../../src/journal/port.js';
export { newEvent, newEvents } from './journal-events.js';

const directories: string[] = [];
const journals: Journal[] = [];

/** A path for a journal; its directory goes when the test ends. */
export function journalPath(): string {
  const directory = mkdtempSync(join(tmpdir(), 'headgate-journal-'));
  directories.push(directory);
  return join(directory, 'journal.db');
}

/** A SQLite journal that is closed when the test ends. */
export async function openSqlite(
  options: Partial<SqliteJournalOptions> = {},
): Promise<SqliteJournal> {
  const journal = await sqliteJournal({
    path: journalPath(),
    onFatal: (error) => {
      throw error;
    },
    ...options,
  });
  journals.push(journal);
  return journal;
}

/** Closes and removes what this file's helpers made; call once at the top of a test file. */
export function cleanUpJournals(): void {
  afterEach(async () => {
    for (const journal of journals.splice(0)) await journal.close();
    for (const directory of directories.splice(0)) {
      rmSync(directory, { recursive: true, force: true });
    }
  });
}

export async function readWhole(journal: Journal, stream: string): Promise<readonly StoredEvent[]> {
  const events: StoredEvent[] = [];
  for (;;) {
    const page = await journal.read(stream, events.length, 1000);
    events.push(...page.events);
    if (page.atEnd) return events;
  }
}
