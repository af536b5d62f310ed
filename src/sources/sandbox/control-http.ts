/**
 * `GET /__sandbox` shows everything, `PUT /__sandbox` changes faults and settings and plays scenarios
 * (docs/sandbox.md has them all):
 *
 *   curl -s localhost:PORT/__sandbox?log=20
 *   curl -X PUT localhost:PORT/__sandbox -d '{"providers":{"binance":{"faults":[
 *     {"kind":"status","status":429,"retryAfter":"seconds","retryAfterSeconds":5,"count":1}]}}}'
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { messageOf } from '../../kernel/errors.js';
import type { SandboxControl } from './control.js';
import { LOG_MAX } from './ledger.js';
import type { InputError } from './objections.js';

const BODY_BYTES_MAX = 65_536;
const LOG_DEFAULT = 100;

function respond(response: ServerResponse, status: number, value: unknown): void {
  const body = `${JSON.stringify(value)}\n`;
  response.writeHead(status, {
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(body),
  });
  response.end(body);
}

function refuse(response: ServerResponse, status: number, errors: readonly InputError[]): void {
  const error = errors.map(({ pointer, detail }) => `${pointer || '/'}: ${detail}`).join('; ');
  respond(response, status, { success: false, error, errors });
}

/** The body as text, or undefined once it is larger than allowed. */
async function bodyOf(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size <= BODY_BYTES_MAX) chunks.push(chunk);
  }
  return size > BODY_BYTES_MAX ? undefined : Buffer.concat(chunks).toString('utf8');
}

async function put(
  request: IncomingMessage,
  response: ServerResponse,
  control: SandboxControl,
): Promise<void> {
  const body = await bodyOf(request);
  if (body === undefined) {
    const detail = `body must be at most ${String(BODY_BYTES_MAX)} bytes`;
    refuse(response, 413, [{ pointer: '', detail }]);
    return;
  }
  let change: unknown;
  try {
    change = JSON.parse(body);
  } catch (error) {
    refuse(response, 400, [{ pointer: '', detail: `must be JSON: ${messageOf(error)}` }]);
    return;
  }
  const applied = control.apply(change);
  if (applied.ok) respond(response, 200, { success: true, ...control.snapshot(0) });
  else refuse(response, 400, applied.error);
}

/** Serves `/__sandbox`. */
export async function serveControl(
  request: IncomingMessage,
  response: ServerResponse,
  url: URL,
  control: SandboxControl,
): Promise<void> {
  if (request.method === 'PUT') {
    await put(request, response, control);
    return;
  }
  if (request.method !== 'GET') {
    response.setHeader('allow', 'GET, PUT');
    refuse(response, 405, [{ pointer: '', detail: 'method must be GET or PUT' }]);
    return;
  }
  const log = Number(url.searchParams.get('log') ?? LOG_DEFAULT);
  if (!Number.isInteger(log) || log < 0 || log > LOG_MAX) {
    const detail = `must be an integer from 0 to ${String(LOG_MAX)}`;
    refuse(response, 400, [{ pointer: '/log', detail }]);
    return;
  }
  respond(response, 200, { success: true, ...control.snapshot(log) });
}
