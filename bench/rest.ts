/**
 * REST against bare Fastify sending the same bytes as a ready string: how much the table, the guards,
 * the checks and the caches cost. The load comes from its own process; rounds are interleaved and the
 * medians compared.
 *
 *   npx tsx bench/rest.ts [rounds=9] [seconds per round=0.5] [connections=50] [only=words of a case's name]
 *
 * What is not measured: real views and a real engine (theirs are hand-made and cheap), TLS, a network,
 * clients that read slowly.
 */
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import autocannon from 'autocannon';
import Fastify from 'fastify';
import { restGateway } from '../src/gateway/index.js';
import { silentLogger } from '../src/kernel/observe.js';
import { systemRandom } from '../src/kernel/random.js';
import { systemClock } from '../src/kernel/time.js';
import { world } from '../test/support/gateway-fakes.js';

type Load = { readonly url: string; readonly seconds: number; readonly connections: number };
type Round = {
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
  readonly total: number;
};
/** With what the answering process spent on each request: steadier than a rate on a busy machine. */
type Measured = Round & { readonly cpuUs: number };

type Case = {
  readonly name: string;
  readonly collectors: number;
  readonly path: string;
  /** Changes of one collector or another, per second, while it is asked. */
  readonly changesPerSecond: number;
};

const CASES: readonly Case[] = [
  { name: 'GET /livez', collectors: 8, path: '/livez', changesPerSecond: 0 },
  { name: 'GET /collectors/{name}', collectors: 8, path: '/collectors/c0', changesPerSecond: 0 },
  { name: 'GET /collectors, 8', collectors: 8, path: '/collectors', changesPerSecond: 0 },
  {
    name: 'GET /collectors, 8, changing',
    collectors: 8,
    path: '/collectors',
    changesPerSecond: 100,
  },
  { name: 'GET /collectors, 1000', collectors: 1000, path: '/collectors', changesPerSecond: 0 },
  {
    name: 'GET /collectors, 1000, changing',
    collectors: 1000,
    path: '/collectors',
    changesPerSecond: 100,
  },
];

const CHANGE_EVERY_MS = 10;

/** In the load's own process: answers each `Load` with a `Round`. */
function generateLoad(): void {
  process.on('message', (load: Load) => {
    void autocannon({
      url: load.url,
      duration: load.seconds,
      connections: load.connections,
    }).then(({ requests, duration, latency, non2xx, errors }) => {
      if (non2xx + errors > 0)
        throw new Error(`${String(non2xx + errors)} answers were no success`);
      const perSecond = requests.total / duration;
      process.send?.({
        perSecond,
        p50: latency.p50,
        p99: latency.p99,
        total: requests.total,
      } satisfies Round);
    });
  });
}

async function run(load: ChildProcess, asked: Load): Promise<Measured> {
  const before = process.cpuUsage();
  load.send(asked);
  const [round] = (await once(load, 'message')) as [Round];
  const { user, system } = process.cpuUsage(before);
  return { ...round, cpuUs: (user + system) / round.total };
}

async function bareFastify(path: string, bytes: string) {
  const app = Fastify({ logger: false });
  app.get(path, (_request, reply) => {
    void reply.header('content-type', 'application/json; charset=utf-8').send(bytes);
  });
  return { url: await app.listen({ host: '127.0.0.1', port: 0 }), close: () => app.close() };
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

async function compare(each: Case, load: ChildProcess, rounds: number, how: Omit<Load, 'url'>) {
  const clock = systemClock();
  const made = world(Array.from({ length: each.collectors }, (_, i) => `c${String(i)}`));
  const gateway = restGateway({ ...made, clock, random: systemRandom(), log: silentLogger });
  const ours = await gateway.listen('127.0.0.1', 0);
  const bytes = await (await fetch(ours + each.path)).text();
  const bare = await bareFastify(each.path, bytes);

  let changed = 0;
  let stop = (): void => undefined;
  const change = (): void => {
    for (let i = 0; i < (each.changesPerSecond * CHANGE_EVERY_MS) / 1000; i += 1) {
      const name = `c${String(changed % each.collectors)}`;
      changed += 1;
      made.edit(name, (docs) => ({ ...docs, revision: docs.revision + 1 }));
    }
    stop = clock.after(CHANGE_EVERY_MS, change);
  };

  const ratios: number[] = [];
  const seen: { ours: Measured; bare: Measured }[] = [];
  const warm = { ...how, seconds: 0.3 };
  await run(load, { ...warm, url: ours + each.path });
  await run(load, { ...warm, url: bare.url + each.path });
  for (let round = 0; round < rounds; round += 1) {
    const theirs = await run(load, { ...how, url: bare.url + each.path });
    if (each.changesPerSecond > 0) change();
    const mine = await run(load, { ...how, url: ours + each.path });
    stop();
    ratios.push(mine.perSecond / theirs.perSecond);
    seen.push({ ours: mine, bare: theirs });
  }
  await Promise.all([gateway.close(), bare.close()]);
  return {
    case: each.name,
    bytes: bytes.length,
    'ours /s': Math.round(median(seen.map(({ ours: { perSecond } }) => perSecond))),
    'bare /s': Math.round(median(seen.map(({ bare: { perSecond } }) => perSecond))),
    ratio: Number(median(ratios).toFixed(2)),
    'ours µs': Math.round(median(seen.map((s) => s.ours.cpuUs))),
    'bare µs': Math.round(median(seen.map((s) => s.bare.cpuUs))),
    'by cpu': Number(median(seen.map((s) => s.bare.cpuUs / s.ours.cpuUs)).toFixed(2)),
    'ours p50/p99 ms': `${String(median(seen.map((s) => s.ours.p50)))}/${String(median(seen.map((s) => s.ours.p99)))}`,
    'bare p50/p99 ms': `${String(median(seen.map((s) => s.bare.p50)))}/${String(median(seen.map((s) => s.bare.p99)))}`,
  };
}

async function main(): Promise<void> {
  const [rounds = 9, seconds = 0.5, connections = 50] = process.argv.slice(2, 5).map(Number);
  const only = process.argv[5] ?? '';
  const load = fork(fileURLToPath(import.meta.url), ['load'], { execArgv: process.execArgv });
  const rows = [];
  for (const each of CASES.filter(({ name }) => name.includes(only)))
    rows.push(await compare(each, load, rounds, { seconds, connections }));
  load.kill();
  const machine = `${String(availableParallelism())} cores, Node ${process.versions.node}`;
  console.log(
    `${machine}; ${String(rounds)} rounds of ${String(seconds)} s, ${String(connections)} connections`,
  );
  console.table(rows);
}

if (process.argv[2] === 'load') generateLoad();
else await main();
