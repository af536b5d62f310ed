/** What is known of a call before its message is read: who asks for what, by which name, until when. */
import type { Metadata } from '@grpc/grpc-js';
import type { EpochMs } from '../../kernel/types.js';
import type { Principal } from '../auth/principal.js';
import type { Caller } from '../operation.js';

/** A method of the server, whatever answers it. */
export type MethodFacts = {
  /** `/headgate.v1.CollectorService/GetCollector` */
  readonly path: string;
  readonly service: string;
  readonly method: string;
  readonly type: 'unary' | 'server_stream' | 'bidi_stream';
};

export type CallFacts = {
  readonly method: MethodFacts;
  /** Correlates events, log lines and the answer. */
  readonly requestId: string;
  readonly traceId: string | undefined;
  /** Without port. */
  readonly address: string;
  /** The connection: address and port. */
  readonly peer: string;
  readonly interface: Caller['interface'];
  /** Infinity: the caller brought none. Of the machine's clock, as the library reads it. */
  readonly deadline: EpochMs;
  /** Once the gate let it through. */
  principal: Principal | undefined;
};

/** The metadata goes unchanged from the interceptor to the handler: it carries the facts of its call. */
const byMetadata = new WeakMap<Metadata, CallFacts>();

export function keepFacts(metadata: Metadata, facts: CallFacts): void {
  byMetadata.set(metadata, facts);
}

export function factsOf(metadata: Metadata): CallFacts | undefined {
  return byMetadata.get(metadata);
}
