/** REST over the table of operations: routes, guards, bodies and replies; no operation is written here. */
import Fastify from 'fastify';
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { HeadgateError, messageOf } from '../../kernel/errors.js';
import type { Logger, MetricSource } from '../../kernel/observe.js';
import type { Random } from '../../kernel/random.js';
import { OPERATIONS, reachOf } from '../api.js';
import type { GatewayParts } from '../api.js';
import { call, problemOfThrown } from '../call.js';
import type { AnyOperation, Caller, OperationLimits, Reach } from '../operation.js';
import { OPERATION_LIMITS } from '../operation.js';
import type { Problem } from '../problems.js';
import { useOwnBodies } from './bodies.js';
import type { Body } from './bodies.js';
import { assertMayBind, guard } from './guard.js';
import type { Guard } from './guard.js';
import { REST_LIMITS } from './limits.js';
import type { RestLimits } from './limits.js';
import { answerMalformed } from './malformed.js';
import { pathOf, replies } from './replies.js';
import type { Exchange, Replies } from './replies.js';
import { requestIdOf } from './request-id.js';
import { inputReader } from './request-input.js';
import type { RawInput } from './request-input.js';
import { allowedMethods, routerPath } from './routes.js';
import { traffic as countTraffic } from './traffic.js';
import type { Traffic } from './traffic.js';
import { unkeptPromise } from './unkept.js';

/** The address is taken, or may not be listened on. */
export class RestUnavailable extends HeadgateError {
  readonly code = 'rest_unavailable';
  readonly retryable = true;
}

export type RestParts = GatewayParts & {
  readonly log: Logger;
  readonly limits?: Partial<RestLimits & OperationLimits>;
  /** Made once for all edges, so that its bounds hold for all of them together; absent: its own. */
  readonly reach?: Reach;
  /** Listen beyond loopback although no one has to say who they are. */
  readonly insecure?: boolean;
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

/** What the hooks share. */
type Edge = {
  readonly reach: Reach;
  readonly log: Logger;
  readonly reply: Replies;
  readonly traffic: Traffic;
  readonly bodyBytesMax: number;
  /** Set by `listen` and `close`. */
  guard: Guard;
  closing: boolean;
};

export function restGateway(parts: RestParts): RestGateway {
  const { clock, log, insecure = false } = parts;
  const limits = { ...REST_LIMITS, ...OPERATION_LIMITS, ...parts.limits };
  const traffic = countTraffic(log);
  const edge: Edge = {
    reach: parts.reach ?? reachOf(parts, limits),
    log,
    reply: replies(clock, traffic),
    traffic,
    bodyBytesMax: limits.bodyBytesMax,
    guard: guard('localhost'),
    closing: false,
  };
  const app = server(limits, edge, parts.random);
  app.server.maxConnections = limits.connectionsMax;
  useOwnBodies(app);
  useHooks(app, edge);
  for (const operation of OPERATIONS) addRoute(app, operation, edge);

  return {
    metrics: edge.traffic.metrics,
    async listen(host, port) {
      assertMayBind(host, insecure);
      edge.guard = guard(host);
      try {
        return await app.listen({ host, port });
      } catch (cause) {
        const where = `${host}:${String(port)}`;
        throw new RestUnavailable(`cannot serve REST on ${where}: ${messageOf(cause)}`, { cause });
      }
    },
    async close() {
      edge.closing = true;
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

function useHooks(app: FastifyInstance, edge: Edge): void {
  const allowed = allowedMethods(OPERATIONS);
  app.addHook('onRequest', (request, reply, done) => {
    const problem = edge.closing ? STOPPING : edge.guard(request.headers);
    if (problem !== undefined) edge.reply.problem(problem, unreached(edge, request, reply));
    else if (request.is404)
      unrouted(allowed(pathOf(request.url)), unreached(edge, request, reply), edge);
    else done();
  });
  app.setErrorHandler<FastifyError>((error, request, reply) => {
    failed(error, edge, request, reply);
  });
}

const STOPPING: Problem = { code: 'stopping', detail: 'the service is shutting down' };

/** An exchange that ends before any operation. */
function unreached(edge: Edge, request: FastifyRequest, reply: FastifyReply): Exchange {
  return { request, reply, operation: undefined, begunAt: edge.reach.clock.monotonic() };
}

/** Nothing is routed here: OPTIONS is answered, another method is named, the rest is not found. */
function unrouted(allowed: readonly string[], exchange: Exchange, edge: Edge): void {
  const { method } = exchange.request;
  if (allowed.length > 0) void exchange.reply.header('allow', allowed.join(', '));
  if (allowed.length > 0 && method === 'OPTIONS') edge.reply.empty(exchange);
  else if (allowed.length === 0 || allowed.includes(method)) {
    const detail = 'there is nothing here; GET / lists what is';
    edge.reply.problem({ code: 'route_not_found', detail }, exchange);
  } else {
    const detail = `${method} is not one of ${allowed.join(', ')}`;
    edge.reply.problem({ code: 'method_not_allowed', detail }, exchange);
  }
}

function addRoute(app: FastifyInstance, operation: AnyOperation, edge: Edge): void {
  const read = inputReader(operation);
  const unkept = unkeptPromise(operation);
  const { method, path } = operation.rest;
  const { reach, log } = edge;
  app.route({
    method,
    url: routerPath(path),
    handler: (request, reply) => {
      const exchange = { request, reply, operation, begunAt: reach.clock.monotonic() };
      const promise = unkept(request.headers);
      if (promise !== undefined) {
        edge.reply.problem(promise, exchange);
        return;
      }
      const body = request.body as Body;
      const { params, query } = request as RawInput & FastifyRequest;
      const input =
        body === undefined || body.ok ? read({ params, query, body: body?.value }) : body;
      if (!input.ok) {
        edge.reply.problem(input.error, exchange);
        return;
      }
      const caller: Caller = {
        correlationId: request.id,
        actor: ANYONE,
        role: 'admin',
        interface: 'rest',
        address: request.ip,
      };
      const outcome = call(operation, input.value, reach, caller, log);
      if (!(outcome instanceof Promise)) {
        edge.reply.outcome(outcome, exchange);
        return;
      }
      return outcome.then((told) => {
        edge.reply.outcome(told, exchange);
        return reply;
      });
    },
  });
}

/** There are no tokens yet: whoever is on this machine. */
const ANYONE = 'local';

/** What Fastify itself refused, in our words; anything else it hands over is our bug. */
function failed(
  error: FastifyError,
  edge: Edge,
  request: FastifyRequest,
  reply: FastifyReply,
): void {
  edge.reply.problem(problemOfError(error, request, edge), unreached(edge, request, reply));
}

function problemOfError(error: FastifyError, request: FastifyRequest, edge: Edge): Problem {
  if (error.code === 'FST_ERR_CTP_BODY_TOO_LARGE') {
    return {
      code: 'payload_too_large',
      detail: `the body is longer than ${String(edge.bodyBytesMax)} bytes`,
    };
  }
  if (error.code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') {
    return { code: 'unsupported_media_type', detail: 'the body must be application/json' };
  }
  const { statusCode } = error;
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) {
    return { code: 'bad_request', detail: 'the request’s URL or framing is malformed' };
  }
  const fields = { requestId: request.id, path: pathOf(request.url) };
  return problemOfThrown(error, fields, edge.reach, edge.log);
}
