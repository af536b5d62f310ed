/** Appending: revisions, atomicity, repeats, conflicts, concurrency. */
import { expect, it } from 'vitest';
import { FIRST_PREV_HASH, CHAIN_START, verifyEvents } from '../../src/journal/chain.js';
import type { Journal } from '../../src/journal/port.js';
import { InvalidEvent, JournalClosed, JournalCorrupt, NO_STREAM } from '../../src/journal/port.js';
import { newEvent, newEvents, readWhole } from '../support/journal.js';

export function appendContract(journal: () => Journal): void {
  it('J1: gives revisions from 0 and refuses any expected revision but the exact one', async () => {
    const first = await journal().append('a-1', NO_STREAM, newEvents('x', 3));
    expect(first).toEqual({ kind: 'appended', revision: 2, position: 3 });
    const conflict = { kind: 'conflict', actual: 2 };
    expect(await journal().append('a-1', NO_STREAM, newEvents('y', 1))).toEqual(conflict);
    expect(await journal().append('a-1', 1, newEvents('z', 1))).toEqual(conflict);
    expect(await journal().append('a-1', 3, newEvents('z', 1))).toEqual(conflict);
    const none = { kind: 'conflict', actual: NO_STREAM };
    expect(await journal().append('a-2', 0, newEvents('z', 1))).toEqual(none);
    const next = await journal().append('a-1', 2, newEvents('z', 1));
    expect(next).toMatchObject({ kind: 'appended', revision: 3 });
    expect((await readWhole(journal(), 'a-1')).map(({ revision }) => revision)).toEqual([
      0, 1, 2, 3,
    ]);
    expect(await journal().streamHead('a-2')).toBeUndefined();
  });

  it('J1: stores nothing of an append in which one event is bad', async () => {
    const events = [newEvent('x-0'), newEvent('x-1', { rate: Number.NaN })];
    await expect(journal().append('a-1', NO_STREAM, events)).rejects.toThrow(InvalidEvent);
    expect(await journal().head()).toBe(0);
    expect(await journal().streamHead('a-1')).toBeUndefined();
  });

  it('J2: answers a repeat as the first time, also when others wrote after it', async () => {
    const first = await journal().append('a-1', NO_STREAM, newEvents('x', 2));
    expect(await journal().append('a-1', NO_STREAM, newEvents('x', 2))).toEqual(first);
    await journal().append('a-1', 1, newEvents('y', 2));
    expect(await journal().append('a-1', NO_STREAM, newEvents('x', 2))).toEqual(first);
    expect(await journal().head()).toBe(4);
  });

  it('J2: does not recognise ids that stand at other revisions', async () => {
    await journal().append('a-1', NO_STREAM, newEvents('x', 2));
    await journal().append('a-1', 1, newEvents('y', 1));
    const again = await journal().append('a-1', 0, newEvents('x', 1));
    expect(again).toEqual({ kind: 'conflict', actual: 2 });
  });

  it('J2: fifty equal appends at once store one batch and get one answer', async () => {
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => journal().append('a-1', NO_STREAM, newEvents('x', 3))),
    );
    for (const answer of answers) expect(answer).toEqual(answers[0]);
    expect(await journal().head()).toBe(3);
  });

  it('alarms when a repeat matches in part: that is no conflict', async () => {
    await journal().append('a-1', NO_STREAM, [newEvent('x-0'), newEvent('other')]);
    const partly = journal().append('a-1', NO_STREAM, newEvents('x', 2));
    await expect(partly).rejects.toThrow(JournalCorrupt);
    await expect(partly).rejects.toMatchObject({ stream: 'a-1', revision: 1 });
    const shorter = journal().append('a-1', 0, [newEvent('other'), newEvent('more')]);
    await expect(shorter).rejects.toThrow(JournalCorrupt);
    expect(await journal().head()).toBe(2);
    expect(await journal().append('a-1', 1, newEvents('y', 1))).toMatchObject({ revision: 2 });
  });

  it('J4: 1000 concurrent appends to 100 streams each get their place, in order', async () => {
    const jobs = Array.from({ length: 1000 }, (_, n) => ({ stream: `s-${String(n % 100)}`, n }));
    const answers = await Promise.all(
      jobs.map(({ stream, n }) => {
        const expected = Math.floor(n / 100) - 1;
        return journal().append(stream, expected, [newEvent(`e-${String(n)}`, { n })]);
      }),
    );
    for (const answer of answers) expect(answer.kind).toBe('appended');
    const page = await journal().readAll(0, {}, 1000);
    expect(page.events.map(({ position }) => position)).toEqual(jobs.map(({ n }) => n + 1));
    expect(page.events.map(({ data }) => data['n'])).toEqual(jobs.map(({ n }) => n));
    expect((await readWhole(journal(), 's-7')).map(({ revision }) => revision)).toEqual([
      0, 1, 2, 3, 4, 5, 6, 7, 8, 9,
    ]);
  });

  it('J1: of many writers that expect one revision exactly one is appended', async () => {
    const answers = await Promise.all(
      Array.from({ length: 200 }, (_, n) =>
        journal().append('a-1', NO_STREAM, [newEvent(`w-${String(n)}`)]),
      ),
    );
    expect(answers.filter(({ kind }) => kind === 'appended')).toHaveLength(1);
    expect(answers.filter(({ kind }) => kind === 'conflict')).toHaveLength(199);
  });

  it('J5: chains each event to the one before it', async () => {
    await journal().append('a-1', NO_STREAM, newEvents('x', 3));
    await journal().append('a-1', 2, newEvents('y', 2));
    const events = await readWhole(journal(), 'a-1');
    expect(events[0]?.metadata.prevHash).toBe(FIRST_PREV_HASH);
    expect(verifyEvents(CHAIN_START, events)).toBeUndefined();
    const head = await journal().streamHead('a-1');
    expect(head).toEqual({ stream: 'a-1', revision: 4, hash: events[4]?.metadata.hash });
  });

  it('refuses an expected revision that no stream can have', async () => {
    for (const expected of [-2, 0.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      const attempt = journal().append('a-1', expected, newEvents('x', 1));
      await expect(attempt).rejects.toThrow(InvalidEvent);
    }
  });

  it('answers what was handed in before it closes, and nothing after', async () => {
    const open = journal();
    const last = open.append('a-1', NO_STREAM, newEvents('x', 1));
    await open.close();
    expect(await last).toMatchObject({ kind: 'appended' });
    await expect(open.append('a-1', 0, newEvents('y', 1))).rejects.toThrow(JournalClosed);
    await expect(open.read('a-1', 0, 1)).rejects.toThrow(JournalClosed);
    await expect(open.head()).rejects.toThrow(JournalClosed);
    await open.close();
  });
}
