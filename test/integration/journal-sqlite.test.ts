import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { openJournal } from '../../src/journal/index.js';
import { JournalUnavailable } from '../../src/journal/port.js';
import { verifyJournal } from '../../src/journal/verify.js';
import {
  cleanUpJournals,
  journalPath,
  newEvent,
  newEvents,
  openSqlite,
} from '../support/journal.js';
import { snapshotOf } from '../support/journal-snapshots.js';

cleanUpJournals();

describe('the SQLite journal', () => {
  it('S1: refuses what is over its queue, and takes more once the queue went down', async () => {
    const journal = await openSqlite({ limits: { queueEventsMax: 10 } });
    const answers = await Promise.allSettled(
      Array.from({ length: 50 }, (_, n) =>
        journal.append(`s-${String(n)}`, -1, [newEvent(`x-${String(n)}`)]),
      ),
    );
    expect(answers.filter(({ status }) => status === 'fulfilled')).toHaveLength(10);
    for (const answer of answers) {
      if (answer.status === 'rejected') expect(answer.reason).toBeInstanceOf(JournalUnavailable);
    }
    expect(await journal.append('later-1', -1, newEvents('y', 10))).toMatchObject({ position: 20 });
  });

  it('commits what queued as one group', async () => {
    const journal = await openSqlite();
    await Promise.all(
      Array.from({ length: 300 }, (_, n) =>
        journal.append(`s-${String(n)}`, -1, [newEvent(`x-${String(n)}`)]),
      ),
    );
    const families = new Map(journal.metrics().map((family) => [family.name, family]));
    const groups = families.get('headgate_journal_group_events')?.samples ?? [];
    expect(groups.find(({ suffix }) => suffix === '_sum')?.value).toBe(300);
    expect(groups.find(({ suffix }) => suffix === '_count')?.value).toBeLessThan(10);
    const queued = families.get('headgate_journal_queue_events')?.samples[0]?.value;
    expect(queued).toBe(0);
    expect(families.get('headgate_journal_position')?.samples[0]?.value).toBe(300);
  });

  it('checkpoints by itself, and keeps the log short', async () => {
    const path = journalPath();
    const journal = await openSqlite({ path, checkpointPages: 50 });
    for (let n = 0; n < 100; n += 1) {
      await journal.append('a-1', n - 1, [newEvent(`x-${String(n)}`, { text: 'x'.repeat(9000) })]);
    }
    const families = new Map(journal.metrics().map((family) => [family.name, family]));
    const moved = families.get('headgate_journal_checkpoints_total')?.samples[0]?.value ?? 0;
    expect(moved).toBeGreaterThanOrEqual(2);
    expect(families.get('headgate_journal_wal_pages')?.samples[0]?.value).toBeLessThan(200);
    expect(await verifyJournal(journal)).toMatchObject({ ok: true, events: 100 });
  });

  it('J2: recognises a repeat after a restart', async () => {
    const path = journalPath();
    const first = await openSqlite({ path });
    const answer = await first.append('a-1', -1, newEvents('x', 3));
    await first.append('a-1', 2, newEvents('y', 3));
    await first.close();
    const second = await openSqlite({ path });
    expect(second.opened).toEqual({ head: 6, streams: 1, warnings: [] });
    expect(await second.append('a-1', -1, newEvents('x', 3))).toEqual(answer);
    expect(await second.append('a-1', 5, newEvents('z', 1))).toMatchObject({ revision: 6 });
  });

  it('runs from TypeScript sources outside the test runner', () => {
    const path = journalPath();
    const program = `
      import { sqliteJournal } from './src/journal/journal.sqlite.ts';
      const journal = await sqliteJournal({ path: ${JSON.stringify(path)}, onFatal: () => undefined });
      console.log(await journal.head());
      await journal.close();`;
    const node = ['--import', 'tsx', '--input-type=module', '-e', program];
    expect(execFileSync(process.execPath, node, { encoding: 'utf8' }).trim()).toBe('0');
  });
});

describe('the door', () => {
  it('opens journal and snapshots together, and closes both', async () => {
    const path = journalPath();
    const fatal = (error: Error): never => {
      throw error;
    };
    const first = await openJournal({ kind: 'sqlite', path }, fatal);
    await first.journal.append('a-1', -1, newEvents('x', 1));
    await first.snapshots.save(snapshotOf('a-1', 0));
    await first.close();
    const second = await openJournal({ kind: 'sqlite', path }, fatal);
    expect(second.opened.head).toBe(1);
    expect(await second.snapshots.load('a-1')).toHaveLength(1);
    expect(second.metrics().map(({ name }) => name)).toContain('headgate_journal_snapshots_total');
    await second.close();
    const memory = await openJournal({ kind: 'memory' }, fatal);
    expect(await memory.journal.head()).toBe(0);
    await memory.close();
  });
});
