/** Those who wait until the read models show a position. */
import type { Cancel, Clock } from '../kernel/time.js';
import type { DurationMs, Position } from '../kernel/types.js';

/** Most callers waiting at once; more are told at once that it is not there. */
const WAITERS_MAX = 10_000;

type Waiter = { readonly position: Position; readonly settle: (there: boolean) => void };

export type PositionWaiters = {
  /** True once the position is reached, false when `waitMs` passed first (or at the end). */
  readonly caughtUp: (position: Position, waitMs: DurationMs) => Promise<boolean>;
  /** Whether anybody waits. */
  readonly anybody: () => boolean;
  /** The position may have moved. */
  readonly wake: () => void;
  readonly close: () => void;
};

/** `onWait`: somebody began to wait. */
export function positionWaiters(
  clock: Clock,
  position: () => Position,
  onWait: () => void,
): PositionWaiters {
  const waiters = new Set<Waiter>();
  let isClosed = false;
  return {
    caughtUp(wanted, waitMs) {
      if (position() >= wanted) return Promise.resolve(true);
      if (waiters.size >= WAITERS_MAX || isClosed) return Promise.resolve(false);
      return new Promise((resolve) => {
        let cancel: Cancel = () => undefined;
        const waiter: Waiter = {
          position: wanted,
          settle(there) {
            cancel();
            waiters.delete(waiter);
            resolve(there);
          },
        };
        waiters.add(waiter);
        cancel = clock.after(waitMs, () => {
          waiter.settle(false);
        });
        onWait();
      });
    },
    anybody: () => waiters.size > 0,
    wake() {
      if (waiters.size === 0) return;
      const at = position();
      for (const waiter of waiters) if (waiter.position <= at) waiter.settle(true);
    },
    close() {
      isClosed = true;
      for (const waiter of waiters) waiter.settle(false);
    },
  };
}
