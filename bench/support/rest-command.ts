/** The whole service’s REST edge under a question and a durable command, beside bare Fastify of the same bytes. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import Fastify from 'fastify';
import { collectGarbage } from './measure.js';
import type { Load, LoadSeen } from './rest-load.js';
import { startService } from './service.js';
import { inTemporaryDirectory } from './world.js';

const SECONDS = 2;
const WARM_UP_SECONDS = 2;
const TTL_SECONDS = 3_600;

/** With what the answering process spent on each request. */
export type ServiceSide = LoadSeen & { readonly cpuUs: number };
export type ServiceSeen = {
  readonly name: string;
  readonly target: number | undefined;
  readonly bytes: number;
  readonly rounds: readonly { readonly ours: ServiceSide; readonly bare: ServiceSide }[];
};

type Ask = Omit<Load, 'url' | 'seconds' | 'connections'> & { readonly name: string };

/** With a time to live no repeat is like the one before: each is a fact. */
const BODY = JSON.stringify({ state: 'metrics_only', ttl_seconds: TTL_SECONDS });

/** Each connection asks for a collector of its own. */
export async function serviceCases(
  load: ChildProcess,
  connections: number,
  rounds: number,
): Promise<readonly ServiceSeen[]> {
  return inTemporaryDirectory(async (directory) => {
    const service = await startService(directory, connections);
    const pathsOf = (tail: string) => service.names.map((name) => `/collectors/${name}${tail}`);
    const asks: readonly Ask[] = [
      { name: 'GET /collectors/{name}, service', method: 'GET', paths: pathsOf('') },
      {
        name: 'PUT …/circuit-breaker/state, service, durable',
        method: 'PUT',
        paths: pathsOf('/circuit-breaker/state'),
        body: BODY,
      },
    ];
    const seen: ServiceSeen[] = [];
    for (const ask of asks) {
      seen.push(await compare(ask, service.app.restUrl, load, connections, rounds));
    }
    await service.close();
    return seen;
  });
}

async function compare(
  { name, ...ask }: Ask,
  ours: string,
  load: ChildProcess,
  connections: number,
  rounds: number,
): Promise<ServiceSeen> {
  const bytes = await answerOf(ours, ask);
  const bare = await bareFastify(bytes);
  const run = async (url: string, seconds: number): Promise<ServiceSide> => {
    collectGarbage();
    const before = process.cpuUsage();
    load.send({ ...ask, url, seconds, connections } satisfies Load);
    const [seen] = (await once(load, 'message')) as [LoadSeen];
    const { user, system } = process.cpuUsage(before);
    return { ...seen, cpuUs: (user + system) / seen.total };
  };
  await run(ours, WARM_UP_SECONDS);
  await run(bare.url, WARM_UP_SECONDS);
  const all: { ours: ServiceSide; bare: ServiceSide }[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const theirs = await run(bare.url, SECONDS);
    all.push({ ours: await run(ours, SECONDS), bare: theirs });
  }
  await bare.close();
  const target = ask.method === 'GET' ? 0.7 : undefined;
  return { name, target, bytes: bytes.length, rounds: all };
}

async function answerOf(
  url: string,
  { method = 'GET', paths, body }: Omit<Ask, 'name'>,
): Promise<string> {
  const [path = ''] = paths ?? [];
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(url + path, body === undefined ? {} : { method, headers, body });
  if (!answer.ok) throw new Error(`${path} was answered ${String(answer.status)}`);
  return answer.text();
}

async function bareFastify(bytes: string) {
  const app = Fastify({ logger: false });
  app.all('*', (_request, reply) => {
    void reply.header('content-type', 'application/json; charset=utf-8').send(bytes);
  });
  return { url: await app.listen({ host: '127.0.0.1', port: 0 }), close: () => app.close() };
}
