/** Those who wait at the gate: bounded, first in first out, probes first. */
import type { Cancel } from '../../kernel/time.js';
import type { MonotonicMs } from '../../kernel/types.js';
import type { Acquired, AcquireFailure, AcquireRequest } from './desk.js';

export type Waiter = {
  readonly request: AcquireRequest;
  readonly since: MonotonicMs;
  readonly deadline: MonotonicMs;
  /** Its reservation was refused until then. */
  notBefore: MonotonicMs;
  /** It had to wait for the limiter. */
  wasDelayed: boolean;
  isDone: boolean;
  readonly resolve: (acquired: Acquired) => void;
  cancelDeadline: Cancel;
  readonly onAbort: () => void;
};

export interface Queue {
  readonly waiters: readonly Waiter[];
  add(waiter: Waiter): void;
  /** Back to the front of its class: its turn had come. */
  putBack(waiter: Waiter): void;
  remove(waiter: Waiter): void;
}

/** Weighted shares between live and backfill come with shared scopes: until then both are in line. */
export function waitingQueue(): Queue {
  const waiters: Waiter[] = [];
  const firstOther = (): number => {
    const index = waiters.findIndex(({ request }) => request.priority !== 'probe');
    return index < 0 ? waiters.length : index;
  };
  return {
    waiters,
    add(waiter) {
      if (waiter.request.priority === 'probe') waiters.splice(firstOther(), 0, waiter);
      else waiters.push(waiter);
    },
    putBack(waiter) {
      waiters.splice(waiter.request.priority === 'probe' ? 0 : firstOther(), 0, waiter);
    },
    remove(waiter) {
      const index = waiters.indexOf(waiter);
      if (index >= 0) waiters.splice(index, 1);
    },
  };
}

export function failed(
  cause: AcquireFailure['cause'],
  detail: string,
  more: { readonly until?: number | undefined; readonly bucket?: string | undefined } = {},
): AcquireFailure {
  return {
    ok: false,
    cause,
    ...(more.until !== undefined && { until: more.until }),
    ...(more.bucket !== undefined && { bucket: more.bucket }),
    detail,
  };
}
