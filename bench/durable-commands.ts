/**
 * Commands on collectors, durable: decided, appended (SQLite, synchronous=FULL), folded, answered; by 1,
 * 32 and 2000 callers at once; against bare better-sqlite3 inserts of rows of the same size, grouped the
 * same way, in a worker thread too.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import Database from 'better-sqlite3';
import {
  collectorKind,
  type CollectorCommand,
  type CollectorContext,
  type CollectorFact,
} from '../src/actors/collector/index.js';
import type { ActorHandle } from '../src/actors/handle.js';
import type { Host } from '../src/actors/index.js';
import { assert } from '../src/kernel/errors.js';
import { bareInserts, type BareInserts } from './support/bare-inserts.js';
import { byCallers } from './support/callers.js';
import { copyOf, filledJournal, type Filled } from './support/fill.js';
import {
  interleaved,
  median,
  quantile,
  throughputRatio,
  type Measured,
  type Round,
} from './support/measure.js';
import { eventsOf, type BenchOptions } from './support/options.js';
import { atLeast, atMost, figure, type Report, type Verdict } from './support/report.js';
import { hostOver, inTemporaryDirectory, sqliteStores } from './support/world.js';

/** Callers at once, and commands of a round. */
const LOADS = [
  { callers: 1, commands: 400 },
  { callers: 32, commands: 4000 },
  { callers: 2000, commands: 12_000 },
] as const;
const ACTORS = 2000;
const LARGE = 60_000;
const COLLECTORS = 333;

type Side = 'ours' | 'bare';
type Seen = {
  readonly callers: number;
  readonly ours: Measured;
  readonly bare: Measured;
  /** Event-loop delay at p99 during our rounds, ms. */
  readonly loopMs: number;
};

export async function durableCommands(options: BenchOptions): Promise<Report> {
  const large = await filledJournal(options.shared, eventsOf(options, LARGE), COLLECTORS);
  const empty = await inTemporaryDirectory((path) => measure(path, undefined, options.rounds));
  const full = await inTemporaryDirectory((path) => measure(path, large, options.rounds));
  const journals = [
    { name: 'empty', seen: empty },
    { name: figure(large.events), seen: full },
  ] as const;
  return {
    title: 'decide, append, fold, reply',
    lead:
      `Callers, each over its share of ${String(ACTORS)} collectors, start runs, record a page's cursor and ` +
      'finish them: one fact a command. Ours: the whole machinery of `Host` over the SQLite journal ' +
      '(mailbox, decision, fold, state hash, timers; in the writer thread the hash chain, revisions, ' +
      'witness). Bare: rows taken from our own journal, inserted by better-sqlite3 in a worker thread ' +
      'into the same tables with the same index, all that has queued in one transaction.',
    tables: [
      {
        caption: `Medians of ${String(options.rounds)} rounds; the journal's size is what it held before.`,
        columns: [
          'journal',
          'callers',
          'ours /s',
          'bare /s',
          'ratio',
          'ours p50/p99 ms',
          'bare p50/p99 ms',
          'ours CPU µs',
          'loop p99 ms',
        ],
        rows: journals.flatMap(({ name, seen }) => seen.map((one) => rowOf(name, one))),
      },
    ],
    verdicts: journals.flatMap(({ name, seen }) => seen.flatMap((one) => verdictsOf(name, one))),
    notes: [
      'Cause of what is missed: the callers’ thread. A third of it is garbage collection (20 kB are made per command, and with 2000 in flight they outlive the young generation), then the state’s hash; the writer thread is idle for more than half of the time. Proposal: fewer objects and promises between mailbox and append.',

      'Loop p99 is `monitorEventLoopDelay` at a resolution of 1 ms, which itself adds about 1 ms.',
    ],
    notMeasured: ['emmett-sqlite (not installed)', 'a disk slower than this one'],
  };
}

function rowOf(journal: string, { callers, ours, bare, loopMs }: Seen) {
  const ends = ({ p50Ms, p99Ms }: Measured): string => `${figure(p50Ms)} / ${figure(p99Ms)}`;
  const ratio = throughputRatio(ours, bare);
  const rates = [ours.perSecond, bare.perSecond, ratio];
  return [journal, String(callers), ...rates, ends(ours), ends(bare), ours.cpuNs / 1000, loopMs];
}

function verdictsOf(journal: string, { callers, ours, bare, loopMs }: Seen): readonly Verdict[] {
  const who = `${String(callers)} callers, journal ${journal}`;
  const rate = atLeast(`${who}: ours / bare inserts`, throughputRatio(ours, bare), 0.7, ' ×');
  const loop = atMost(`${who}: event-loop delay p99`, loopMs, 20, ' ms');
  if (callers !== 32) return [rate, loop];
  const tails = median(
    ours.rounds.map(({ latenciesMs }, index) => {
      const theirs = bare.rounds[index]?.latenciesMs ?? [];
      return quantile(latenciesMs, 0.99) / quantile(theirs, 0.99);
    }),
  );
  return [rate, atMost(`${who}: our p99 / bare p99`, tails, 2, ' ×'), loop];
}

async function measure(
  directory: string,
  filled: Filled | undefined,
  rounds: number,
): Promise<readonly Seen[]> {
  const paths = { ours: directoryOf(directory, 'ours'), bare: directoryOf(directory, 'bare') };
  const path = (side: Side): string =>
    filled === undefined ? join(paths[side], 'journal.db') : copyOf(filled, paths[side]);
  const stores = await sqliteStores(path('ours'));
  const host = hostOver(stores);
  const ours = await collectors(host);
  const bareSide = await bareSubject(path('bare'), join(paths.ours, 'journal.db'));
  const seen: Seen[] = [];
  for (const { callers, commands } of LOADS) {
    const loop = monitorEventLoopDelay({ resolution: 1 });
    const both = await interleaved(
      {
        ours: async () => {
          loop.enable();
          const round = await load(callers, commands, ours);
          loop.disable();
          return round;
        },
        bare: () => load(callers, commands, bareSide.next),
      },
      rounds,
    );
    seen.push({ callers, ...both, loopMs: loop.percentile(99) / 1e6 });
  }
  await bareSide.close();
  await host.stop();
  await stores.close();
  return seen;
}

function directoryOf(parent: string, name: string): string {
  const path = join(parent, name);
  mkdirSync(path);
  return path;
}

/** Each caller goes round its own actors: caller k of c has those whose number is k modulo c. */
function load(callers: number, commands: number, perform: OnActor): Promise<Round> {
  const mine = Math.max(1, Math.floor(ACTORS / callers));
  return byCallers(callers, commands, (caller, n) => perform(caller + callers * (n % mine)));
}

type OnActor = (actor: number) => Promise<void>;

type Collector = ActorHandle<CollectorContext, CollectorCommand, CollectorFact>;

/** Connected collectors that go through runs, a command at a time. */
async function collectors(host: Host): Promise<OnActor> {
  const handles = await Promise.all(
    Array.from({ length: ACTORS }, (_, n) => started(host, `load-${String(n)}`)),
  );
  const steps = handles.map(() => 0);
  return async (actor) => {
    const handle = handles[actor];
    assert(handle !== undefined, 'the caller has this actor');
    const step = steps[actor] ?? 0;
    steps[actor] = step + 1;
    const answer = await handle.ask(commandOf(step), host.system('bench'));
    assert(answer.ok && answer.facts.length === 1, 'one command, one fact');
  };
}

async function started(host: Host, name: string): Promise<Collector> {
  const handle = await host.actor(collectorKind, `collector-${name}`);
  // A schedule far away: no run but ours.
  const schedule = { intervalMs: 86_400_000, cron: '', zone: '', jitter: 0 };
  const configure = {
    type: 'Configure',
    name,
    collectorType: 'onchain',
    source: 'moralis',
    enabled: true,
    enabledReason: 'by configuration',
    schedule,
    scopes: [name],
    upstreams: ['primary'],
    requestTimeoutMs: 10_000,
    missingKey: '',
    hasApiKey: true,
    upstreamMode: 'sandbox',
    options: '{}',
    expectedEveryMs: 300_000,
  } as const;
  for (const command of [configure, { type: 'Connected' }] as const) {
    const answer = await handle.ask(command, host.system('bench'));
    assert(answer.ok, `${command.type} is legal`);
  }
  return handle;
}

function commandOf(step: number): CollectorCommand {
  const ordinal = Math.floor(step / 3);
  const run = `run-${String(ordinal)}`;
  switch (step % 3) {
    case 0:
      return { type: 'StartRun', run, trigger: 'manual', priority: 'live' };
    case 1: {
      const cursor = JSON.stringify({
        block: 19_000_000 + ordinal * 100,
        page: 'eyJhbGciOiJIUzI1',
      });
      const counts = { ordinal, records: 100, newRecords: 97, gaps: [] };
      const page = { series: 'transfers/0xdac17f958d2ee523', cursor, ...counts };
      return { type: 'Progress', run, page };
    }
    default: {
      const end = { outcome: 'ok', message: '', endpoint: 'transfers', status: 200 };
      return { type: 'FinishRun', run, end: { ...end, calls: 5, latencyP95Ms: 212 } };
    }
  }
}

type Sample = {
  readonly type: string;
  readonly data: string;
  readonly metadata: string;
  readonly hash: string;
};

/** Streams nobody else has, rows as ours wrote them. */
async function bareSubject(path: string, oursPath: string) {
  const ours = new Database(oursPath, { readonly: true });
  const samples = ours
    .prepare<[], Sample>(
      'SELECT type, data, metadata, hash FROM events ORDER BY position DESC LIMIT 3000',
    )
    .all();
  ours.close();
  const inserts: BareInserts = await bareInserts(path);
  const FIRST_STREAM = 1_000_000;
  const revisions = new Array<number>(ACTORS).fill(0);
  let turn = 0;
  const next: OnActor = (actor) => {
    const sample = samples[turn % samples.length];
    assert(sample !== undefined, 'there are rows to copy');
    turn += 1;
    const revision = revisions[actor] ?? 0;
    revisions[actor] = revision + 1;
    const { type, data, metadata, hash } = sample;
    return inserts.insert([FIRST_STREAM + actor, revision, type, data, metadata, hash]);
  };
  return { next, close: inserts.close };
}
