/**
 * A wire by hand: it keeps what was sent, and answers as it is told. Unless told otherwise it answers
 * `{"ok":true}` after 20 ms; a request that is aborted ends as the real one does.
 */
import type { Clock } from '../../src/kernel/time.js';
import type { Exchange, OutgoingRequest, Transport } from '../../src/sources/port.js';

/** What the wire says to a request; `hang`: nothing, until the request is aborted. */
export type Say = (request: OutgoingRequest, nth: number) => Exchange | 'hang';

export type HandTransport = Transport & {
  readonly sent: OutgoingRequest[];
  say: Say;
  /** Called at the very moment a request reaches the wire. */
  onSend: (request: OutgoingRequest) => void;
  /** Requests without an answer yet. */
  inFlight(): number;
};

const LATENCY_MS = 20;

export function answered(
  status: number,
  body: unknown = { ok: true },
  headers: Readonly<Record<string, string>> = {},
): Exchange {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return { kind: 'answered', status, headers, body: Buffer.from(text), durationMs: LATENCY_MS };
}

export function failing(
  cause: Extract<Exchange, { kind: 'failed' }>['cause'],
  more: Partial<Extract<Exchange, { kind: 'failed' }>> = {},
): Exchange {
  return { kind: 'failed', cause, message: cause, durationMs: LATENCY_MS, ...more };
}

export function handTransport(clock: Clock): HandTransport {
  let inFlight = 0;
  const wire: HandTransport = {
    sent: [],
    say: () => answered(200),
    onSend: () => undefined,
    inFlight: () => inFlight,
    send(request) {
      wire.onSend(request);
      wire.sent.push(request);
      const said = wire.say(request, wire.sent.length);
      inFlight += 1;
      return new Promise((resolve) => {
        const end = (exchange: Exchange): void => {
          inFlight -= 1;
          resolve(exchange);
        };
        if (said !== 'hang') {
          clock.after(LATENCY_MS, () => {
            end(said);
          });
          return;
        }
        request.signal.addEventListener('abort', () => {
          end(failing('aborted'));
        });
      });
    },
    close: () => Promise.resolve(),
  };
  return wire;
}
