/** What Fastify itself refused, in our words; anything else it hands over is our bug. */
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { problemOfThrown } from '../call.js';
import type { Problem } from '../problems.js';
import { unreached } from './edge.js';
import type { Edge } from './edge.js';
import { pathOf } from './replies.js';

export function failed(
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
