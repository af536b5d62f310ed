/** A thousand collectors in one process, for ten minutes, against the sandbox in another. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openJournal } from '../src/journal/index.js';
import { sourceCatalogue } from '../src/sources/index.js';
import { startSandbox, type Sandbox } from '../src/sources/sandbox/index.js';
import { median } from './support/measure.js';
import type { BenchOptions } from './support/options.js';
import { atMost, figure, type Report, type Table, type Verdict } from './support/report.js';
import { spawnServe, type Served } from './support/served.js';
import { clock, random } from './support/world.js';

const COLLECTORS = 1000;
const INTERVAL_MS = 20_000;
/** Bars of other lengths than a run's distance apart would make some runs longer than others. */
const OPTIONS = { symbols: ['BTCUSDT'], intervals: ['1m'] };
/**
 * The sandbox tells all of them one used weight: their first pages of history use a minute's weight up,
 * and they begin anew together when that minute is over.
 */
const WARM_UP_MS = 120_000;
const FULL_MS = 600_000;
const SMALL_MS = 120_000;
const SAMPLE_MS = 10_000;
/** Each collector within this of its cadence. */
const PAGE_EVENTS = 5000;
const CADENCE_SHARE_MAX = 0.05;

type Sample = {
  readonly atMs: number;
  readonly residentMiB: number;
  readonly heapMiB: number;
  readonly sockets: number;
  readonly descriptors: number;
  readonly lagP99Ms: number;
  readonly lagMaxMs: number;
  readonly cpuSeconds: number;
};

export async function thousandCollectors({ full }: BenchOptions): Promise<Report> {
  const directory = mkdtempSync(join(tmpdir(), 'headgate-thousand-'));
  const sandbox = await startSandbox({ port: 0, clock, random });
  sandbox.control.configure('binance', { weightLimit: 1_000_000, rawLimit: 1_000_000 });
  const service = spawnServe(configured(directory, sandbox));
  try {
    await service.ready;
    await pause(WARM_UP_MS);
    const asked = sandbox.control.snapshot().providers.binance.received;
    const from = clock.now();
    const samples = await sampled(service, full ? FULL_MS : SMALL_MS);
    const until = clock.now();
    const requests = sandbox.control.snapshot().providers.binance.received - asked;
    await service.stop();
    const cadence = await cadences(join(directory, 'data', 'journal.db'), from, until);
    return told(samples, cadence, requests / ((until - from) / 1000));
  } finally {
    await service.stop();
    await sandbox.close();
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Each with a scope, a limiter and a breaker of its own: three thousand actors. */
function configured(directory: string, sandbox: Sandbox): string {
  const one = (index: number): readonly [string, object] => {
    const name = `bars-${String(index).padStart(4, '0')}`;
    const upstream = { base_url: sandbox.upstreamUrl('binance'), scope: `ip-${String(index)}` };
    const settings = { source: 'historical', interval_ms: INTERVAL_MS, options: OPTIONS };
    return [name, { ...settings, ...upstream, rate: { max_requests_per_second: 5 } }];
  };
  const collectors = Object.fromEntries(Array.from({ length: COLLECTORS }, (_, n) => one(n)));
  const file = join(directory, 'config.json');
  const doors = { rest: { port: 0 }, metrics: { port: 0 }, log: { level: 'warn' } };
  const own = sourceCatalogue.map(({ name }) => [name, { enabled: false }] as const);
  writeFileSync(
    file,
    JSON.stringify({
      data: { dir: join(directory, 'data') },
      ...doors,
      collectors: { ...Object.fromEntries(own), ...collectors },
    }),
  );
  return file;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    clock.after(ms, resolve);
  });
}

async function sampled(service: Served, forMs: number): Promise<readonly Sample[]> {
  const samples: Sample[] = [];
  const began = clock.monotonic();
  await service.metrics(); // the lag is counted from scrape to scrape
  while (clock.monotonic() - began < forMs) {
    await pause(SAMPLE_MS);
    const values = await service.metrics();
    const value = (name: string): number => values.get(name) ?? Number.NaN;
    const mebi = 2 ** 20;
    samples.push({
      atMs: clock.monotonic() - began,
      residentMiB: value('process_resident_memory_bytes') / mebi,
      heapMiB: value('nodejs_heap_size_used_bytes') / mebi,
      // An origin that has been idle for long is forgotten.
      sockets: values.get('headgate_upstream_sockets_open') ?? 0,
      descriptors: value('process_open_fds'),
      lagP99Ms: value('nodejs_eventloop_lag_p99_seconds') * 1000,
      lagMaxMs: value('nodejs_eventloop_lag_max_seconds') * 1000,
      cpuSeconds: value('process_cpu_seconds_total'),
    });
  }
  return samples;
}

type Cadence = { readonly runs: number; readonly meanMs: number; readonly worstShare: number };

/** How far apart the runs of each collector began, by the journal. */
async function cadences(path: string, from: number, until: number): Promise<readonly Cadence[]> {
  const starts = new Map<string, number[]>();
  const { journal, close } = await openJournal({ kind: 'sqlite', path }, (error) => {
    throw error;
  });
  try {
    const head = await journal.head();
    for (let position = 0; position < head;) {
      const page = await journal.readAll(position, { categories: ['collector'] }, PAGE_EVENTS);
      for (const { stream, type, data } of page.events) {
        if (type !== 'RunStarted') continue;
        const atMs = Number(data['atMs']);
        if (atMs < from || atMs > until) continue;
        const known = starts.get(stream) ?? [];
        known.push(atMs);
        starts.set(stream, known);
      }
      if (page.next <= position) break;
      position = page.next;
    }
  } finally {
    await close();
  }
  return [...starts.values()].map((list) => {
    const meanMs = ((list.at(-1) ?? 0) - (list[0] ?? 0)) / Math.max(1, list.length - 1);
    return { runs: list.length, meanMs, worstShare: Math.abs(meanMs / INTERVAL_MS - 1) };
  });
}

function told(samples: readonly Sample[], all: readonly Cadence[], perSecond: number): Report {
  return {
    title: 'a thousand collectors',
    lead:
      `${String(COLLECTORS)} collectors of one source, each with a scope, a limiter and a breaker of its own, ` +
      `a run every ${figure(INTERVAL_MS / 1000)} s, in one process with the SQLite journal ` +
      '(synchronous=FULL), records, views, REST and metrics; the sandbox and this program in another. ' +
      `Measured after ${figure(WARM_UP_MS / 1000)} s of running.`,
    tables: [overTime(samples), inAll(samples, all, perSecond)],
    verdicts: verdicts(samples, all),
    notes: [
      'The loop’s delay is prom-client’s: it includes a timer’s own 10 ms, and what another process on the same two cores takes.',
      'The JavaScript heap is flat; what else grows was not traced (SQLite’s page caches fill up to their bounds).',
    ],
    notMeasured: ['upstreams of several kinds', 'a second process'],
  };
}

function overTime(samples: readonly Sample[]): Table {
  return {
    caption: `Every sixth of the samples, one each ${figure(SAMPLE_MS / 1000)} s.`,
    columns: ['s', 'RSS MiB', 'heap MiB', 'sockets', 'descriptors', 'loop p99 ms', 'loop max ms'],
    rows: samples
      .filter((_, index) => index % 6 === 5 || index === 0)
      .map((s) => [
        Math.round(s.atMs / 1000),
        s.residentMiB,
        s.heapMiB,
        s.sockets,
        s.descriptors,
        s.lagP99Ms,
        s.lagMaxMs,
      ]),
  };
}

function inAll(samples: readonly Sample[], all: readonly Cadence[], perSecond: number): Table {
  const { first, last, seconds } = ends(samples);
  const cores = (last.cpuSeconds - first.cpuSeconds) / seconds;
  const runs = median(all.map((each) => each.runs));
  return {
    caption: 'Over the whole time.',
    columns: ['collectors', 'runs each (median)', 'requests/s', 'cores', 'worst cadence off by'],
    rows: [[all.length, runs, perSecond, cores, `${figure(100 * worstOf(all))} %`]],
  };
}

function worstOf(all: readonly Cadence[]): number {
  return Math.max(...all.map(({ worstShare }) => worstShare));
}

function verdicts(samples: readonly Sample[], all: readonly Cadence[]): readonly Verdict[] {
  const lags = samples.map(({ lagP99Ms }) => lagP99Ms);
  const off = all.filter(({ worstShare }) => worstShare > CADENCE_SHARE_MAX).length;
  const { first, last } = ends(samples);
  const sockets = Math.max(...samples.map((sample) => sample.sockets));
  const silent = COLLECTORS - all.length;
  return [
    atMost('event-loop delay p99, worst sample', Math.max(...lags), 20, ' ms'),
    atMost('event-loop delay p99, median sample', median(lags), 20, ' ms'),
    atMost('collectors more than 5 % off their cadence, or silent', off + silent, 0, ''),
    atMost('RSS at the end / at the beginning', last.residentMiB / first.residentMiB, 1.1, ' ×'),
    atMost('sockets open, the most', sockets, first.sockets + 8, ''),
  ];
}

function ends(samples: readonly Sample[]): { first: Sample; last: Sample; seconds: number } {
  const [first, last] = [samples[0], samples.at(-1)];
  if (first === undefined || last === undefined) throw new Error('nothing was sampled');
  return { first, last, seconds: (last.atMs - first.atMs) / 1000 };
}
