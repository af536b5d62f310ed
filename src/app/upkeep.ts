/** What the service does now and then, e.g. removing what is past its retention. */
import { messageOf } from '../kernel/errors.js';
import type { Logger } from '../kernel/observe.js';
import type { Cancel, Clock } from '../kernel/time.js';
import type { DurationMs } from '../kernel/types.js';

/** Runs a task again and again; the next wait begins when the task is done. Failures are logged. */
export function every(
  clock: Clock,
  intervalMs: DurationMs,
  log: Logger,
  name: string,
  task: () => Promise<void>,
): Cancel {
  let cancel: Cancel = () => undefined;
  let isStopped = false;
  const next = (): void => {
    if (isStopped) return;
    cancel = clock.after(intervalMs, () => {
      task()
        .catch((thrown: unknown) => {
          log.warn('upkeep failed', { task: name, error: messageOf(thrown) });
        })
        .finally(next);
    });
  };
  next();
  return () => {
    isStopped = true;
    cancel();
  };
}
