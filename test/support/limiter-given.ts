/** Given facts, when a command: the decisions of a limiter, said shortly. */
import { folder } from '../../src/actors/fold.js';
import type { Decision, MachineryCommand } from '../../src/actors/kind.js';
import {
  limiterKind,
  type Configure,
  type LimiterCommand,
  type LimiterContext,
  type LimiterFact,
  type LimiterState,
} from '../../src/actors/limiter/index.js';
import type { BucketConfig } from '../../src/gen/headgate/events/v1/limiter.js';

export const NOON = Date.UTC(2026, 0, 5, 12);
export const SECOND = 1000;
export const MINUTE = 60_000;
export const HOUR = 3_600_000;

export const fold = folder<LimiterContext, LimiterFact>(limiterKind.machine);

export type Command = LimiterCommand | MachineryCommand;

export type Given = {
  readonly state: LimiterState;
  readonly context: LimiterContext;
  readonly at: number;
  readonly when: (command: Command, at?: number) => Decision<LimiterFact>;
  /** The same, and its facts folded. Fails when it is refused. */
  readonly then: (command: Command, at?: number) => Given;
  /** Facts of the last step. */
  readonly facts: readonly LimiterFact[];
};

/** A bucket: rolling, 10 in 10 s, one at a time, unless told otherwise. */
export function bucket(more: Partial<BucketConfig> = {}): BucketConfig {
  return {
    name: 'requests',
    kind: 'rolling',
    limit: 10,
    windowMs: 10_000,
    burst: 1,
    period: '',
    zone: '',
    anchorDay: 0,
    unit: 'request',
    priceMicros: 0,
    quota: false,
    ...more,
  };
}

/** 6000 per clock minute, as Binance has it. */
export const weightPerMinute = bucket({
  name: 'weight',
  kind: 'fixed',
  limit: 6000,
  windowMs: MINUTE,
});
/** 100 a day in UTC, charged. */
export const dailyQuota = bucket({
  name: 'daily',
  kind: 'fixed',
  limit: 100,
  windowMs: 0,
  period: 'day',
  quota: true,
  priceMicros: 1000,
});

export function configure(more: Partial<Configure> = {}): Configure {
  return {
    type: 'Configure',
    scope: 'sandbox',
    collectors: ['moralis'],
    buckets: [],
    maxRequestsPerSecond: 5,
    backoffMultiplier: 2,
    maxBackoff: 10,
    recoveryWindowMs: MINUTE,
    floorRate: 1 / 300,
    margin: 0,
    tier: 'Pro',
    currency: 'USD',
    ...more,
  };
}

export function limiter(state: LimiterState = fold.initial(), at = NOON): Given {
  return from(state, at, []);
}

/** A limiter with limits, steady. */
export function configured(more: Partial<Configure> = {}): Given {
  return limiter().then(configure(more));
}

export function throttle(more: Record<string, unknown> = {}): LimiterCommand {
  return {
    type: 'ReportThrottle',
    collector: 'moralis',
    endpoint: 'transfers',
    status: 429,
    ...more,
  };
}

export function reserve(
  block: string,
  calls: number,
  units: Readonly<Record<string, number>>,
  expiresAt: number,
): LimiterCommand {
  return {
    type: 'Reserve',
    block,
    collector: 'moralis',
    run: 'run-1',
    calls,
    units: Object.entries(units).map(([name, count]) => ({ bucket: name, units: count })),
    expiresAt,
  };
}

/** Nothing of the block was sent, unless told otherwise. */
export function settleBlock(
  block: string,
  sent = 0,
  charged: Readonly<Record<string, number>> = {},
): LimiterCommand {
  const units = Object.entries(charged).map(([name, count]) => ({ bucket: name, units: count }));
  return {
    type: 'Settle',
    block,
    sent,
    charged: units,
    usage:
      sent === 0 ? [] : [{ endpoint: 'transfers', outcome: 'ok', calls: sent, charged: units }],
    delayed: 0,
  };
}

/** Fires every timer that comes due up to `until`, in order. */
export function lapse(given: Given, until: number): Given {
  let now = given;
  for (let guard = 0; guard < 1000; guard += 1) {
    const due = limiterKind
      .outstanding(now.state)
      .filter((owed) => owed.kind === 'timer')
      .sort((a, b) => a.dueAt - b.dueAt)[0];
    if (due === undefined || due.dueAt > until) return now;
    const { name, generation } = due;
    now = now.then({ type: 'TimerDue', name, generation }, Math.max(now.at, due.dueAt));
  }
  throw new Error('timers never end');
}

function from(state: LimiterState, at: number, facts: readonly LimiterFact[]): Given {
  const when: Given['when'] = (command, now = at) =>
    limiterKind.decide(command, state, { at: now, chance: 0.5, actor: 'alice' });
  return {
    state,
    context: state.context,
    at,
    facts,
    when,
    then(command, now = at) {
      const decision = when(command, now);
      if (!decision.ok) throw new Error(`refused: ${JSON.stringify(decision.refusal)}`);
      return from(foldAll(state, decision.facts), now, decision.facts);
    },
  };
}

export function foldAll(state: LimiterState, facts: readonly LimiterFact[]): LimiterState {
  return facts.reduce((now, fact) => {
    const folded = fold.apply(now, fact);
    if (folded === undefined)
      throw new Error(`A6: ${fact.type} has no arrow in ${String(now.value)}`);
    return folded;
  }, state);
}
