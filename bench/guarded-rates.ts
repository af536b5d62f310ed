/**
 * What guarding and recording every call costs at the rates that collectors really have, and at most:
 * limiter and breaker over the SQLite journal, against a bare call and cockatiel at the same rate.
 */
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { wait } from '../src/kernel/time.js';
import type { Journal } from '../src/journal/port.js';
import {
  bareAwait,
  byBoth,
  byBreaker,
  cockatielConsecutive,
  ourGates,
  type Guard,
  type OurGates,
} from './support/guards.js';
import { median, quantile, stopwatch, type Round } from './support/measure.js';
import type { BenchOptions } from './support/options.js';
import { figure, type Report } from './support/report.js';
import { clock, hostOver, inTemporaryDirectory, sqliteStores } from './support/world.js';

/** Calls per second of one collector. */
const RATES = [2, 10, 100, 1000] as const;
const SECONDS = 4;
const ROUNDS_MAX = 3;
/** For what one breaker records at most: calls between two waits until all is durable. */
const BURST = 100;
const BURSTS = 200;

type Row = readonly (string | number)[];

export async function guardedRates(options: BenchOptions): Promise<Report> {
  const rounds = Math.min(options.rounds, ROUNDS_MAX);
  const rows: Row[] = [];
  for (const rate of RATES) {
    // The limiter admits twice as much: a block is then what it would be, two seconds' worth at most.
    rows.push(
      ...(await withGates(2 * rate, (gates, journal) => rowsAt(rate, rounds, gates, journal))),
    );
  }
  const most = await withGates(undefined, (gates) => atMostRecorded(gates, rounds));
  return told(rows, most, rounds);
}

function withGates<T>(
  rate: number | undefined,
  work: (gates: OurGates, journal: Journal) => Promise<T>,
): Promise<T> {
  return inTemporaryDirectory(async (directory) => {
    const stores = await sqliteStores(join(directory, 'journal.db'));
    const host = hostOver(stores);
    const gates = await ourGates(host, rate);
    const done = await work(gates, stores.journal);
    await gates.flush();
    gates.close();
    await host.stop();
    await stores.close();
    return done;
  });
}

async function rowsAt(
  rate: number,
  rounds: number,
  gates: OurGates,
  journal: Journal,
): Promise<readonly Row[]> {
  const guards = {
    'bare await': bareAwait,
    'cockatiel 3': cockatielConsecutive(),
    'limiter + breaker, recorded': byBoth(gates.breaker, gates.limiters.slice(0, 1)),
  };
  const seen = new Map<string, { readonly round: Round; readonly events: number }[]>();
  for (let round = 0; round < rounds; round += 1) {
    for (const [name, guard] of Object.entries(guards)) {
      const one = await atRate(guard, rate, gates, journal);
      seen.set(name, [...(seen.get(name) ?? []), one]);
    }
  }
  return [...seen].map(([name, list]) => rowOf(rate, name, list));
}

/** Calls spread evenly over the seconds; each waits for nothing but its guard. */
async function atRate(guard: Guard, rate: number, gates: OurGates, journal: Journal) {
  const before = await journal.head();
  const latenciesMs: number[] = [];
  const began = performance.now();
  const passed = stopwatch();
  const calls = rate * SECONDS;
  for (let call = 0; call < calls; call += 1) {
    const due = began + (call * 1000) / rate;
    if (due > performance.now()) await wait(clock, due - performance.now());
    const asked = performance.now();
    await guard();
    latenciesMs.push(performance.now() - asked);
  }
  await wait(clock, Math.max(0, began + SECONDS * 1000 - performance.now()));
  await gates.flush();
  const round = { operations: calls, ...passed(), latenciesMs };
  return { round, events: (await journal.head()) - before };
}

function rowOf(
  rate: number,
  name: string,
  seen: readonly { readonly round: Round; readonly events: number }[],
): Row {
  const of = (share: number): number =>
    median(seen.map(({ round }) => quantile(round.latenciesMs, share)));
  const cpuShare = median(seen.map(({ round }) => (round.cpuMs / round.elapsedMs) * 100));
  const eventsPerSecond = median(seen.map(({ events }) => events / SECONDS));
  return [String(rate), name, of(0.5) * 1000, of(0.99) * 1000, cpuShare, eventsPerSecond];
}

/** One breaker as fast as its record becomes durable: nothing is given up. */
async function atMostRecorded(gates: OurGates, rounds: number) {
  const guard = byBreaker(gates.breaker);
  const lost = gates.breaker.unrecorded();
  const seen: Round[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const passed = stopwatch();
    for (let burst = 0; burst < BURSTS; burst += 1) {
      for (let call = 0; call < BURST; call += 1) await guard();
      await gates.breaker.flush();
    }
    seen.push({ operations: BURSTS * BURST, ...passed(), latenciesMs: [] });
  }
  return {
    perSecond: median(seen.map(({ operations, elapsedMs }) => (operations / elapsedMs) * 1000)),
    cpuNs: median(seen.map(({ operations, cpuMs }) => (cpuMs / operations) * 1e6)),
    lost: gates.breaker.unrecorded() - lost,
  };
}

function told(
  rows: readonly Row[],
  most: { readonly perSecond: number; readonly cpuNs: number; readonly lost: number },
  rounds: number,
): Report {
  return {
    title: 'guarded calls at the rates of collectors',
    lead:
      `One collector’s calls, evenly spread over ${String(SECONDS)} s. Ours over the SQLite journal (synchronous=FULL): ` +
      'latency is what guarding adds to a call, the durable reservation included when its block is ' +
      'used up or old; CPU is of the whole process, writer thread, timers and fsync included.',
    tables: [
      {
        caption: `Medians of ${String(rounds)} rounds.`,
        columns: ['calls/s', 'guard', 'p50 µs', 'p99 µs', '% of a core', 'events/s'],
        rows,
      },
    ],
    verdicts: [],
    notes: [
      `At most: one breaker records ${figure(most.perSecond)} calls/s durably, 100 a commit, at ${figure(most.cpuNs)} ns of CPU a call on all threads (${figure(most.lost)} given up). Faster than that, its gate goes on admitting and drops the oldest statistics beyond 10 000 waiting calls, counted and logged; transitions are never dropped.`,
      'A call that finds no usable block waits for one append (p99): a block is a second’s worth and lasts 2 s at most, so at 2 calls/s every fourth call reserves.',
    ],
    notMeasured: ['real exchanges', 'many collectors at once (see durable-commands)'],
  };
}
