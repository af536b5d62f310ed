/**
 * One stream operation as a server-streaming method: the iterable is pulled, and only as fast as its reader
 * takes what came before.
 *
 * 1. At most `aheadBytesMax` and one item wait for a reader; until they left nothing is pulled.
 * 2. An item is encoded once, however many streams it goes to; what is ready together is sent together.
 * 3. The signal aborts when the caller leaves, its deadline passes, its token lets nobody in any more or the
 *    service stops. The slot is free when nothing of the stream is kept any more.
 */
import { Metadata } from '@grpc/grpc-js';
import type { handleServerStreamingCall, ServerWritableStream } from '@grpc/grpc-js';
import type { Result } from '../../kernel/types.js';
import { LET_OUT, LOCAL } from '../auth/principal.js';
import type { Gatekeeper } from '../auth/principal.js';
import { problemOfThrown } from '../call.js';
import type { AnyStreamOperation, Opened, StreamItem } from '../operation.js';
import type { Reach, Caller } from '../operation.js';
import type { Problem } from '../problems.js';
import type { CallFacts } from './call-facts.js';
import { statusOf } from './errors.js';
import { batchOf, frameOf } from './frames.js';
import type { Frame } from './frames.js';
import { STOPPING, refused } from './gate.js';
import type { StreamMessages } from './messages/port.js';
import { inputReader } from './requests.js';
import type { MethodDefinition } from './requests.js';
import type { StreamSlots } from './stream-slots.js';
import { callerOf, knownFacts } from './unary.js';
import type { Edge } from './unary.js';

type Read = Result<object, Problem>;
type Writable = ServerWritableStream<Read, Buffer>;

export type StreamEdge = Edge & {
  readonly slots: StreamSlots;
  readonly aheadBytesMax: number;
  readonly gatekeeper: Pick<Gatekeeper, 'hold'>;
};

type Open = (
  input: object,
  reach: Reach,
  caller: Caller,
  signal: AbortSignal,
) => Opened | Promise<Opened>;

export function streamHandler(
  operation: AnyStreamOperation,
  messages: StreamMessages,
  definition: MethodDefinition,
  edge: StreamEdge,
): handleServerStreamingCall<Read, Buffer> {
  const read = inputReader(operation, messages.asked);
  const encode = itemEncoder(messages, definition);
  // The table forgot the input's type; the schema check restored what it says.
  const open = operation.open as unknown as Open;

  const run = async (stream: Writable, facts: CallFacts, life: Life): Promise<void> => {
    const checked = stream.request.ok ? read(stream.request.value) : stream.request;
    if (!checked.ok) {
      refused(edge.trail, operation, facts, checked.error, { principal: facts.principal });
      life.end(checked.error);
      return;
    }
    const caller = callerOf(facts, undefined, life.signal, edge);
    const opened = await open(checked.value.input, edge.reach, caller, life.signal);
    if (!opened.ok) {
      life.end(opened.error);
      return;
    }
    // Before the first item, so that a client knows it is open.
    if (!life.signal.aborted) stream.sendMetadata(new Metadata());
    await pump(opened.value, encode, stream, life.signal, edge.aheadBytesMax);
  };

  return (stream) => {
    const facts = knownFacts(stream);
    const life = lifeOf(stream, edge);
    const entered = edge.slots.enter(facts.peer, () => {
      life.end(STOPPING);
    });
    if (!entered.ok) {
      stream.emit('error', statusOf(entered.error, edge.clock.now(), facts.requestId));
      return;
    }
    // Said when the last byte has left, or nobody is there any more: until then its bytes are kept.
    stream.once('cancelled', entered.value);
    const letGo = edge.gatekeeper.hold(facts.principal ?? LOCAL, () => {
      life.end(LET_OUT);
    });
    const finished = run(stream, facts, life).catch((thrown: unknown) => {
      if (life.signal.aborted) return;
      const fields = { operation: operation.name, requestId: facts.requestId };
      life.end(problemOfThrown(thrown, fields, edge.reach, edge.log));
    });
    void finished.then(() => {
      letGo();
      const problem = life.end();
      if (stream.cancelled || stream.destroyed) return;
      if (problem === undefined) stream.end();
      else stream.emit('error', statusOf(problem, edge.clock.now(), facts.requestId));
    });
  };
}

function itemEncoder(
  { response }: StreamMessages,
  { responseSerialize }: MethodDefinition,
): (item: StreamItem) => Frame {
  const encoded = new WeakMap<StreamItem, Frame>();
  return (item) => {
    const kept = encoded.get(item) ?? frameOf(responseSerialize(response(item)));
    encoded.set(item, kept);
    return kept;
  };
}

type Life = {
  readonly signal: AbortSignal;
  /** Ends it, unless it has ended; answers the problem it ended with, if there was one. */
  readonly end: (problem?: Problem) => Problem | undefined;
};

const TOO_LATE: Problem = { code: 'request_timeout', detail: 'the deadline of the call passed' };

/** From the first moment of a stream until the first reason to stop. */
function lifeOf(stream: Writable, { machineClock }: StreamEdge): Life {
  const over = new AbortController();
  let why: Problem | undefined;
  const end = (problem?: Problem): Problem | undefined => {
    if (over.signal.aborted) return why;
    why = problem;
    over.abort();
    cancel();
    return why;
  };
  const deadline = Number(stream.getDeadline());
  // Of a reader that takes nothing the library would never tell us that its deadline passed.
  const cancel =
    deadline === Infinity
      ? () => undefined
      : machineClock.after(deadline - machineClock.now(), () => {
          end(TOO_LATE);
        });
  stream.once('cancelled', () => {
    end();
  });
  return { signal: over.signal, end };
}

async function pump(
  items: AsyncIterable<StreamItem>,
  encode: (item: StreamItem) => Frame,
  stream: Writable,
  signal: AbortSignal,
  aheadBytesMax: number,
): Promise<void> {
  let ahead = 0;
  let frames: Frame[] = [];
  let wake: (() => void) | undefined;
  const woken = (): void => {
    wake?.();
    wake = undefined;
  };
  const flush = (): void => {
    // What was pulled for someone who left, or is told to come back, goes nowhere.
    if (frames.length === 0 || signal.aborted) return;
    const bytes = bytesOf(frames);
    stream.write(batchOf(frames), () => {
      ahead -= bytes;
      if (ahead < aheadBytesMax) woken();
    });
    frames = [];
  };
  signal.addEventListener('abort', woken, { once: true });
  try {
    for await (const item of items) {
      if (signal.aborted) return;
      const frame = encode(item);
      ahead += frame.length;
      // It runs when nothing is ready any more: what there is by then goes together.
      if (frames.push(frame) === 1) process.nextTick(flush);
      while (ahead >= aheadBytesMax && !isAborted(signal)) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }
  } finally {
    flush();
  }
}

function bytesOf(frames: readonly Frame[]): number {
  return frames.reduce((sum, { length }) => sum + length, 0);
}

/** Asked anew at each turn, which the compiler would not believe. */
function isAborted(signal: AbortSignal): boolean {
  return signal.aborted;
}
