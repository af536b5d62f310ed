/** An upstream as the kit stands in for it: what is asked, what is answered, how an answer is spoilt. */
import type { Json } from '../kernel/types.js';
import type { Outcome } from '../sources/port.js';

export type UpstreamRequest = {
  /** A name of the source's `upstreams`. */
  readonly upstream: string;
  readonly method: string;
  /** As at the real host: the path of the profile's base URL included. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
};

export type UpstreamAnswer = {
  /** Absent: 200. */
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: Json;
};

/** Answers like the upstream on a good day; undefined: it knows nothing of it, 404. */
export type Upstream = (
  request: UpstreamRequest,
) => UpstreamAnswer | undefined | Promise<UpstreamAnswer | undefined>;

/** What goes over the wire. hang: the rest never comes. cut: the connection ends in the middle. */
export type Delivery = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  readonly end: 'whole' | 'cut' | 'reset' | 'hang';
};

export type Fault = {
  readonly name: string;
  /** Classes an answer may have under it. */
  readonly outcomes: readonly Outcome[];
  /** The answer still says what it said, in other types: no record may come of it. */
  readonly isRetyped?: true;
  /** It says when to come back. */
  readonly hasRetryAfter?: true;
  /** It takes as long as a request may. */
  readonly isSlow?: true;
  spoil(healthy: Delivery, request: UpstreamRequest): Delivery;
};
