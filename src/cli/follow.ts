/** Streams that go on: after a lost connection they are asked for again from where they were. */
import type { Clock } from '../kernel/time.js';
import { wait } from '../kernel/time.js';
import type { Connection, Streaming } from './connection.js';
import { CallFailed } from './failure.js';

const WAIT_FIRST_MS = 250;
const WAIT_MAX_MS = 5_000;

export type Follow<Req, Res> = {
  readonly method: Streaming<Req, Res>;
  /** The request that goes on after what was brought so far. Asked anew at each connection. */
  readonly request: () => Partial<Req>;
  readonly signal: AbortSignal;
  readonly clock: Clock;
  /** Says once that the connection is gone, and once that it is back. */
  readonly notice: (text: string) => void;
};

/**
 * Items over any number of connections. What is lost before the service ever took the call ends it, as
 * does a refusal.
 * @throws {CallFailed}
 */
export async function* followed<Req, Res>(
  connection: Connection,
  { method, request, signal, clock, notice }: Follow<Req, Res>,
): AsyncGenerator<Res> {
  // Written by the call's own event, between two items.
  const link = { wasOpen: false, isLost: false, delayMs: WAIT_FIRST_MS };
  const opened = (): void => {
    if (link.isLost) notice(`connected to ${connection.address} again`);
    Object.assign(link, { wasOpen: true, isLost: false, delayMs: WAIT_FIRST_MS });
  };
  while (!signal.aborted) {
    let why = 'the service ended the stream';
    try {
      yield* connection.read(method, request(), signal, opened);
    } catch (thrown) {
      if (!link.wasOpen || !isLoss(thrown)) throw thrown;
      why = thrown.message;
    }
    if (isOver(signal)) return;
    if (!link.isLost) notice(`the connection is lost (${why}); trying again`);
    link.isLost = true;
    await wait(clock, link.delayMs, signal);
    link.delayMs = Math.min(2 * link.delayMs, WAIT_MAX_MS);
  }
}

/** Asked anew: it may have been ended meanwhile. */
const isOver = (signal: AbortSignal): boolean => signal.aborted;

/** What goes away by itself: a service that is gone or going, a connection that broke. */
function isLoss(thrown: unknown): thrown is CallFailed {
  if (!(thrown instanceof CallFailed)) return false;
  const { code, status } = thrown.failure;
  if (code === 'stopping' || code === 'not_ready' || code === 'view_behind') return true;
  if (status === 'UNAVAILABLE') return true;
  return code === undefined && ['CANCELLED', 'INTERNAL', 'UNKNOWN'].includes(status);
}
