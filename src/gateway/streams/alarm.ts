/** Wakes one reader that waits for something new; a ring while it is busy is kept for its next wait. */
import type { Clock } from '../../kernel/time.js';
import type { DurationMs } from '../../kernel/types.js';

export type Alarm = {
  readonly ring: () => void;
  /** What ended the wait: a ring (perhaps an earlier one), the time, or the signal. */
  readonly wait: (ms: DurationMs, signal: AbortSignal) => Promise<'rung' | 'late' | 'aborted'>;
};

export function alarm(clock: Clock): Alarm {
  let isRung = false;
  let wake: (() => void) | undefined;
  return {
    ring() {
      isRung = true;
      wake?.();
    },
    wait(ms, signal) {
      return new Promise((resolve) => {
        const settle = (how: 'rung' | 'late' | 'aborted'): void => {
          cancel();
          signal.removeEventListener('abort', aborted);
          wake = undefined;
          if (how === 'rung') isRung = false;
          resolve(how);
        };
        const aborted = (): void => {
          settle('aborted');
        };
        const cancel = clock.after(ms, () => {
          settle('late');
        });
        signal.addEventListener('abort', aborted, { once: true });
        wake = () => {
          settle('rung');
        };
        if (signal.aborted) aborted();
        else if (isRung) wake();
      });
    },
  };
}

/** How often a stream on which nothing happens says that it lives, so that a dead peer shows. */
export const HEARTBEAT_MS = 15_000;
