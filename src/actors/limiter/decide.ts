/**
 * What a limiter decides: commands against its state, facts or a refusal. Pure.
 * Each policy has its file: configure.ts, reserve.ts, restrict.ts, recovery.ts.
 */
import { unreachable } from '../../kernel/types.js';
import type { DurationMs, EpochMs } from '../../kernel/types.js';
import { facts, type Circumstances, type Decision, type MachineryCommand } from '../kind.js';
import { rollsByFact } from './buckets.js';
import type { LimiterCommand } from './commands.js';
import { decideConfigure, decideSetRate } from './configure.js';
import type { LimiterContext, LimiterState } from './context.js';
import type { LimiterFact } from './events.js';
import { bucketOf } from './counted.js';
import { evolve } from './evolve.js';
import { decideObserve } from './observe.js';
import { dueOf } from './outstanding.js';
import { rollsDue } from './periods.js';
import { slotMsOf } from './ring.js';
import { recoveryStep } from './recovery.js';
import { decideUnblockQuota } from './unblock.js';
import { BLOCK_GRACE_MS, decideReserve, decideSettle, expired } from './reserve.js';
import {
  decideBlockBucket,
  decideBlockScope,
  decideClockAnomaly,
  decideThrottle,
  decideUnblock,
  endedBlocks,
  JUMP_MS,
  rebasing,
} from './restrict.js';

/** Facts whose moments are measured from the wall clock as it was. */
const MEASURED: ReadonlySet<LimiterFact['type']> = new Set([
  'UnitsReserved',
  'Throttled',
  'RateRecovered',
  'QuotaObserved',
  'BucketBlocked',
  'ScopeBlocked',
]);

/**
 * Decided by the wall clock, for the gate and the upstreams' limits go by it; recorded in the order of
 * the stream, whose time does not run back when the clock is set back.
 */
export function decideLimiter(
  command: LimiterCommand | MachineryCommand,
  state: LimiterState,
  circumstances: Circumstances,
): Decision<LimiterFact> {
  const { at, now = at, jumpedMs = 0 } = circumstances;
  // In one batch with what is decided by the clock as it is now: no moment is of the other clock.
  const jumped = state.context.config === null ? [] : rebasing(state.context, jumpedMs, now, now);
  const context = jumped.reduce(evolve, state.context);
  const decided = decideAt(command, { ...state, context }, { ...circumstances, at: now });
  if (!decided.ok) return decided;
  const list: readonly LimiterFact[] = [...jumped, ...decided.facts];
  if (now === at) return facts(...list);
  const inOrder = (fact: LimiterFact): LimiterFact => ({
    ...fact,
    atMs: at,
    ...(MEASURED.has(fact.type) && { nowMs: now }),
  });
  return facts(...list.map(inOrder));
}

function decideAt(
  command: LimiterCommand | MachineryCommand,
  { context }: LimiterState,
  circumstances: Circumstances,
): Decision<LimiterFact> {
  const { at } = circumstances;
  switch (command.type) {
    case 'Configure':
      return decideConfigure(command, context, at);
    case 'SetRate':
      return decideSetRate(command, context, circumstances);
    case 'Reserve':
      return decideReserve(command, context, at);
    case 'Settle':
      return decideSettle(command, context, at);
    case 'ReportThrottle':
      return decideThrottle(command, context, at);
    case 'ObserveQuota':
      return decideObserve(command, context, at);
    case 'BlockBucket':
      return decideBlockBucket(command, context, at);
    case 'BlockScope':
      return decideBlockScope(command, context, at);
    case 'Unblock':
      return decideUnblock(command, context, at);
    case 'UnblockQuota':
      return decideUnblockQuota(command, context, at);
    case 'ReportClockAnomaly':
      // Where the machinery measures, the facts above say it already, whoever asked first.
      return circumstances.jumpedMs === undefined
        ? decideClockAnomaly(command, context, at)
        : facts();
    case 'TimerDue':
      return decideTimer(command.name, context, at);
    case 'Recover':
      return decideRecover(context, at);
    default:
      return unreachable(command);
  }
}

/**
 * A timer that fires is due: it ran on the monotonic clock, whatever the wall clock says by now. Nothing
 * else is: a clock that was set ahead a moment ago has brought no other end nearer.
 */
function decideTimer(name: string, context: LimiterContext, at: EpochMs): Decision<LimiterFact> {
  const dueAt = dueOf(context, name);
  if (dueAt === undefined) return facts();
  switch (name) {
    case 'recovery':
      return facts(...recoveryStep(context, at, dueAt));
    case 'unblock':
      return facts(...endedBlocks(context, at, dueAt));
    case 'period':
      return facts(...rollsDue(context, dueAt, at));
    default:
      return facts(...expired(context, at, ({ expiresAt }) => expiresAt + BLOCK_GRACE_MS <= dueAt));
  }
}

/** After a load no block has an owner: what they covered counts as spent, whatever was sent of it. */
function decideRecover(context: LimiterContext, at: EpochMs): Decision<LimiterFact> {
  if (context.config === null) return facts();
  const spent = expired(context, at, () => true);
  const jumped = rebasing(spent.reduce(evolve, context), aheadOf(context, at), at, at);
  const after = [...spent, ...jumped].reduce(evolve, context);
  const rolls = rollsDue(after, at).filter(({ bucket, periodStartMs }) => {
    return periodStartMs >= (after.windows[bucket]?.end ?? -Infinity);
  });
  return facts<LimiterFact>(...spent, ...jumped, ...rolls, ...endedBlocks(after, at, at));
}

/** The shift of a clock that was set back while nobody looked: what has happened is not to come. */
function aheadOf(context: LimiterContext, now: EpochMs): DurationMs {
  const { episode, learned, blocked, blockedBuckets, open, observed, windows } = context;
  const past = [
    episode?.steppedAt ?? 0,
    learned?.since ?? 0,
    blocked?.since ?? 0,
    ...Object.values(blockedBuckets).map(({ since }) => since),
    ...Object.values(open).map(({ at }) => at),
    ...Object.values(observed).map(({ at }) => at),
    ...Object.entries(windows).map(([name, { start }]) => {
      const bucket = bucketOf(context, name);
      return bucket === undefined || rollsByFact(bucket) ? 0 : start;
    }),
    ...Object.entries(context.rings ?? {}).map(([name, slots]) => {
      const last = slots.at(-1)?.[0] ?? 0;
      return last - slotMsOf(bucketOf(context, name)?.windowMs ?? 0);
    }),
  ];
  const ahead = Math.max(...past) - now;
  return ahead > JUMP_MS ? 0 - ahead : 0;
}
