import {
  copyFileSync,
  existsSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import Database from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import { JournalCorrupt, JournalRegressed, JournalUnavailable } from '../../src/journal/port.js';
import { verifyJournalFile } from '../../src/journal/verify.sqlite.js';
import { witnessPath } from '../../src/journal/witness.js';
import { cleanUpJournals, journalPath, newEvents, openSqlite } from '../support/journal.js';
import { kill, readNotes, startAppender } from '../support/journal-process.js';

cleanUpJournals();

/** A closed journal: ten events in each of three streams, positions 1 to 30. */
async function filled(): Promise<string> {
  const path = journalPath();
  const journal = await openSqlite({ path });
  for (const stream of ['a-1', 'a-2', 'b-1']) {
    await journal.append(stream, -1, newEvents(stream, 10));
  }
  await journal.close();
  return path;
}

/** What an attacker, or a careless operator, does by hand. */
function byHand(path: string, ...statements: readonly string[]): void {
  const db = new Database(path);
  for (const statement of statements) db.exec(statement);
  db.close();
}

const NO_TRIGGERS = `DROP TRIGGER events_are_not_changed; DROP TRIGGER events_are_not_removed;
  DROP TRIGGER streams_are_not_changed; DROP TRIGGER streams_are_not_removed`;

describe('a whole journal', () => {
  it('is verified, also while a service has it open', async () => {
    const path = await filled();
    const whole = { ok: true, events: 30, streams: 3, head: 30, findings: 0, first: undefined };
    expect(await verifyJournalFile(path)).toMatchObject(whole);
    const journal = await openSqlite({ path });
    await journal.append('a-1', 9, newEvents('more', 1));
    expect(await verifyJournalFile(path)).toMatchObject({ ok: true, events: 31 });
  });

  it('J6: blocks UPDATE and DELETE by triggers', async () => {
    const path = await filled();
    for (const statement of [
      "UPDATE events SET data = '{}' WHERE position = 3",
      'DELETE FROM events WHERE position = 3',
      "UPDATE streams SET name = 'x' WHERE id = 1",
      'DELETE FROM streams',
    ]) {
      expect(() => {
        byHand(path, statement);
      }).toThrow('the journal is append-only');
    }
    expect(await verifyJournalFile(path)).toMatchObject({ ok: true });
  });
});

describe('a journal that was changed by hand', () => {
  it('a changed row is named by verify and by reading, and other streams are served', async () => {
    const path = await filled();
    byHand(path, NO_TRIGGERS, `UPDATE events SET data = '{"index":7}' WHERE position = 15`);
    const where = { stream: 'a-2', revision: 4, position: 15 };
    expect(await verifyJournalFile(path)).toMatchObject({
      ok: false,
      findings: 1,
      first: { problem: 'wrong-hash', ...where },
    });
    const journal = await openSqlite({ path });
    await expect(journal.read('a-2', 0, 100)).rejects.toThrow(JournalCorrupt);
    await expect(journal.read('a-2', 0, 100)).rejects.toMatchObject(where);
    expect((await journal.read('a-2', 0, 4)).events).toHaveLength(4);
    expect((await journal.read('a-1', 0, 100)).events).toHaveLength(10);
    const before = await journal.readAll(0, {}, 100);
    expect([before.events.length, before.next, before.atEnd]).toEqual([14, 14, false]);
    await expect(journal.readAll(before.next, {}, 100)).rejects.toMatchObject(where);
    expect((await journal.readAll(where.position, {}, 100)).events).toHaveLength(15);
  });

  it('a flipped bit in the file is named', async () => {
    const path = await filled();
    const bytes = readFileSync(path);
    const at = bytes.indexOf('"text":"b-1 6"') + 8;
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    writeFileSync(path, bytes);
    const { first } = await verifyJournalFile(path);
    expect(first).toMatchObject({
      problem: 'wrong-hash',
      stream: 'b-1',
      revision: 6,
      position: 27,
    });
  });

  it('a removed row is named as a gap', async () => {
    const path = await filled();
    byHand(path, NO_TRIGGERS, 'DELETE FROM events WHERE position = 12');
    const { first, findings } = await verifyJournalFile(path);
    expect(first).toMatchObject({ problem: 'gap', stream: 'a-2', revision: 2, position: 13 });
    expect(findings).toBe(1);
    const journal = await openSqlite({ path });
    await expect(journal.read('a-2', 0, 100)).rejects.toMatchObject({ revision: 2 });
    await expect(journal.read('a-2', 2, 100)).rejects.toThrow(JournalCorrupt);
  });

  it('an inserted row is named', async () => {
    const path = await filled();
    byHand(
      path,
      `INSERT INTO events (stream_id, revision, type, data, metadata, hash)
       SELECT stream_id, 10, type, data, metadata, hash FROM events WHERE position = 30`,
    );
    const { first } = await verifyJournalFile(path);
    expect(first).toMatchObject({ problem: 'wrong-hash', stream: 'b-1', revision: 10 });
  });

  it('a row moved to another stream, and a renamed stream, are named', async () => {
    const path = await filled();
    byHand(path, NO_TRIGGERS, "UPDATE streams SET name = 'a-3' WHERE name = 'a-2'");
    expect((await verifyJournalFile(path)).first).toMatchObject({ stream: 'a-3', revision: 0 });
  });

  it('a page that SQLite cannot read is named by the first position in it', async () => {
    const path = await filled();
    const bytes = readFileSync(path);
    const at = Math.floor(bytes.indexOf('"text":"a-2 5"') / 4096) * 4096;
    bytes.fill(0x77, at, at + 4096);
    writeFileSync(path, bytes);
    const { first, ok } = await verifyJournalFile(path);
    expect(ok).toBe(false);
    expect(first?.problem).toBe('unreadable');
    expect(first?.detail).toMatch(/SQLITE_CORRUPT/);
    expect(first?.position).toBeLessThanOrEqual(16);
  });

  it('a file that is no journal is refused by name', async () => {
    const path = journalPath();
    writeFileSync(path, 'this is not a database, but it is long enough to be looked at'.repeat(99));
    await expect(openSqlite({ path })).rejects.toThrow(JournalUnavailable);
    const other = journalPath();
    byHand(other, 'CREATE TABLE t (a)');
    await expect(openSqlite({ path: other })).rejects.toThrow('is not a journal');
    await expect(verifyJournalFile(other)).rejects.toThrow('is not a journal');
  });
});

describe('a journal whose end went missing', () => {
  it('is refused when the tail of its write-ahead log is lost, and named by verify', async () => {
    const path = journalPath();
    const appender = startAppender(path, {});
    expect(await appender.ready, appender.stderr()).toBe('ready');
    while (readNotes(path).acked.length < 200) await new Promise((done) => setImmediate(done));
    await kill(appender);
    truncateSync(`${path}-wal`, statSync(`${path}-wal`).size / 2);
    expect((await verifyJournalFile(path)).first).toMatchObject({ problem: 'regressed' });
    const refused = openSqlite({ path });
    await expect(refused).rejects.toThrow(JournalRegressed);
    await expect(refused).rejects.toThrow(/positions \d+ to \d+ are missing/);
  });

  it('is refused when an old copy was put back, until that is accepted', async () => {
    const path = await filled();
    copyFileSync(path, `${path}.backup`);
    const journal = await openSqlite({ path });
    await journal.append('a-1', 9, newEvents('later', 5));
    await journal.close();
    copyFileSync(`${path}.backup`, path);
    const missing = 'positions 31 to 35 are missing';
    await expect(openSqlite({ path })).rejects.toThrow(missing);
    await expect(openSqlite({ path })).rejects.toThrow('a-1@14');

    const accepted = await openSqlite({ path, acceptRegressed: true });
    expect(accepted.opened.warnings[0]).toContain(missing);
    const next = await accepted.append('a-1', 9, newEvents('new', 1));
    expect(next).toEqual({ kind: 'appended', revision: 10, position: 36 });
    await accepted.close();
    expect((await openSqlite({ path })).opened.warnings).toEqual([]);
  });

  it('is refused when the file at the same place has another history', async () => {
    const path = await filled();
    const other = await filled();
    copyFileSync(other, path);
    await expect(openSqlite({ path })).rejects.toThrow('this is another journal');
    rmSync(path);
    await expect(openSqlite({ path })).rejects.toThrow(JournalRegressed);
  });

  it('is served with a warning when the witness is absent or torn', async () => {
    const path = await filled();
    rmSync(witnessPath(path));
    const absent = await openSqlite({ path });
    expect(absent.opened.warnings[0]).toContain('witness is absent');
    await absent.close();
    expect(existsSync(witnessPath(path))).toBe(true);
    writeFileSync(witnessPath(path), 'torn');
    const torn = await openSqlite({ path });
    expect(torn.opened.warnings[0]).toContain('witness is unreadable');
  });

  it('a witness with one torn slot is still believed', async () => {
    const path = await filled();
    const old = readFileSync(path);
    const journal = await openSqlite({ path });
    for (const n of [0, 1, 2]) {
      await journal.append('a-1', 9 + n, newEvents(`later-${String(n)}`, 1));
    }
    await journal.close();
    const witness = readFileSync(witnessPath(path));
    writeFileSync(path, old);
    for (const slot of [0, 1024]) {
      const torn = Buffer.from(witness);
      torn.fill(0, slot + 100, slot + 200);
      writeFileSync(witnessPath(path), torn);
      await expect(openSqlite({ path })).rejects.toThrow(JournalRegressed);
    }
  });
});
