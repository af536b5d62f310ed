/** The streams beside the pages of this edge, as its routes see them (sse.ts). */
import type { FastifyRequest } from 'fastify';
import type { Principal } from '../auth/principal.js';
import type { AnyOperation, Caller } from '../operation.js';
import type { Exchange } from './replies.js';

/** The stream beside an operation, if this request asks for it. */
export type EventStream = {
  readonly isAsked: (request: FastifyRequest) => boolean;
  readonly send: (exchange: Exchange, caller: Caller, as: Principal) => Promise<void>;
};

export type EventStreams = {
  readonly beside: (operation: AnyOperation) => EventStream | undefined;
  /** E3: lets go of all of them; new ones end at once. */
  readonly close: () => void;
};
