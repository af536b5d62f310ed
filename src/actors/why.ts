/** Why is it not fetching? One sentence from what is in memory, and when that changes (semantics §4). */
import type { EpochMs } from '../kernel/types.js';
import type { LiveLimiter } from './engine.js';
import { regions, type CollectorState, type Obstacle } from './collector/index.js';

export type Why = { readonly sentence: string; readonly changesAt?: EpochMs };

/** The first cause that alone would stop it, in the order in which an operator would undo them. */
export function whyNot(
  state: CollectorState,
  obstacle: Obstacle | undefined,
  quarantined: string | undefined,
): Why {
  if (quarantined !== undefined) return { sentence: `it is quarantined: ${quarantined}` };
  const { context } = state;
  const { desired, activity } = regions(state);
  const { wish, suspension, blocked, due } = context;
  if (desired === 'disabled') {
    const because = wish.reason === '' ? '' : ` (${wish.reason})`;
    return until(`it is disabled by ${wish.actor}${because}`, wish.until);
  }
  if (suspension !== null) {
    return until(`it is suspended: ${suspension.cause} (${suspension.detail})`, suspension.nextTry);
  }
  if (blocked?.cause === 'key') return { sentence: `it waits for its key: ${blocked.detail}` };
  if (activity === 'collecting') return { sentence: 'it is collecting' };
  if (obstacle !== undefined)
    return until(`it waits: ${obstacle.detail}`, obstacle.until ?? due?.at);
  if (activity === 'idle' || activity === 'waiting') {
    return until('it waits for its next run', due?.at);
  }
  return { sentence: `it is ${activity}` };
}

function until(sentence: string, changesAt: EpochMs | null | undefined): Why {
  return changesAt === null || changesAt === undefined ? { sentence } : { sentence, changesAt };
}

/** What an operator sees as the phase: a collector that rests because something holds it is waiting. */
export function phaseOf(state: CollectorState, quarantined: string | undefined): string {
  return quarantined === undefined ? regions(state).activity : 'quarantined';
}

/** The obstacle a limiter is for a run that would begin now; short waits are none. */
export function limiterObstacle(
  live: LiveLimiter,
  blocked: { readonly cause: string; readonly until: EpochMs; readonly detail: string } | undefined,
  now: EpochMs,
  waitMaxMs: number,
): Obstacle | undefined {
  if (blocked !== undefined && blocked.until > now) return blocked;
  const next = live.nextPermitAt;
  if (next === undefined || next - now <= waitMaxMs) return undefined;
  const bucket = live.bindingBucket === undefined ? '' : ` (${live.bindingBucket})`;
  return {
    cause: 'rate_limit',
    detail: `the rate limit gives no permit yet${bucket}`,
    until: next,
  };
}
