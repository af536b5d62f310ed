/** What Fastify itself refused, in our words; anything else it hands over is our bug. */
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { problemOfThrown } from '../call.js';
import type { Caller } from '../operation.js';
import type { Problem } from '../problems.js';
import type { RouteConfig } from './admission.js';
import { auditRefusal } from './audit-refusal.js';
import { unreached } from './edge.js';
import type { Edge } from './edge.js';
import { pathOf } from './replies.js';

/** `who`: the caller that was let in, where a route was reached; the trail hears of a refused command. */
export function failed(
  error: FastifyError,
  edge: Edge,
  request: FastifyRequest,
  reply: FastifyReply,
  who?: Caller,
): void {
  const problem = problemOfError(error, request, edge);
  const { operation } = request.routeOptions.config as RouteConfig;
  const exchange = unreached(edge, request, reply, operation);
  if (who !== undefined) auditRefusal(problem, exchange, edge, who, true);
  edge.reply.problem(problem, exchange);
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
