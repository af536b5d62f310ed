/** One request over a pool of connections, from the call to the last decoded byte. */
import type { Dispatcher } from 'undici';
import type { Clock } from '../kernel/time.js';
import { ACCEPT_ENCODING, bodyGatherer, type BodyEnd, type BodyGatherer } from './body.js';
import { failureOf, type FailureCause } from './failure.js';
import type { Exchange, OutgoingRequest } from './port.js';

type Controller = Dispatcher.DispatchController;
type Head = { readonly status: number; readonly headers: Readonly<Record<string, string>> };

type Progress = {
  settled: boolean;
  /** Something of the request may have reached the wire. */
  sent: boolean;
  controller: Controller | undefined;
  head: Head | undefined;
  gatherer: BodyGatherer | undefined;
};

/** Sends and reads; resolves exactly once, whatever comes later is ignored. Never rejects. */
export function exchangeOver(
  dispatcher: Dispatcher,
  request: OutgoingRequest,
  clock: Clock,
): Promise<Exchange> {
  return new Promise((resolve) => {
    const startedAt = clock.monotonic();
    const progress: Progress = {
      settled: false,
      sent: false,
      controller: undefined,
      head: undefined,
      gatherer: undefined,
    };
    const settle = (exchange: (durationMs: number) => Exchange): void => {
      if (progress.settled) return;
      progress.settled = true;
      cancelDeadline();
      request.signal.removeEventListener('abort', aborted);
      resolve(exchange(clock.monotonic() - startedAt));
    };
    const fail = (cause: FailureCause, message: string): void => {
      if (progress.settled) return;
      const partial = progress.gatherer?.stop();
      const { sent, head } = progress;
      settle((durationMs) => ({
        kind: 'failed',
        cause,
        message,
        sent,
        ...head,
        ...partial,
        durationMs,
      }));
      // T6: destroys the socket; while still queued there is no controller, see onRequestStart.
      progress.controller?.abort(new Error(message));
    };
    const aborted = (): void => {
      fail('aborted', 'aborted by ourselves');
    };
    const cancelDeadline = clock.after(request.timeoutMs, () => {
      fail('timeout', `no whole answer within ${String(request.timeoutMs)} ms`); // T1
    });
    request.signal.addEventListener('abort', aborted, { once: true });
    const ended = (end: BodyEnd): void => {
      const head = progress.head;
      if (end.kind !== 'whole')
        fail(end.kind === 'damaged' ? 'truncated' : 'too_large', end.message);
      else if (head === undefined) fail('other', 'a body without a head');
      else settle((durationMs) => ({ kind: 'answered', ...head, body: end.body, durationMs }));
    };
    try {
      dispatcher.dispatch(dispatchOptions(request), handlerOf(request, progress, fail, ended));
    } catch (error) {
      // Undici checks what it is given and throws, e.g. for a header it may not send.
      const { cause, message } = failureOf(error, false);
      fail(cause, message);
    }
  });
}

function dispatchOptions(request: OutgoingRequest): Dispatcher.DispatchOptions {
  const { url, method, headers, body } = request;
  return {
    path: url.pathname + url.search,
    method,
    headers: { ...headers, 'accept-encoding': ACCEPT_ENCODING },
    ...(body !== undefined && { body }),
  };
}

function handlerOf(
  request: OutgoingRequest,
  progress: Progress,
  fail: (cause: FailureCause, message: string) => void,
  ended: (end: BodyEnd) => void,
): Dispatcher.DispatchHandler {
  return {
    onRequestStart(controller) {
      if (progress.settled) {
        controller.abort(new Error('its time was over before its turn came'));
        return;
      }
      progress.controller = controller;
      progress.sent = true;
    },
    onResponseStart(controller, status, headers) {
      if (status < 200) return; // informational: the answer follows
      progress.head = { status, headers: flat(headers) };
      progress.gatherer = bodyGatherer({
        contentEncoding: progress.head.headers['content-encoding'],
        bytesMax: request.bodyBytesMax,
        drained: () => {
          controller.resume();
        },
        done: ended,
      });
    },
    onResponseData(controller, chunk) {
      if (progress.gatherer?.write(chunk) === false) controller.pause();
    },
    onResponseEnd() {
      progress.gatherer?.end();
    },
    onResponseError(_controller, error) {
      const { cause, message } = failureOf(error, progress.head !== undefined);
      fail(cause, message);
    },
  };
}

type RawHeaders = Readonly<Record<string, string | readonly string[] | undefined>>;

/** One line per name; repeated ones are joined as RFC 9110 joins them. */
function flat(headers: RawHeaders): Readonly<Record<string, string>> {
  const lines: [string, string][] = [];
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined) continue;
    lines.push([name.toLowerCase(), typeof value === 'string' ? value : value.join(', ')]);
  }
  return Object.fromEntries(lines);
}
