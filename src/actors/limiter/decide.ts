/**
 * What a limiter decides: commands against its state, facts or a refusal. Pure.
 * Each policy has its file: configure.ts, reserve.ts, restrict.ts, recovery.ts.
 */
import { unreachable } from '../../kernel/types.js';
import type { EpochMs } from '../../kernel/types.js';
import { facts, type Circumstances, type Decision, type MachineryCommand } from '../kind.js';
import type { LimiterCommand } from './commands.js';
import { decideConfigure, decideSetRate } from './configure.js';
import type { LimiterContext, LimiterState } from './context.js';
import type { LimiterFact } from './events.js';
import { evolve } from './evolve.js';
import { decideObserve } from './observe.js';
import { dueOf } from './outstanding.js';
import { rollsDue } from './periods.js';
import { recoveryStep } from './recovery.js';
import { BLOCK_GRACE_MS, decideReserve, decideSettle, expired } from './reserve.js';
import {
  decideBlockBucket,
  decideBlockScope,
  decideClockAnomaly,
  decideThrottle,
  decideUnblock,
  endedBlocks,
} from './restrict.js';

export function decideLimiter(
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
    case 'ReportClockAnomaly':
      return decideClockAnomaly(command, context, at);
    case 'TimerDue':
      return decideTimer(command.name, context, at);
    case 'Recover':
      return decideRecover(context, at);
    default:
      return unreachable(command);
  }
}

/** A timer that fires is due: it ran on the monotonic clock, whatever the wall clock says by now. */
function decideTimer(name: string, context: LimiterContext, at: EpochMs): Decision<LimiterFact> {
  const dueAt = dueOf(context, name);
  if (dueAt === undefined) return facts();
  const when = Math.max(at, dueAt);
  switch (name) {
    case 'recovery':
      return facts(...recoveryStep(context, at, when));
    case 'unblock':
      return facts(...endedBlocks(context, at, when));
    case 'period':
      return facts(...rollsDue(context, when, at));
    default:
      return facts(...expired(context, at, ({ expiresAt }) => expiresAt + BLOCK_GRACE_MS <= when));
  }
}

/** After a load no block has an owner: what they covered counts as spent, whatever was sent of it. */
function decideRecover(context: LimiterContext, at: EpochMs): Decision<LimiterFact> {
  if (context.config === null) return facts();
  const spent = expired(context, at, () => true);
  const after = spent.reduce(evolve, context);
  const rolls = rollsDue(after, at).filter(({ bucket, periodStartMs }) => {
    return periodStartMs >= (after.windows[bucket]?.end ?? -Infinity);
  });
  return facts<LimiterFact>(...spent, ...rolls, ...endedBlocks(after, at, at));
}
