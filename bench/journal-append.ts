/**
 * The journal alone: durable appends by 1, 32 and 2000 callers against bare better-sqlite3 inserts of the
 * same rows, grouped the same way; and reading it whole, verified, against a plain paged read.
 */
import { join } from 'node:path';
import { sealEvents } from '../src/journal/chain.js';
import type { Journal, NewEvent } from '../src/journal/port.js';
import { assert } from '../src/kernel/errors.js';
import { bareInserts, type BareInserts } from './support/bare-inserts.js';
import { byCallers } from './support/callers.js';
import { interleaved, throughputRatio, timed, type Measured } from './support/measure.js';
import type { BenchOptions } from './support/options.js';
import { plainReader } from './support/plain-reader.js';
import { atLeast, figure, type Report } from './support/report.js';
import { inTemporaryDirectory, sqliteStores } from './support/world.js';

const LOADS = [
  { callers: 1, events: 500 },
  { callers: 32, events: 4000 },
  { callers: 2000, events: 12_000 },
] as const;
const STREAMS = 2000;

type Seen = { readonly name: string; readonly ours: Measured; readonly bare: Measured };

export async function journalAppend({ rounds }: BenchOptions): Promise<Report> {
  const seen = await inTemporaryDirectory((directory) => measure(directory, rounds));
  return {
    title: 'the journal alone',
    lead:
      'Ours: `journal.append` of one event (encoded, checked, in the writer thread admitted, chained, ' +
      'hashed, inserted, committed with synchronous=FULL, followed by the witness). Bare: the same row ' +
      'as ready text inserted by better-sqlite3 in a worker thread, all that queued in one transaction. ' +
      'Read: the whole file in pages, every hash computed again, against the pages and `JSON.parse`.',
    tables: [
      {
        caption: `Medians of ${String(rounds)} rounds.`,
        columns: [
          'what',
          'ours /s',
          'bare /s',
          'ratio',
          'ours p50/p99 ms',
          'bare p50/p99 ms',
          'ours CPU µs',
        ],
        rows: seen.map(rowOf),
      },
    ],
    verdicts: seen.map(({ name, ours, bare }) => {
      const least = name === READ ? 0.5 : 0.7;
      return atLeast(`${name}: ours / bare`, throughputRatio(ours, bare), least, ' ×');
    }),
    notes: [
      'The targets are those of durable commands and of recovery: the journal is the larger part of both.',
    ],
    notMeasured: ['emmett-sqlite (not installed)'],
  };
}

const READ = 'read, verified';

function rowOf({ name, ours, bare }: Seen): readonly (string | number)[] {
  const ends = ({ p50Ms, p99Ms }: Measured): string =>
    name === READ ? '–' : `${figure(p50Ms)} / ${figure(p99Ms)}`;
  const rates = [ours.perSecond, bare.perSecond, throughputRatio(ours, bare)];
  return [name, ...rates, ends(ours), ends(bare), ours.cpuNs / 1000];
}

async function measure(directory: string, rounds: number): Promise<readonly Seen[]> {
  const path = join(directory, 'ours.db');
  const { journal, close } = await sqliteStores(path);
  const bare = await bareInserts(join(directory, 'bare.db'));
  const subjects = { ours: ourAppends(journal), bare: bareAppends(bare) };
  await byCallers(STREAMS, STREAMS, subjects.ours);
  await byCallers(STREAMS, STREAMS, subjects.bare);
  const seen: Seen[] = [];
  for (const { callers, events } of LOADS) {
    const both = await interleaved(
      {
        ours: () => byCallers(callers, events, subjects.ours),
        bare: () => byCallers(callers, events, subjects.bare),
      },
      rounds,
    );
    seen.push({ name: `${String(callers)} callers`, ...both });
  }
  await bare.close();
  const plain = plainReader(path);
  const reads = await interleaved(
    { ours: () => timed(() => readAll(journal)), bare: () => timed(plain.readAll) },
    rounds,
  );
  plain.close();
  await close();
  return [...seen, { name: READ, ...reads }];
}

/** Revisions go on over the rounds, a stream for each caller. */
function ourAppends(journal: Journal) {
  const revisions = new Array<number>(STREAMS).fill(-1);
  return async (caller: number): Promise<void> => {
    const stream = `s-${String(caller)}`;
    const before = revisions[caller] ?? -1;
    const result = await journal.append(stream, before, [event(stream, before + 1)]);
    assert(result.kind === 'appended', `${stream} is written by one caller`);
    revisions[caller] = result.revision;
  };
}

function bareAppends({ insert }: BareInserts) {
  const revisions = new Array<number>(STREAMS).fill(0);
  const [sealed] = sealEvents('s', -1, '0'.repeat(64), [event('s', 0)]);
  assert(sealed !== undefined, 'one event, one row');
  const { type, data, metadata, hash } = sealed;
  return (caller: number): Promise<void> => {
    const revision = revisions[caller] ?? 0;
    revisions[caller] = revision + 1;
    return insert([caller, revision, type, data, metadata, hash]);
  };
}

async function readAll(journal: Journal): Promise<number> {
  let events = 0;
  for (let after = 0; ;) {
    const page = await journal.readAll(after, {}, 1000);
    events += page.events.length;
    after = page.next;
    if (page.atEnd) return events;
  }
}

function event(stream: string, revision: number): NewEvent {
  const id = `${stream}-0000-4000-8000-${String(revision).padStart(12, '0')}`;
  const outcome = { outcome: 'ok', endpoint: 'klines', generation: 3 };
  return {
    type: 'CallsRecorded',
    data: {
      atMs: 1_763_900_000_000 + revision,
      baseMs: 1_763_900_000_000,
      calls: [1, 2, 3].map((n) => ({ offsetMs: n * 17, durationMs: 120.5 + n, ...outcome })),
      windowCalls: 60,
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
