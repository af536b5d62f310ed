/**
 * What every request passes before its body is read: is the service stopping, may this Host and Origin
 * ask, who is it, has it calls left, may its role do this. Whoever fails is answered here.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Result } from '../../kernel/types.js';
import { forbidden, rateKey } from '../auth/principal.js';
import type { Credentials, Principal } from '../auth/principal.js';
import type { AnyOperation, Caller } from '../operation.js';
import type { Problem } from '../problems.js';
import { auditRefusal } from './audit-refusal.js';
import { allowPreflight, isPreflight, tellOrigin } from './cors.js';
import { unreached } from './edge.js';
import type { Edge } from './edge.js';
import { pathOf } from './replies.js';
import type { Exchange } from './replies.js';
import { allowedMethods } from './routes.js';
import { rateHeaders } from './rate-headers.js';

/** Who asks where nobody has to say who they are: probes of liveness and readiness. */
const ANYONE: Principal = { name: 'anyone', role: 'viewer', kind: 'local' };

const STOPPING: Problem = { code: 'stopping', detail: 'the service is shutting down' };

/** Who was let in, until their requests are gone. */
export type Admitted = (request: FastifyRequest) => {
  readonly caller: Caller;
  readonly principal: Principal;
};

/** What a route tells the hooks about itself. */
export type RouteConfig = { readonly operation?: AnyOperation };

/** Adds the hook; what it answers finds the caller of a request that came through. */
export function admit(
  app: FastifyInstance,
  edge: Edge,
  operations: readonly AnyOperation[],
): Admitted {
  const principals = new WeakMap<FastifyRequest, Principal>();
  const allowed = allowedMethods(operations);
  app.addHook('onRequest', (request, reply, done) => {
    const { operation } = request.routeOptions.config as RouteConfig;
    const exchange = unreached(edge, request, reply, operation);
    tellOrigin(request, reply, edge.corsOrigins);
    const problem = edge.closing ? STOPPING : edge.guard(request.headers);
    if (problem !== undefined) {
      refuse(problem, exchange, edge);
      return;
    }
    const enter = (known: Result<Principal, Problem>): void => {
      const refusal = entry(known, exchange, edge);
      if (refusal !== undefined) refuse(refusal, exchange, edge, known);
      else if (request.is404) unrouted(allowed(pathOf(request.url)), exchange, edge);
      else {
        if (known.ok) principals.set(request, known.value);
        done();
      }
    };
    if (operation?.anyone === true) {
      done();
    } else if (request.method === 'OPTIONS') {
      enter({ ok: true, value: ANYONE }); // it tells what the documentation tells
    } else {
      const known = edge.gatekeeper.identify(credentialsOf(request));
      if (known instanceof Promise) void known.then(enter);
      else enter(known);
    }
  });
  return (request) => {
    const principal = principals.get(request) ?? ANYONE;
    return { caller: callerOf(request, principal), principal };
  };
}

function credentialsOf(request: FastifyRequest): Credentials {
  const { authorization } = request.headers;
  const address = addressOf(request);
  return authorization === undefined ? { address } : { address, authorization };
}

/** What keeps this caller out, if anything does; its rate is charged either way, and told. */
function entry(
  known: Result<Principal, Problem>,
  { request, reply, operation }: Exchange,
  { gatekeeper }: Edge,
): Problem | undefined {
  const principal = known.ok ? known.value : undefined;
  const spent = gatekeeper.spend(rateKey(principal, addressOf(request)));
  if (spent.allowance !== undefined) void reply.headers(rateHeaders(spent.allowance));
  if (!known.ok) return known.error;
  if (spent.problem !== undefined) return spent.problem;
  return operation === undefined ? undefined : forbidden(known.value.role, operation.role);
}

function refuse(
  problem: Problem,
  exchange: Exchange,
  edge: Edge,
  known?: Result<Principal, Problem>,
): void {
  const { request, reply } = exchange;
  if (problem.code === 'unauthenticated') {
    const given = request.headers.authorization !== undefined;
    const why = given ? ', error="invalid_token"' : '';
    void reply.header('www-authenticate', `Bearer realm="headgate"${why}`);
  }
  const caller = callerOf(request, known?.ok === true ? known.value : ANYONE);
  auditRefusal(problem, exchange, edge, caller, known?.ok === true);
  edge.reply.problem(problem, exchange);
}

/** Without port. An IPv4 address has one name, however the socket was bound; no header is believed. */
export function addressOf(request: FastifyRequest): string {
  return request.ip.replace(/^::ffff:(?=\d+\.)/, '');
}

function callerOf(request: FastifyRequest, { name, role }: Principal): Caller {
  const said = request.headers['x-headgate-interface'];
  return {
    correlationId: request.id,
    actor: name,
    role,
    interface: said === 'cli' || said === 'ui' ? said : 'rest',
    address: addressOf(request),
  };
}

/** Nothing is routed here: OPTIONS is answered, another method is named, the rest is not found. */
function unrouted(allowed: readonly string[], exchange: Exchange, edge: Edge): void {
  const { method } = exchange.request;
  if (allowed.length > 0) void exchange.reply.header('allow', allowed.join(', '));
  if (allowed.length > 0 && method === 'OPTIONS') {
    if (isPreflight(exchange.request)) allowPreflight(exchange.reply, allowed);
    edge.reply.empty(exchange);
  } else if (allowed.length === 0 || allowed.includes(method)) {
    const detail = 'there is nothing here; GET / lists what is';
    edge.reply.problem({ code: 'route_not_found', detail }, exchange);
  } else {
    const detail = `${method} is not one of ${allowed.join(', ')}`;
    edge.reply.problem({ code: 'method_not_allowed', detail }, exchange);
  }
}
