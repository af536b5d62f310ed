/**
 * A decision of several facts in the making: each is decided on the state after those before it.
 */
import { assert } from '../../kernel/errors.js';
import { folder } from '../fold.js';
import type { BreakerFact } from './events.js';
import { breakerMachine } from './machine.js';
import type { BreakerContext, BreakerState } from './state.js';

export const breakerFolder = folder<BreakerContext, BreakerFact>(breakerMachine);

export type Draft = {
  /** After the facts so far. @throws {InvariantViolated} the last one has no arrow (A6). */
  readonly state: () => BreakerState;
  readonly add: (decide: (now: BreakerState) => BreakerFact) => void;
  readonly facts: () => readonly BreakerFact[];
};

export function draft(start: BreakerState): Draft {
  const list: BreakerFact[] = [];
  let now = start;
  let folded = 0;
  const state = (): BreakerState => {
    for (const fact of list.slice(folded)) {
      const next = breakerFolder.apply(now, fact);
      assert(next !== undefined, `${fact.type} has no arrow in ${JSON.stringify(now.value)}`);
      now = next;
    }
    folded = list.length;
    return now;
  };
  return {
    state,
    add(decide) {
      list.push(decide(state()));
    },
    facts: () => list,
  };
}
