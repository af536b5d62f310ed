/** What a stopped service may have left behind: armed timers, open sockets, threads. */
import type { Clock } from '../../src/kernel/time.js';

export type CountedClock = Clock & {
  /** Where each timer that is still armed was armed: a line of the stack per timer. */
  armed(): readonly string[];
};

/** The same clock; it remembers who armed what has neither fired nor been cancelled. */
export function countedClock(clock: Clock): CountedClock {
  const armed = new Map<number, string>();
  let last = 0;
  return {
    now: () => clock.now(),
    monotonic: () => clock.monotonic(),
    after(delay, task) {
      const id = (last += 1);
      armed.set(id, `${String(Math.round(delay))} ms${callerOf()}`);
      const cancel = clock.after(delay, () => {
        armed.delete(id);
        task();
      });
      return () => {
        armed.delete(id);
        cancel();
      };
    },
    armed: () => [...armed.values()],
  };
}

/** The first lines of the stack that lie in the product. */
function callerOf(): string {
  const lines = (new Error().stack ?? '').split('\n').filter((line) => line.includes('/src/'));
  return lines
    .slice(0, 3)
    .map((line) => ` < ${line.slice(line.lastIndexOf('/src/') + 5).replace(')', '')}`)
    .join('');
}

/** Kinds of handles that belong to somebody: a listening server, a connection, a thread's port. */
const KINDS = ['TCPServerWrap', 'TCPSocketWrap', 'MessagePort', 'Worker'];

/** How many of each kind this process holds open now. */
export function openResources(): Readonly<Record<string, number>> {
  const counts: Record<string, number> = Object.fromEntries(KINDS.map((kind) => [kind, 0]));
  for (const kind of process.getActiveResourcesInfo()) {
    if (KINDS.includes(kind)) counts[kind] = (counts[kind] ?? 0) + 1;
  }
  return counts;
}
