/**
 * The bundled fake upstream: a real HTTP server on loopback that answers like the real ones.
 *
 * 1. It listens on loopback only.
 * 2. All time comes from the clock and all chance from the random: the same seed, clock and requests
 *    give the same answers.
 * 3. `close` ends every socket, wait and stream; nothing of it is left running.
 */
import { setMaxListeners } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { assert, HeadgateError, messageOf } from '../../kernel/errors.js';
import { silentLogger, type Logger } from '../../kernel/observe.js';
import { seededRandom, type Random } from '../../kernel/random.js';
import type { Clock } from '../../kernel/time.js';
import type { JsonObject } from '../../kernel/types.js';
import { byProvider, PROVIDER_NAMES, PROVIDERS, type ProviderName } from './catalogue.js';
import { serveControl } from './control-http.js';
import { sandboxControl, type SandboxControl } from './control.js';
import { exchange, type ExchangeContext, type Mounted } from './exchange.js';
import { faultDeck } from './fault-deck.js';
import { hashText } from './hash.js';
import { ledger } from './ledger.js';
import { standingOrders } from './standing.js';

const CONNECTIONS_MAX = 1024;
/** Longer than a client's own idle limit, so that a client closes first and reuse never races. */
const KEEP_ALIVE_MS = 120_000;
const LOOPBACK = ['127.0.0.1', '::1', 'localhost'];
const CONTROL_PATH = '/__sandbox';

/** The address is taken, or may not be listened on. */
export class SandboxUnavailable extends HeadgateError {
  readonly code = 'sandbox_unavailable';
  readonly retryable = true;
}

export type SandboxOptions = {
  /** 0: any free one. */
  readonly port: number;
  readonly host?: string;
  readonly clock: Clock;
  /** Drawn from once, at start. */
  readonly random: Random;
  readonly log?: Logger;
};

export type Sandbox = {
  /** Where it listens, without a path. */
  readonly url: string;
  /** Drop-in for the provider's real base URL. */
  upstreamUrl(provider: ProviderName): string;
  readonly control: SandboxControl;
  close(): Promise<void>;
};

/** A provider with all its counters at zero. Its chance depends on the seed and its name alone. */
function mount(name: ProviderName, masterSeed: number, clock: Clock): Mounted {
  const provider = PROVIDERS[name];
  const seed = (masterSeed ^ hashText(name)) >>> 0;
  const parts = {
    provider,
    settings: provider.defaults,
    orders: standingOrders(),
    deck: faultDeck(seededRandom(seed)),
  };
  const settings = (): JsonObject => parts.settings;
  return Object.assign(parts, { state: provider.open({ settings, seed, startedAt: clock.now() }) });
}

/** Which provider a path means. */
function providerOf(path: string): ProviderName | undefined {
  return PROVIDER_NAMES.find((name) => path.startsWith(`/${name}${PROVIDERS[name].basePath}/`));
}

function listen(server: Server, port: number, host: string): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    const refused = (cause: Error): void => {
      const where = `${host}:${String(port)}`;
      const message = `the sandbox cannot listen on ${where}: ${cause.message}`;
      reject(new SandboxUnavailable(message, { cause }));
    };
    server.once('error', refused);
    server.listen({ port, host }, () => {
      server.off('error', refused);
      const address = server.address();
      assert(typeof address === 'object' && address !== null, 'a TCP server has an address');
      resolve(address);
    });
  });
}

type Router = {
  readonly mounted: Readonly<Record<ProviderName, Mounted>>;
  readonly context: ExchangeContext;
  readonly control: () => SandboxControl;
};

async function route(
  request: IncomingMessage,
  response: ServerResponse,
  router: Router,
): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://sandbox');
  if (url.pathname === CONTROL_PATH) {
    await serveControl(request, response, url, router.control());
    return;
  }
  request.resume();
  const name = providerOf(url.pathname);
  if (name !== undefined) {
    await exchange(request, response, url, router.mounted[name], router.context);
    return;
  }
  const names = PROVIDER_NAMES.join(', ');
  response.writeHead(404, { 'content-type': 'text/plain; charset=utf-8' });
  response.end(`no such upstream; the sandbox has ${names}, and ${CONTROL_PATH}\n`);
}

function handler(router: Router, log: Logger) {
  return (request: IncomingMessage, response: ServerResponse): void => {
    route(request, response, router).catch((error: unknown) => {
      log.error('sandbox failed to serve', { url: request.url, error: messageOf(error) });
      response.destroy();
    });
  };
}

function closer(server: Server, closing: AbortController): () => Promise<void> {
  let closed: Promise<void> | undefined;
  return () => {
    closed ??= new Promise<void>((resolve) => {
      closing.abort();
      server.close(() => {
        resolve();
      });
      server.closeAllConnections();
    });
    return closed;
  };
}

/**
 * Starts the fake upstream.
 * @throws {InvariantViolated} for a host that is not loopback.
 * @throws {SandboxUnavailable} when the address cannot be listened on.
 */
export async function startSandbox(options: SandboxOptions): Promise<Sandbox> {
  const { clock, host = '127.0.0.1', log = silentLogger, port, random } = options;
  assert(LOOPBACK.includes(host), `the sandbox listens on loopback only, got ${host}`);
  const masterSeed = Math.floor(random.next() * 2 ** 32);
  const mountAll = (): Record<ProviderName, Mounted> =>
    byProvider((name) => mount(name, masterSeed, clock));
  const mounted = mountAll();
  const closing = new AbortController();
  setMaxListeners(CONNECTIONS_MAX, closing.signal); // each request under way listens
  const book = ledger();
  const context = { clock, ledger: book, log, closing: closing.signal };
  const server = createServer(handler({ mounted, context, control: () => control }, log));
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  server.maxConnections = CONNECTIONS_MAX;
  const address = await listen(server, port, host);
  const url = `http://${host === '::1' ? '[::1]' : host}:${String(address.port)}`;
  const upstreamUrl = (name: ProviderName): string => `${url}/${name}${PROVIDERS[name].basePath}`;
  const startedAt = clock.now();
  const remount = (): void => {
    Object.assign(mounted, mountAll());
  };
  const control = sandboxControl({ clock, startedAt, mounted, ledger: book, upstreamUrl, remount });
  log.info('sandbox listens', { url });
  return { url, upstreamUrl, control, close: closer(server, closing) };
}
