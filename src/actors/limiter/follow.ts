/** How the gate hears of its actor (A2): what restricts at once, what permits when it is durable. */
import type { Cancel } from '../../kernel/time.js';
import type { Notice } from '../handle.js';
import type { LimiterContext } from './context.js';
import type { Desk } from './desk.js';
import type { LimiterFact } from './events.js';

/** Bookkeeping: nobody who waits for better times needs to hear of it. */
const USAGE: ReadonlySet<LimiterFact['type']> = new Set([
  'UnitsReserved',
  'UnitsSettled',
  'QuotaObserved',
]);

export type Follower = {
  readonly desk: Desk;
  readonly setContext: (context: LimiterContext) => void;
  /** Something changed that others may wait for. */
  readonly changed: () => void;
};

export function followActor({ desk, setContext, changed }: Follower): Cancel {
  return desk.handle.watch((notice: Notice<LimiterFact, LimiterContext>) => {
    setContext(notice.state.context);
    if (notice.phase === 'durable') applyFacts(desk, notice.facts, notice.state.context);
    desk.pump();
    if (notice.phase === 'withdrawn' || notice.facts.some(({ type }) => !USAGE.has(type)))
      changed();
  });
}

function applyFacts(desk: Desk, facts: readonly LimiterFact[], context: LimiterContext): void {
  for (const fact of facts) {
    // A block that ran out is over by the clock; only a hand lifts what is still in force.
    if (fact.type === 'Unblocked' && fact.cause === 'operator') desk.bars.lift(fact.bucket);
    if (fact.type === 'ScopeConfigured') desk.ledger.retireAll();
    const mayMoveLimit = ['ScopeConfigured', 'QuotaObserved', 'Unblocked'].includes(fact.type);
    if (mayMoveLimit) {
      desk.lanes.reconfigure(context, desk.clock.monotonic());
    }
  }
}
