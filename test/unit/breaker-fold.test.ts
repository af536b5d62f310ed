import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createMachine, initialTransition, transition } from 'xstate';
import type { AnyMachineSnapshot, AnyStateMachine } from 'xstate';
import { breakerKind } from '../../src/actors/breaker/index.js';
import type {
  BreakerCommand,
  BreakerContext,
  BreakerFact,
  BreakerState,
} from '../../src/actors/breaker/index.js';
import type { MachineryCommand } from '../../src/actors/kind.js';
import { folder } from '../../src/actors/fold.js';
import { stateHash } from '../../src/actors/state-hash.js';
import { breaker, configure, configured, fold } from '../support/breaker-given.js';
import { halfOpen, opened, type Given } from '../support/breaker-given.js';
import { histories, play } from '../support/breaker-history.js';
import { throughJson } from '../support/breaker-handle.js';

/** A fact of each type, each legal somewhere. */
const SAMPLES: readonly BreakerFact[] = [
  ...configured().facts,
  ...opened().facts,
  ...halfOpen().facts,
  ...halfOpen().then({ type: 'ProbeDeadline', generation: 2 }).facts,
  ...opened().then({ type: 'SetState', state: 'closed' }).facts,
  ...configured().then({ type: 'Force', override: 'disabled', reason: '' }).facts,
  ...configured()
    .then({ type: 'Force', override: 'disabled', reason: '' })
    .then({ type: 'SetState', state: 'closed' }).facts,
  ...configured().then({ type: 'Reset', reason: '' }).facts,
];

function folded(facts: readonly BreakerFact[], from: BreakerState = fold.initial()): BreakerState {
  return facts.reduce((now, fact) => {
    const next = fold.apply(now, fact);
    if (next === undefined) throw new Error(`${fact.type} has no arrow`);
    return next;
  }, from);
}

describe('folding', () => {
  it('gives the states that the public transition() gives', () => {
    const machine: AnyStateMachine = breakerKind.machine;
    fc.assert(
      fc.property(histories, fc.integer(), (steps, seed) => {
        let slow = initialTransition(machine)[0] as AnyMachineSnapshot;
        let fast = fold.initial();
        for (const fact of play(steps, seed).facts) {
          slow = transition(machine, slow, fact)[0] as AnyMachineSnapshot;
          fast = fold.apply(fast, fact) ?? fast;
          expect({ value: fast.value, context: fast.context }).toEqual({
            value: slow.value as unknown,
            context: slow.context as BreakerContext,
          });
        }
      }),
      { numRuns: 50 },
    );
  });

  it('A6: has an arrow for every fact that a decision makes', () => {
    fc.assert(
      fc.property(histories, fc.integer(), (steps, seed) => {
        // `play` folds what it decides and throws where there is no arrow.
        expect(folded(play(steps, seed).facts)).toEqual(play(steps, seed).state);
      }),
    );
  });

  it('A6: says so where a fact has no arrow, and only there', () => {
    const legal = (state: BreakerState): readonly string[] => [
      ...new Set(SAMPLES.filter((fact) => fold.apply(state, fact)).map(({ type }) => type)),
    ];
    const anywhere = ['BreakerConfigured', 'CallsRecorded', 'BreakerReset', 'BreakerForced'];
    expect(new Set(legal(configured().state))).toEqual(new Set([...anywhere, 'BreakerTripped']));
    expect(new Set(legal(opened().state))).toEqual(
      new Set([...anywhere, 'BreakerProbing', 'BreakerRecovered']),
    );
    expect(new Set(legal(halfOpen().state))).toEqual(
      new Set([...anywhere, 'BreakerRecovered', 'BreakerReopened']),
    );
    const held = configured().then({ type: 'Force', override: 'disabled', reason: '' });
    expect(legal(held.state)).toContain('BreakerOverrideCleared');
    expect(fold.apply(fold.initial(), { type: 'Tea', atMs: 0 } as never)).toBeUndefined();
  });

  it('P2: gives the same hash for facts in memory and facts read back', () => {
    fc.assert(
      fc.property(histories, fc.integer(), (steps, seed) => {
        const { facts, state } = play(steps, seed);
        expect(stateHash(folded(facts.map(throughJson)))).toBe(stateHash(state));
      }),
    );
  });

  it('P4: goes on from a stored state as if nothing had happened', () => {
    fc.assert(
      fc.property(
        histories,
        fc.integer(),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (...made) => {
          const [steps, seed, share] = made;
          const { facts, state } = play(steps, seed);
          const cut = Math.floor(facts.length * share);
          const stored = JSON.parse(JSON.stringify(folded(facts.slice(0, cut)))) as unknown;
          const resumed = fold.resolve(stored);
          expect(resumed).toBeDefined();
          if (resumed === undefined) return;
          expect(stateHash(folded(facts.slice(cut), resumed))).toBe(stateHash(state));
        },
      ),
    );
  });

  it('leaves the state it is given alone', () => {
    const { state } = halfOpen();
    const before = structuredClone(state);
    for (const fact of SAMPLES) fold.apply(state, fact);
    expect(state).toEqual(before);
  });

  it('does not believe a stored state that is not one of the chart', () => {
    const { context } = configured().state;
    const value = { breaker: 'closed', override: 'none' };
    expect(fold.resolve({ value, context })).toEqual({ value, context });
    const unbelievable = [
      undefined,
      null,
      'closed',
      {},
      { value, context: null },
      { value: 'closed', context },
      { value: { breaker: 'closed' }, context },
      { value: { ...value, breaker: 'ajar' }, context },
      { value: { ...value, tea: 'hot' }, context },
    ];
    for (const stored of unbelievable) expect(fold.resolve(stored)).toBeUndefined();
  });

  it('uses one folder per chart', () => {
    expect(folder(breakerKind.machine)).toBe(folder(breakerKind.machine));
  });

  it('refuses a chart that could branch by itself', () => {
    const assign = { actions: () => undefined };
    const impure: readonly [string, AnyStateMachine][] = [
      ['a guard', createMachine({ on: { A: { guard: () => true, ...assign } } })],
      ['an always arrow', createMachine({ initial: 'a', states: { a: { always: 'b' }, b: {} } })],
      [
        'an after arrow',
        createMachine({ initial: 'a', states: { a: { after: { 5: 'b' } }, b: {} } }),
      ],
      ['an invoke', createMachine({ initial: 'a', states: { a: { invoke: { src: 'x' } } } })],
      ['history', createMachine({ initial: 'a', states: { a: {}, h: { type: 'history' } } })],
    ];
    for (const [what, machine] of impure) expect(() => folder(machine)).toThrow(what);
    expect(() => folder(createMachine({ on: { A: assign } }))).not.toThrow();
  });
});

describe('the histories of these tests', () => {
  it('reach every fact, and every reason for a change', () => {
    const facts = fc.sample(histories, { seed: 1, numRuns: 300 }).flatMap((steps, index) => {
      return play(steps, index).facts;
    });
    expect(new Set(facts.map(({ type }) => type)).size).toBe(9);
    const triggers = new Set(
      facts.map((fact) => ('transition' in fact ? (fact.transition?.trigger ?? '') : '')),
    );
    const expected = 'consecutive_failures failure_rate slow_rate timer probe_failed deadline';
    for (const trigger of `${expected} probes_succeeded restart manual`.split(' ')) {
      expect(triggers).toContain(trigger);
    }
  });
});

describe('deciding again', () => {
  it('P3: changes nothing more, where a command says what should be or what came due', () => {
    const again: readonly [Given, BreakerCommand | MachineryCommand][] = [
      [breaker(), configure()],
      [configured(), { type: 'Force', override: 'forced_open', reason: 'x' }],
      [opened(), { type: 'SetState', state: 'closed' }],
      [opened(), { type: 'TimerDue', name: 'retry', generation: 1 }],
      [halfOpen(), { type: 'ProbeDeadline', generation: 2 }],
      [halfOpen(), { type: 'Recover' }],
      [
        configured().then({ type: 'Force', override: 'disabled', reason: 'x', ttlMs: 5 }),
        { type: 'TimerDue', name: 'override', generation: 1 },
      ],
    ];
    for (const [given, command] of again) {
      const once = given.then(command);
      expect(once.facts.length).toBeGreaterThan(0);
      expect(once.when(command)).toEqual({ ok: true, facts: [] });
    }
  });

  it('has the same answer for the same question', () => {
    fc.assert(
      fc.property(histories, fc.integer(), (steps, seed) => {
        expect(play(steps, seed).facts).toEqual(play(steps, seed).facts);
      }),
      { numRuns: 20 },
    );
  });
});
