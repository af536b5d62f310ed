/** A8: how often an actor may crash before it is given up, and how long it pauses in between. */
import type { Clock } from '../kernel/time.js';
import type { Random } from '../kernel/random.js';
import type { DurationMs } from '../kernel/types.js';

/** Restart intensity: more than this many crashes within the period means giving up. */
const CRASHES_MAX = 5;
const PERIOD_MS = 30_000;
const PAUSE_BASE_MS = 250;
const PAUSE_MAX_MS = 30_000;

export interface Supervisor {
  /** Notes a crash. */
  crashed(): 'restart' | 'give-up';
  /** How long to wait before the next load; 0 when nothing crashed lately. Jittered by half. */
  pauseMs(): DurationMs;
  reset(): void;
}

export function supervisor(clock: Clock, random: Random): Supervisor {
  let crashes: number[] = [];
  const recent = (): number => {
    const since = clock.monotonic() - PERIOD_MS;
    crashes = crashes.filter((at) => at > since);
    return crashes.length;
  };
  return {
    crashed() {
      crashes.push(clock.monotonic());
      return recent() > CRASHES_MAX ? 'give-up' : 'restart';
    },
    pauseMs() {
      const count = recent();
      if (count === 0) return 0;
      const full = Math.min(PAUSE_BASE_MS * 2 ** (count - 1), PAUSE_MAX_MS);
      return full * (0.5 + random.next() / 2);
    },
    reset() {
      crashes = [];
    },
  };
}
