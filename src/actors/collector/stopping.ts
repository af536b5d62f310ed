/** How a collector comes to rest, at once or by draining, and how a suspension ends. */
import type { DurationMs, EpochMs } from '../../kernel/types.js';
import { facts, type Circumstances, type Decision, type Of } from '../kind.js';
import type { CollectorCommand } from './commands.js';
import { regions, type CollectorState } from './context.js';
import type { CollectorFact } from './events.js';

export function stopped(cause: string, at: EpochMs): CollectorFact {
  return { type: 'CollectorStopped', atMs: at, cause };
}

export function suspensionLifted(cause: string, at: EpochMs): CollectorFact {
  return { type: 'SuspensionLifted', atMs: at, cause };
}

export function lifted(cause: string, state: CollectorState, at: EpochMs): CollectorFact[] {
  return regions(state).suspension === 'suspended' ? [suspensionLifted(cause, at)] : [];
}

/** Ends a suspension of that cause; any other stays. */
export function liftSuspension(
  command: Of<CollectorCommand, 'LiftSuspension'>,
  state: CollectorState,
  { at }: Circumstances,
): Decision<CollectorFact> {
  const isIt = state.context.suspension?.cause === command.of;
  return isIt ? facts(...lifted(command.cause, state, at)) : facts();
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
