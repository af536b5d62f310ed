/**
 * REST against bare Fastify sending the same bytes as a ready string: how much the table, the guards,
 * the checks and the caches cost. The load comes from its own process.
 */
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import Fastify from 'fastify';
import { openGatekeeper, restGateway } from '../src/gateway/index.js';
import { world } from '../test/support/gateway-fakes.js';
import { median } from './support/measure.js';
import type { BenchOptions } from './support/options.js';
import { atLeast, figure, type Report } from './support/report.js';
import { serviceCases } from './support/rest-command.js';
import type { Load, LoadSeen } from './support/rest-load.js';
import { clock, log, random } from './support/world.js';

const CONNECTIONS = 50;
const SECONDS = 0.5;
const WARM_UP_SECONDS = 0.3;

type Case = {
  readonly name: string;
  readonly collectors: number;
  readonly path: string;
  /** Changes of one collector or another, per second, while it is asked. */
  readonly changesPerSecond: number;
  readonly target?: number;
};

const ALL = '/collectors';
const CASES: readonly Case[] = [
  { name: 'GET /livez', collectors: 8, path: '/livez', changesPerSecond: 0 },
  {
    name: 'GET /collectors/{name}',
    collectors: 8,
    path: '/collectors/c0',
    changesPerSecond: 0,
    target: 0.7,
  },
  { name: 'GET /collectors, 8', collectors: 8, path: ALL, changesPerSecond: 0, target: 0.7 },
  { name: 'GET /collectors, 8, changing', collectors: 8, path: ALL, changesPerSecond: 100 },
  { name: 'GET /collectors, 1000', collectors: 1000, path: ALL, changesPerSecond: 0, target: 0.7 },
  { name: 'GET /collectors, 1000, changing', collectors: 1000, path: ALL, changesPerSecond: 100 },
];

const CHANGE_EVERY_MS = 10;

/** With what the answering process spent on each request: steadier than a rate on a busy machine. */
type Side = LoadSeen & { readonly cpuUs: number };
type Seen = {
  readonly name: string;
  readonly target: number | undefined;
  readonly bytes: number;
  readonly rounds: readonly { readonly ours: Side; readonly bare: Side }[];
};

export async function rest({ rounds }: BenchOptions): Promise<Report> {
  const program = fileURLToPath(new URL('./support/rest-load.js', import.meta.url));
  const load = fork(program, { execArgv: [] });
  const seen: Seen[] = [];
  for (const each of CASES) seen.push(await compare(each, load, rounds));
  seen.push(...(await serviceCases(load, CONNECTIONS, rounds)));
  load.kill();
  const ratioOf = ({ rounds: all }: Seen): number =>
    median(all.map(({ ours, bare }) => ours.perSecond / bare.perSecond));
  return {
    title: 'questions over REST',
    lead:
      'Ours: the whole gateway (guards, table, input checks, pieces serialised once per change, request ' +
      'log and metrics) over hand-made views. Bare: a Fastify that sends the same bytes as a ready ' +
      `string. ${String(CONNECTIONS)} connections from another process; *changing*: 100 collectors a second change while asked. ` +
      '*Service*: the whole service in its place (engine, SQLite journal with synchronous=FULL, read models), each connection with a collector of its own; the command holds its breaker in measuring only for an hour from now, a fact each time, and is answered when that is on disk and shown.',
    tables: [
      {
        caption: `Medians of ${String(rounds)} rounds of ${String(SECONDS)} s each.`,
        columns: [
          'question',
          'bytes',
          'ours /s',
          'bare /s',
          'ratio',
          'ours CPU µs',
          'bare CPU µs',
          'by CPU',
          'ours p50/p99 ms',
          'bare p50/p99 ms',
        ],
        rows: seen.map((one) => rowOf(one, ratioOf(one))),
      },
    ],
    verdicts: seen.flatMap((one) =>
      one.target === undefined
        ? []
        : [atLeast(`${one.name}: ours / bare`, ratioOf(one), one.target, ' ×')],
    ),
    notes: [],
    notMeasured: [
      'real views and a real engine, but where it says *service*',
      'TLS, a network, clients that read slowly',
    ],
  };
}

function rowOf({ name, bytes, rounds }: Seen, ratio: number): readonly (string | number)[] {
  const of = (side: 'ours' | 'bare', key: keyof Side): number =>
    median(rounds.map((round) => round[side][key]));
  const ends = (side: 'ours' | 'bare'): string =>
    `${figure(of(side, 'p50'))} / ${figure(of(side, 'p99'))}`;
  const byCpu = median(rounds.map(({ ours, bare }) => bare.cpuUs / ours.cpuUs));
  const rates = [bytes, of('ours', 'perSecond'), of('bare', 'perSecond'), ratio];
  const cpu = [of('ours', 'cpuUs'), of('bare', 'cpuUs'), byCpu];
  return [name, ...rates, ...cpu, ends('ours'), ends('bare')];
}

async function compare(each: Case, load: ChildProcess, rounds: number): Promise<Seen> {
  const made = world(Array.from({ length: each.collectors }, (_, i) => `c${String(i)}`));
  const gateway = restGateway({ ...made, clock, random, log, gatekeeper: openGatekeeper() });
  const ours = (await gateway.listen('127.0.0.1', 0)) + each.path;
  const bytes = await (await fetch(ours)).text();
  const bare = await bareFastify(each.path, bytes);
  const changes = changer(each, made);
  const seen: { ours: Side; bare: Side }[] = [];
  await ask(load, ours, WARM_UP_SECONDS);
  await ask(load, bare.url, WARM_UP_SECONDS);
  for (let round = 0; round < rounds; round += 1) {
    const theirs = await ask(load, bare.url, SECONDS);
    changes.start();
    const mine = await ask(load, ours, SECONDS);
    changes.stop();
    seen.push({ ours: mine, bare: theirs });
  }
  await Promise.all([gateway.close(), bare.close()]);
  return { name: each.name, target: each.target, bytes: bytes.length, rounds: seen };
}

function changer(each: Case, made: ReturnType<typeof world>) {
  let changed = 0;
  let cancel = (): void => undefined;
  const start = (): void => {
    if (each.changesPerSecond === 0) return;
    for (let i = 0; i < (each.changesPerSecond * CHANGE_EVERY_MS) / 1000; i += 1) {
      const name = `c${String(changed % each.collectors)}`;
      changed += 1;
      made.edit(name, (docs) => ({ ...docs, revision: docs.revision + 1 }));
    }
    cancel = clock.after(CHANGE_EVERY_MS, start);
  };
  return { start, stop: () => cancel() };
}

async function ask(load: ChildProcess, url: string, seconds: number): Promise<Side> {
  const before = process.cpuUsage();
  load.send({ url, seconds, connections: CONNECTIONS } satisfies Load);
  const [seen] = (await once(load, 'message')) as [LoadSeen];
  const { user, system } = process.cpuUsage(before);
  return { ...seen, cpuUs: (user + system) / seen.total };
}

async function bareFastify(path: string, bytes: string) {
  const app = Fastify({ logger: false });
  app.get(path, (_request, reply) => {
    void reply.header('content-type', 'application/json; charset=utf-8').send(bytes);
  });
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  return { url: url + path, close: () => app.close() };
}
