/** What the parts of the REST edge share, and an exchange that ends before any operation. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from '../../kernel/observe.js';
import type { Gatekeeper } from '../auth/principal.js';
import type { AnyOperation, Reach } from '../operation.js';
import type { Guard } from './guard.js';
import type { Exchange, Replies } from './replies.js';
import type { EventStreams } from './event-streams.js';
import type { Traffic } from './traffic.js';

export type Edge = {
  readonly reach: Reach;
  readonly log: Logger;
  readonly reply: Replies;
  readonly traffic: Traffic;
  readonly gatekeeper: Gatekeeper;
  readonly bodyBytesMax: number;
  /** Origins of other sites' pages that may call. */
  readonly corsOrigins: ReadonlySet<string>;
  /** Set by `listen` and `close`. */
  guard: Guard;
  closing: boolean;
  readonly streams: EventStreams;
};

/** An exchange that ends before its operation was called. */
export function unreached(
  edge: Edge,
  request: FastifyRequest,
  reply: FastifyReply,
  operation?: AnyOperation,
): Exchange {
  return { request, reply, operation, begunAt: edge.reach.clock.monotonic() };
}
