/** Two services of one kind, one steered over REST and one over gRPC; their journals tell of the same. */
import { expect } from 'vitest';
import type { StoredEvent } from '../../src/journal/port.js';
import { OPERATIONS } from '../../src/gateway/index.js';
import type { AnyOperation } from '../../src/gateway/operation.js';
import type { Position } from '../../src/kernel/types.js';
import { until } from './app-http.js';
import { openTestApp } from './app-service.js';
import type { AppOptions, TestApp } from './app-service.js';
import { grpcClient } from './grpc-client.js';
import type { GrpcClient } from './grpc-client.js';
import { EPOCH_MS_MIN, butForChance, exactly, masked } from './parity-compare.js';
import { askGrpc, askRest, disagreements } from './parity-heard.js';
import type { GrpcHeard, RestHeard } from './parity-heard.js';
import { grpcRequest, rpcOf } from './parity-requests.js';
import type { Guards, Input } from './parity-requests.js';

/** One of the two, with both its doors: a repeat comes by the other one. */
export type Side = {
  readonly door: 'rest' | 'grpc';
  readonly app: TestApp;
  readonly client: GrpcClient;
  /** Given with each call, once there are tokens. */
  token: string | undefined;
};

export type Pair = {
  readonly rest: Side;
  readonly grpc: Side;
  /** From the first run on etags differ: they count facts. */
  hasRun: boolean;
  close(): Promise<void>;
};

/** Stops and starts nothing by itself: their collectors run when a command says so. */
export async function openPair(options: AppOptions): Promise<Pair> {
  const rest = await openTestApp(options);
  const grpc = await openTestApp(options).catch(async (thrown: unknown) => {
    await rest.close();
    throw thrown;
  });
  const side = (door: Side['door'], app: TestApp): Side => ({
    door,
    app,
    client: grpcClient(app.grpcUrl()),
    token: undefined,
  });
  const pair = { rest: side('rest', rest), grpc: side('grpc', grpc) };
  return {
    ...pair,
    hasRun: false,
    async close() {
      for (const { client } of [pair.rest, pair.grpc]) client.close();
      // The last that came goes first: each looks whether it left anything behind.
      await grpc.close();
      await rest.close();
    },
  };
}

export function rowOf(name: string): AnyOperation {
  const row = OPERATIONS.find((each) => each.name === name);
  if (row === undefined) throw new Error(`the table has no ${name}`);
  return row;
}

/** What differs between the two: an id each has its own of. */
export type PerSide = Input | ((side: Side) => Input);

const inputOf = (given: PerSide, side: Side): Input =>
  typeof given === 'function' ? given(side) : given;

export type Heard = { readonly rest: RestHeard; readonly grpc: GrpcHeard };

/** The same by REST of the one and gRPC of the other; they must say and do the same. */
export async function both(
  { rest, grpc, hasRun }: Pair,
  name: string,
  input: PerSide,
  guards: Guards = {},
): Promise<Heard> {
  const row = rowOf(name);
  // What the rpc cannot say is asked of neither.
  grpcRequest(rpcOf(row), inputOf(input, grpc), guards);
  const from = [await rest.app.head(), await grpc.app.head()] as const;
  const [viaRest, viaGrpc] = await Promise.all([
    askRest(rest.app, row, inputOf(input, rest), guards, rest.token),
    askGrpc(grpc.client, row, inputOf(input, grpc), guards, grpc.token),
  ]);
  expect(disagreements(row, viaRest, viaGrpc, butForChance)).toEqual([]);
  if (!hasRun) expect(etagOf(viaGrpc)).toBe(viaRest.body['etag']);
  await expectSameFacts({ rest, grpc }, from, typeof input === 'function');
  return { rest: viaRest, grpc: viaGrpc };
}

function etagOf(heard: GrpcHeard): unknown {
  const etag = heard.ok ? heard.message['etag'] : heard.told.info?.metadata['etag'];
  return etag === '' ? undefined : etag;
}

/** The same again, each by its other door: the answers are those the first doors gave, to the letter. */
export async function repeated(
  { rest, grpc }: Pair,
  name: string,
  input: PerSide,
  guards: Guards,
  /** What was heard, and the members that an answer says anew. */
  { but = [], ...first }: Heard & { readonly but?: readonly string[] },
): Promise<void> {
  const row = rowOf(name);
  const from = [await rest.app.head(), await grpc.app.head()] as const;
  const viaGrpc = await askGrpc(rest.client, row, inputOf(input, rest), guards, rest.token);
  const viaRest = await askRest(grpc.app, row, inputOf(input, grpc), guards, grpc.token);
  const told = [
    ...disagreements(row, first.rest, viaGrpc, exactly),
    ...disagreements(row, viaRest, first.grpc, exactly),
  ];
  expect(told.filter((each) => !but.some((member) => each.startsWith(member)))).toEqual([]);
  expect(await factsOf(rest, from[0])).toEqual([]);
  expect(await factsOf(grpc, from[1])).toEqual([]);
}

/** What principals' commands wrote, and the trail of what was answered; refusals follow behind. */
async function expectSameFacts(
  { rest, grpc }: Pick<Pair, 'rest' | 'grpc'>,
  [fromRest, fromGrpc]: readonly [Position, Position],
  /** They were not asked the very same: neither is the hash of it. */
  isOfEach: boolean,
): Promise<void> {
  const [ofRest, ofGrpc] = [
    await factsOf(rest, fromRest, isOfEach),
    await factsOf(grpc, fromGrpc, isOfEach),
  ];
  expect(ofGrpc).toEqual(ofRest);
}

async function factsOf(side: Side, after: Position, isOfEach = false): Promise<readonly object[]> {
  const events = await side.app.events(after);
  return events.filter((event) => isCommands(event) && !isRefusal(event)).map(told(side, isOfEach));
}

const isCommands = ({ metadata }: StoredEvent): boolean => metadata.interface !== 'system';

function isRefusal({ type, data }: StoredEvent): boolean {
  return (
    type === 'CommandAnswered' &&
    /DENIED|FAILED|denied|failed/.test(JSON.stringify(data['outcome']))
  );
}

/** An event without what chance and its door gave it. */
function told({ door }: Pick<Side, 'door'>, isOfEach: boolean): (event: StoredEvent) => object {
  return ({ stream, type, data, metadata }) => {
    const { actor, reason, operation, address, schema } = metadata;
    expect(metadata.interface, `${stream} ${type}`).toBe(door);
    const commandHash = isOfEach ? typeof metadata.commandHash : metadata.commandHash;
    const told = { actor, reason, operation, address, commandHash, schema };
    return { stream: masked(stream), type, data: plain(data), ...told };
  };
}

/** JSON without what differs from one run to the next. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, plain(each)]));
  }
  if (typeof value === 'string') {
    return masked(value);
  }
  return typeof value === 'number' && value > EPOCH_MS_MIN ? '<ms>' : value;
}

/** Until a collector of both is in this phase. */
export async function inPhase(pair: Pair, name: string, phase: string): Promise<void> {
  for (const { app, token } of [pair.rest, pair.grpc]) {
    await until(`${name} is ${phase}`, async () => {
      const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
      const { body } = await app.send('GET', `/collectors/${name}`, { headers });
      return (body['collector'] as { phase?: string } | undefined)?.phase === phase;
    });
  }
}

/** What a stopped service refused. Refusals of one kind are told together now and then, when depends on the minute: here all of a kind. */
export async function refusalsOf({ app, door }: Side): Promise<readonly string[]> {
  const counts = new Map<string, number>();
  for (const event of await app.stored()) {
    if (!isRefusal(event)) continue;
    expect(event.metadata.interface, JSON.stringify(event.data)).toBe(door);
    const { operation, outcome, code, count = 1 } = event.data;
    // Of who may not, and of what is too large, no message is read: gRPC knows not whom it was about.
    const isUnread = outcome === 'denied' || code === 'payload_too_large';
    const target = isUnread ? '' : event.data['target'];
    const { actor } = event.metadata;
    const kind = JSON.stringify(plain([operation, target, outcome, code, actor]));
    counts.set(kind, (counts.get(kind) ?? 0) + Number(count));
  }
  return [...counts].map(([kind, count]) => `${kind} ${String(count)}`).toSorted();
}
