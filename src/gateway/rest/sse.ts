/**
 * Streams as Server-Sent Events, beside the page of the same path.
 *
 * E1 The next item is taken when the last has left: a slow client is waited for, and nothing is kept for it.
 * E2 `id:` is what `Last-Event-ID` brings back; an item without one leaves the last in force.
 * E3 A stream ends with its client, at shutdown, or by itself; then its iterable is let go of.
 * E4 Open streams are counted, with a maximum; one too many is refused.
 * E5 A stream whose principal would not be let in any more ends with that problem.
 */
import type { FastifyRequest } from 'fastify';
import { once, setMaxListeners } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { DurationMs } from '../../kernel/types.js';
import { fail, ok } from '../../kernel/types.js';
import type { Result } from '../../kernel/types.js';
import { STREAMS } from '../api.js';
import { LET_OUT } from '../auth/principal.js';
import type { Principal } from '../auth/principal.js';
import { problemOfThrown } from '../call.js';
import type { AnyOperation, AnyStreamOperation, Caller, Opened, StreamItem } from '../operation.js';
import { invalidInput } from '../problems.js';
import type { Problem } from '../problems.js';
import type { Edge } from './edge.js';
import type { EventStreams } from './event-streams.js';
import { problemBody } from './problem-body.js';
import { pathOf } from './replies.js';
import type { Exchange } from './replies.js';
import { inputReader } from './request-input.js';
import type { InputReader, RawInput } from './request-input.js';
import { CSP, SECURITY_HEADERS } from './security-headers.js';

/** How long a client waits before it comes again. */
const RETRY_MS: DurationMs = 2_000;
const HEARTBEAT_MS: DurationMs = 15_000;
const TYPE = 'text/event-stream';

export function eventStreams(edge: () => Edge, max: number): EventStreams {
  const stopping = new AbortController();
  setMaxListeners(max + 1, stopping.signal);
  /** Items shared by many are written out once. */
  const texts = new WeakMap<StreamItem, string>();
  let open = 0;
  const textOf = (item: StreamItem): string => {
    const known = texts.get(item);
    if (known !== undefined) return known;
    const id = item.id === '' ? '' : `id: ${item.id}\n`;
    const text = `${id}event: ${item.kind}\ndata: ${JSON.stringify(item.value)}\n\n`;
    texts.set(item, text);
    return text;
  };
  const send = async (
    stream: AnyStreamOperation,
    read: InputReader,
    exchange: Exchange,
    caller: Caller,
    principal: Principal,
  ): Promise<void> => {
    const { reply, gatekeeper } = edge();
    const input = inputOf(stream, read, exchange.request);
    if (!input.ok) {
      reply.problem(input.error, exchange);
      return;
    }
    if (open >= max) {
      const detail = `${String(max)} event streams are open`;
      reply.problem({ code: 'overloaded', detail }, exchange);
      return;
    }
    open += 1;
    const gone = new AbortController();
    const leave = (): void => {
      gone.abort();
    };
    stopping.signal.addEventListener('abort', leave, { once: true });
    exchange.reply.raw.once('close', leave);
    if (stopping.signal.aborted) leave();
    const letGo = gatekeeper.hold(principal, () => {
      gone.abort(LET_OUT);
    });
    try {
      const opened = await openedOf(stream, input.value, edge(), caller, gone.signal);
      if (!opened.ok) reply.problem(opened.error, exchange);
      else await pour(opened.value, exchange, edge(), gone.signal, textOf);
    } finally {
      leave();
      letGo();
      stopping.signal.removeEventListener('abort', leave);
      open -= 1;
    }
  };
  return {
    beside(operation) {
      const stream = STREAMS.find(({ sse }) => sse?.besides === operation.name);
      if (stream === undefined) return undefined;
      const read = readerOf(stream, operation);
      return {
        isAsked: ({ method, headers }) =>
          method === 'GET' && headers.accept?.toLowerCase().includes(TYPE) === true,
        send: (exchange, caller, as) => send(stream, read, exchange, caller, as),
      };
    },
    close() {
      stopping.abort();
    },
  };
}

/** The stream's own members, found where its page finds them. */
function readerOf(stream: AnyStreamOperation, operation: AnyOperation): InputReader {
  const inPath = [...operation.rest.path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]);
  const query = Object.keys(stream.input.properties).filter((key) => !inPath.includes(key));
  return inputReader({ ...operation, input: stream.input, rest: { ...operation.rest, query } });
}

/** E2: where a client was goes before what its first request said. */
function inputOf(
  { sse }: AnyStreamOperation,
  read: InputReader,
  request: FastifyRequest,
): Result<object, Problem> {
  const { params, query } = request as RawInput & FastifyRequest;
  const input = read({ params, query, body: undefined });
  const last = request.headers['last-event-id'];
  if (!input.ok || sse === undefined) return input;
  const told = { ...(sse.unsaid as object | undefined), ...input.value };
  if (last === undefined || last === '') return ok(told);
  const at = typeof last === 'string' && /^\d{1,15}$/.test(last) ? Number(last) : undefined;
  if (at === undefined) {
    const detail = 'Last-Event-ID must be the id of an event of this stream';
    return fail(invalidInput({ pointer: `/${sse.resume}`, detail }));
  }
  return ok({ ...told, [sse.resume]: at });
}

async function openedOf(
  stream: AnyStreamOperation,
  input: object,
  { reach, log }: Edge,
  caller: Caller,
  signal: AbortSignal,
): Promise<Opened> {
  try {
    // The table forgot the stream's input type; the schema check restored what it says.
    const open = stream.open as unknown as (
      ...asked: [object, typeof reach, Caller, AbortSignal]
    ) => Opened | Promise<Opened>;
    return await open(input, reach, caller, signal);
  } catch (thrown) {
    const { correlationId: requestId } = caller;
    return fail(problemOfThrown(thrown, { operation: stream.name, requestId }, reach, log));
  }
}

/** Writes until the stream, the client or the service ends. */
async function pour(
  items: AsyncIterable<StreamItem>,
  { request, reply, operation, begunAt }: Exchange,
  { reach, log, traffic }: Edge,
  signal: AbortSignal,
  textOf: (item: StreamItem) => string,
): Promise<void> {
  reply.hijack();
  const { raw } = reply;
  const { method, id: requestId } = request;
  raw.writeHead(200, {
    ...(reply.getHeaders() as Record<string, string>),
    ...SECURITY_HEADERS,
    'content-security-policy': CSP,
    'content-type': `${TYPE}; charset=utf-8`,
    'x-request-id': requestId,
    'x-accel-buffering': 'no',
  });
  const path = pathOf(request.url);
  const durationMs = reach.clock.monotonic() - begunAt;
  traffic.ended({ operation, method, path, status: 200, durationMs, requestId });
  const stopBeating = heartbeat(raw, reach.clock);
  try {
    await written(raw, `retry: ${String(RETRY_MS)}\n\n`, signal);
    for await (const item of items) {
      if (signal.aborted) break;
      await written(raw, textOf(item), signal);
    }
    if (signal.reason === LET_OUT) raw.write(problemEvent(LET_OUT, path, requestId));
    else if (!signal.aborted) await written(raw, 'event: end\ndata: {}\n\n', signal);
  } catch (thrown) {
    const problem = problemOfThrown(thrown, { operation: operation?.name, requestId }, reach, log);
    if (!signal.aborted) raw.write(problemEvent(problem, path, requestId));
  } finally {
    stopBeating();
    raw.end();
    // Whoever does not read would hold the connection until it times out.
    if (signal.aborted && (signal.reason !== LET_OUT || raw.writableNeedDrain)) raw.destroy();
  }
}

function problemEvent(problem: Problem, path: string, requestId: string): string {
  return `event: problem\ndata: ${problemBody(problem, path, requestId)}\n\n`;
}

/** E1: resolves when the client may be given more, or is gone. */
async function written(raw: ServerResponse, text: string, signal: AbortSignal): Promise<void> {
  if (raw.write(text) || signal.aborted) return;
  await once(raw, 'drain', { signal }).catch((thrown: unknown) => {
    if (!signal.aborted) throw thrown;
  });
}

/** A comment now and then, so that a dead connection shows; none while the client does not read. */
function heartbeat(
  raw: ServerResponse,
  clock: { readonly after: (ms: DurationMs, task: () => void) => () => void },
): () => void {
  let cancel = clock.after(HEARTBEAT_MS, beat);
  function beat(): void {
    if (!raw.writableNeedDrain) raw.write(':\n\n');
    cancel = clock.after(HEARTBEAT_MS, beat);
  }
  return () => {
    cancel();
  };
}
