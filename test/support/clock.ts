/** A clock that moves only when it is told to. `advance` runs what comes due, in order. */
import type { Clock } from '../../src/kernel/time.js';

export type VirtualClock = Clock & {
  /** Lets both clocks run; each task that comes due is followed by `settle`. */
  advance(ms: number): Promise<void>;
  /** The wall clock jumps; the monotonic clock does not notice. */
  jump(ms: number): void;
  /** How many timers are armed. */
  pending(): number;
};

/** Lets promises, and what they start on the event loop's check phase, run out. */
export async function settle(): Promise<void> {
  for (let round = 0; round < 5; round += 1) {
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
}

export function virtualClock(startAt = Date.UTC(2026, 0, 5, 12)): VirtualClock {
  let wall = startAt;
  let passed = 0;
  let order = 0;
  const timers = new Map<number, { readonly dueAt: number; readonly task: () => void }>();
  const nextDue = (): number | undefined => {
    let next: number | undefined;
    let dueAt = Infinity;
    for (const [id, timer] of timers) {
      if (timer.dueAt < dueAt) {
        next = id;
        dueAt = timer.dueAt;
      }
    }
    return next;
  };
  return {
    now: () => wall,
    monotonic: () => passed,
    after(delay, task) {
      const id = (order += 1);
      timers.set(id, { dueAt: passed + Math.max(0, delay), task });
      return () => timers.delete(id);
    },
    async advance(ms) {
      const target = passed + ms;
      await settle();
      for (let id = nextDue(); id !== undefined; id = nextDue()) {
        const timer = timers.get(id);
        if (timer === undefined || timer.dueAt > target) break;
        timers.delete(id);
        wall += timer.dueAt - passed;
        passed = timer.dueAt;
        timer.task();
        await settle();
      }
      wall += target - passed;
      passed = target;
      await settle();
    },
    jump(ms) {
      wall += ms;
    },
    pending: () => timers.size,
  };
}
