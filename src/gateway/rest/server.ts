/** REST over the table of operations: routes, guards, bodies and replies; no operation is written here. */
import Fastify from 'fastify';
import type { FastifyError, FastifyInstance } from 'fastify';
import { HeadgateError, messageOf } from '../../kernel/errors.js';
import type { Logger, MetricSource } from '../../kernel/observe.js';
import type { Random } from '../../kernel/random.js';
import { OPERATIONS, reachOf } from '../api.js';
import type { GatewayParts } from '../api.js';
import type { Gatekeeper } from '../auth/principal.js';
import type { OperationLimits, Reach } from '../operation.js';
import { OPERATION_LIMITS } from '../operation.js';
import { admit } from './admission.js';
import { useOwnBodies } from './bodies.js';
import type { Edge } from './edge.js';
import { failed } from './failures.js';
import { assertMayBind, guard } from './guard.js';
import type { Guard } from './guard.js';
import { REST_LIMITS } from './limits.js';
import type { RestLimits } from './limits.js';
import { answerMalformed } from './malformed.js';
import { replies } from './replies.js';
import { requestIdOf } from './request-id.js';
import { addRoute } from './route.js';
import { eventStreams } from './sse.js';
import { traffic as countTraffic } from './traffic.js';

/** The address is taken, or may not be listened on. */
export class RestUnavailable extends HeadgateError {
  readonly code = 'rest_unavailable';
  readonly retryable = true;
}

export type RestParts = GatewayParts & {
  readonly log: Logger;
  readonly gatekeeper: Gatekeeper;
  readonly limits?: Partial<RestLimits & OperationLimits>;
  /** Made once for all edges, so that its bounds hold for all of them together; absent: its own. */
  readonly reach?: Reach;
  /** Listen beyond loopback although no one has to say who they are. */
  readonly insecure?: boolean;
  /** Origins of pages that may call; absent: none but our own. */
  readonly corsOrigins?: readonly string[];
};

export type RestGateway = {
  /**
   * Starts to answer; resolves to its URL. Port 0: any free port.
   * @throws {InsecureBinding} when others than this machine could reach it, unless `insecure`.
   * @throws {RestUnavailable} when the address cannot be listened on.
   */
  listen(host: string, port: number): Promise<string>;
  /** Refuses what is new, lets what is under way finish for `closeGraceMs`, then cuts it. */
  close(): Promise<void>;
  readonly metrics: MetricSource;
};

export function restGateway(parts: RestParts): RestGateway {
  const { clock, log, gatekeeper, insecure = false } = parts;
  const corsOrigins = new Set(parts.corsOrigins);
  const guardOf = (boundHost: string): Guard =>
    guard({ boundHost, isOpen: () => gatekeeper.isOpen(), corsOrigins });
  const limits = { ...REST_LIMITS, ...OPERATION_LIMITS, ...parts.limits };
  const traffic = countTraffic(log);
  const edge: Edge = {
    reach: parts.reach ?? reachOf(parts, limits),
    log,
    reply: replies(clock, traffic),
    traffic,
    gatekeeper,
    bodyBytesMax: limits.bodyBytesMax,
    guard: guardOf('localhost'),
    corsOrigins,
    closing: false,
    streams: eventStreams(() => edge, limits.eventStreamsMax),
  };
  const app = server(limits, edge, parts.random);
  app.server.maxConnections = limits.connectionsMax;
  useOwnBodies(app);
  const admitted = admit(app, edge, OPERATIONS);
  app.setErrorHandler<FastifyError>((error, request, reply) => {
    failed(error, edge, request, reply, admitted(request).caller);
  });
  for (const operation of OPERATIONS) addRoute(app, operation, edge, admitted);

  return {
    metrics: edge.traffic.metrics,
    async listen(host, port) {
      assertMayBind(host, insecure || !gatekeeper.isOpen());
      edge.guard = guardOf(host);
      try {
        return await app.listen({ host, port });
      } catch (cause) {
        const where = `${host}:${String(port)}`;
        throw new RestUnavailable(`cannot serve REST on ${where}: ${messageOf(cause)}`, { cause });
      }
    },
    async close() {
      edge.closing = true;
      edge.streams.close();
      const cancel = clock.after(limits.closeGraceMs, () => {
        app.server.closeAllConnections();
      });
      await app.close();
      cancel();
    },
  };
}

function server(limits: RestLimits, edge: Edge, random: Random): FastifyInstance {
  const mint = (): string => random.uuid();
  return Fastify({
    logger: false,
    bodyLimit: limits.bodyBytesMax,
    requestTimeout: limits.requestTimeoutMs,
    keepAliveTimeout: limits.keepAliveTimeoutMs,
    connectionTimeout: limits.connectionTimeoutMs,
    maxRequestsPerSocket: limits.requestsPerConnectionMax,
    http: {
      maxHeaderSize: limits.headerBytesMax,
      headersTimeout: limits.headersTimeoutMs,
      connectionsCheckingInterval: limits.timeoutCheckMs,
      requireHostHeader: false, // the guard says it in our words
    },
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: limits.pathPartCharsMax },
    return503OnClosing: false, // the first hook says it in our words
    forceCloseConnections: 'idle',
    genReqId: (request) => requestIdOf(request.headers['x-request-id'], mint),
    frameworkErrors: (error, request, reply) => {
      failed(error, edge, request, reply);
    },
    clientErrorHandler: (error, socket) => {
      const status = answerMalformed(error, socket, mint());
      if (status !== undefined) edge.traffic.malformed(status);
    },
  });
}
