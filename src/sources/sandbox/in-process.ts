/**
 * The sandbox without a wire: a transport over the same providers, limits, ledger, faults and scenarios,
 * all of it on the clock it is given. An hour of virtual time costs as little as the clock that counts it.
 *
 * 1. Every fault becomes the exchange that the real transport makes of it (http.undici.ts); a test
 *    sends the same requests both ways and compares.
 * 2. `send` never rejects and always ends: at the deadline by the clock, or by the caller's signal.
 * 3. Nothing waits but on the clock: no timer of the machine, no turn of the event loop.
 */
import { messageOf } from '../../kernel/errors.js';
import type { Logger } from '../../kernel/observe.js';
import type { Random } from '../../kernel/random.js';
import { wait, type Clock } from '../../kernel/time.js';
import type { DurationMs } from '../../kernel/types.js';
import { urlRefused } from '../address.js';
import type { Exchange, OutgoingRequest, Transport } from '../port.js';
import type { ProviderName } from './catalogue.js';
import type { SandboxControl } from './control.js';
import { prefixOf, providerOf, sandboxCore, type SandboxCore } from './core.js';
import { BODY_BYTES_MAX, exchange, type Heard } from './exchange.js';
import type { Unreachable } from './fault-deck.js';
import {
  deliverInProcess,
  evidence,
  sizeOf,
  type FailureCause,
  type Trip,
} from './in-process-deliver.js';

/** Names no host there is (RFC 2606): an address that leaves the process by mistake gets nowhere. */
const ORIGIN = 'http://sandbox.invalid';
const LATENCY_MS = 10;

export type InProcessOptions = {
  readonly clock: Clock;
  /** Drawn from once, at start. */
  readonly random: Random;
  readonly log?: Logger;
  /** How long a request and its answer are under way together; asked for each. Default: 10 ms. */
  readonly latencyMs?: () => DurationMs;
};

export type InProcessSandbox = {
  readonly transport: Transport;
  readonly control: SandboxControl;
  readonly core: SandboxCore;
  /** Drop-in for the provider's real base URL; only its path decides who is meant. */
  upstreamUrl(provider: ProviderName): string;
  /** Ends the scenario; requests under way end by their deadlines. */
  close(): void;
};

export function inProcessSandbox(options: InProcessOptions): InProcessSandbox {
  const upstreamUrl = (name: ProviderName): string => `${ORIGIN}${prefixOf(name)}`;
  const core = sandboxCore({ ...options, wire: 'none', upstreamUrl });
  return {
    transport: sandboxTransport(core, options),
    control: core.control,
    core,
    upstreamUrl,
    close: () => {
      core.close();
    },
  };
}

export type TransportOptions = Pick<InProcessOptions, 'clock' | 'latencyMs'>;

/**
 * A way to a sandbox's core. Several may lead to one core, each with the clock of its own process: what
 * is sent and heard goes by that one, what the upstreams do by the core's.
 */
export function sandboxTransport(core: SandboxCore, options: TransportOptions): Transport {
  let isClosed = false;
  return {
    send(request) {
      if (isClosed) return notSent('aborted', 'the transport is closed');
      if (request.signal.aborted) return notSent('aborted', 'aborted before it was sent');
      const refused = urlRefused(request.url, request.allowLoopback);
      if (refused !== undefined) return notSent('address_refused', refused);
      const name = providerOf(request.url.pathname);
      if (name === undefined) return notSent('dns', `nobody is ${request.url.hostname} here`);
      return travel(core, name, request, options);
    },
    close() {
      isClosed = true;
      return Promise.resolve();
    },
  };
}

function notSent(cause: FailureCause, message: string): Promise<Exchange> {
  return Promise.resolve({ kind: 'failed', cause, message, sent: false, durationMs: 0 });
}

/** One request and its answer, under the deadline and the signal of the caller. */
function travel(
  core: SandboxCore,
  name: ProviderName,
  request: OutgoingRequest,
  { clock, latencyMs = () => LATENCY_MS }: TransportOptions,
): Promise<Exchange> {
  return new Promise((resolve) => {
    const startedAt = clock.monotonic();
    const halfMs = latencyMs() / 2;
    const gone = new AbortController();
    const settle: Trip['settle'] = (exchangeOf) => {
      if (gone.signal.aborted) return;
      gone.abort();
      cancelDeadline();
      request.signal.removeEventListener('abort', aborted);
      resolve(exchangeOf(clock.monotonic() - startedAt));
    };
    const trip: Trip = {
      clock,
      signal: gone.signal,
      bodyBytesMax: request.bodyBytesMax,
      halfMs,
      sent: false,
      head: undefined,
      received: [],
      settle,
    };
    const fail = (cause: FailureCause, message: string): void => {
      settle((durationMs) => failed(trip, cause, message, durationMs));
    };
    const aborted = (): void => {
      fail('aborted', 'aborted by ourselves');
    };
    const cancelDeadline = clock.after(request.timeoutMs, () => {
      fail('timeout', `no whole answer within ${String(request.timeoutMs)} ms`);
    });
    request.signal.addEventListener('abort', aborted, { once: true });
    journey(core, name, request, trip, fail).catch((error: unknown) => {
      core.context.log.error('sandbox failed to serve', { error: messageOf(error) });
      fail('reset', 'the sandbox failed to serve');
    });
  });
}

async function journey(
  core: SandboxCore,
  name: ProviderName,
  request: OutgoingRequest,
  trip: Trip,
  fail: (cause: FailureCause, message: string) => void,
): Promise<void> {
  await wait(trip.clock, trip.halfMs, trip.signal);
  if (trip.signal.aborted) return;
  const mounted = core.mounted[name];
  const unreachable = mounted.deck.unreachable(core.context.clock.now());
  if (unreachable !== undefined) {
    fail(unreachable, UNREACHABLE[unreachable]);
    return;
  }
  trip.sent = true;
  await exchange(heardFrom(request), mounted, core.context, trip.signal, (...said) =>
    deliverInProcess(trip, fail, ...said),
  );
}

const UNREACHABLE: Readonly<Record<Unreachable, string>> = {
  refused: 'connect ECONNREFUSED',
  dns: 'getaddrinfo ENOTFOUND',
  tls: 'self-signed certificate',
};

function heardFrom({ body = '', headers, method, url }: OutgoingRequest): Heard {
  const lower = Object.entries(headers).map(
    ([name, value]) => [name.toLowerCase(), value] as const,
  );
  return {
    method,
    target: url.pathname + url.search,
    url,
    headers: Object.fromEntries(lower),
    body: Buffer.from(body, 'utf8').subarray(0, BODY_BYTES_MAX).toString('utf8'),
  };
}

/** With what had come of the answer until then, as far as it is kept for evidence. */
function failed(
  { head, received, sent }: Trip,
  cause: FailureCause,
  message: string,
  durationMs: DurationMs,
): Exchange {
  const partial =
    head === undefined ? {} : { ...head, head: evidence(received), bytes: sizeOf(received) };
  return { kind: 'failed', cause, message, sent, ...partial, durationMs };
}
