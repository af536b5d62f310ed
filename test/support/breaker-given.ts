/** Given facts, when a command: the decisions of a breaker, said shortly. */
import { folder } from '../../src/actors/fold.js';
import {
  breakerKind,
  defaultPolicy,
  type BreakerCommand,
  type BreakerContext,
  type BreakerFact,
  type BreakerPolicy,
  type BreakerState,
  type FinishedCall,
} from '../../src/actors/breaker/index.js';
import type { Decision, MachineryCommand } from '../../src/actors/kind.js';

export const NOON = Date.UTC(2026, 0, 5, 12);
export const MINUTE = 60_000;
/** Slow is beyond 5 s; the window lasts 20 min; half-open may last 2 min. */
export const POLICY: BreakerPolicy = defaultPolicy({
  pollIntervalMs: MINUTE,
  requestTimeoutMs: 10_000,
  maxWaitMs: 5_000,
});

export const fold = folder<BreakerContext, BreakerFact>(breakerKind.machine);

export type Given = {
  readonly state: BreakerState;
  readonly at: number;
  /** The decision, at a time and with a chance (0.5: no jitter). */
  readonly when: (
    command: Command,
    more?: { at?: number; chance?: number },
  ) => Decision<BreakerFact>;
  /** The same, and its facts folded. Fails when it is refused. */
  readonly then: (command: Command, more?: { at?: number; chance?: number }) => Given;
  /** Facts of the last step. */
  readonly facts: readonly BreakerFact[];
};
type Command = BreakerCommand | MachineryCommand;

export function configure(policy: Partial<BreakerPolicy> = {}): BreakerCommand {
  return {
    type: 'Configure',
    collector: 'historical',
    upstream: 'primary',
    policy: { ...POLICY, ...policy },
    pollIntervalMs: MINUTE,
  };
}

export function breaker(state: BreakerState = fold.initial(), at = NOON): Given {
  return from(state, at, []);
}

/** A breaker with a policy, closed. */
export function configured(policy: Partial<BreakerPolicy> = {}): Given {
  return breaker().then(configure(policy));
}

/** Open, by five failures in a row. */
export function opened(policy: Partial<BreakerPolicy> = {}): Given {
  const closed = configured(policy);
  return closed.then(report(closed, 'server', 'server', 'server', 'server', 'server'));
}

/** Half-open, by its timer. */
export function halfOpen(policy: Partial<BreakerPolicy> = {}): Given {
  return retried(opened(policy));
}

/** What the retry timer does when it comes due. */
export function retried(given: Given): Given {
  const { retry } = given.state.context;
  if (retry === null) throw new Error('the breaker is not open');
  return given.then(
    { type: 'TimerDue', name: 'retry', generation: retry.generation },
    { at: retry.at },
  );
}

/** Calls of the current generation that ended now, quick ones. */
export function report(given: Given, ...outcomes: readonly string[]): BreakerCommand {
  return { type: 'ReportCalls', calls: outcomes.map((outcome) => call(given, outcome)) };
}

export function call(
  given: Given,
  outcome: string,
  more: Partial<FinishedCall> = {},
): FinishedCall {
  const { generation } = given.state.context;
  return { at: given.at, outcome, durationMs: 100, endpoint: '/klines', generation, ...more };
}

function from(state: BreakerState, at: number, facts: readonly BreakerFact[]): Given {
  const when: Given['when'] = (command, more = {}) =>
    breakerKind.decide(command, state, {
      at: more.at ?? at,
      chance: more.chance ?? 0.5,
      actor: 'alice',
    });
  return {
    state,
    at,
    facts,
    when,
    then(command, more = {}) {
      const decision = when(command, more);
      if (!decision.ok) throw new Error(`refused: ${JSON.stringify(decision.refusal)}`);
      const next = decision.facts.reduce((now, fact) => {
        const folded = fold.apply(now, fact);
        if (folded === undefined) throw new Error(`${fact.type} has no arrow`);
        return folded;
      }, state);
      return from(next, more.at ?? at, decision.facts);
    },
  };
}
