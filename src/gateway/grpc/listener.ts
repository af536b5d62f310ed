/**
 * The TCP side of the server, ours so that connections are counted and can all be cut: the library neither
 * bounds them nor tells why it could not listen.
 */
import { createServer } from 'node:net';
import type { AddressInfo, Server as TcpServer, Socket } from 'node:net';
import type { Server, ServerCredentials } from '@grpc/grpc-js';
import { HeadgateError, messageOf } from '../../kernel/errors.js';
import type { Clock } from '../../kernel/time.js';
import type { DurationMs } from '../../kernel/types.js';

/** The address is taken, or may not be listened on. */
export class GrpcUnavailable extends HeadgateError {
  readonly code = 'grpc_unavailable';
  readonly retryable = true;
}

export type Listener = {
  /** host:port as clients write it. @throws {GrpcUnavailable} */
  listen(host: string, port: number): Promise<string>;
  /** No new connections; resolves when those there are have finished, or were cut after the grace. */
  close(graceMs: DurationMs): Promise<void>;
};

export function listener(
  server: Server,
  credentials: ServerCredentials,
  connectionsMax: number,
  clock: Clock,
): Listener {
  const sockets = new Set<Socket>();
  const injector = server.createConnectionInjector(credentials);
  const tcp = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    injector.injectConnection(socket);
  });
  tcp.maxConnections = connectionsMax;
  return {
    listen: (host, port) => listening(tcp, host, port),
    async close(graceMs) {
      const closed = new Promise<void>((resolve) => {
        tcp.close(() => {
          resolve();
        });
      });
      const cancel = clock.after(graceMs, () => {
        for (const socket of sockets) socket.destroy();
      });
      await new Promise<void>((resolve) => {
        server.tryShutdown(() => {
          resolve();
        });
      });
      // A connection that never became a session, e.g. in the middle of a handshake.
      for (const socket of sockets) socket.destroy();
      await closed;
      cancel();
      server.forceShutdown();
    },
  };
}

function listening(tcp: TcpServer, host: string, port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    tcp.once('error', (cause) => {
      const where = `${host}:${String(port)}`;
      const message = `cannot serve gRPC on ${where}: ${messageOf(cause)}; set grpc.port (--grpc-port)`;
      reject(new GrpcUnavailable(message, { cause }));
    });
    tcp.listen(port, host.replace(/^\[(.*)\]$/, '$1'), () => {
      const { address, family, port: bound } = tcp.address() as AddressInfo;
      resolve(`${family === 'IPv6' ? `[${address}]` : address}:${String(bound)}`);
    });
  });
}
