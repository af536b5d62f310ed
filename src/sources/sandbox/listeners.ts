/**
 * A port of its own for each fake upstream, so that one can be unreachable while the others are not.
 *
 * 1. Shut: its port refuses connections and those that stood are cut, at once. Opened again it has the
 *    same port; were that taken meanwhile, it is tried again until it is free.
 * 2. Every connection is counted, open and ever opened.
 * 3. After `close` nothing listens and no timer is armed.
 */
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { assert, HeadgateError, messageOf } from '../../kernel/errors.js';
import type { Logger } from '../../kernel/observe.js';
import type { Cancel, Clock } from '../../kernel/time.js';
import type { Sockets } from './control.js';

export const CONNECTIONS_MAX = 1024;
/** Longer than a client's own idle limit, so that a client closes first and reuse never races. */
const KEEP_ALIVE_MS = 120_000;
const RETRY_MS = 100;

/** The address is taken, or may not be listened on. */
export class SandboxUnavailable extends HeadgateError {
  readonly code = 'sandbox_unavailable';
  readonly retryable = true;
}

export type Listener = {
  readonly port: number;
  sockets(): Sockets;
  /** Idempotent. Shutting is done when it returns, opening begins. */
  setOpen(isOpen: boolean): void;
  close(): Promise<void>;
};

export type ListenerOptions = {
  /** 0: any free one. */
  readonly port: number;
  readonly host: string;
  readonly serve: RequestListener;
  readonly clock: Clock;
  readonly log: Logger;
};

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

function shut(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => {
      resolve();
    });
    server.closeAllConnections();
  });
}

/** @throws {SandboxUnavailable} when the address cannot be listened on. */
export async function openListener(options: ListenerOptions): Promise<Listener> {
  const { clock, host, log, serve } = options;
  const counts = { open: 0, opened: 0 };
  const made = (): Server => {
    const server = createServer(serve);
    server.keepAliveTimeout = KEEP_ALIVE_MS;
    server.maxConnections = CONNECTIONS_MAX;
    server.on('connection', (socket) => {
      counts.open += 1;
      counts.opened += 1;
      socket.once('close', () => {
        counts.open -= 1;
      });
    });
    return server;
  };
  let server: Server | undefined = made();
  const { port } = await listen(server, options.port, host);
  let isWanted = true;
  let isClosed = false;
  let turn = Promise.resolve();
  let cancelRetry: Cancel = () => undefined;
  const isListening = (): boolean => server?.listening === true;

  const open = async (): Promise<void> => {
    if (!isWanted || isClosed || server !== undefined) return;
    const next = made();
    try {
      await listen(next, port, host);
    } catch (error) {
      log.warn('sandbox cannot have its port back yet', { port, error: messageOf(error) });
      cancelRetry = clock.after(RETRY_MS, inTurn);
      return;
    }
    server = next;
    // What was wanted may have changed while it opened.
    if (!wanted()) await shutNow();
  };
  const wanted = (): boolean => isWanted && !isClosed;
  const inTurn = (): void => {
    turn = turn.then(open);
  };
  const shutNow = (): Promise<void> => {
    cancelRetry();
    const last = server;
    server = undefined;
    return last === undefined ? Promise.resolve() : shut(last);
  };
  return {
    port,
    sockets: () => ({ listening: isListening(), ...counts }),
    setOpen(isOpen) {
      if (isOpen === isWanted) return;
      isWanted = isOpen;
      if (isOpen) {
        inTurn();
        return;
      }
      const gone = shutNow(); // 1
      turn = turn.then(() => gone);
    },
    async close() {
      isClosed = true;
      await shutNow();
      await turn;
    },
  };
}
