/** A gateway on a free loopback port, with ways to talk to it: well behaved, and byte by byte. */
import { request } from 'node:http';
import { connect } from 'node:net';
import { openGatekeeper, restGateway } from '../../src/gateway/index.js';
import type { RestGateway, RestParts } from '../../src/gateway/index.js';
import { silentLogger } from '../../src/kernel/observe.js';
import { world } from './gateway-fakes.js';
import type { World } from './gateway-fakes.js';

export type Told = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
  /** The body as JSON, `any` shape: tests look into it. */
  readonly body: Record<string, unknown>;
};

export type Sent = {
  readonly method?: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
};

export type Served = {
  readonly world: World;
  readonly gateway: RestGateway;
  readonly url: string;
  readonly port: number;
  ask(sent: Sent): Promise<Told>;
  get(path: string): Promise<Told>;
  /** With a JSON content type. */
  json(method: string, path: string, body?: unknown): Promise<Told>;
  /** Writes bytes to a socket; resolves to everything that came back before it was closed. */
  raw(bytes: string): Promise<string>;
  close(): Promise<void>;
};

export async function served(
  parts: Partial<
    Pick<RestParts, 'log' | 'limits' | 'insecure' | 'gatekeeper' | 'corsOrigins'>
  > = {},
  made: World = world(),
  host = '127.0.0.1',
): Promise<Served> {
  const gateway = restGateway({
    ...made,
    log: silentLogger,
    gatekeeper: openGatekeeper(),
    ...parts,
  });
  const url = await gateway.listen(host, 0);
  const port = Number(new URL(url).port);
  const ask = (sent: Sent): Promise<Told> => exchange(port, sent);
  return {
    world: made,
    gateway,
    url,
    port,
    ask,
    get: (path) => ask({ path }),
    json: (method, path, body) =>
      ask({
        method,
        path,
        headers: { 'content-type': 'application/json' },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      }),
    raw: (bytes) => rawExchange(port, bytes),
    close: () => gateway.close(),
  };
}

function exchange(port: number, { method = 'GET', path, headers, body }: Sent): Promise<Told> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, method, path, headers: { ...headers } });
    sent.on('response', (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('error', reject);
      answer.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8');
        const isJson = /json/.test(answer.headers['content-type'] ?? '') && text !== '';
        resolve({
          status: answer.statusCode ?? 0,
          headers: answer.headers as Record<string, string>,
          text,
          body: isJson ? (JSON.parse(text) as Record<string, unknown>) : {},
        });
      });
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

function rawExchange(port: number, bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    let heard = '';
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => (heard += chunk));
    socket.on('error', reject);
    socket.on('close', () => {
      resolve(heard);
    });
    socket.write(bytes);
  });
}

/** The problem body of an answer, narrowed for assertions. */
export function problemOf({ body }: Told) {
  return body as {
    success: boolean;
    error: string;
    type: string;
    title: string;
    status: number;
    detail: string;
    instance: string;
    code: string;
    errors: { pointer: string; detail: string }[];
    request_id: string;
    error_id?: string;
    retry_at?: string;
    reasons?: string[];
  };
}
