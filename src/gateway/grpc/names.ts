/** The names a call comes with: its request id, the trace it belongs to, what it calls itself. */
import type { Metadata } from '@grpc/grpc-js';
import type { Caller } from '../operation.js';
import { requestIdOf } from '../rest/request-id.js';

export const REQUEST_ID_KEY = 'x-request-id';
const INTERFACE_KEY = 'x-headgate-interface';
const TRACE_KEY = 'traceparent';

/** W3C trace context: version, 16 bytes of trace id, 8 of the parent, flags. All zeros are no id. */
const TRACEPARENT =
  /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-.*)?$/;

export type Names = {
  readonly requestId: string;
  readonly traceId: string | undefined;
  readonly interface: Caller['interface'];
};

/** The caller's own request id, else its trace id, else a fresh one. */
export function namesOf(metadata: Metadata, mint: () => string): Names {
  const trace = TRACEPARENT.exec(text(metadata, TRACE_KEY) ?? '');
  const traceId = trace?.[1];
  const requestId = requestIdOf(text(metadata, REQUEST_ID_KEY), () => traceId ?? mint());
  const claimed = text(metadata, INTERFACE_KEY);
  const isOurs = claimed === 'cli' || claimed === 'ui';
  return { requestId, traceId, interface: isOurs ? claimed : 'grpc' };
}

/** A value that was given once; twice is as good as not at all. */
export function text(metadata: Metadata, key: string): string | undefined {
  const values = metadata.get(key);
  const [value] = values;
  return values.length === 1 && typeof value === 'string' ? value : undefined;
}

/** `127.0.0.1:5000` → `127.0.0.1`; an IPv6 address has colons of its own. */
export function addressOf(peer: string): string {
  const port = peer.lastIndexOf(':');
  return port < 0 ? peer : peer.slice(0, port);
}
