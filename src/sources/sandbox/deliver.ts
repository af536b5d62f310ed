/**
 * Puts an answer on the wire, whole or in one of the ways that break a careless client.
 *
 * 1. Bodies of any size are made while they are sent: memory stays flat.
 * 2. Every wait and every stream ends when the client leaves or the sandbox closes (the signal).
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { createGzip, gzip } from 'node:zlib';
import { wait, type Clock } from '../../kernel/time.js';
import { unreachable } from '../../kernel/types.js';
import type { Delivery } from './fault-answers.js';
import type { RequestFate } from './ledger.js';
import type { Answer } from './provider.js';
import { firstHalf, rendered, type Letterhead } from './render.js';

/** Bodies from here on are compressed for clients that accept it, as the real ones do. */
const GZIP_BYTES_MIN = 1024;
const PADDING_CHUNK = Buffer.alloc(65_536, ' ');
/** Turns of the event loop in which a client of this process has surely read what was sent. */
const TURNS_TO_READ = 10;
const compress = promisify(gzip);
const nextTurn = (): Promise<void> =>
  new Promise((resolve) => {
    setImmediate(resolve);
  });

export type Wire = Letterhead & {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly clock: Clock;
  /** Aborts when the client is gone or the sandbox closes. */
  readonly signal: AbortSignal;
};

function finished(wire: Wire): Promise<RequestFate> {
  const { response } = wire;
  return new Promise((resolve) => {
    if (response.writableFinished) resolve('answered');
    response.once('finish', () => {
      resolve('answered');
    });
    response.once('close', () => {
      resolve(response.writableFinished ? 'answered' : 'abandoned');
    });
  });
}

async function sendWhole(answer: Answer, wire: Wire): Promise<RequestFate> {
  const { headers, body } = rendered(answer, wire);
  const accepts = wire.request.headers['accept-encoding']?.toString().includes('gzip') === true;
  const compressed = accepts && body.length >= GZIP_BYTES_MIN;
  const bytes = compressed ? await compress(body) : body;
  const encoding = compressed ? { 'content-encoding': 'gzip' } : {};
  if (wire.signal.aborted) return 'abandoned';
  const end = finished(wire);
  const length = { 'content-length': bytes.length };
  wire.response.writeHead(answer.status, { ...headers, ...encoding, ...length });
  wire.response.end(wire.request.method === 'HEAD' ? undefined : bytes);
  return end;
}

function reset(wire: Wire): RequestFate {
  wire.response.socket?.resetAndDestroy();
  return 'broken';
}

/** Promises the whole body, sends half of it, then ends or resets the connection. */
async function sendHalf(answer: Answer, wire: Wire, how: 'end' | 'reset'): Promise<RequestFate> {
  const { headers, body } = rendered(answer, wire);
  wire.response.writeHead(answer.status, {
    ...headers,
    'content-length': Math.max(2, body.length),
  });
  await new Promise<void>((resolve) => {
    wire.response.write(firstHalf(body), () => {
      resolve();
    });
  });
  if (how === 'reset') {
    // A Node client that has the reset beside unread bytes takes it for a clean end: let it read.
    for (let turn = 0; turn < TURNS_TO_READ; turn += 1) await nextTurn();
    return reset(wire);
  }
  wire.response.socket?.end();
  return 'broken';
}

/** shorter: the rest of the body stands where the next answer should. longer: the end never comes. */
async function sendWrongLength(
  answer: Answer,
  wire: Wire,
  claim: 'shorter' | 'longer',
): Promise<RequestFate> {
  const { headers, body } = rendered(answer, wire);
  const told = claim === 'shorter' ? firstHalf(body).length : 2 * Math.max(1, body.length);
  wire.response.writeHead(answer.status, { ...headers, 'content-length': told });
  wire.response.write(body);
  if (claim === 'longer') return never(wire);
  wire.response.end();
  return 'broken';
}

/** A TLS alert where a status line should be: what a client hears at the wrong port. */
const NO_HTTP = Buffer.from([0x15, 0x03, 0x01, 0x00, 0x02, 0x02, 0x46]);

function sendNoHttp(wire: Wire): RequestFate {
  wire.response.socket?.end(NO_HTTP);
  return 'broken';
}

async function sendDrip(
  answer: Answer,
  wire: Wire,
  delivery: Extract<Delivery, { kind: 'drip' }>,
): Promise<RequestFate> {
  const { headers, body } = rendered(answer, wire);
  const end = finished(wire);
  wire.response.writeHead(answer.status, { ...headers, 'content-length': body.length });
  for (let sent = 0; sent < body.length && !wire.signal.aborted; sent += delivery.bytes) {
    wire.response.write(body.subarray(sent, sent + delivery.bytes));
    await wait(wire.clock, delivery.everyMs, wire.signal);
  }
  if (wire.signal.aborted) return 'abandoned';
  wire.response.end();
  return end;
}

/** `[`, white space, `]`: valid JSON of any size. */
function* padding(bytes: number): Generator<Buffer> {
  yield Buffer.from('[');
  for (let left = bytes - 2; left > 0; left -= PADDING_CHUNK.length) {
    yield left < PADDING_CHUNK.length ? PADDING_CHUNK.subarray(0, left) : PADDING_CHUNK;
  }
  yield Buffer.from(']');
}

async function sendPadding(
  answer: Answer,
  wire: Wire,
  delivery: Extract<Delivery, { kind: 'padding' }>,
): Promise<RequestFate> {
  const { headers } = rendered(answer, wire);
  const source = Readable.from(padding(delivery.bytes));
  const { response, signal } = wire;
  try {
    if (delivery.gzip) {
      response.writeHead(answer.status, { ...headers, 'content-encoding': 'gzip' });
      await pipeline(source, createGzip(), response, { signal });
    } else {
      response.writeHead(answer.status, headers);
      await pipeline(source, response, { signal });
    }
    return 'answered';
  } catch {
    // The client had enough, which is what this fault is for.
    return 'abandoned';
  }
}

async function never(wire: Wire): Promise<RequestFate> {
  await new Promise<void>((resolve) => {
    if (wire.signal.aborted) resolve();
    wire.signal.addEventListener('abort', () => {
      resolve();
    });
  });
  return 'broken';
}

/** Sends it and says how that went. Never throws for what a client does. */
export async function deliver(
  answer: Answer,
  delivery: Delivery,
  wire: Wire,
): Promise<RequestFate> {
  switch (delivery.kind) {
    case 'whole':
      return sendWhole(answer, wire);
    case 'never':
      return never(wire);
    case 'reset':
      return delivery.at === 'before_headers' ? reset(wire) : sendHalf(answer, wire, 'reset');
    case 'not_http':
      return sendNoHttp(wire);
    case 'wrong_length':
      return sendWrongLength(answer, wire, delivery.claim);
    case 'cut_short':
      return sendHalf(answer, wire, 'end');
    case 'drip':
      return sendDrip(answer, wire, delivery);
    case 'padding':
      return sendPadding(answer, wire, delivery);
    default:
      return unreachable(delivery);
  }
}
