/**
 * Unary calls over gRPC against a bare grpc-js server that answers the same bytes: a question, and a command
 * that is durable before it is answered. The load is h2load's.
 */
import { Server, ServerCredentials } from '@grpc/grpc-js';
import type { handleUnaryCall } from '@grpc/grpc-js';
import {
  CollectorServiceService,
  GetCollectorRequest,
  SetCircuitBreakerStateRequest,
} from '../src/gen/headgate/v1/collector_service.js';
import { BreakerState } from '../src/gen/headgate/v1/words.js';
import { assert } from '../src/kernel/errors.js';
import { grpcClient } from '../test/support/grpc-client.js';
import { hasH2load, h2load, type Asking, type Loaded } from './support/h2load.js';
import { collectGarbage, median } from './support/measure.js';
import type { BenchOptions } from './support/options.js';
import { atLeast, figure, type Report } from './support/report.js';
import { startService, type Service } from './support/service.js';
import { inTemporaryDirectory } from './support/world.js';

const IN_FLIGHT = 50;
const CONNECTIONS = 5;
const ROUND_MS = 2_000;
const WARM_UP_MS = 2_000;
const TTL_SECONDS = 3_600;

type Side = 'ours' | 'bare';
/** With what the answering process spent on each call, its threads included. */
type Round = Loaded & { readonly cpuUs: number };
type Case = {
  readonly name: string;
  readonly target: number;
  /** One call as a client makes it: its answer’s size is the bare server’s. */
  readonly answer: Buffer;
  readonly request: Uint8Array;
  readonly load: (url: string, path: string) => readonly Asking[];
  readonly path: string;
};
type Seen = {
  readonly one: Case;
  readonly rounds: readonly Readonly<Record<Side, Round>>[];
};

export async function grpc({ rounds }: BenchOptions): Promise<Report> {
  const isHere = hasH2load();
  const seen = isHere ? await inTemporaryDirectory((path) => measure(path, rounds)) : [];
  return {
    title: 'unary calls over gRPC',
    lead:
      'Ours: the whole service in one process (engine, SQLite journal with synchronous=FULL, read models, ' +
      'audit, log and metrics), collectors that do not run. Bare: a grpc-js server that reads no request ' +
      'and answers ready bytes of the same size. The command holds a breaker in measuring only, for an ' +
      'hour from now: each call writes a fact; its answer is sent when that is on disk and the read ' +
      `models show it. ${String(IN_FLIGHT)} calls in flight by h2load: the question on ${String(CONNECTIONS)} connections, the ` +
      `command on ${String(IN_FLIGHT)}, each to a collector of its own.`,
    tables: isHere
      ? [
          {
            caption: `Medians of ${String(rounds)} rounds of ${figure(ROUND_MS / 1000)} s each side.`,
            columns: [
              'call',
              'bytes asked / answered',
              'ours /s',
              'bare /s',
              'ratio',
              'ours CPU µs',
              'bare CPU µs',
              'by CPU',
              'ours p50/p99 ms',
              'bare p50/p99 ms',
            ],
            rows: seen.map(rowOf),
          },
        ]
      : [],
    verdicts: seen.map(({ one, rounds: all }) =>
      atLeast(`${one.name}: ours / bare`, ratioOf(all), one.target, ' ×'),
    ),
    notes: isHere ? [] : ['Skipped: h2load is not here (Debian: nghttp2-client).'],
    notMeasured: ['TLS, a network', 'tokens (anyone on this machine is let in)'],
  };
}

function ratioOf(rounds: Seen['rounds']): number {
  return median(rounds.map(({ ours, bare }) => ours.perSecond / bare.perSecond));
}

function rowOf({ one, rounds }: Seen): readonly (string | number)[] {
  const of = (side: Side, key: keyof Round): number =>
    median(rounds.map((each) => each[side][key]));
  const ends = (side: Side): string =>
    `${figure(of(side, 'p50Ms'))} / ${figure(of(side, 'p99Ms'))}`;
  const byCpu = median(rounds.map(({ ours, bare }) => bare.cpuUs / ours.cpuUs));
  const bytes = `${String(one.request.length)} / ${String(one.answer.length)}`;
  const rates = [of('ours', 'perSecond'), of('bare', 'perSecond'), ratioOf(rounds)];
  const cpu = [of('ours', 'cpuUs'), of('bare', 'cpuUs'), byCpu];
  return [one.name, bytes, ...rates, ...cpu, ends('ours'), ends('bare')];
}

async function measure(directory: string, rounds: number): Promise<readonly Seen[]> {
  const service = await startService(directory, IN_FLIGHT);
  try {
    const cases = [await question(service), await command(service)];
    const seen: Seen[] = [];
    for (const one of cases) seen.push(await compare(directory, one, service, rounds));
    await assertAnswered(service);
    return seen;
  } finally {
    await service.close();
  }
}

async function compare(
  directory: string,
  one: Case,
  { app }: Service,
  rounds: number,
): Promise<Seen> {
  const bare = await bareServer(one.answer);
  const sides = {
    ours: one.load(app.grpcUrl, one.path),
    bare: one.load(bare.url, BARE_PATH),
  };
  const run = async (side: Side, ms: number): Promise<Round> => {
    collectGarbage();
    const load = h2load(directory, sides[side], ms);
    const before = process.cpuUsage();
    const loaded = await load.seen();
    const { user, system } = process.cpuUsage(before);
    return { ...loaded, cpuUs: (user + system) / loaded.answered };
  };
  const all: Record<Side, Round>[] = [];
  await run('ours', WARM_UP_MS);
  await run('bare', WARM_UP_MS);
  for (let round = 0; round < rounds; round += 1) {
    const [first, second]: readonly Side[] = round % 2 === 0 ? ['bare', 'ours'] : ['ours', 'bare'];
    assert(first !== undefined && second !== undefined, 'there are two sides');
    const told = { [first]: await run(first, ROUND_MS), [second]: await run(second, ROUND_MS) };
    all.push(told as Record<Side, Round>);
  }
  bare.close();
  return { one, rounds: all };
}

async function question(service: Service): Promise<Case> {
  const method = CollectorServiceService.getCollector;
  const [name = ''] = service.names;
  const message = GetCollectorRequest.encode(GetCollectorRequest.fromPartial({ name })).finish();
  return {
    name: 'GetCollector',
    target: 0.7,
    path: method.path,
    request: message,
    answer: method.responseSerialize(
      await asked(service, (client) => client.ask(method, { name })),
    ),
    load: (url, path) => [
      {
        url: url + path,
        message,
        connections: CONNECTIONS,
        inFlight: IN_FLIGHT / CONNECTIONS,
      },
    ],
  };
}

/** With a time to live no repeat is like the one before: each is a fact. */
async function command(service: Service): Promise<Case> {
  const method = CollectorServiceService.setCircuitBreakerState;
  const wishOf = (name: string): SetCircuitBreakerStateRequest =>
    SetCircuitBreakerStateRequest.fromPartial({
      name,
      state: BreakerState.BREAKER_STATE_METRICS_ONLY,
      ttl: { seconds: TTL_SECONDS, nanos: 0 },
    });
  const encoded = (name: string): Uint8Array =>
    SetCircuitBreakerStateRequest.encode(wishOf(name)).finish();
  const [name = ''] = service.names;
  const first = await asked(service, (client) => client.ask(method, wishOf(name)));
  assert(first.changed, 'the command changed something');
  return {
    name: 'SetCircuitBreakerState, durable',
    target: 0.4,
    path: method.path,
    request: encoded(name),
    answer: method.responseSerialize(first),
    load: (url, path) =>
      service.names.map((each) => ({
        url: url + path,
        message: encoded(each),
        connections: 1,
        inFlight: 1,
      })),
  };
}

async function asked<T>(
  { app }: Service,
  ask: (client: ReturnType<typeof grpcClient>) => Promise<{ readonly message: T }>,
): Promise<T> {
  const client = grpcClient(app.grpcAddress);
  const { message } = await ask(client);
  client.close();
  return message;
}

/** HTTP says 200 to all: what each call came to is in the service’s own count. */
async function assertAnswered({ app }: Service): Promise<void> {
  const page = await (await fetch(app.metricsUrl)).text();
  const lines = page.split('\n').filter((line) => line.startsWith('grpc_server_handled_total{'));
  // The last calls of a round are cut by h2load itself.
  const others = lines.filter(
    (line) => !/grpc_code="(OK|Canceled|CANCELLED|Cancelled)"/.test(line),
  );
  assert(lines.length > 0 && others.length === 0, `all calls went well: ${others.join(' ')}`);
}

const BARE_PATH = '/bench.Bare/Answer';

async function bareServer(answer: Buffer): Promise<{ url: string; close: () => void }> {
  const asItIs = (bytes: Buffer): Buffer => bytes;
  const server = new Server();
  const handler: handleUnaryCall<Buffer, Buffer> = (_call, callback) => {
    callback(null, answer);
  };
  const definition = {
    path: BARE_PATH,
    requestStream: false,
    responseStream: false,
    requestSerialize: asItIs,
    requestDeserialize: asItIs,
    responseSerialize: asItIs,
    responseDeserialize: asItIs,
  };
  server.addService({ answer: definition }, { answer: handler });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) resolve(bound);
      else reject(error);
    });
  });
  return {
    url: `http://127.0.0.1:${String(port)}`,
    close: () => {
      server.forceShutdown();
    },
  };
}
