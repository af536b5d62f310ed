import { writeFileSync } from 'node:fs';
import Database from 'better-sqlite3';
import { expect, it } from 'vitest';
import { sqliteSnapshots } from '../../src/journal/snapshots.sqlite.js';
import type { SqliteSnapshots } from '../../src/journal/snapshots.sqlite.js';
import { cleanUpJournals, journalPath } from '../support/journal.js';
import { snapshotOf } from '../support/journal-snapshots.js';

cleanUpJournals();

function count(snapshots: SqliteSnapshots, result: string): number | undefined {
  const samples = snapshots.metrics().flatMap((family) => family.samples);
  return samples.find(({ labels }) => labels['result'] === result)?.value;
}

it('A9: keeps the newest two of each stream, also over a restart', async () => {
  const path = journalPath();
  const first = sqliteSnapshots({ path });
  for (const revision of [1, 3, 2]) await first.save(snapshotOf('a-1', revision));
  await first.save(snapshotOf('a-2', 9));
  first.close();
  const second = sqliteSnapshots({ path });
  expect(await second.load('a-1')).toEqual([snapshotOf('a-1', 3), snapshotOf('a-1', 2)]);
  expect(await second.load('a-2')).toEqual([snapshotOf('a-2', 9)]);
  expect(await second.load('none')).toEqual([]);
  second.close();
});

it('A9: leaves out and counts a snapshot that is not what was saved', async () => {
  const path = journalPath();
  const first = sqliteSnapshots({ path });
  for (const revision of [1, 2]) await first.save(snapshotOf('a-1', revision));
  first.close();
  const db = new Database(path);
  db.exec(`UPDATE snapshots SET snapshot = replace(snapshot, 'closed', 'open') WHERE revision = 2`);
  db.close();
  const second = sqliteSnapshots({ path });
  expect(await second.load('a-1')).toEqual([snapshotOf('a-1', 1)]);
  expect(count(second, 'unreadable')).toBe(1);
  second.close();
});

it('A9: begins anew when the whole file is damaged', async () => {
  const path = journalPath();
  writeFileSync(path, 'no database at all, but long enough'.repeat(500));
  const snapshots = sqliteSnapshots({ path });
  expect(await snapshots.load('a-1')).toEqual([]);
  await snapshots.save(snapshotOf('a-1', 1));
  expect(await snapshots.load('a-1')).toEqual([snapshotOf('a-1', 1)]);
  expect(count(snapshots, 'failed')).toBe(1);
  snapshots.close();
});
