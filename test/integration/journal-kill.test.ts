import { expect, it } from 'vitest';
import { verifyJournalFile } from '../../src/journal/verify.sqlite.js';
import { JournalLocked } from '../../src/journal/port.js';
import { seededRandom } from '../../src/kernel/random.js';
import { systemClock, wait } from '../../src/kernel/time.js';
import {
  cleanUpJournals,
  journalPath,
  newEvent,
  openSqlite,
  readWhole,
} from '../support/journal.js';
import { kill, readNotes, startAppender } from '../support/journal-process.js';

cleanUpJournals();

const ROUNDS = 20;

it(
  'P1: kill -9 at random moments loses nothing acknowledged, and a repeat finds the one result',
  { timeout: 180_000 },
  async () => {
    const path = journalPath();
    const random = seededRandom(20260102);
    for (let round = 0; round < ROUNDS; round += 1) {
      const appender = startAppender(path, { round });
      expect(await appender.ready, appender.stderr()).toBe('ready');
      await wait(systemClock(), random.next() * 60);
      await kill(appender);

      expect(await verifyJournalFile(path)).toMatchObject({ ok: true });
      const journal = await openSqlite({ path });
      expect(journal.opened.warnings).toEqual([]);
      const { open } = readNotes(path);
      for (const { stream, expected, id } of open.filter((note) =>
        note.id.includes(`/${String(round)}/`),
      )) {
        const n = Number(id.split('/')[2]);
        const again = await journal.append(stream, expected, [
          newEvent(id, { n, round: String(round) }),
        ]);
        expect(again).toMatchObject({ kind: 'appended', revision: expected + 1 });
      }
      await journal.close();
    }
    const journal = await openSqlite({ path });
    const { acked } = readNotes(path);
    expect(acked.length).toBeGreaterThan(ROUNDS);
    const stored = new Map<string, string>();
    for (const { stream } of await journal.streams(undefined, undefined, 100)) {
      for (const event of await readWhole(journal, stream)) {
        expect(stored.has(event.metadata.eventId)).toBe(false);
        stored.set(event.metadata.eventId, `${stream}@${String(event.revision)}`);
      }
    }
    for (const { stream, expected, id } of acked) {
      expect(stored.get(id)).toBe(`${stream}@${String(expected + 1)}`);
    }
  },
);

it('refuses a second process, naming the first, and starts once that was killed', async () => {
  const path = journalPath();
  const first = startAppender(path, { mode: 'hold' });
  expect(await first.ready, first.stderr()).toBe('ready');
  const refused = openSqlite({ path });
  await expect(refused).rejects.toThrow(JournalLocked);
  await expect(refused).rejects.toThrow(`process ${String(first.process.pid)}`);
  const second = startAppender(path, { mode: 'hold' });
  expect(await second.ready).toBe('ended');
  expect(await second.ended).toBe(3);
  await kill(first);
  const journal = await openSqlite({ path });
  expect(await journal.append('a-1', -1, [newEvent('x')])).toMatchObject({ kind: 'appended' });
});

it('refuses a second opening within the same process', async () => {
  const journal = await openSqlite();
  const path = journalPath();
  await openSqlite({ path });
  await expect(openSqlite({ path })).rejects.toThrow(JournalLocked);
  expect(await journal.head()).toBe(0);
});

it(
  'a write error of unknown outcome ends the process, non-zero, and nothing after it is acknowledged',
  { timeout: 60_000 },
  async () => {
    const path = journalPath();
    // The write-ahead log may not grow beyond 400 kB: the write then fails with EFBIG, an I/O error.
    const appender = startAppender(path, { fileKb: 400 });
    expect(await appender.ended, appender.stderr()).toBe(7);
    expect(appender.stderr()).toMatch(/fatal: the journal could not be written \(SQLITE_IOERR/);
    const { acked } = readNotes(path);
    expect(acked.length).toBeGreaterThan(0);
    expect(await verifyJournalFile(path)).toMatchObject({ ok: true });
    const journal = await openSqlite({ path });
    for (const { stream, expected, id } of acked) {
      const [event] = (await journal.read(stream, expected + 1, 1)).events;
      expect(event?.metadata.eventId).toBe(id);
    }
  },
);
