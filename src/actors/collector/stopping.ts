/** How a collector comes to rest: at once when nothing is in flight, else by draining. */
import type { DurationMs, EpochMs } from '../../kernel/types.js';
import type { Circumstances } from '../kind.js';
import { regions, type CollectorState } from './context.js';
import type { CollectorFact } from './events.js';

export function stopped(cause: string, at: EpochMs): CollectorFact {
  return { type: 'CollectorStopped', atMs: at, cause };
}

export function suspensionLifted(cause: string, at: EpochMs): CollectorFact {
  return { type: 'SuspensionLifted', atMs: at, cause };
}

export function stopOrDrain(
  cause: string,
  drainMs: DurationMs,
  state: CollectorState,
  { at }: Circumstances,
): readonly CollectorFact[] {
  const { activity } = regions(state);
  if (activity === 'stopped') return [];
  if (activity === 'collecting' || activity === 'draining') {
    return [{ type: 'DrainStarted', atMs: at, cause, deadlineMs: at + drainMs }];
  }
  return [stopped(cause, at)];
}
