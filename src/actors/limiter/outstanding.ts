/** What a limiter still owes to time: four timers at the most, derived from its state alone. */
import type { EpochMs } from '../../kernel/types.js';
import type { Owed } from '../kind.js';
import { rollsByFact } from './buckets.js';
import type { Block, LimiterContext, LimiterState } from './context.js';
import { CLEAN_WINDOWS, nextStepAt } from './curve.js';
import { BLOCK_GRACE_MS } from './reserve.js';

export type LimiterTimer = 'recovery' | 'unblock' | 'period' | 'blocks';

type Due = { readonly dueAt: EpochMs; readonly from: EpochMs };

/** A moment is its timer's generation: another moment re-arms it. */
export function limiterOutstanding({ context }: LimiterState): readonly Owed[] {
  const timers: readonly (Owed | undefined)[] = [
    owed('recovery', recoveryDue(context)),
    owed('unblock', unblockDue(context)),
    owed('period', periodDue(context)),
    owed('blocks', blocksDue(context)),
  ];
  return timers.filter((timer) => timer !== undefined);
}

/** When the named timer is due; undefined when nothing is owed under that name. */
export function dueOf(context: LimiterContext, name: string): EpochMs | undefined {
  const due = {
    recovery: recoveryDue,
    unblock: unblockDue,
    period: periodDue,
    blocks: blocksDue,
  }[name as LimiterTimer] as ((c: LimiterContext) => Due | undefined) | undefined;
  return due?.(context)?.dueAt;
}

function owed(name: LimiterTimer, due: Due | undefined): Owed | undefined {
  if (due === undefined) return undefined;
  const { dueAt, from } = due;
  return { kind: 'timer', name, dueAt, delayMs: Math.max(0, dueAt - from), generation: dueAt };
}

function earliest(list: readonly Due[]): Due | undefined {
  return list.reduce<Due | undefined>(
    (first, due) => (first === undefined || due.dueAt < first.dueAt ? due : first),
    undefined,
  );
}

function recoveryDue({ config, episode, learned }: LimiterContext): Due | undefined {
  if (config === null) return undefined;
  if (episode !== null) return { dueAt: nextStepAt(episode, config), from: episode.steppedAt };
  if (learned === null) return undefined;
  const { since } = learned;
  return { dueAt: since + config.recoveryWindowMs * CLEAN_WINDOWS, from: since };
}

function unblockDue({ blocked, blockedBuckets }: LimiterContext): Due | undefined {
  const blocks: readonly Block[] = [
    ...(blocked === null ? [] : [blocked]),
    ...Object.values(blockedBuckets),
  ];
  return earliest(blocks.map(({ until, since }) => ({ dueAt: until, from: since })));
}

function periodDue({ config, windows }: LimiterContext): Due | undefined {
  const ends = (config?.buckets ?? []).flatMap((bucket): Due[] => {
    const window = rollsByFact(bucket) ? windows[bucket.name] : undefined;
    return window === undefined ? [] : [{ dueAt: window.end, from: window.start }];
  });
  return earliest(ends);
}

function blocksDue({ open }: LimiterContext): Due | undefined {
  const blocks = Object.values(open);
  return earliest(
    blocks.map(({ at, expiresAt }) => ({ dueAt: expiresAt + BLOCK_GRACE_MS, from: at })),
  );
}
