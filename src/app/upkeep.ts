/** What the service does now and then: notices clock jumps, removes what is past its retention. */
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

/** A wall clock that moves otherwise than the monotonic one by more than this has jumped (A7). */
const JUMP_MS = 60_000;
const LOOK_EVERY_MS = 5000;

/** Calls back with the shift whenever the wall clock jumps; slow drift (NTP) is let pass. */
export function watchClock(
  clock: Clock,
  log: Logger,
  onJump: (shiftMs: DurationMs) => Promise<void>,
): Cancel {
  let offset = clock.now() - clock.monotonic();
  return every(clock, LOOK_EVERY_MS, log, 'clock', async () => {
    const now = clock.now() - clock.monotonic();
    const shift = now - offset;
    offset = now;
    if (Math.abs(shift) < JUMP_MS) return;
    log.warn('wall clock jumped', { shift_ms: Math.round(shift) });
    await onJump(shift);
  });
}
