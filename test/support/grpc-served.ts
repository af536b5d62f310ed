/** A gRPC edge on a free loopback port over a hand-made world, and services of the tests' own. */
import { onTestFinished } from 'vitest';
import { Type } from '@sinclair/typebox';
import { CONTRACT, grpcGateway, openGatekeeper, reachOf } from '../../src/gateway/index.js';
import type { GrpcGateway, GrpcParts } from '../../src/gateway/index.js';
import type { Contract } from '../../src/gateway/grpc/binding.js';
import type { MethodDefinition } from '../../src/gateway/grpc/requests.js';
import { operation, streamOperation } from '../../src/gateway/operation.js';
import type { AnyOperation, AnyStreamOperation, Handler } from '../../src/gateway/operation.js';
import type { Opened } from '../../src/gateway/operation.js';
import { silentLogger } from '../../src/kernel/observe.js';
import type { JsonObject } from '../../src/kernel/types.js';
import { grpcClient } from './grpc-client.js';
import type { GrpcClient } from './grpc-client.js';
import { world } from './gateway-fakes.js';
import type { World } from './gateway-fakes.js';

export type ServedGrpc = {
  readonly world: World;
  readonly gateway: GrpcGateway;
  /** host:port */
  readonly target: string;
  readonly client: GrpcClient;
  close(): Promise<void>;
};

/** Closed when the test is over. */
export async function servedGrpc(
  parts: Partial<GrpcParts> = {},
  made: World = world(),
): Promise<ServedGrpc> {
  const gateway = grpcGateway({
    reach: reachOf(made),
    contract: CONTRACT,
    gatekeeper: openGatekeeper(),
    clock: made.clock,
    random: made.random,
    log: silentLogger,
    ...parts,
  });
  const target = await gateway.listen('127.0.0.1', 0);
  const client = grpcClient(target);
  let closed: Promise<void> | undefined;
  const close = (): Promise<void> => {
    client.close();
    closed ??= gateway.close();
    return closed;
  };
  onTestFinished(close);
  return { world: made, gateway, target, client, close };
}

const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
const parsed = (bytes: Buffer): JsonObject =>
  bytes.length === 0 ? {} : (JSON.parse(bytes.toString()) as JsonObject);

export type JsonMethod = MethodDefinition & {
  readonly requestSerialize: (request: JsonObject) => Buffer;
  readonly requestDeserialize: (bytes: Buffer) => JsonObject;
  readonly responseDeserialize: (bytes: Buffer) => JsonObject;
  /** How often an answer was encoded. */
  encoded: number;
};

/** A method whose messages are JSON, so that a test needs no generated code. */
export function jsonMethod(name: string, responseStream = false): JsonMethod {
  const method: JsonMethod = {
    path: `/headgate.v1.TestService/${name}`,
    requestStream: false,
    responseStream,
    requestSerialize: json,
    requestDeserialize: parsed,
    responseSerialize: (value: unknown) => {
      method.encoded += 1;
      return json(value);
    },
    responseDeserialize: parsed,
    encoded: 0,
  };
  return method;
}

const anything = Type.Object({ text: Type.Optional(Type.String()) });
const asIs = { asked: (input: object) => ({ input }) };

/** A contract of one unary method. */
export function unaryContract(
  method: JsonMethod,
  handler: Handler<object>,
  more: Partial<Pick<AnyOperation, 'role' | 'writes'>> = {},
): Contract {
  const name = method.path.split('/')[2] ?? '';
  const row = operation({
    name: 'asked',
    summary: 'A test asks.',
    role: 'viewer',
    input: anything,
    output: anything,
    writes: { none: 'it is a test' },
    grpc: { service: 'TestService', method: name },
    rest: { method: 'GET', path: '/asked', query: [] },
    handler,
    ...more,
  });
  return {
    services: [{ method }],
    operations: [row],
    streams: [],
    unaryMessages: { [name]: { ...asIs, response: (answer) => answer } },
    streamMessages: {},
  };
}

/** A contract of one stream. */
export function streamContract(
  method: JsonMethod,
  open: (signal: AbortSignal, input: object) => Opened | Promise<Opened>,
): Contract {
  const name = method.path.split('/')[2] ?? '';
  const row: AnyStreamOperation = streamOperation({
    name: 'watched',
    summary: 'A test watches.',
    role: 'viewer',
    input: anything,
    writes: { none: 'it is a test' },
    grpc: { service: 'TestService', method: name },
    open: (input, _reach, _caller, signal) => open(signal, input),
  });
  return {
    services: [{ method }],
    operations: [],
    streams: [row],
    unaryMessages: {},
    streamMessages: { [name]: { ...asIs, response: (item) => item.value } },
  };
}
