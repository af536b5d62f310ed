/** Pages of other sites that were named in the configuration may call: what their browsers are told. */
import type { FastifyReply, FastifyRequest } from 'fastify';

/** Headers a page may send, beside the few it always may. */
const REQUEST_HEADERS =
  'authorization, content-type, idempotency-key, if-match, last-event-id, x-headgate-interface, x-request-id';
/** Headers a page may read, beside the few it always may. */
const ANSWER_HEADERS = 'allow, etag, ratelimit, ratelimit-policy, retry-after, x-request-id';
/** How long a browser keeps what it was told. */
const MAX_AGE_S = 600;

/** Puts what a named origin's browser wants to read on the answer; says nothing to any other. */
export function tellOrigin(
  request: FastifyRequest,
  reply: FastifyReply,
  origins: ReadonlySet<string>,
): void {
  if (origins.size === 0) return;
  void reply.header('vary', 'Origin');
  const { origin } = request.headers;
  if (origin === undefined || !origins.has(origin)) return;
  // A token in a header is no cookie: no credentials of the browser are asked for.
  void reply.headers({
    'access-control-allow-origin': origin,
    'access-control-expose-headers': ANSWER_HEADERS,
  });
}

/** A browser asks whether it may ask. */
export function isPreflight({ method, headers }: FastifyRequest): boolean {
  const { origin, 'access-control-request-method': asked } = headers;
  return method === 'OPTIONS' && origin !== undefined && asked !== undefined;
}

/** What may be asked of a path that has these methods. */
export function allowPreflight(reply: FastifyReply, methods: readonly string[]): void {
  void reply.headers({
    'access-control-allow-methods': methods.join(', '),
    'access-control-allow-headers': REQUEST_HEADERS,
    'access-control-max-age': String(MAX_AGE_S),
  });
}
