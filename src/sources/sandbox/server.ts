/**
 * The bundled fake upstream: real HTTP servers on loopback that answer like the real ones. One port
 * shows and switches everything; each provider has a port of its own, and its paths there and at the
 * common one.
 *
 * 1. It listens on loopback only.
 * 2. `close` ends every socket, wait and stream; nothing of it is left running.
 */
import { setMaxListeners } from 'node:events';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { assert, messageOf } from '../../kernel/errors.js';
import { silentLogger, type Logger } from '../../kernel/observe.js';
import type { Random } from '../../kernel/random.js';
import type { Cancel, Clock } from '../../kernel/time.js';
import { byProvider, PROVIDER_NAMES, type ProviderName } from './catalogue.js';
import { serveControl } from './control-http.js';
import type { SandboxControl } from './control.js';
import { prefixOf, providerOf, sandboxCore, type SandboxCore } from './core.js';
import { CONNECTIONS_MAX, openListener, type Listener } from './listeners.js';
import { serveHttp } from './serve-http.js';

export { SandboxUnavailable } from './listeners.js';

const LOOPBACK = ['127.0.0.1', '::1', 'localhost'];
const CONTROL_PATH = '/__sandbox';

export type SandboxOptions = {
  /** Of the common port. 0: any free one. The providers' own are always any free ones. */
  readonly port: number;
  readonly host?: string;
  readonly clock: Clock;
  /** Drawn from once, at start. */
  readonly random: Random;
  readonly log?: Logger;
};

export type Sandbox = {
  /** Where it shows and switches everything, without a path. */
  readonly url: string;
  /** Drop-in for the provider's real base URL. */
  upstreamUrl(provider: ProviderName): string;
  readonly control: SandboxControl;
  close(): Promise<void>;
};

async function route(
  request: IncomingMessage,
  response: ServerResponse,
  core: SandboxCore,
  closing: AbortSignal,
): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://sandbox');
  if (url.pathname === CONTROL_PATH) {
    await serveControl(request, response, url, core.control);
    return;
  }
  const name = providerOf(url.pathname);
  if (name !== undefined) {
    if (request.method !== 'POST') request.resume();
    await serveHttp(request, response, url, core.mounted[name], { ...core.context, closing });
    return;
  }
  request.resume();
  const names = PROVIDER_NAMES.join(', ');
  response.writeHead(404, { 'content-type': 'text/plain; charset=utf-8' });
  response.end(`no such upstream; the sandbox has ${names}, and ${CONTROL_PATH}\n`);
}

function handler(core: () => SandboxCore, closing: AbortSignal, log: Logger): RequestListener {
  return (request, response) => {
    route(request, response, core(), closing).catch((error: unknown) => {
      log.error('sandbox failed to serve', { url: request.url, error: messageOf(error) });
      response.destroy();
    });
  };
}

/** Opens and shuts the providers' ports as their faults say, when they say so. */
function doorKeeper(
  clock: Clock,
  core: () => SandboxCore,
  listeners: () => Readonly<Record<ProviderName, Listener>>,
): { readonly look: () => void; readonly stop: () => void } {
  let cancel: Cancel = () => undefined;
  let isStopped = false;
  const look = (): void => {
    cancel();
    if (isStopped) return;
    const at = clock.now();
    const { mounted } = core();
    for (const name of PROVIDER_NAMES) {
      listeners()[name].setOpen(mounted[name].deck.unreachable(at) === undefined);
    }
    const next = Math.min(
      ...PROVIDER_NAMES.map((name) => mounted[name].deck.nextChange(at) ?? Infinity),
    );
    cancel = Number.isFinite(next) ? clock.after(Math.max(1, next - at), look) : () => undefined;
  };
  const stop = (): void => {
    isStopped = true;
    cancel();
  };
  return { look, stop };
}

/** Every port, or none: what was opened before one failed is closed again. */
async function openAll(
  open: (port: number) => Promise<Listener>,
  port: number,
): Promise<{ readonly common: Listener; readonly own: Record<ProviderName, Listener> }> {
  const common = await open(port);
  const opened = new Map<ProviderName, Listener>();
  try {
    for (const name of PROVIDER_NAMES) opened.set(name, await open(0));
  } catch (error) {
    await Promise.all([common, ...opened.values()].map((listener) => listener.close()));
    throw error;
  }
  const own = byProvider((name) => {
    const listener = opened.get(name);
    assert(listener !== undefined, `${name} has a port`);
    return listener;
  });
  return { common, own };
}

/**
 * Starts the fake upstream.
 * @throws {InvariantViolated} for a host that is not loopback.
 * @throws {SandboxUnavailable} when the address cannot be listened on.
 */
export async function startSandbox(options: SandboxOptions): Promise<Sandbox> {
  const { clock, host = '127.0.0.1', log = silentLogger, port, random } = options;
  assert(LOOPBACK.includes(host), `the sandbox listens on loopback only, got ${host}`);
  const closing = new AbortController();
  setMaxListeners(CONNECTIONS_MAX, closing.signal); // each request under way listens
  const serve = handler(() => core, closing.signal, log);
  const open = (at: number): Promise<Listener> =>
    openListener({ port: at, host, serve, clock, log });
  const { common, own } = await openAll(open, port);
  const origin = (listener: Listener): string =>
    `http://${host === '::1' ? '[::1]' : host}:${String(listener.port)}`;
  const upstreamUrl = (name: ProviderName): string => `${origin(own[name])}${prefixOf(name)}`;
  const keeper = doorKeeper(
    clock,
    () => core,
    () => own,
  );
  const core: SandboxCore = sandboxCore({
    clock,
    random,
    log,
    wire: 'http',
    upstreamUrl,
    sockets: (name) => own[name].sockets(),
    changed: keeper.look,
  });
  const close = async (): Promise<void> => {
    closing.abort();
    keeper.stop();
    core.close();
    await Promise.all([common, ...Object.values(own)].map((listener) => listener.close()));
  };
  let closed: Promise<void> | undefined;
  const url = origin(common);
  log.info('sandbox listens', { url });
  return {
    url,
    upstreamUrl,
    control: core.control,
    close: () => (closed ??= close()),
  };
}
