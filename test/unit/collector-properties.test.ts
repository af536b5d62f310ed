import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { folder } from '../../src/actors/fold.js';
import {
  collectorCodec,
  collectorKind,
  mayFetch,
  regions,
  type CollectorCommand,
  type CollectorFact,
  type CollectorState,
} from '../../src/actors/collector/index.js';
import type { JsonObject } from '../../src/kernel/types.js';
import type { MachineryCommand } from '../../src/actors/kind.js';
import { stateHash } from '../../src/actors/state-hash.js';
import { after, blank, configure, NOON } from '../support/collector-given.js';

type Command = CollectorCommand | MachineryCommand;

const run = fc.constantFrom('r1', 'r2', 'r3');
const reason = fc.constantFrom('', 'because');
const ttlMs = fc.option(fc.integer({ min: 1, max: 100_000 }), { nil: undefined });
const outcome = fc.constantFrom(
  'ok',
  'auth',
  'quota_exhausted',
  'banned',
  'server',
  'crashed',
  'blocked',
);

const command: fc.Arbitrary<Command> = fc.oneof(
  fc.constant<Command>(configure),
  fc.boolean().map((hasApiKey): Command => ({ ...configure, hasApiKey })),
  fc.record({ reason, ttlMs }).map(({ reason, ttlMs }): Command => ({
    type: 'Enable',
    reason,
    ...(ttlMs !== undefined && { ttlMs }),
  })),
  fc.record({ reason, ttlMs }).map(({ reason, ttlMs }): Command => ({
    type: 'Disable',
    reason,
    drainMs: 10_000,
    ...(ttlMs !== undefined && { ttlMs }),
  })),
  reason.map((reason): Command => ({ type: 'Restart', reason, drainMs: 10_000 })),
  fc.constant<Command>({ type: 'Shutdown', drainMs: 10_000 }),
  fc.constant<Command>({ type: 'Connected' }),
  fc.constant<Command>({ type: 'KeyMissing' }),
  fc.record({ run, blocked: fc.boolean() }).map(({ run, blocked }): Command => ({
    type: 'StartRun',
    run,
    trigger: 'schedule',
    priority: 'live',
    ...(blocked && { obstacle: { cause: 'breaker', detail: 'open' } }),
  })),
  fc.record({ run, ordinal: fc.nat(100) }).map(({ run, ordinal }): Command => ({
    type: 'Progress',
    run,
    page: { series: 's', cursor: '1', ordinal, records: 1, newRecords: 1, gaps: [] },
  })),
  fc.record({ run, outcome }).map(({ run, outcome }): Command => ({
    type: 'FinishRun',
    run,
    end: { outcome, message: '', endpoint: '', status: 0, calls: 1, latencyP95Ms: 1 },
  })),
  fc
    .constantFrom('due', 'wish', 'suspension', 'drain')
    .map((name): Command => ({ type: 'TimerDue', name, generation: 0 })),
  fc.constant<Command>({ type: 'Recover' }),
);

const history = fc.array(
  fc.record({
    command,
    wait: fc.nat(90_000),
    chance: fc.double({ min: 0, max: 0.999, noNaN: true }),
  }),
  {
    maxLength: 40,
  },
);

/** Plays commands through the real decide and fold; calls back after each decision. */
function play(
  steps: readonly { readonly command: Command; readonly wait: number; readonly chance: number }[],
  visit: (state: CollectorState, facts: readonly CollectorFact[], before: CollectorState) => void,
): CollectorState {
  let state = blank();
  let at = NOON;
  for (const { command, wait, chance } of steps) {
    at += wait;
    const decision = collectorKind.decide(command, state, { at, chance, actor: 'ada' });
    if (!decision.ok) continue;
    const before = state;
    state = after(state, decision.facts); // A6: throws when a decided fact has no arrow
    visit(state, decision.facts, before);
  }
  return state;
}

describe('any history of a collector', () => {
  it('A6: decides only facts that have an arrow, and every fact changes the state', () => {
    fc.assert(
      fc.property(history, (steps) => {
        play(steps, (state, facts, before) => {
          if (facts.length > 0) expect(state).not.toBe(before);
        });
      }),
    );
  });

  it('is in a run exactly while it collects or drains', () => {
    fc.assert(
      fc.property(history, (steps) => {
        play(steps, (state) => {
          const { activity } = regions(state);
          if (state.context.run !== null) expect(['collecting', 'draining']).toContain(activity);
          if (activity === 'collecting') expect(state.context.run).not.toBeNull();
        });
      }),
    );
  });

  it('owes no run and no due timer while it may not fetch', () => {
    fc.assert(
      fc.property(history, (steps) => {
        play(steps, (state) => {
          if (mayFetch(state)) return;
          const owed = collectorKind.outstanding(state);
          expect(owed.filter((o) => o.kind === 'work' || o.name === 'due')).toEqual([]);
        });
      }),
    );
  });

  it('always has a way on: enabled and not suspended, it owes a timer or work, or waits for its key', () => {
    fc.assert(
      fc.property(history, (steps) => {
        play(steps, (state) => {
          if (!mayFetch(state) || state.context.config === null) return;
          const waitsForKey = state.context.blocked?.cause === 'key';
          expect(waitsForKey || collectorKind.outstanding(state).length > 0).toBe(true);
        });
      }),
    );
  });

  it('P2, P4: folds to the same hash from its stored events, and from any stored state', () => {
    const fold = folder(collectorKind.machine);
    fc.assert(
      fc.property(history, (steps) => {
        let stored = blank();
        const end = play(steps, (state, facts) => {
          const decoded = facts.map((fact) => {
            const { type, schema, data } = collectorCodec.encode(fact);
            return collectorCodec.decode(
              type,
              schema,
              JSON.parse(JSON.stringify(data)) as JsonObject,
            );
          });
          const resolved = fold.resolve(JSON.parse(JSON.stringify(stored))) as CollectorState;
          stored = after(resolved, decoded);
          expect(stateHash(stored)).toBe(stateHash(state));
        });
        expect(stateHash(stored)).toBe(stateHash(end));
      }),
    );
  });
});
