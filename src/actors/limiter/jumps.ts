/** Both clocks at once, and what to do when the wall clock jumped against the monotonic one (A7). */
import type { Logger } from '../../kernel/observe.js';
import type { Clock } from '../../kernel/time.js';
import type { DurationMs, EpochMs, MonotonicMs } from '../../kernel/types.js';
import type { SystemContext } from '../handle.js';
import type { LimiterHandle } from './block.js';
import { JUMP_MS } from './restrict.js';
import type { Restrictions } from './restrictions.js';

/** Both clocks as they were read last. */
export type Seen = { wall: EpochMs; mono: MonotonicMs };

/** Reads both clocks into `seen`; a jump is told to the actor, and to the memory at once. */
export function jumpWatch(parts: {
  readonly clock: Clock;
  readonly handle: LimiterHandle;
  readonly system: SystemContext;
  readonly bars: Restrictions;
  readonly log: Logger;
  readonly seen: Seen;
}): () => void {
  const { clock, handle, system, bars, log, seen } = parts;
  let baseline = seen.wall - seen.mono;
  let isTelling = false;
  const tell = async (shiftMs: DurationMs, now: number): Promise<void> => {
    isTelling = true;
    baseline += shiftMs;
    bars.shift(shiftMs);
    log.warn('the wall clock jumped: limits are rebased', { shiftMs });
    const answer = await handle.ask(
      { type: 'ReportClockAnomaly', shiftMs, now },
      system('clock anomaly'),
    );
    isTelling = false;
    if (answer.ok) return;
    // Not written: it is seen again at the next look.
    baseline -= shiftMs;
    bars.shift(0 - shiftMs);
  };
  return () => {
    const wall = clock.now();
    const mono = clock.monotonic();
    seen.wall = wall;
    seen.mono = mono;
    const drift = wall - mono - baseline;
    if (!isTelling && Math.abs(drift) > JUMP_MS) void tell(drift, wall);
  };
}
