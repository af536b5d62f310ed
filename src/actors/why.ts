/** Why is it not fetching? One sentence from what is in memory, and when that changes (semantics §4). */
import { isoTime } from '../kernel/time.js';
import type { EpochMs } from '../kernel/types.js';
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
  const { wish, suspension, blocked } = context;
  if (desired === 'disabled') {
    const because = wish.reason === '' ? '' : ` (${wish.reason})`;
    return until(`it is disabled by ${wish.actor}${because}`, wish.until);
  }
  if (suspension !== null) {
    return until(`it is suspended: ${suspension.cause} (${suspension.detail})`, suspension.nextTry);
  }
  if (blocked?.cause === 'key') return { sentence: `it waits for its key: ${blocked.detail}` };
  if (activity === 'collecting') return { sentence: 'it is collecting' };
  return resting(state, obstacle);
}

/** What it waits for between two runs. */
function resting(state: CollectorState, obstacle: Obstacle | undefined): Why {
  const { blocked, due } = state.context;
  const { activity } = regions(state);
  if (obstacle !== undefined) return until(waits(obstacle), obstacle.until ?? due?.at);
  if (activity === 'waiting' && blocked !== null) {
    const { cause, detail, until: ends } = blocked;
    return until(waits({ cause, detail, ...(ends !== null && { until: ends }) }), ends ?? due?.at);
  }
  const isResting = activity === 'idle' || activity === 'waiting';
  return isResting
    ? until('it waits for its next run', due?.at)
    : { sentence: `it is ${activity}` };
}

/** A pause may be long, and its moment is what people ask for first. */
function waits({ cause, detail, until: ends }: Obstacle): string {
  if (cause !== 'rate_limit' || ends === undefined) return `it waits: ${detail}`;
  return `it waits: rate limit until ${isoTime(ends)}, ${detail}`;
}

function until(sentence: string, changesAt: EpochMs | null | undefined): Why {
  return changesAt === null || changesAt === undefined ? { sentence } : { sentence, changesAt };
}

/** What an operator sees as the phase: a collector that rests because something holds it is waiting. */
export function phaseOf(state: CollectorState, quarantined: string | undefined): string {
  return quarantined === undefined ? regions(state).activity : 'quarantined';
}
