/**
 * The transport over undici: one keep-alive pool per origin.
 *
 * T1 `send` never throws and always ends: the deadline runs from the call to the last decoded byte.
 *    (undici's own bodyTimeout starts anew with every byte, so a slow drip never meets it.)
 * T2 The cap counts decoded bytes while they stream; what is over it is never held (body.ts).
 * T3 No connection is opened to a private, link-local or (unless allowed) loopback address; judged on
 *    the resolved address, and once more on the address the socket really has.
 * T4 A redirect is an answer, never followed.
 * T5 Connections per origin, requests in flight per origin and origins are bounded.
 * T6 A socket whose answer was not read to its end is destroyed, never used again.
 */
import type { Socket } from 'node:net';
import { Pool, buildConnector, errors } from 'undici';
import type { MetricSource } from '../kernel/observe.js';
import type { Clock } from '../kernel/time.js';
import { ADDRESS_REFUSED, addressAllowed, guardedLookup, urlRefused } from './address.js';
import { exchangeOver } from './http-exchange.js';
import { httpMetrics, type OriginStats } from './http-metrics.js';
import type { Exchange, OutgoingRequest, Transport } from './port.js';

/** Upstreams come from configuration: more origins than this is a mistake, not traffic. */
export const ORIGINS_MAX = 64;
/** Requests of one origin that may be waiting for a connection or an answer. */
export const IN_FLIGHT_PER_ORIGIN_MAX = 1024;
export const CONNECTIONS_PER_ORIGIN = 8;
const CONNECT_TIMEOUT_MS = 10_000;
const KEEP_ALIVE_MS = 30_000;
const HEADER_BYTES_MAX = 16 * 1024;

export type UndiciTransport = Transport & {
  /** Sockets opened and open, requests in flight and body bytes, by origin. */
  readonly metrics: MetricSource;
  stats(): readonly OriginStats[];
};

export type UndiciTransportOptions = {
  readonly clock: Clock;
  readonly connectionsPerOrigin?: number;
  /** Resolves names; absent: the system's resolver. */
  readonly lookup?: Parameters<typeof guardedLookup>[1];
};

type Origin = {
  readonly pool: Pool;
  readonly stats: { -readonly [K in keyof OriginStats]: OriginStats[K] };
};

/** A transport with its own connections; close it to let go of them. */
export function undiciTransport(options: UndiciTransportOptions): UndiciTransport {
  const origins = new Map<string, Origin>();
  let closing: Promise<void> | undefined;

  const originOf = (request: OutgoingRequest): Origin | undefined => {
    // What loopback policy a socket was opened under is part of what it may be used for (T3).
    const key = `${request.url.origin} ${request.allowLoopback ? 'local' : 'public'}`;
    const known = origins.get(key);
    if (known !== undefined || origins.size >= ORIGINS_MAX) return known; // T5
    const opened = openOrigin(request.url.origin, request.allowLoopback, options);
    origins.set(key, opened);
    return opened;
  };
  const stats = (): readonly OriginStats[] => [...origins.values()].map((origin) => origin.stats);

  return {
    async send(request) {
      if (closing !== undefined) return notSent('aborted', 'the transport is closed');
      if (request.signal.aborted) return notSent('aborted', 'aborted before it was sent');
      const refused = urlRefused(request.url, request.allowLoopback);
      if (refused !== undefined) return notSent('address_refused', refused); // T3
      const origin = originOf(request);
      if (origin === undefined) return notSent('other', `over ${String(ORIGINS_MAX)} origins`);
      if (origin.stats.inFlight >= IN_FLIGHT_PER_ORIGIN_MAX) {
        return notSent('other', `${String(IN_FLIGHT_PER_ORIGIN_MAX)} requests are in flight`); // T5
      }
      origin.stats.inFlight += 1;
      const exchange = await exchangeOver(origin.pool, request, options.clock);
      origin.stats.inFlight -= 1;
      origin.stats.bodyBytes +=
        exchange.kind === 'answered' ? exchange.body.byteLength : (exchange.bytes ?? 0);
      return exchange;
    },
    close() {
      closing ??= Promise.all([...origins.values()].map(({ pool }) => pool.close())).then(
        () => undefined,
      );
      return closing;
    },
    stats,
    metrics: httpMetrics(stats),
  };
}

function notSent(cause: 'aborted' | 'address_refused' | 'other', message: string): Exchange {
  return { kind: 'failed', cause, message, sent: false, durationMs: 0 };
}

function openOrigin(
  origin: string,
  allowLoopback: boolean,
  options: UndiciTransportOptions,
): Origin {
  const stats = { origin, socketsOpened: 0, socketsOpen: 0, inFlight: 0, bodyBytes: 0 };
  const connect = buildConnector({
    timeout: CONNECT_TIMEOUT_MS,
    lookup: guardedLookup(allowLoopback, options.lookup),
  });
  const guarded: buildConnector.connector = (target, done) => {
    connect(target, (error, socket) => {
      if (error !== null) {
        done(error, null);
        return;
      }
      stats.socketsOpened += 1;
      stats.socketsOpen += 1;
      socket.once('close', () => {
        stats.socketsOpen -= 1;
      });
      if (addressAllowed(socket.remoteAddress ?? '', allowLoopback)) {
        done(null, abandonable(socket));
        return;
      }
      socket.destroy();
      const refused: NodeJS.ErrnoException = new Error(`${target.hostname} is a private address`);
      refused.code = ADDRESS_REFUSED;
      done(refused, null);
    });
  };
  const pool = new Pool(origin, {
    connect: guarded,
    connections: options.connectionsPerOrigin ?? CONNECTIONS_PER_ORIGIN,
    pipelining: 1,
    keepAliveTimeout: KEEP_ALIVE_MS,
    maxHeaderSize: HEADER_BYTES_MAX,
    // The deadline of T1 rules alone.
    headersTimeout: 0,
    bodyTimeout: 0,
  } satisfies Pool.Options & { readonly pipelining: number; readonly connect: unknown });
  return { pool, stats };
}

/**
 * Undici destroys the socket of an abandoned request with an error that it takes for its own doing: it
 * puts the request back, connects again and only then finds it aborted. Under any other error it drops
 * the request (T6), so an upstream that just timed out is not called up once more for nothing.
 */
function abandonable<S extends Socket>(socket: S): S {
  const destroy = socket.destroy.bind(socket);
  socket.destroy = (error?: Error) => {
    destroy(isAbort(error) ? new Error('the request was abandoned') : error);
    return socket;
  };
  return socket;
}

function isAbort(error: Error | undefined): boolean {
  return error instanceof errors.InformationalError && error.message === 'aborted';
}
