import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { SqliteJournal } from '../../src/journal/journal.sqlite.js';
import { JournalUnavailable } from '../../src/journal/port.js';
import { verifyJournalFile } from '../../src/journal/verify.sqlite.js';
import { cleanUpJournals, journalPath, newEvent, openSqlite } from '../support/journal.js';

cleanUpJournals();

const mounted: string[] = [];

/** A file system of 3 MB, or undefined when this user may not mount one. */
function smallDisk(): string | undefined {
  const directory = mkdtempSync(join(tmpdir(), 'headgate-disk-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=3m', 'tmpfs', directory], { stdio: 'pipe' });
    mounted.push(directory);
    return directory;
  } catch {
    rmSync(directory, { recursive: true });
    return undefined;
  }
}

const disk = smallDisk();
afterAll(() => {
  for (const directory of mounted) {
    execFileSync('umount', ['-l', directory]);
    rmSync(directory, { recursive: true });
  }
});

/** Appends 20 kB events until one is refused; how many were taken. */
async function fill(journal: SqliteJournal, from: number): Promise<number> {
  for (let n = from; n < 1000; n += 1) {
    try {
      await journal.append('a-1', n - 1, [
        newEvent(`x-${String(n)}`, { text: 'x'.repeat(20_000) }),
      ]);
    } catch (thrown) {
      expect(thrown).toBeInstanceOf(JournalUnavailable);
      expect(thrown).toMatchObject({ outcome: 'not-written', retryable: true });
      return n;
    }
  }
  throw new Error('the disk never filled');
}

const noMount = 'this user may not mount a tmpfs; the page limit below stands for it';

describe('a full disk', () => {
  it.skipIf(disk === undefined)(
    `refuses writes, reads on, recovers when space returns${disk === undefined ? ` (${noMount})` : ''}`,
    async () => {
      const path = join(disk ?? '', 'journal.db');
      const ballast = join(disk ?? '', 'ballast');
      writeFileSync(ballast, Buffer.alloc(1024 * 1024));
      const journal = await openSqlite({ path });
      const taken = await fill(journal, 0);
      expect(taken).toBeGreaterThan(10);
      const batch = Array.from({ length: 9 }, (_, n) =>
        newEvent(`batch-${String(n)}`, { text: 'x'.repeat(50_000) }),
      );
      await expect(journal.append('a-2', -1, batch)).rejects.toThrow('disk is full');
      expect(await journal.streamHead('a-2')).toBeUndefined();
      expect((await journal.read('a-1', 0, 1000)).events).toHaveLength(taken);
      expect(await journal.head()).toBe(taken);

      rmSync(ballast);
      expect(await fill(journal, taken)).toBeGreaterThan(taken);
      await journal.close();
      expect(await verifyJournalFile(path)).toMatchObject({ ok: true });
    },
  );

  it('refuses writes and reads on when the file may not grow', async () => {
    const path = journalPath();
    const journal = await openSqlite({ path, filePagesMax: 200 });
    const taken = await fill(journal, 0);
    expect(taken).toBeGreaterThan(10);
    expect((await journal.read('a-1', 0, 1000)).events).toHaveLength(taken);
    await journal.close();
    const again = await openSqlite({ path });
    const next = await again.append('a-1', taken - 1, [newEvent('after')]);
    expect(next).toMatchObject({ kind: 'appended', revision: taken });
    expect(await verifyJournalFile(path)).toMatchObject({ ok: true });
  });

  it.skipIf(disk === undefined)(
    `a read-only file system is refused by name${disk === undefined ? ` (${noMount})` : ''}`,
    async () => {
      const readOnly = smallDisk() ?? '';
      const path = join(readOnly, 'journal.db');
      const journal = await openSqlite({ path });
      await journal.append('a-1', -1, [newEvent('x')]);
      await journal.close();
      execFileSync('mount', ['-o', 'remount,ro', readOnly]);
      const refused = openSqlite({ path });
      await expect(refused).rejects.toThrow(JournalUnavailable);
      await expect(refused).rejects.toThrow('journal.db');
    },
  );

  it('a directory that cannot be made is refused by name', async () => {
    const path = journalPath();
    writeFileSync(path, 'a file');
    const below = join(path, 'below', 'journal.db');
    await expect(openSqlite({ path: below })).rejects.toThrow(
      /cannot make the journal's directory/,
    );
  });
});
