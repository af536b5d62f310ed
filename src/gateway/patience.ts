/** How long somebody waits for something that goes on without them. */
import type { Clock } from '../kernel/time.js';
import type { DurationMs } from '../kernel/types.js';

export type Patience = {
  readonly waitMaxMs: DurationMs;
  /** Aborts when nobody waits any more. */
  readonly signal?: AbortSignal | undefined;
};

/**
 * What came of it, or undefined when patience ended first: then it goes on, and what comes of it (a
 * rejection too) is nobody's.
 */
export function inTime<T>(
  going: Promise<T>,
  clock: Clock,
  { waitMaxMs, signal }: Patience,
): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const giveUp = (): void => {
      resolve(undefined);
      end();
    };
    const cancel = clock.after(waitMaxMs, giveUp);
    const end = (): void => {
      cancel();
      signal?.removeEventListener('abort', giveUp);
    };
    going.then(resolve, reject).finally(end);
    if (signal?.aborted === true) giveUp();
    else signal?.addEventListener('abort', giveUp, { once: true });
  });
}
