/** A real HTTP server on loopback for the sources' tests: answers as it is told, counts what it saw. */
import { readdirSync, readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Json } from '../../src/kernel/types.js';

export type Recording = {
  readonly name: string;
  readonly request: { readonly method: string; readonly url: string };
  readonly response: {
    readonly status: number;
    readonly headers: Readonly<Record<string, string>>;
    readonly body: Json;
  };
};

export type Answer = (request: IncomingMessage, response: ServerResponse) => void;

export type Seen = {
  readonly method: string;
  readonly url: URL;
  readonly headers: IncomingMessage['headers'];
};

export type TestServer = {
  readonly url: string;
  readonly seen: readonly Seen[];
  /** Connections accepted since the start, and open now. */
  readonly sockets: { opened: number; open: Set<Socket> };
  answer(next: Answer): void;
  close(): Promise<void>;
};

const ROOT = new URL('../recordings/', import.meta.url);

export function recording(provider: string, name: string): Recording {
  const text = readFileSync(new URL(`${provider}/${name}.json`, ROOT), 'utf8');
  return { name, ...(JSON.parse(text) as Omit<Recording, 'name'>) };
}

export function recordings(provider: string): readonly Recording[] {
  return readdirSync(new URL(`${provider}/`, ROOT))
    .filter((file) => file.endsWith('.json'))
    .map((file) => recording(provider, file.slice(0, -'.json'.length)));
}

export async function testServer(first: Answer = notFound): Promise<TestServer> {
  const seen: Seen[] = [];
  const sockets = { opened: 0, open: new Set<Socket>() };
  let current = first;
  const server = createServer((request, response) => {
    const { method = '', url = '/', headers } = request;
    seen.push({ method, url: new URL(url, 'http://test'), headers });
    current(request, response);
  });
  server.on('connection', (socket) => {
    sockets.opened += 1;
    sockets.open.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.open.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`,
    seen,
    sockets,
    answer(next) {
      current = next;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}

function notFound(_request: IncomingMessage, response: ServerResponse): void {
  response.writeHead(404).end();
}

export function sendJson(
  body: Json,
  status = 200,
  headers: Readonly<Record<string, string>> = { 'content-type': 'application/json' },
): Answer {
  return (_request, response) => {
    response.writeHead(status, headers).end(JSON.stringify(body));
  };
}

export function replay({ response: recorded }: Recording): Answer {
  return sendJson(recorded.body, recorded.status, recorded.headers);
}

/** Resolves as soon as `true`; checked between turns of the event loop, so no time is waited for. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}
