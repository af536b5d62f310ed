/**
 * Durable appends by 1, 32 and 2000 callers against bare better-sqlite3 inserts of the same rows,
 * grouped the same way (all that its callers have queued, one transaction, synchronous=FULL), and cold
 * reading against a plain paged read with JSON.parse.
 *
 *   node --import tsx bench/journal-append.ts [rounds=9] [events per round=4000] [events before=0]
 *
 * Rounds are interleaved, the figures are medians, the ratio is what counts. The bare inserts run on
 * the callers' own thread, without hashing, checks of revisions, repeats, a witness or a lock.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { sqliteJournal } from '../src/journal/journal.sqlite.js';
import { sealEvents } from '../src/journal/chain.js';
import { sqliteReader } from '../src/journal/reader.sqlite.js';
import { openToRead, openToWrite } from '../src/journal/schema.sqlite.js';
import type { Journal, NewEvent } from '../src/journal/port.js';
import { systemClock } from '../src/kernel/time.js';

const clock = systemClock();
const [rounds = 9, perRound = 4000, before = 0] = process.argv.slice(2).map(Number);
const CALLERS = [1, 32, 2000] as const;
const GROUP_MAX = 512;
const CHECKPOINT_PAGES = 4000;

function event(stream: string, revision: number): NewEvent {
  const id = `${stream}-0000-4000-8000-${String(revision).padStart(12, '0')}`;
  return {
    type: 'CallsRecorded',
    data: {
      atMs: 1_763_900_000_000 + revision,
      generation: 3,
      configRevision: 1,
      windowMs: 60_000,
      calls: [1, 2, 3].map((n) => ({
        offsetMs: n * 17,
        class: 'ok',
        durationMs: 120.5 + n,
        endpoint: 'klines',
        generation: 3,
      })),
    },
    metadata: {
      eventId: id,
      commandId: id,
      correlationId: id,
      actor: 'system',
      interface: 'system',
      recordedAt: '2026-01-02T03:04:05.000Z',
      schema: 1,
      epoch: 1,
      node: 'node-1',
    },
  };
}

type Row = readonly [number, number, string, string, string, string];
type Subject = { readonly append: (stream: number, revision: number) => Promise<unknown> };

/** What one would write by hand: an array, one transaction for what is in it, then the promises. */
function bareInserts(path: string): Subject & { readonly close: () => void } {
  const db = openToWrite(path);
  const insert = db.prepare<[number, number, string, string, string, string]>(
    `INSERT INTO events (stream_id, revision, type, data, metadata, hash) VALUES (?, ?, ?, ?, ?, ?)`,
  );
  const queue: { readonly row: Row; readonly done: () => void }[] = [];
  let commits = 0;
  const commit = (): void => {
    const group = queue.splice(0, GROUP_MAX);
    db.exec('BEGIN IMMEDIATE');
    for (const { row } of group) insert.run(...row);
    db.exec('COMMIT');
    for (const { done } of group) done();
    commits += 1;
    if (commits % 16 === 0) {
      const [wal] = db.pragma('wal_checkpoint(NOOP)') as { log: number; checkpointed: number }[];
      if ((wal?.log ?? 0) - (wal?.checkpointed ?? 0) > CHECKPOINT_PAGES) {
        db.pragma('wal_checkpoint(PASSIVE)');
      }
    }
    if (queue.length > 0) setImmediate(commit);
  };
  const metadata = sealEvents('s', -1, '0'.repeat(64), [event('s', 0)])[0]?.metadata ?? '';
  const hash = '7'.repeat(64);
  return {
    append(stream, revision) {
      const data = JSON.stringify(event(`s-${String(stream)}`, revision).data);
      const row: Row = [stream, revision, 'CallsRecorded', data, metadata, hash];
      return new Promise<void>((done) => {
        if (queue.length === 0) setImmediate(commit);
        queue.push({ row, done });
      });
    },
    close: () => db.close(),
  };
}

function ours(journal: Journal): Subject {
  return {
    async append(stream, revision) {
      const name = `s-${String(stream)}`;
      const result = await journal.append(name, revision - 1, [event(name, revision)]);
      if (result.kind !== 'appended') throw new Error(`conflict at ${name}`);
    },
  };
}

/** Revisions go on over the rounds: one counter per subject and caller. */
function load(subject: Subject): (callers: number, events: number) => Promise<readonly number[]> {
  const revisions = new Map<number, number>();
  return async (callers, events) => {
    const each = Math.ceil(events / callers);
    const latencies: number[] = [];
    await Promise.all(
      Array.from({ length: callers }, async (_, caller) => {
        let revision = revisions.get(caller) ?? 0;
        for (let n = 0; n < each; n += 1) {
          const began = clock.monotonic();
          await subject.append(caller, revision);
          latencies.push(clock.monotonic() - began);
          revision += 1;
        }
        revisions.set(caller, revision);
      }),
    );
    return latencies;
  };
}

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
const quantile = (values: readonly number[], q: number): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length * q)] ?? 0;

type Measured = { readonly perSecond: number; readonly p50: number; readonly p99: number };

async function measure(run: () => Promise<readonly number[]>): Promise<Measured> {
  const began = clock.monotonic();
  const latencies = await run();
  const perSecond = (latencies.length / (clock.monotonic() - began)) * 1000;
  return { perSecond, p50: quantile(latencies, 0.5), p99: quantile(latencies, 0.99) };
}

function row(name: string, a: readonly Measured[], b: readonly Measured[]): void {
  const per = (list: readonly Measured[]): number => median(list.map((m) => m.perSecond));
  const ms = (list: readonly Measured[], key: 'p50' | 'p99'): string =>
    median(list.map((m) => m[key])).toFixed(2);
  const ratio = (per(a) / per(b)).toFixed(2);
  const ends = `${ms(a, 'p50')}/${ms(a, 'p99')} | ${ms(b, 'p50')}/${ms(b, 'p99')}`;
  console.log(`| ${name} | ${per(a).toFixed(0)} | ${per(b).toFixed(0)} | ${ratio} | ${ends} |`);
}

async function appends(directory: string): Promise<void> {
  const journal = await sqliteJournal({
    path: join(directory, 'ours.db'),
    onFatal: (error) => {
      throw error;
    },
  });
  const bare = bareInserts(join(directory, 'bare.db'));
  const [a, b] = [load(ours(journal)), load(bare)];
  await a(2000, Math.max(2000, before));
  await b(2000, Math.max(2000, before));
  console.log('| callers | headgate/s | bare/s | ratio | p50/p99 ms | bare p50/p99 ms |');
  console.log('|---|---|---|---|---|---|');
  for (const callers of CALLERS) {
    const events = callers === 1 ? Math.ceil(perRound / 8) : perRound;
    const seen: [Measured[], Measured[]] = [[], []];
    for (let round = 0; round < rounds; round += 1) {
      seen[0].push(await measure(() => a(callers, events)));
      seen[1].push(await measure(() => b(callers, events)));
    }
    row(String(callers), ...seen);
  }
  await journal.close();
  bare.close();
}

function readPlain(path: string): number {
  const db = new Database(path, { readonly: true });
  const page = db.prepare<[number], { position: number; data: string; metadata: string }>(
    `SELECT e.position, s.name, e.revision, e.type, e.data, e.metadata, e.hash
     FROM events e JOIN streams s ON s.id = e.stream_id
     WHERE e.position > ? ORDER BY e.position LIMIT 1000`,
  );
  let after = 0;
  let events = 0;
  for (;;) {
    const rows = page.all(after);
    for (const { data, metadata } of rows) {
      JSON.parse(data);
      JSON.parse(metadata);
    }
    events += rows.length;
    after = rows.at(-1)?.position ?? after;
    if (rows.length < 1000) break;
  }
  db.close();
  return events;
}

function readVerified(path: string): number {
  const db = openToRead(path);
  const reader = sqliteReader(db);
  let events = 0;
  for (let after = 0; ;) {
    const page = reader.readAll(after, {}, 1000);
    events += page.events.length;
    after = page.next;
    if (page.atEnd) break;
  }
  db.close();
  return events;
}

async function reads(directory: string): Promise<void> {
  const path = join(directory, 'ours.db');
  const seen: [Measured[], Measured[]] = [[], []];
  for (let round = 0; round < rounds; round += 1) {
    for (const [index, read] of [readVerified, readPlain].entries()) {
      const began = clock.monotonic();
      const events = read(path);
      const perSecond = (events / (clock.monotonic() - began)) * 1000;
      seen[index as 0 | 1].push({ perSecond, p50: 0, p99: 0 });
    }
  }
  row('read, verified', ...seen);
  await Promise.resolve();
}

const directory = mkdtempSync(join(tmpdir(), 'headgate-bench-'));
console.log(`${cpus()[0]?.model ?? ''} x ${String(cpus().length)}, Node ${process.version}`);
console.log(`${String(rounds)} rounds of ${String(perRound)} events, ${String(before)} before`);
try {
  await appends(directory);
  await reads(directory);
} finally {
  rmSync(directory, { recursive: true, force: true });
}
