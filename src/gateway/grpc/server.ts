/**
 * The gRPC edge: a method for each row of the tables, generically from the generated services, with health
 * and reflection beside them. What is not in the tables cannot be called.
 */
import { Server, ServerCredentials } from '@grpc/grpc-js';
import type { ServiceDefinition, UntypedHandleCall } from '@grpc/grpc-js';
import { assert } from '../../kernel/errors.js';
import type { Logger, MetricSource } from '../../kernel/observe.js';
import type { Random } from '../../kernel/random.js';
import { systemClock } from '../../kernel/time.js';
import type { Clock } from '../../kernel/time.js';
import type { Gatekeeper } from '../auth/principal.js';
import { isCommand } from '../operation.js';
import type { Reach } from '../operation.js';
import type { Problem } from '../problems.js';
import { assertMayBind, isLoopback } from '../rest/guard.js';
import { bindAll, methodFacts } from './binding.js';
import type { Bound, Contract } from './binding.js';
import type { MethodFacts } from './call-facts.js';
import { statusOf } from './errors.js';
import { gate } from './gate.js';
import { health } from './health.js';
import type { Health } from './health.js';
import { interceptor, UNKNOWN } from './interceptor.js';
import { GRPC_LIMITS } from './limits.js';
import type { GrpcLimits } from './limits.js';
import { listener } from './listener.js';
import { addReflection } from './reflection.js';
import { requestReader } from './requests.js';
import type { MethodDefinition } from './requests.js';
import { streamHandler } from './streams.js';
import type { StreamEdge } from './streams.js';
import { streamSlots } from './stream-slots.js';
import { countTraffic } from './traffic.js';
import { knownFacts, unaryHandler } from './unary.js';

export type GrpcParts = {
  /** Shared with the other edges. */
  readonly reach: Reach;
  readonly contract: Contract;
  readonly gatekeeper: Gatekeeper;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Absent: no TLS. */
  readonly credentials?: ServerCredentials;
  readonly limits?: Partial<GrpcLimits>;
  /** Listen beyond loopback although no one has to say who they are. */
  readonly insecure?: boolean;
};

export type GrpcGateway = {
  /**
   * Starts to answer; resolves to host:port. Port 0: any free port.
   * @throws {InsecureBinding} when others than this machine could reach it, unless tokens or `insecure`.
   * @throws {GrpcUnavailable} when the address cannot be listened on.
   */
  listen(host: string, port: number): Promise<string>;
  /** Refuses what is new, ends streams, lets calls under way finish for `closeGraceMs`, then cuts them. */
  close(): Promise<void>;
  readonly metrics: MetricSource;
};

/** @throws {InvariantViolated} tables and services do not fit together. @throws {DescriptorsUnavailable} */
export function grpcGateway(parts: GrpcParts): GrpcGateway {
  const { reach, clock, random, log, gatekeeper, insecure = false } = parts;
  const limits = { ...GRPC_LIMITS, ...parts.limits };
  const all = bindAll(parts.contract);
  const traffic = countTraffic(log, commandPaths(all));
  const slots = streamSlots(limits.streamsPerConnectionMax, limits.streamsMax);
  const methods = new Map<string, MethodFacts>();
  let isClosing = false;
  const machineClock = systemClock();
  const edge = edgeOf(parts, limits, slots, machineClock);
  const server = new Server({
    ...optionsOf(limits),
    interceptors: [
      interceptor({
        methods,
        traffic,
        clock,
        machineClock,
        mint: () => random.uuid(),
        gate: gate({
          gatekeeper,
          trail: reach.trail,
          operations: new Map(all.map((each) => [each.definition.path, each.operation])),
          metadataBytesMax: limits.metadataBytesMax,
          isClosing: () => isClosing,
        }),
      }),
    ],
  });
  const adding = {
    addService(definition: ServiceDefinition, handlers: Record<string, UntypedHandleCall>): void {
      for (const each of Object.values(definition)) methods.set(each.path, methodFacts(each));
      server.addService(definition, handlers);
    },
  };
  for (const each of all) addMethod(adding, each, limits, edge);
  const alive = healthOf(all, limits, edge);
  alive.addTo(adding);
  addReflection(adding, { slots, clock, requestsMax: limits.reflectionsMax });
  answerUnknown(server, edge);
  const credentials = parts.credentials ?? ServerCredentials.createInsecure();
  const door = listener(server, credentials, limits.connectionsMax, clock);

  return {
    metrics: traffic.metrics,
    async listen(host, port) {
      assertMayBind(host, insecure || !gatekeeper.isOpen());
      if (!isLoopback(host) && parts.credentials === undefined) {
        log.warn('gRPC listens beyond this machine without TLS: tokens travel in the open', {
          host,
        });
      }
      return door.listen(host, port);
    },
    async close() {
      isClosing = true;
      alive.stop();
      slots.close();
      await door.close(limits.closeGraceMs);
    },
  };
}

function edgeOf(
  { reach, log, clock, gatekeeper }: GrpcParts,
  { deadlineMs, aheadBytesMax }: GrpcLimits,
  slots: StreamEdge['slots'],
  machineClock: Clock,
): StreamEdge {
  const { trail } = reach;
  return { reach, trail, log, clock, machineClock, deadlineMs, slots, aheadBytesMax, gatekeeper };
}

/** Calls of these are told at info. */
function commandPaths(all: readonly Bound[]): ReadonlySet<string> {
  const commands = all.filter((each) => each.kind === 'unary' && isCommand(each.operation));
  return new Set(commands.map(({ definition }) => definition.path));
}

function optionsOf(limits: GrpcLimits): ConstructorParameters<typeof Server>[0] {
  return {
    'grpc.max_receive_message_length': limits.receiveBytesMax,
    'grpc.max_send_message_length': limits.sendBytesMax,
    'grpc.max_concurrent_streams': limits.callsPerConnectionMax,
    'grpc.keepalive_time_ms': limits.keepaliveMs,
    'grpc.keepalive_timeout_ms': limits.keepaliveTimeoutMs,
    'grpc.max_connection_idle_ms': limits.idleMaxMs,
    'grpc.max_connection_age_ms': limits.ageMaxMs,
    'grpc.max_connection_age_grace_ms': limits.ageGraceMs,
    'grpc.enable_channelz': 0, // nobody asks it, and it costs each call
  };
}

type Adding = Pick<Server, 'addService'>;

/** What the handlers make is bytes already. */
const asItIs = (bytes: Buffer): Buffer => bytes;

function addMethod(server: Adding, each: Bound, limits: GrpcLimits, edge: StreamEdge): void {
  const { definition } = each;
  const method: MethodDefinition = {
    ...definition,
    requestDeserialize: requestReader(definition, limits.messageBytesMax),
    responseSerialize: asItIs,
  };
  const handler =
    each.kind === 'unary'
      ? unaryHandler(each.operation, each.messages, definition, edge)
      : streamHandler(each.operation, each.messages, definition, edge);
  server.addService({ method }, { method: handler as UntypedHandleCall });
}

function healthOf(all: readonly Bound[], limits: GrpcLimits, edge: StreamEdge): Health {
  const services = new Set(all.map(({ definition }) => methodFacts(definition).service));
  return health({
    services: [...services],
    isReady: () => edge.reach.readiness().ready,
    slots: edge.slots,
    clock: edge.clock,
    everyMs: limits.healthEveryMs,
  });
}

/**
 * The library answers unknown methods by itself, past every interceptor: uncounted, unlogged and without
 * details. It has no hook for them, so the look-up it makes is ours.
 */
function answerUnknown(server: Server, { clock }: StreamEdge): void {
  type LookUp = { _retrieveHandler?: (path: string) => object | null };
  const inner = server as unknown as LookUp;
  const lookUp = inner._retrieveHandler?.bind(server);
  assert(lookUp !== undefined, 'grpc-js looks its handlers up by another name now');
  const unknown = {
    type: 'bidi',
    path: UNKNOWN.path,
    serialize: asItIs,
    deserialize: asItIs,
    func(stream: Parameters<typeof knownFacts>[0] & { emit(name: 'error', told: object): void }) {
      stream.emit('error', statusOf(NO_METHOD, clock.now(), knownFacts(stream).requestId));
    },
  };
  inner._retrieveHandler = (path) => lookUp(path) ?? unknown;
}

const NO_METHOD: Problem = {
  code: 'method_not_allowed',
  detail: 'there is no such method; server reflection lists those there are',
};
