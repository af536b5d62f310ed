/**
 * Two hundred watchers of a thousand collectors that change a thousand times a second: how long a change
 * takes to those who watch, and what they cost. Some watchers are measured, in another process; h2load is the
 * rest, for a Node client takes more processor time per message than the server.
 */
import { performance } from 'node:perf_hooks';
import { WatchCollectorsRequest } from '../src/gen/headgate/v1/collector_service.js';
import { CollectorServiceService } from '../src/gen/headgate/v1/collector_service.js';
import { CONTRACT, grpcGateway, openGatekeeper, reachOf } from '../src/gateway/index.js';
import { world, type World } from '../test/support/gateway-fakes.js';
import { startSubscribers, type Subscribers } from '../test/support/grpc-watchers.js';
import { h2load, hasH2load } from './support/h2load.js';
import { collectGarbage, median, quantile } from './support/measure.js';
import type { BenchOptions } from './support/options.js';
import { atMost, figure, type Report } from './support/report.js';
import { clock, inTemporaryDirectory, log, random } from './support/world.js';

const COLLECTORS = 1_000;
const CHANGES_PER_SECOND = 1_000;
const CHANGE_EVERY_MS = 10;
const ROUND_MS = 3_000;
const MEASURED = 10;
const CHANNELS = 5;
/** Watchers of h2load on one connection. */
const PER_CONNECTION = 10;
const MEBI = 2 ** 20;

const CASES = [
  { name: '200 that read', reading: 200, stalled: 0 },
  { name: '100 that read, 100 that never do', reading: 100, stalled: 100 },
] as const;
type Case = (typeof CASES)[number];

type Round = {
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Of one watcher, per second. */
  readonly messages: number;
  readonly changes: number;
  readonly cores: number;
};
type Memory = { readonly heapMiB: number; readonly residentMiB: number };
type Seen = {
  readonly one: Case;
  readonly rounds: readonly Round[];
  readonly before: Memory;
  readonly after: Memory;
};

export async function watchers({ rounds }: BenchOptions): Promise<Report> {
  const isHere = hasH2load();
  const seen: Seen[] = [];
  if (isHere) for (const one of CASES) seen.push(await measure(one, rounds));
  const mid = ({ rounds: all }: Seen, key: keyof Round): number =>
    median(all.map((each) => each[key]));
  return {
    title: 'watchers over gRPC',
    lead:
      `${String(COLLECTORS)} collectors of hand-made views, ${String(CHANGES_PER_SECOND)} changes a second, one collector after the other, ` +
      `${String((CHANGES_PER_SECOND * CHANGE_EVERY_MS) / 1000)} each ${String(CHANGE_EVERY_MS)} ms. The gateway’s WatchCollectors over HTTP/2 on loopback. ` +
      `${String(MEASURED)} of the watchers who read are grpc-js in another process, on ${String(CHANNELS)} connections, and measured: ` +
      'from the change of the document to the decoded message. The other readers are h2load, ' +
      `${String(PER_CONNECTION)} to a connection. Who never reads took one item.`,
    tables: isHere
      ? [
          {
            caption: `Medians of ${String(rounds)} rounds of ${figure(ROUND_MS / 1000)} s; the memory, collected, before the first watcher came and while all are there after the last round.`,
            columns: [
              'watchers',
              'changes/s',
              'messages/s each',
              'p50 ms',
              'p99 ms',
              'cores',
              'heap MiB before → after',
              'RSS MiB before → after',
            ],
            rows: seen.map((each) => {
              const { one, before, after } = each;
              const measured = [mid(each, 'changes'), mid(each, 'messages')];
              const taken = [mid(each, 'p50Ms'), mid(each, 'p99Ms'), mid(each, 'cores')];
              const grown = (key: keyof Memory): string =>
                `${figure(before[key])} → ${figure(after[key])}`;
              return [one.name, ...measured, ...taken, grown('heapMiB'), grown('residentMiB')];
            }),
          },
        ]
      : [],
    verdicts: seen.flatMap((each) => [
      atMost(`${each.one.name}: change to receipt, p99`, mid(each, 'p99Ms'), 100, ' ms'),
      atMost(
        `${each.one.name}: heap grown by`,
        each.after.heapMiB - each.before.heapMiB,
        32,
        ' MiB',
      ),
    ]),
    notes: isHere ? [] : ['Skipped: h2load is not here (Debian: nghttp2-client).'],
    notMeasured: ['real views (a change is shown when its page is applied)', 'TLS, a network'],
  };
}

async function measure(one: Case, rounds: number): Promise<Seen> {
  const names = Array.from({ length: COLLECTORS }, (_, n) => `c${String(n).padStart(4, '0')}`);
  const made = world(names);
  const gateway = grpcGateway({
    reach: reachOf(made),
    contract: CONTRACT,
    gatekeeper: openGatekeeper(),
    clock,
    random,
    log,
  });
  const target = await gateway.listen('127.0.0.1', 0);
  const before = memory();
  const subscribers = startSubscribers([]);
  const watching = { target, to: 'watch', request: {}, channels: CHANNELS } as const;
  await subscribers.open({ ...watching, live: MEASURED, stalled: one.stalled });
  const others = one.reading - MEASURED;
  const load = await inTemporaryDirectory((directory) =>
    readingMeanwhile(directory, target, others, rounds, async () => {
      const all: Round[] = [];
      await changing(made, names, ROUND_MS);
      for (let n = 0; n < rounds; n += 1) all.push(await round(made, names, subscribers));
      return { all, after: memory() };
    }),
  );
  await subscribers.end();
  await gateway.close();
  return { one, rounds: load.all, before, after: load.after };
}

/** h2load watches for as long as the work may take at most; it is cut when the gateway closes. */
async function readingMeanwhile<T>(
  directory: string,
  target: string,
  watching: number,
  rounds: number,
  work: () => Promise<T>,
): Promise<T> {
  const { stop } = h2load(
    directory,
    [
      {
        url: `http://${target}${CollectorServiceService.watchCollectors.path}`,
        message: WatchCollectorsRequest.encode(WatchCollectorsRequest.fromPartial({})).finish(),
        connections: watching / PER_CONNECTION,
        inFlight: PER_CONNECTION,
      },
    ],
    ROUND_MS * (rounds + 1) * 10,
  );
  try {
    return await work();
  } finally {
    await stop();
  }
}

async function round(
  made: World,
  names: readonly string[],
  subscribers: Subscribers,
): Promise<Round> {
  await subscribers.delays();
  const cpu = process.cpuUsage();
  const began = performance.now();
  const changes = await changing(made, names, ROUND_MS);
  const seconds = (performance.now() - began) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  const { items, ms } = await subscribers.delays();
  return {
    p50Ms: quantile(ms, 0.5),
    p99Ms: quantile(ms, 0.99),
    messages: items / MEASURED / seconds,
    changes: changes / seconds,
    cores: (user + system) / 1e6 / seconds,
  };
}

let next = 0;

/** As many changes as are due each time; what was late is made up for. A state names the µs it is of. */
async function changing(made: World, names: readonly string[], ms: number): Promise<number> {
  const began = performance.now();
  for (let done = 0; ;) {
    const passed = performance.now() - began;
    if (passed >= ms) return done;
    for (const due = (passed * CHANGES_PER_SECOND) / 1000; done < due; done += 1) {
      const at = Math.round((performance.timeOrigin + performance.now()) * 1000);
      const name = names[next % names.length] ?? '';
      made.edit(name, (docs) => ({ ...docs, etag: `${String(at)}.0.0` }));
      next += 1;
    }
    await new Promise<void>((resolve) => {
      clock.after(CHANGE_EVERY_MS, resolve);
    });
  }
}

function memory(): Memory {
  collectGarbage();
  const { heapUsed, external, rss } = process.memoryUsage();
  return { heapMiB: (heapUsed + external) / MEBI, residentMiB: rss / MEBI };
}
