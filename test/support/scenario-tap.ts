/** What leaves a process, and what comes back, written down between its door and the wire. */
import type { EpochMs } from '../../src/kernel/types.js';
import type { Exchange, Transport } from '../../src/sources/port.js';

/** One request that left. */
export type Sent = {
  /** From 0; it travels as `x-request-id`, so that the sandbox's own record can be found. */
  readonly id: string;
  readonly at: EpochMs;
  /** The name the sandbox gives it. */
  readonly provider: string;
  readonly url: string;
  readonly timeoutMs: number;
  /** When its end was known. Absent: not yet, or its process was killed. */
  endedAt?: EpochMs;
  /** `answered`, or why it failed. */
  end?: 'answered' | Extract<Exchange, { kind: 'failed' }>['cause'];
  status?: number;
};

/** Passes everything on and writes it down. */
export function tap(inner: Transport, sent: Sent[], now: () => EpochMs): Transport {
  return {
    async send(request) {
      const id = String(sent.length);
      const { headers, timeoutMs, url } = request;
      const provider = url.pathname.split('/')[1] ?? '';
      const entry: Sent = { id, at: now(), provider, url: url.href, timeoutMs };
      sent.push(entry);
      const exchange = await inner.send({
        ...request,
        headers: { ...headers, 'x-request-id': id },
      });
      entry.endedAt = now();
      entry.end = exchange.kind === 'answered' ? 'answered' : exchange.cause;
      if (exchange.status !== undefined) entry.status = exchange.status;
      return exchange;
    },
    close: () => inner.close(),
  };
}
