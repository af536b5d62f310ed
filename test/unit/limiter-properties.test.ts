import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { usedIn } from '../../src/actors/limiter/buckets.js';
import {
  limiterKind,
  type LimiterFact,
  type LimiterState,
} from '../../src/actors/limiter/index.js';
import { canonicalJson, sha256Hex } from '../../src/kernel/canonical.js';
import type { JsonObject } from '../../src/kernel/types.js';
import { throughJson } from '../support/limiter-handle.js';
import {
  bucket,
  configure,
  dailyQuota,
  fold,
  foldAll,
  limiter,
  MINUTE,
  NOON,
  reserve,
  settleBlock,
  throttle,
  weightPerMinute,
  type Command,
} from '../support/limiter-given.js';

const BUCKETS = [bucket(), { ...weightPerMinute, limit: 60 }, dailyQuota];
const EVERY_FACT = [
  'BucketBlocked',
  'ClockAnomaly',
  'EpisodeEnded',
  'PeriodRolled',
  'QuotaObserved',
  'RateLimitConfigured',
  'RateRecovered',
  'ScopeBlocked',
  'ScopeConfigured',
  'Throttled',
  'Unblocked',
  'UnitsReserved',
  'UnitsSettled',
];
const blocks = fc.constantFrom('b1', 'b2', 'b3', 'b4');
const amounts = fc.integer({ min: 0, max: 20 });
const later = fc.integer({ min: -MINUTE, max: 30 * MINUTE });
const units = fc.record({ requests: amounts, weight: amounts, daily: amounts });

/** Any command there is, at any time. */
function commands(at: number): fc.Arbitrary<Command> {
  const detail = '';
  const collector = 'moralis';
  return fc.oneof(
    fc.constant<Command>({ type: 'Recover' }),
    fc
      .constantFrom('recovery', 'unblock', 'period', 'blocks', 'unknown')
      .map<Command>((name) => ({ type: 'TimerDue', name, generation: 0 })),
    fc
      .constantFrom(BUCKETS, BUCKETS.slice(1), [])
      .map<Command>((buckets) => configure({ buckets })),
    fc
      .double({ min: 0.01, max: 20, noNaN: true })
      .map<Command>((rate) => ({ type: 'SetRate', collector, maxRequestsPerSecond: rate })),
    {
      weight: 8,
      arbitrary: fc
        .tuple(blocks, fc.integer({ min: 1, max: 4 }), units)
        .map<Command>(([block, calls, each]) => reserve(block, calls, each, at + 2000)),
    },
    {
      weight: 6,
      arbitrary: fc
        .tuple(blocks, units)
        .map<Command>(([block, each]) => settleBlock(block, 1, each)),
    },
    fc
      .option(later, { nil: undefined })
      .map<Command>((by) => throttle(by === undefined ? {} : { retryAt: at + by })),
    fc.tuple(amounts, later).map<Command>(([used, by]) => ({
      type: 'ObserveQuota',
      endpoint: 'klines',
      observations: [{ bucket: 'weight', used, limit: 60, resetAt: at + by }],
    })),
    later.map<Command>((by) => ({
      type: 'BlockBucket',
      bucket: 'daily',
      collector,
      detail,
      until: at + by,
    })),
    later.map<Command>((by) => ({
      type: 'BlockScope',
      cause: 'banned',
      collector,
      detail,
      until: at + by,
    })),
    fc.constant<Command>({ type: 'Unblock' }),
    fc.constant<Command>({ type: 'UnblockQuota' }),
    later.map<Command>((by) => ({ type: 'ReportClockAnomaly', shiftMs: by, now: at })),
  );
}

const steps = fc.array(
  fc.tuple(
    fc.oneof(fc.integer({ min: 0, max: 5000 }), fc.integer({ min: 0, max: 20 * MINUTE })),
    fc.nat(),
  ),
  { minLength: 1, maxLength: 40 },
);

/** Walks through random commands; `look` sees each state and what led to it. */
function walk(
  plan: readonly (readonly [number, number])[],
  look: (state: LimiterState, facts: readonly LimiterFact[], at: number) => void,
): void {
  let at = NOON;
  let state = limiter().then(configure({ buckets: BUCKETS })).state;
  for (const [wait, seed] of plan) {
    at += wait;
    const [command] = fc.sample(commands(at), { numRuns: 1, seed });
    if (command === undefined) continue;
    const decision = limiterKind.decide(command, state, { at, chance: 0.5, actor: 'system' });
    if (!decision.ok) continue;
    state = foldAll(state, decision.facts); // A6: throws where there is no arrow
    look(state, decision.facts, at);
  }
}

describe('whatever is asked of a limiter', () => {
  it('A6: has an arrow for every fact it decides', () => {
    const seen = new Set<string>();
    fc.assert(
      fc.property(steps, (plan) => {
        walk(plan, (_state, facts) => {
          for (const { type } of facts) seen.add(type);
        });
      }),
      { numRuns: 300 },
    );
    // The walk is worth something only if it gets everywhere.
    expect(seen.size).toBe(EVERY_FACT.length);
  });

  it('keeps a state that is JSON, and facts that survive the store', () => {
    fc.assert(
      fc.property(steps, (plan) => {
        walk(plan, (state, facts) => {
          const stored = JSON.parse(JSON.stringify(state)) as JsonObject;
          expect(stored).toEqual(state);
          expect(fold.resolve(stored)).toEqual(state);
          expect(facts.map(throughJson)).toEqual(facts);
        });
      }),
      { numRuns: 60 },
    );
  });

  it('P12: reserves no more than its windows hold', () => {
    let reservations = 0;
    fc.assert(
      fc.property(steps, (plan) => {
        walk(plan, ({ context }, facts) => {
          if (!facts.some(({ type }) => type === 'UnitsReserved')) return;
          reservations += 1;
          for (const { name, limit } of context.config?.buckets ?? []) {
            const window = context.windows[name];
            if (window !== undefined) expect(usedIn(window)).toBeLessThanOrEqual(limit + 1e-6);
          }
        });
      }),
      { numRuns: 150 },
    );
    expect(reservations).toBeGreaterThan(50);
  });

  it('owes timers that end: each fires into a fact, and none for ever', () => {
    fc.assert(
      fc.property(steps, (plan) => {
        walk(plan, (state, _facts, at) => {
          const names = limiterKind.outstanding(state).map((owed) => owed.kind === 'timer' && owed);
          for (const timer of names) {
            if (timer === false) continue;
            const { name, generation } = timer;
            const due = limiterKind.decide({ type: 'TimerDue', name, generation }, state, {
              at: Math.max(at, timer.dueAt),
              chance: 0.5,
              actor: 'system',
            });
            expect(due.ok && due.facts.length).toBeGreaterThan(0);
            const next = foldAll(state, due.ok ? due.facts : []);
            const still = limiterKind
              .outstanding(next)
              .find((owed) => owed.kind === 'timer' && owed.name === name);
            expect(still?.kind === 'timer' ? still.dueAt : Infinity).not.toBe(timer.dueAt);
          }
        });
      }),
      { numRuns: 100 },
    );
  });

  it('A6: notices a fact that is not legal', () => {
    const end: LimiterFact = { type: 'EpisodeEnded', atMs: NOON, cuts: 1, durationMs: 0 };
    expect(fold.apply(fold.initial(), end)).toBeUndefined();
    expect(() => foldAll(fold.initial(), [end])).toThrow('no arrow');
  });
});

type Golden = {
  readonly events: readonly { type: string; schema: number; data: JsonObject }[];
  readonly value: string;
  readonly stateSha256: string;
};

function recorded(name: string): Golden {
  const path = new URL(`../golden/${name}.json`, import.meta.url);
  return JSON.parse(readFileSync(path, 'utf8')) as Golden;
}

describe('histories of past versions', () => {
  const golden = recorded('limiter-1');

  it.each(['limiter-1', 'limiter-2'])('fold for ever to the state they had: %s', (name) => {
    const { events, value, stateSha256 } = recorded(name);
    const facts = events.map(({ type, schema, data }) =>
      limiterKind.codec.decode(type, schema, data),
    );
    const state = foldAll(fold.initial(), facts);
    expect(state.value).toBe(value);
    expect(sha256Hex(canonicalJson(state))).toBe(stateSha256);
  });

  it('hold every type of fact', () => {
    const seen = new Set(golden.events.map(({ type }) => type));
    expect([...seen].sort()).toEqual(EVERY_FACT);
  });

  it('are not believed when a fact was altered', () => {
    const [first, ...rest] = golden.events;
    const altered = [
      first,
      ...rest.map((event) => ({ ...event, data: { ...event.data, charged: [] } })),
    ];
    const facts = altered.flatMap((event) =>
      event === undefined ? [] : [limiterKind.codec.decode(event.type, event.schema, event.data)],
    );
    const hash = (): string => sha256Hex(canonicalJson(foldAll(fold.initial(), facts)));
    expect(hash()).not.toBe(golden.stateSha256);
  });
});
