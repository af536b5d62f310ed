import { describe, expect, it } from 'vitest';
import { auditWriter, type Line, type WriterParts } from '../../src/gateway/audit/writer.js';
import { memoryJournal } from '../../src/journal/index.js';
import { EventTooLarge, JournalUnavailable, NO_STREAM } from '../../src/journal/port.js';
import type { Journal } from '../../src/journal/port.js';
import { eventIdOf } from '../../src/kernel/ids.js';
import { virtualClock, type VirtualClock } from '../support/clock.js';
import { readWhole } from '../support/journal.js';

const JANUARY = 'audit-n1-202601';

function line(id: string, type = 'CommandAnswered'): Line {
  const metadata = {
    eventId: eventIdOf(id, JANUARY, 0),
    commandId: id,
    correlationId: id,
    actor: 'token:ops',
    interface: 'rest',
    recordedAt: '2026-01-05T12:00:00.000Z',
    schema: 1,
    epoch: 1,
    node: 'n1',
  };
  return { event: { type, data: { commandId: id }, metadata }, bytes: 300 };
}

function bench(change: (journal: Journal) => Partial<Journal> = () => ({})) {
  const { journal } = memoryJournal();
  const appends: number[] = [];
  const counted: Journal = {
    ...journal,
    append(stream, expected, events) {
      appends.push(events.length);
      return journal.append(stream, expected, events);
    },
  };
  const clock: VirtualClock = virtualClock();
  const parts: WriterParts = { journal: { ...counted, ...change(counted) }, clock, node: 'n1' };
  const ids = async (stream = JANUARY) =>
    (await readWhole(journal, stream)).map(({ metadata }) => metadata.commandId);
  return { writer: auditWriter(parts), journal, clock, appends, ids };
}

describe('the writer of the audit stream', () => {
  it('puts what comes while it writes into one append', async () => {
    const { writer, appends, ids } = bench();
    await Promise.all(['a', 'b', 'c', 'd'].map((id) => writer.write(line(id))));
    expect(appends).toEqual([1, 3]);
    expect(await ids()).toEqual(['a', 'b', 'c', 'd']);
  });

  it('goes on after a race with another writer, and writes each fact once', async () => {
    const { writer, journal, ids } = bench();
    await writer.write(line('a'));
    await journal.append(JANUARY, 0, [line('other', 'ServiceStarted').event]);
    await writer.write(line('b'));
    expect(await ids()).toEqual(['a', 'other', 'b']);
  });

  it('gives up when every try is raced, and says so', async () => {
    const conflict = { kind: 'conflict', actual: NO_STREAM } as const;
    const { writer } = bench(() => ({ append: () => Promise.resolve(conflict) }));
    await expect(writer.write(line('a'))).rejects.toBeInstanceOf(JournalUnavailable);
  });

  it('looks up an append of unknown outcome: there it succeeded, else it failed', async () => {
    let isStored = true;
    const { writer, ids } = bench((stored) => ({
      async append(stream, expected, events) {
        if (isStored) await stored.append(stream, expected, events);
        throw new JournalUnavailable('the disk did not answer', { outcome: 'unknown' });
      },
    }));
    await expect(writer.write(line('a'))).resolves.toBe(1);
    isStored = false;
    await expect(writer.write(line('b'))).rejects.toThrow('did not answer');
    expect(await ids()).toEqual(['a']);
  });

  it('a fact the journal never takes fails alone', async () => {
    const { writer, ids } = bench((stored) => ({
      append(stream, expected, events) {
        const isBad = events.some(({ metadata }) => metadata.commandId === 'bad');
        if (isBad) return Promise.reject(new EventTooLarge('too large'));
        return stored.append(stream, expected, events);
      },
    }));
    const told = await Promise.allSettled(
      ['a', 'b', 'bad', 'c'].map((id) => writer.write(line(id))),
    );
    expect(told.map(({ status }) => status)).toEqual([
      'fulfilled',
      'fulfilled',
      'rejected',
      'fulfilled',
    ]);
    expect(await ids()).toEqual(['a', 'b', 'c']);
  });

  it('begins a stream with each month', async () => {
    const { writer, clock, ids } = bench();
    await writer.write(line('a'));
    clock.jump(27 * 86_400_000);
    await writer.write(line('b'));
    expect([await ids(), await ids('audit-n1-202602')]).toEqual([['a'], ['b']]);
  });

  it('refuses what finds no room, and goes on with the rest', async () => {
    const { journal } = memoryJournal();
    const limits = { pendingMax: 2, groupEventsMax: 1, groupBytesMax: 1000 };
    const writer = auditWriter({ journal, clock: virtualClock(), node: 'n1' }, limits);
    const told = await Promise.allSettled(['a', 'b', 'c', 'd'].map((id) => writer.write(line(id))));
    expect(told.map(({ status }) => status)).toEqual([
      'fulfilled',
      'fulfilled',
      'fulfilled',
      'rejected',
    ]);
    await writer.idle();
  });
});
