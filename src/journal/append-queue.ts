/**
 * What was handed in to the writer and not yet answered.
 *
 * S1 It is bounded, in events and in bytes: what is over is refused at once.
 * S2 After a fatal failure of the writer nothing is acknowledged; whoever waits is told `unknown`.
 * S3 Answers are given a few per turn of the event loop: what each sets going must not keep the others
 *    of this process waiting for as long as a whole group takes.
 */
import { InvariantViolated } from '../kernel/errors.js';
import type { Logger } from '../kernel/observe.js';
import { observe } from '../kernel/observe.js';
import type { Clock } from '../kernel/time.js';
import type { MonotonicMs, Revision, StreamId } from '../kernel/types.js';
import type { JournalCounters } from './counters.js';
import type { EncodedBatch } from './encode.js';
import type { JournalLimits } from './limits.js';
import type { AppendResult } from './port.js';
import { JournalUnavailable } from './port.js';
import type { Answer, PackedAnswers, PackedAppends } from './protocol.js';
import { TEXTS_PER_EVENT, emptyAppends, unpackAnswers } from './protocol.js';
import { errorOf } from './wire-errors.js';

/** A command's worth of work follows each: some 5 ms in all. */
const ANSWERS_PER_TURN = 128;

type Waiting = {
  readonly resolve: (result: AppendResult) => void;
  readonly reject: (error: Error) => void;
  readonly events: number;
  readonly bytes: number;
  readonly since: MonotonicMs;
};

export type AppendQueue = {
  readonly handIn: (
    stream: StreamId,
    expected: Revision,
    batch: EncodedBatch,
  ) => Promise<AppendResult>;
  /** S3. */
  readonly settle: (answers: PackedAnswers) => void;
  /** Hands the writer at once what waits for the turn of the event loop: nothing may follow its close. */
  readonly send: () => void;
  /** Gives at once what is still to be given. */
  readonly settleAll: () => void;
  /** S2. */
  readonly fail: (failure: () => Error) => void;
};

type Queue = {
  readonly parts: QueueParts;
  readonly waiting: Map<number, Waiting>;
  /** Given by the writer, not yet to those who wait. */
  answers: Answer[];
  handedIn: PackedAppends;
  nextId: number;
  failure: (() => Error) | undefined;
};

export type QueueParts = {
  readonly limits: JournalLimits;
  readonly counters: JournalCounters;
  readonly clock: Clock;
  readonly log: Logger;
  readonly tell: (appends: PackedAppends) => void;
};

export function appendQueue(parts: QueueParts): AppendQueue {
  const queue: Queue = {
    parts,
    waiting: new Map(),
    answers: [],
    handedIn: emptyAppends(),
    nextId: 1,
    failure: undefined,
  };
  return {
    handIn: (stream, expected, batch) => handIn(queue, stream, expected, batch),
    settle(answers) {
      if (queue.failure !== undefined) return;
      const isIdle = queue.answers.length === 0;
      unpackAnswers(answers, (answer) => queue.answers.push(answer));
      if (isIdle) settleSome(queue, ANSWERS_PER_TURN);
    },
    send() {
      send(queue);
    },
    settleAll() {
      settleSome(queue, Infinity);
    },
    fail(failure) {
      queue.failure = failure;
      queue.answers = [];
      for (const { reject } of queue.waiting.values()) reject(failure());
      queue.waiting.clear();
    },
  };
}

function handIn(
  queue: Queue,
  stream: StreamId,
  expected: Revision,
  batch: EncodedBatch,
): Promise<AppendResult> {
  if (queue.failure !== undefined) return Promise.reject(queue.failure());
  const { counters, limits, clock } = queue.parts;
  const events = batch.events.length;
  const { bytes } = batch;
  if (
    counters.queuedEvents + events > limits.queueEventsMax ||
    counters.queuedBytes + bytes > limits.queueBytesMax
  ) {
    counters.queueFull += 1;
    const queued = `${String(counters.queuedEvents)} events`;
    return Promise.reject(new JournalUnavailable(`the journal's queue is full: ${queued} wait`));
  }
  counters.queuedEvents += events;
  counters.queuedBytes += bytes;
  const id = queue.nextId;
  queue.nextId += 1;
  const { streams, numbers, texts } = queue.handedIn;
  if (streams.length === 0) scheduleSending(queue);
  streams.push(stream);
  numbers.push(id, expected, bytes, events * TEXTS_PER_EVENT);
  for (const event of batch.events) {
    texts.push(event.type, event.data, event.metadataHead, event.metadataTail);
  }
  const since = clock.monotonic();
  return new Promise((resolve, reject) => {
    queue.waiting.set(id, { resolve, reject, events, bytes, since });
  });
}

/** An idle writer gets it at once; a busy one gets all that this turn of the event loop brings. */
function scheduleSending(queue: Queue): void {
  if (queue.waiting.size === 0) {
    queueMicrotask(() => {
      send(queue);
    });
  } else setImmediate(send, queue);
}

function send(queue: Queue): void {
  const packed = queue.handedIn;
  if (packed.streams.length === 0) return;
  queue.handedIn = emptyAppends();
  queue.parts.tell(packed);
}

/** S3. */
function settleSome(queue: Queue, most: number): void {
  for (const answer of queue.answers.splice(0, most)) settleOne(queue, answer);
  if (queue.answers.length > 0) setImmediate(settleSome, queue, ANSWERS_PER_TURN);
}

function settleOne(queue: Queue, answer: Answer): void {
  const { waiting } = queue;
  const { counters, clock, log } = queue.parts;
  const asked = waiting.get(answer.id);
  if (asked === undefined) throw new InvariantViolated('an answer nobody waits for');
  waiting.delete(answer.id);
  counters.queuedEvents -= asked.events;
  counters.queuedBytes -= asked.bytes;
  if (answer.kind === 'error') {
    counters.appends.error += 1;
    const error = errorOf(answer.error);
    log.error('journal append failed', { code: error.code, error: error.message });
    asked.reject(error);
  } else if (answer.kind === 'conflict') {
    counters.appends.conflict += 1;
    asked.resolve({ kind: 'conflict', actual: answer.actual });
  } else {
    counters.appends[answer.isRepeat ? 'repeat' : 'appended'] += 1;
    observe(counters.appendSeconds, (clock.monotonic() - asked.since) / 1000);
    asked.resolve({ kind: 'appended', revision: answer.revision, position: answer.position });
  }
}
