/** Arbitrary histories of a breaker: commands in any order at any time, decided and folded for real. */
import fc from 'fast-check';
import { seededRandom } from '../../src/kernel/random.js';
import {
  OVERRIDES,
  type BreakerCommand,
  type BreakerFact,
} from '../../src/actors/breaker/index.js';
import { breakerKind } from '../../src/actors/breaker/index.js';
import type { MachineryCommand } from '../../src/actors/kind.js';
import { breaker, call, configure, type Given } from './breaker-given.js';

const OUTCOMES = ['ok', 'ok', 'server', 'server', 'bad_data', 'throttled', 'cancelled'] as const;

const callsWith = (outcomes: readonly string[], durations: readonly number[]) =>
  fc.array(
    fc.record({
      outcome: fc.constantFrom(...outcomes),
      durationMs: fc.constantFrom(...durations),
      /** How many generations ago it was admitted. */
      age: fc.constantFrom(0, 0, 0, 0, 1, 2),
      endpoint: fc.constantFrom('/klines', '', '/erc20/{token}'),
      beforeMs: fc.nat(900),
    }),
    { maxLength: 30 },
  );

const someCalls = fc.oneof(
  callsWith(OUTCOMES, [0, 12.5, 4999.999, 5000, 5000.001, 10_000]),
  callsWith(['ok'], [100]),
  callsWith(['ok'], [5000.001, 10_000]),
);

const step = fc.record({
  afterMs: fc.oneof(fc.nat(2000), fc.nat(100_000), fc.nat(4_000_000)),
  what: fc.oneof(
    { weight: 6, arbitrary: fc.record({ kind: fc.constant('calls' as const), calls: someCalls }) },
    { weight: 3, arbitrary: fc.constant({ kind: 'timers' as const }) },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant('force' as const),
        override: fc.constantFrom(...OVERRIDES),
        ttlMs: fc.option(fc.integer({ min: 1, max: 600_000 }), { nil: undefined }),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.constantFrom({ kind: 'close' as const }, { kind: 'probe' as const }),
    },
    {
      weight: 2,
      arbitrary: fc.constantFrom({ kind: 'deadline' as const }, { kind: 'recover' as const }),
    },
    {
      weight: 1,
      arbitrary: fc.constantFrom({ kind: 'reset' as const }, { kind: 'stricter' as const }),
    },
  ),
});
export type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

export const histories = fc.array(step, { maxLength: 40 });

export type Played = Given & { readonly facts: readonly BreakerFact[] };

/** Everything that was decided. Refusals are skipped; a fact without an arrow throws. */
export function play(steps: readonly Step[], seed: number): Played {
  const random = seededRandom(seed);
  const facts: BreakerFact[] = [];
  let given = breaker();
  const take = (command: BreakerCommand | MachineryCommand, at: number): void => {
    const chance = random.next();
    if (!given.when(command, { at, chance }).ok) return;
    given = given.then(command, { at, chance });
    facts.push(...given.facts);
  };
  take(configure(), given.at);
  for (const each of steps) {
    const at = given.at + each.afterMs;
    for (const command of commandsOf(each, given, at)) take(command, at);
  }
  return { ...given, facts };
}

function commandsOf(
  { what }: Step,
  given: Given,
  at: number,
): readonly (BreakerCommand | MachineryCommand)[] {
  const { generation } = given.state.context;
  switch (what.kind) {
    case 'calls': {
      const calls = what.calls.map(({ age, beforeMs, ...made }) =>
        call(given, '', { ...made, at: at - beforeMs, generation: Math.max(0, generation - age) }),
      );
      return [{ type: 'ReportCalls', calls: calls.sort((a, b) => a.at - b.at) }];
    }
    case 'timers':
      return breakerKind
        .outstanding(given.state)
        .flatMap((owed) => (owed.kind === 'timer' && owed.dueAt <= at ? [owed] : []))
        .map((owed) => ({ type: 'TimerDue', name: owed.name, generation: owed.generation }));
    case 'force': {
      const force = { type: 'Force', override: what.override, reason: 'test' } as const;
      return [what.ttlMs === undefined ? force : { ...force, ttlMs: what.ttlMs }];
    }
    case 'close':
      return [{ type: 'SetState', state: 'closed' }];
    case 'probe':
      return [{ type: 'SetState', state: 'half_open' }];
    case 'reset':
      return [{ type: 'Reset', reason: 'test' }];
    case 'deadline':
      return [{ type: 'ProbeDeadline', generation }];
    case 'recover':
      return [{ type: 'Recover' }];
    case 'stricter':
      return [configure({ failureThreshold: 3, windowMs: 600_000 })];
  }
}
