/** A real HTTP server on loopback in the place of every upstream of a source; it can be made to fail. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Delivery, Fault, Upstream, UpstreamAnswer, UpstreamRequest } from './port.js';

/** What happens from the n-th request of a run on, counted from 0. */
export type Plan = {
  readonly fault?: Fault;
  readonly from?: number;
  /** Called when a request has come, before it is answered. */
  readonly onRequest?: (index: number) => void;
  /** Requests from this one on are never answered. */
  readonly silentFrom?: number;
};

export type UpstreamServer = {
  readonly url: string;
  /** Begins a run: requests are counted anew. */
  begin(plan: Plan): void;
  /** Requests since `begin` that nothing was known of. */
  unknown(): readonly string[];
  close(): Promise<void>;
};

const BODY_BYTES_MAX = 1024 * 1024;

export async function upstreamServer(upstream: Upstream): Promise<UpstreamServer> {
  let plan: Plan = {};
  let count = 0;
  let unknown: string[] = [];
  const serve = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    const index = count;
    const mine = plan;
    count += 1;
    const request = await requestOf(incoming);
    mine.onRequest?.(index);
    if (mine.silentFrom !== undefined && index >= mine.silentFrom) return;
    const answer = await upstream(request);
    if (answer === undefined) unknown.push(`${request.method} ${request.path}`);
    const healthy = deliveryOf(answer ?? { status: 404, body: { error: 'not found' } });
    const isFaulty = mine.fault !== undefined && index >= (mine.from ?? 0);
    deliver(response, isFaulty ? mine.fault.spoil(healthy, request) : healthy);
  };
  const server = createServer((incoming, response) => {
    serve(incoming, response).catch(() => response.destroy());
  });
  server.on('connection', (socket) => socket.on('error', () => undefined));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`,
    begin(next) {
      plan = next;
      count = 0;
      unknown = [];
    },
    unknown: () => unknown,
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}

/** The first part of the path says which upstream is meant: run.ts puts it there. */
async function requestOf(incoming: IncomingMessage): Promise<UpstreamRequest> {
  const url = new URL(incoming.url ?? '/', 'http://upstream');
  const [, upstream = '', ...rest] = url.pathname.split('/');
  const headers = Object.entries(incoming.headers).map(([name, value]) => [
    name,
    typeof value === 'string' ? value : (value ?? []).join(', '),
  ]);
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    bytes += chunk.byteLength;
    if (bytes <= BODY_BYTES_MAX) chunks.push(chunk);
  }
  return {
    upstream: decodeURIComponent(upstream),
    method: incoming.method ?? 'GET',
    path: `/${rest.join('/')}`,
    query: url.searchParams,
    headers: Object.fromEntries(headers) as Readonly<Record<string, string>>,
    body: Buffer.concat(chunks).toString('utf8'),
  };
}

function deliveryOf({ status = 200, headers = {}, body }: UpstreamAnswer): Delivery {
  const isText = typeof body === 'string';
  const types = Object.keys(headers).some((name) => name.toLowerCase() === 'content-type');
  const type = isText ? 'text/plain; charset=utf-8' : 'application/json';
  return {
    status,
    headers: types ? headers : { ...headers, 'content-type': type },
    body: Buffer.from(isText ? body : JSON.stringify(body)),
    end: 'whole',
  };
}

function deliver(response: ServerResponse, { status, headers, body, end }: Delivery): void {
  if (end === 'reset') {
    response.socket?.resetAndDestroy();
    return;
  }
  const length = end === 'whole' ? body.byteLength : body.byteLength + 1024;
  response.writeHead(status, { ...headers, 'content-length': String(length) });
  if (end === 'whole') response.end(body);
  else response.write(body, () => (end === 'cut' ? response.socket?.destroy() : undefined));
}
