/** One operation as a route: its input is read, its handler called, its outcome sent. */
import type { ServerResponse } from 'node:http';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { call } from '../call.js';
import { isCommand } from '../operation.js';
import type { AnyOperation, Caller, CommandGuards } from '../operation.js';
import type { Problem } from '../problems.js';
import type { Admitted, RouteConfig } from './admission.js';
import { auditRefusal } from './audit-refusal.js';
import type { Body } from './bodies.js';
import type { Edge } from './edge.js';
import { guardsOf, withoutGuards } from './guards-of.js';
import { inputReader } from './request-input.js';
import type { RawInput } from './request-input.js';
import { routerPath } from './routes.js';

export function addRoute(
  app: FastifyInstance,
  operation: AnyOperation,
  edge: Edge,
  admitted: Admitted,
): void {
  const read = inputReader(operation);
  const guarded = isCommand(operation);
  const { method, path } = operation.rest;
  const { reach, log } = edge;
  const config: RouteConfig = { operation };
  const stream = edge.streams.beside(operation);
  app.route({
    method,
    url: routerPath(path),
    config,
    handler: (request, reply) => {
      const exchange = { request, reply, operation, begunAt: reach.clock.monotonic() };
      const { params, query } = request as RawInput & FastifyRequest;
      const { caller: who, principal } = admitted(request);
      if (stream?.isAsked(request) === true) return stream.send(exchange, who, principal);
      const refuse = (problem: Problem): void => {
        auditRefusal(problem, exchange, edge, who, true);
        edge.reply.problem(problem, exchange);
      };
      const body = request.body as Body;
      const said = body?.ok === true ? body.value : undefined;
      const guards = guarded ? guardsOf(request.headers, query, said) : undefined;
      if (guards?.ok === false) {
        refuse(guards.error);
        return;
      }
      const asked = guarded
        ? { params, query: withoutGuards(query), body: withoutGuards(said) }
        : { params, query, body: said };
      const input = body?.ok === false ? body : read(asked);
      if (!input.ok) {
        refuse(input.error);
        return;
      }
      const caller = patientCaller(who, guards?.value, reply.raw);
      const outcome = call(operation, input.value, reach, caller, log);
      if (!(outcome instanceof Promise)) {
        edge.reply.outcome(outcome, exchange);
        return;
      }
      // Whoever leaves meanwhile is noticed by the signal; the next request has the usual bound again.
      if (operation.rest.mayTakeLong === true) request.raw.socket.setTimeout(0);
      return outcome.then((told) => {
        edge.reply.outcome(told, exchange);
        return reply;
      });
    },
  });
}

/** Its signal is made for those who look at it only: most answers are there before anyone could leave. */
function patientCaller(
  who: Caller,
  guards: CommandGuards | undefined,
  raw: ServerResponse,
): Caller {
  let signal: AbortSignal | undefined;
  return {
    ...who,
    ...(guards === undefined ? {} : { guards }),
    get signal() {
      signal ??= goneSignal(raw);
      return signal;
    },
  };
}

/** Aborts when the connection is closed before the answer left. */
function goneSignal(raw: ServerResponse): AbortSignal {
  const gone = new AbortController();
  const leave = (): void => {
    if (!raw.writableEnded) gone.abort();
  };
  if (raw.destroyed) leave();
  else raw.once('close', leave);
  return gone.signal;
}
