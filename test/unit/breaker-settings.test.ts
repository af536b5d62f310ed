/** What an operator sets of a breaker, over the configuration and until it is given back. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { breakerKind, type BreakerCommand } from '../../src/actors/breaker/index.js';
import { POLICY_FIELDS, samePolicy } from '../../src/actors/breaker/policy.js';
import { stateHash } from '../../src/actors/state-hash.js';
import { breaker, configure, configured, fold, MINUTE, POLICY } from '../support/breaker-given.js';
import type { Given } from '../support/breaker-given.js';
import { throughJson } from '../support/breaker-handle.js';

type Change = Extract<BreakerCommand, { readonly type: 'SetPolicy' }>['change'];

const set = (change: Change, pollIntervalMs = MINUTE): BreakerCommand => ({
  type: 'SetPolicy',
  change,
  pollIntervalMs,
});

const policyOf = (given: Given) => given.state.context.policy;

describe('settings by an operator', () => {
  it('hold over the configuration, at once', () => {
    const given = configured().then(set({ failureThreshold: 2, openMs: 1000 }));
    expect(policyOf(given)).toEqual({ ...POLICY, failureThreshold: 2, openMs: 1000 });
    expect(given.state.context.held).toEqual({
      settings: { failureThreshold: 2, openMs: 1000 },
      configured: POLICY,
    });
  });

  it('stand over whatever is configured later, and only they', () => {
    const given = configured()
      .then(set({ failureThreshold: 2 }))
      .then(configure({ failureThreshold: 7, successThreshold: 1 }));
    expect(policyOf(given)).toMatchObject({ failureThreshold: 2, successThreshold: 1 });
    expect(given.state.context.held?.configured.failureThreshold).toBe(7);
    const back = given.then(set({ failureThreshold: null }));
    expect(policyOf(back)).toMatchObject({ failureThreshold: 7, successThreshold: 1 });
    expect(back.state.context.held).toBeNull();
  });

  it('that are the same again change nothing, and neither does giving back what is not held', () => {
    const given = configured().then(set({ failureThreshold: 2 }));
    expect(given.when(set({ failureThreshold: 2 }))).toEqual({ ok: true, facts: [] });
    expect(given.when(set({ openMs: null }))).toEqual({ ok: true, facts: [] });
    expect(given.when(configure())).toEqual({ ok: true, facts: [] });
  });

  it('are held also where the configuration says the same', () => {
    const given = configured().then(set({ failureThreshold: POLICY.failureThreshold }));
    const later = given.then(configure({ failureThreshold: 9 }));
    expect(policyOf(later).failureThreshold).toBe(POLICY.failureThreshold);
  });

  it('that could never trip, or break a rule, are refused', () => {
    const never = set({ failureThreshold: 0, windowMs: 60_000 });
    const kinds = [never, set({ failureRate: 2 }), set({ openMaxMs: 1 })].map((command) => {
      const decision = configured().when(command);
      return decision.ok ? decision : decision.refusal;
    });
    expect(kinds).toMatchObject([
      { kind: 'would-never-trip' },
      { kind: 'invalid', field: '/failure_rate' },
      { kind: 'invalid', field: '/open_max_ms' },
    ]);
  });

  it('are refused by a breaker that has no policy yet', () => {
    const decision = breaker().when(set({ failureThreshold: 2 }));
    expect(decision).toMatchObject({ ok: false, refusal: { kind: 'illegal-state' } });
  });

  it('keep what the window has counted, and its length is the new one', () => {
    const given = configured().then(set({ windowMs: 600_000 }));
    expect(given.state.context.window).toEqual({
      ...configured({ windowMs: 600_000 }).state.context.window,
    });
  });

  it('are nowhere in the state of a breaker that never had any: old hashes stay', () => {
    const { state } = configured();
    expect(Object.keys(state.context)).not.toContain('held');
    const { held: _, ...rest } = configured()
      .then(set({ openMs: 1000 }))
      .then(set({ openMs: null })).state.context;
    expect(rest).toEqual({ ...state.context, configRevision: 3 });
    expect(stateHash({ ...state, context: { ...rest, configRevision: 1 } })).toBe(stateHash(state));
  });
});

const change = fc.record(
  {
    failureThreshold: fc.option(fc.integer({ min: 1, max: 20 })),
    openMs: fc.option(fc.integer({ min: 1000, max: 10_000 })),
    halfOpenPermits: fc.option(fc.integer({ min: 2, max: 9 })),
    openJitter: fc.option(fc.double({ min: 0, max: 0.5, noNaN: true })),
  },
  { requiredKeys: [] },
);
const step = fc.oneof(
  change.map((given) => set(given)),
  fc.integer({ min: 1, max: 20 }).map((failureThreshold) => configure({ failureThreshold })),
);

describe('any history of settings and configurations', () => {
  it('leaves the last configuration, and over it what is held; the stream folds to the same', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
        let configuredNow = POLICY;
        let held: Record<string, number | null | undefined> = {};
        let state = configured().state;
        for (const command of steps) {
          const decision = breakerKind.decide(command, state, { at: 0, chance: 0, actor: 'ada' });
          expect(decision.ok).toBe(true);
          if (!decision.ok) return;
          for (const fact of decision.facts) {
            const direct = fold.apply(state, fact);
            const stored = fold.apply(state, throughJson(fact));
            expect(direct).toBeDefined();
            if (direct === undefined || stored === undefined) return;
            expect(stateHash(stored)).toBe(stateHash(direct));
            state = stored;
          }
          if (command.type === 'Configure') configuredNow = command.policy;
          if (command.type === 'SetPolicy') {
            held = { ...held, ...command.change };
          }
        }
        const expected = { ...configuredNow };
        for (const field of POLICY_FIELDS) expected[field] = held[field] ?? expected[field];
        expect(samePolicy(state.context.policy, expected)).toBe(true);
      }),
    );
  });
});
