import { describe, expect, it } from 'vitest';
import { memoryJournal, memoryStore } from '../../src/journal/journal.memory.js';
import { memorySnapshots } from '../../src/journal/snapshots.memory.js';
import { newEvents } from '../support/journal-events.js';
import { snapshotOf } from '../support/journal-snapshots.js';

describe('the faults of the memory journal', () => {
  it('before the commit: nothing is written, and the same append succeeds next', async () => {
    const { journal, faults } = memoryJournal();
    faults.failNext('before-commit');
    const first = journal.append('a-1', -1, newEvents('x', 2));
    await expect(first).rejects.toMatchObject({ outcome: 'not-written' });
    expect(await journal.head()).toBe(0);
    expect(await journal.append('a-1', -1, newEvents('x', 2))).toMatchObject({ revision: 1 });
  });

  it('after the commit: it is written, the answer is lost, and a repeat finds it', async () => {
    const { journal, faults } = memoryJournal();
    faults.failNext('after-commit');
    const first = journal.append('a-1', -1, newEvents('x', 2));
    await expect(first).rejects.toMatchObject({ outcome: 'unknown' });
    expect(await journal.head()).toBe(2);
    const again = await journal.append('a-1', -1, newEvents('x', 2));
    expect(again).toEqual({ kind: 'appended', revision: 1, position: 2 });
    expect(await journal.head()).toBe(2);
  });

  it('held: appends wait, in order, until it is released', async () => {
    const { journal, faults } = memoryJournal();
    const release = faults.hold();
    const answers = Promise.all([
      journal.append('a-1', -1, newEvents('x', 1)),
      journal.append('a-1', 0, newEvents('y', 1)),
    ]);
    expect(await journal.head()).toBe(0);
    release();
    expect((await answers).map(({ kind }) => kind)).toEqual(['appended', 'appended']);
  });

  it('a store outlives the journal that was opened over it', async () => {
    const store = memoryStore();
    const first = memoryJournal({ store }).journal;
    await first.append('a-1', -1, newEvents('x', 2));
    await first.close();
    const second = memoryJournal({ store }).journal;
    expect(await second.append('a-1', 1, newEvents('y', 1))).toMatchObject({ position: 3 });
  });
});

describe('snapshots in memory', () => {
  it('keeps the newest two of each stream, newest first', async () => {
    const snapshots = memorySnapshots();
    for (const revision of [1, 3, 2]) await snapshots.save(snapshotOf('a-1', revision));
    const kept = await snapshots.load('a-1');
    expect(kept).toEqual([snapshotOf('a-1', 3), snapshotOf('a-1', 2)]);
    expect(await snapshots.load('a-2')).toEqual([]);
  });
});
