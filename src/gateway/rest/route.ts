/** One operation as a route: its input is read, its handler called, its outcome sent. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { call } from '../call.js';
import { isCommand } from '../operation.js';
import type { AnyOperation, Caller } from '../operation.js';
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
      const who = admitted(request);
      if (stream?.isAsked(request) === true) return stream.send(exchange, who);
      const refuse = (problem: Problem): void => {
        auditRefusal(problem, exchange, edge, who, true);
        edge.reply.problem(problem, exchange);
      };
      const guards = guarded ? guardsOf(request.headers, query) : undefined;
      if (guards?.ok === false) {
        refuse(guards.error);
        return;
      }
      const body = request.body as Body;
      const asked = guarded ? withoutGuards(query) : query;
      const input =
        body === undefined || body.ok ? read({ params, query: asked, body: body?.value }) : body;
      if (!input.ok) {
        refuse(input.error);
        return;
      }
      const caller: Caller = guards?.value === undefined ? who : { ...who, guards: guards.value };
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
