/** What reaches a client in process of an answer, whole or broken, as the clock goes on. */
import { wait, type Clock } from '../../kernel/time.js';
import { unreachable, type DurationMs } from '../../kernel/types.js';
import { EVIDENCE_BYTES } from '../body.js';
import type { Exchange } from '../port.js';
import type { Delivery } from './fault-answers.js';
import type { RequestFate } from './ledger.js';
import type { Answer } from './provider.js';
import { firstHalf, rendered, type Letterhead, type Rendered } from './render.js';

export type FailureCause = Extract<Exchange, { kind: 'failed' }>['cause'];
type Head = { readonly status: number; readonly headers: Readonly<Record<string, string>> };

/** One request under way, as its client sees it. */
export type Trip = {
  readonly clock: Clock;
  /** Aborts when the exchange is settled, however. */
  readonly signal: AbortSignal;
  readonly bodyBytesMax: number;
  /** From one side to the other. */
  readonly halfMs: DurationMs;
  /** It left. */
  sent: boolean;
  head: Head | undefined;
  /** What came of the body; at most the cap. */
  received: readonly Buffer[];
  /** The first call counts. */
  settle(exchangeOf: (durationMs: DurationMs) => Exchange): void;
};

type Fail = (cause: FailureCause, message: string) => void;

export function sizeOf(chunks: readonly Buffer[]): number {
  return chunks.reduce((bytes, chunk) => bytes + chunk.byteLength, 0);
}

/** The first bytes, as the real transport keeps them. */
export function evidence(chunks: readonly Buffer[]): Buffer {
  return Buffer.concat(chunks).subarray(0, EVIDENCE_BYTES);
}

/** The answer's first line and headers have come. */
function begin(trip: Trip, status: number, { headers }: Rendered): void {
  const lower = Object.entries(headers).map(
    ([name, value]) => [name.toLowerCase(), value] as const,
  );
  trip.head = { status, headers: Object.fromEntries(lower) };
}

function receive(trip: Trip, fail: Fail, chunk: Buffer): void {
  trip.received = [...trip.received, chunk];
  const message = `the body is over ${String(trip.bodyBytesMax)} bytes`;
  if (sizeOf(trip.received) > trip.bodyBytesMax) fail('too_large', message);
}

/** The body ended where it should. */
function complete(trip: Trip): void {
  const { head, received } = trip;
  if (head === undefined) return;
  trip.settle((durationMs) => ({
    kind: 'answered',
    ...head,
    body: Buffer.concat(received),
    durationMs,
  }));
}

/** Runs when it has reached the client; never, if that has given up by then. */
function arriving(trip: Trip, then: () => void): void {
  void wait(trip.clock, trip.halfMs, trip.signal).then(() => {
    if (!trip.signal.aborted) then();
  });
}

function untilGone({ signal }: Trip): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => {
      resolve();
    });
  });
}

async function drip(
  trip: Trip,
  fail: Fail,
  body: Buffer,
  { bytes, everyMs }: Extract<Delivery, { kind: 'drip' }>,
): Promise<RequestFate> {
  await wait(trip.clock, trip.halfMs, trip.signal);
  for (let at = 0; at < body.length; at += bytes) {
    if (at > 0) await wait(trip.clock, everyMs, trip.signal);
    if (trip.signal.aborted) return 'abandoned';
    receive(trip, fail, body.subarray(at, at + bytes));
  }
  complete(trip);
  return 'answered';
}

/** `[`, white space, `]`, of which no more is made than somebody may keep. */
function padded(bytes: number, bytesMax: number): Buffer {
  const text = Buffer.alloc(Math.min(bytes, bytesMax + 1), ' ');
  text.write('[');
  if (bytes <= bytesMax && bytes > 1) text.write(']', bytes - 1);
  return text;
}

/** The same as deliver.ts does over HTTP, and what the real transport makes of it there. */
export async function deliverInProcess(
  trip: Trip,
  fail: Fail,
  answer: Answer,
  delivery: Delivery,
  letterhead: Letterhead,
): Promise<RequestFate> {
  const whole = rendered(answer, letterhead);
  /** So much of the body comes, then this happens. */
  const comes = (body: Buffer, then: () => void): void => {
    arriving(trip, () => {
      begin(trip, answer.status, whole);
      receive(trip, fail, body);
      then();
    });
  };
  switch (delivery.kind) {
    case 'whole':
      comes(whole.body, () => {
        complete(trip);
      });
      return 'answered';
    case 'never':
      await untilGone(trip);
      return 'broken';
    case 'not_http':
      arriving(trip, () => {
        fail('other', 'Parse Error: Expected HTTP/');
      });
      return 'broken';
    case 'reset':
      if (delivery.at === 'before_headers') {
        arriving(trip, () => {
          fail('reset', 'read ECONNRESET');
        });
      } else {
        comes(firstHalf(whole.body), () => {
          fail('reset', 'read ECONNRESET');
        });
      }
      return 'broken';
    case 'cut_short':
      comes(firstHalf(whole.body), () => {
        fail('truncated', 'other side closed');
      });
      return 'broken';
    case 'wrong_length':
      if (delivery.claim === 'shorter') {
        comes(firstHalf(whole.body), () => {
          complete(trip);
        });
      } else {
        comes(whole.body, () => undefined);
        await untilGone(trip);
      }
      return 'broken';
    case 'drip':
      arriving(trip, () => {
        begin(trip, answer.status, whole);
      });
      return drip(trip, fail, whole.body, delivery);
    case 'padding': {
      comes(padded(delivery.bytes, trip.bodyBytesMax), () => {
        complete(trip);
      });
      return delivery.bytes > trip.bodyBytesMax ? 'abandoned' : 'answered';
    }
    default:
      return unreachable(delivery);
  }
}
