/**
 * Time in a simulated world: one true clock, a machine's wall clock that can be wrong, and everything
 * that waits in one queue, so that a seed is one order of events.
 *
 * 1. One task at a time; after each, every promise runs out before the next task may begin.
 * 2. A process has its own view; when it is killed its timers are gone, and it can arm none.
 */
import type { Cancel, Clock } from '../../src/kernel/time.js';
import type { EpochMs, MonotonicMs } from '../../src/kernel/types.js';

export type ProcessClock = Clock & {
  kill(): void;
  /** Timers armed. */
  pending(): number;
};

export type SimTime = {
  /** Since the world began; never jumps. */
  monotonic(): MonotonicMs;
  /** What an upstream's clock says. */
  readonly truth: () => EpochMs;
  /** What the machine's wall clock says. */
  wall(): EpochMs;
  /** The wall clock jumps. */
  jump(ms: number): void;
  /** By how much the wall clock is ahead. */
  shift(): number;
  /** A task of the world itself: it outlives processes. */
  after(delayMs: number, task: () => void): Cancel;
  processClock(): ProcessClock;
  /** Runs what is due next, not after `until`; false: nothing was, and it is `until` now. */
  step(until: MonotonicMs): Promise<boolean>;
};

type Task = {
  readonly dueAt: MonotonicMs;
  readonly order: number;
  readonly run: () => void;
  isGone: boolean;
};

/** Lets every promise run out. The whole engine runs on promises and timers, nothing else. */
export function settled(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

export function simTime(startAt: EpochMs): SimTime {
  let passed = 0;
  let shift = 0;
  let order = 0;
  const queue = taskQueue();
  const arm = (delayMs: number, run: () => void): Task => {
    order += 1;
    const task = { dueAt: passed + Math.max(0, delayMs), order, run, isGone: false };
    queue.push(task);
    return task;
  };
  // Whole milliseconds, as clocks of walls have them; the monotonic one has fractions.
  const wall = (): EpochMs => Math.floor(startAt + passed + shift);
  const monotonic = (): MonotonicMs => passed;
  return {
    monotonic,
    truth: () => Math.floor(startAt + passed),
    wall,
    jump(ms) {
      shift += ms;
    },
    shift: () => shift,
    after(delayMs, run) {
      const task = arm(delayMs, run);
      return () => {
        task.isGone = true;
      };
    },
    processClock() {
      const own = new Set<Task>();
      let isDead = false;
      return {
        now: wall,
        monotonic,
        after(delay, run) {
          if (isDead) return () => undefined;
          const task = arm(delay, () => {
            own.delete(task);
            run();
          });
          own.add(task);
          return () => {
            task.isGone = true;
            own.delete(task);
          };
        },
        kill() {
          isDead = true;
          for (const task of own) task.isGone = true;
          own.clear();
        },
        pending: () => own.size,
      };
    },
    async step(until) {
      for (let next = queue.peek(); next !== undefined; next = queue.peek()) {
        if (!next.isGone && next.dueAt > until) break;
        queue.pop();
        if (next.isGone) continue;
        passed = Math.max(passed, next.dueAt);
        next.run();
        await settled();
        return true;
      }
      passed = Math.max(passed, until);
      return false;
    },
  };
}

/** A binary heap: earliest first, and in the order of arming among equals. */
function taskQueue(): {
  readonly push: (task: Task) => void;
  readonly peek: () => Task | undefined;
  readonly pop: () => void;
} {
  const heap: Task[] = [];
  const isBefore = (a: Task, b: Task): boolean =>
    a.dueAt < b.dueAt || (a.dueAt === b.dueAt && a.order < b.order);
  const swapIfBefore = (child: number, parent: number): boolean => {
    const [a, b] = [heap[child], heap[parent]];
    if (a === undefined || b === undefined || !isBefore(a, b)) return false;
    heap[child] = b;
    heap[parent] = a;
    return true;
  };
  const sink = (index: number): void => {
    const left = 2 * index + 1;
    const [a, b] = [heap[left], heap[left + 1]];
    if (a === undefined) return;
    const least = b !== undefined && isBefore(b, a) ? left + 1 : left;
    if (swapIfBefore(least, index)) sink(least);
  };
  return {
    push(task) {
      heap.push(task);
      for (let at = heap.length - 1; at > 0; at = (at - 1) >> 1) {
        if (!swapIfBefore(at, (at - 1) >> 1)) break;
      }
    },
    peek: () => heap[0],
    pop() {
      const last = heap.pop();
      if (last === undefined || heap.length === 0) return;
      heap[0] = last;
      sink(0);
    },
  };
}
