import { describe, expect, it } from 'vitest';
import { breakerKind, computedOf, effectiveOf } from '../../src/actors/breaker/index.js';
import type { BreakerCommand, Override } from '../../src/actors/breaker/index.js';
import { configured, halfOpen, opened, report, retried } from '../support/breaker-given.js';
import { fold, MINUTE, NOON, type Given } from '../support/breaker-given.js';

const force = (override: Override, ttlMs?: number): BreakerCommand => {
  const command = { type: 'Force', override, reason: 'maintenance' } as const;
  return ttlMs === undefined ? command : { ...command, ttlMs };
};
const setState = (state: 'closed' | 'half_open'): BreakerCommand => ({ type: 'SetState', state });
const typesOf = (given: Given): readonly string[] => given.facts.map(({ type }) => type);

describe('forcing', () => {
  it('holds a breaker open beyond its natural timeout, until it is cleared', () => {
    const held = configured().then(force('forced_open'));
    expect(held.facts).toEqual([
      {
        type: 'BreakerForced',
        atMs: NOON,
        override: 'forced_open',
        reason: 'maintenance',
        actor: 'alice',
        generation: 1,
      },
    ]);
    expect(effectiveOf(held.state)).toBe('forced_open');
    expect(computedOf(held.state)).toBe('closed');
    expect(breakerKind.outstanding(held.state)).toEqual([]);
    const cleared = held.then(setState('closed'));
    expect(cleared.facts).toMatchObject([{ type: 'BreakerOverrideCleared', cause: 'operator' }]);
    expect(effectiveOf(cleared.state)).toBe('closed');
  });

  it('ends by itself where it was given an end', () => {
    const held = opened().then(force('forced_open', 5 * MINUTE));
    const [retry, override] = breakerKind.outstanding(held.state);
    expect(retry).toMatchObject({ name: 'retry', generation: 1 });
    expect(override).toEqual({
      kind: 'timer',
      name: 'override',
      dueAt: NOON + 5 * MINUTE,
      delayMs: 5 * MINUTE,
      generation: 2,
    });
    const due = { type: 'TimerDue', name: 'override', generation: 2 } as const;
    const free = held.then(due, { at: NOON + 5 * MINUTE });
    expect(free.facts).toMatchObject([{ type: 'BreakerOverrideCleared', cause: 'expired' }]);
    expect(effectiveOf(free.state)).toBe('open');
    expect(free.when(due)).toEqual({ ok: true, facts: [] });
  });

  it('replaces another override, and its end', () => {
    const held = configured().then(force('forced_open', MINUTE)).then(force('metrics_only'));
    expect(effectiveOf(held.state)).toBe('metrics_only');
    const stale = { type: 'TimerDue', name: 'override', generation: 1 } as const;
    expect(held.when(stale)).toEqual({ ok: true, facts: [] });
  });

  it('keeps silent about the same override without an end; a new end is a new fact', () => {
    const held = configured().then(force('disabled'));
    expect(held.when(force('disabled'))).toEqual({ ok: true, facts: [] });
    expect(typesOf(held.then(force('disabled', MINUTE)))).toEqual(['BreakerForced']);
  });

  it('takes an end up to ten years away, and refuses one that is none', () => {
    const longest = configured().when(force('forced_open', 3_650 * 86_400_000));
    expect(longest).toMatchObject({ ok: true });
    for (const ttlMs of [0, -1, NaN, Infinity, 3_651 * 86_400_000]) {
      expect(configured().when(force('forced_open', ttlMs))).toMatchObject({
        refusal: { kind: 'invalid', field: '/ttl_seconds' },
      });
    }
  });

  it('does not stop the measuring: the automatic breaker goes on underneath', () => {
    for (const override of ['metrics_only', 'disabled'] as const) {
      const held = configured().then(force(override));
      const tripped = held.then(report(held, 'server', 'server', 'server', 'server', 'server'));
      expect([computedOf(tripped.state), effectiveOf(tripped.state)]).toEqual(['open', override]);
      const measured = tripped.then(report(tripped, 'ok', 'ok', 'ok'));
      expect(typesOf(measured)).toEqual(['CallsRecorded']);
      expect(measured.state.context.window.calls).toBe(8);
      const probed = retried(measured);
      const closed = probed.then(report(probed, 'ok', 'ok'));
      expect([computedOf(closed.state), effectiveOf(closed.state)]).toEqual(['closed', override]);
    }
  });
});

describe('setting the state', () => {
  it('closes from anywhere, by hand, and lets the automatic rule again', () => {
    const open = opened();
    expect(typesOf(open.then(setState('closed')))).toEqual(['BreakerRecovered']);
    const closed = halfOpen().then(force('forced_open')).then(setState('closed'));
    expect(typesOf(closed)).toEqual(['BreakerOverrideCleared', 'BreakerRecovered']);
    expect(closed.facts[1]).toMatchObject({
      transition: { from: 'half_open', to: 'closed', trigger: 'manual' },
      openForMs: 300_000,
    });
    expect(effectiveOf(closed.state)).toBe('closed');
    expect(closed.state.context.statistics.successfulRecoveries).toBe(0);
  });

  it('has nothing to do where it is closed already', () => {
    expect(configured().when(setState('closed'))).toEqual({ ok: true, facts: [] });
  });

  it('lets probes through from open', () => {
    const probed = opened().then(setState('half_open'));
    expect(probed.facts).toMatchObject([
      { type: 'BreakerProbing', transition: { from: 'open', trigger: 'manual' } },
    ]);
    expect(breakerKind.outstanding(probed.state)).toEqual([]);
  });

  it('lets probes through from held open, whatever was held', () => {
    const held = force('forced_open');
    const fromClosed = configured().then(held).then(setState('half_open'));
    const all = ['BreakerOverrideCleared', 'BreakerTripped', 'BreakerProbing'];
    expect(typesOf(fromClosed)).toEqual(all);
    expect(typesOf(opened().then(held).then(setState('half_open')))).toEqual([all[0], all[2]]);
    const fromHalf = halfOpen().then(held).then(setState('half_open'));
    expect(typesOf(fromHalf)).toEqual([all[0]]);
    expect(effectiveOf(fromClosed.state)).toBe('half_open');
    expect(effectiveOf(fromHalf.state)).toBe('half_open');
  });

  it('refuses half-open from anywhere else', () => {
    const elsewhere = [
      configured(),
      halfOpen(),
      configured().then(force('metrics_only')),
      opened().then(force('disabled')),
    ];
    for (const given of elsewhere) {
      expect(given.when(setState('half_open'))).toMatchObject({
        ok: false,
        refusal: { kind: 'illegal-state' },
      });
    }
  });
});

describe('a reset', () => {
  it('leaves a closed breaker without a past, whatever it was; only its policy stays', () => {
    const failed = halfOpen();
    const grown = failed.then(report(failed, 'server')).then(force('forced_open', MINUTE));
    const after = grown.then({ type: 'Reset', reason: 'new key' });
    expect(after.facts).toMatchObject([
      {
        type: 'BreakerReset',
        reason: 'new key',
        actor: 'alice',
        transition: { from: 'open', to: 'closed', trigger: 'manual' },
      },
    ]);
    expect(after.state.value).toEqual({ breaker: 'closed', override: 'none' });
    const fresh = fold.initial().context;
    const { generation, lastChangeAt, policy, configRevision, ...rest } = after.state.context;
    expect(rest).toEqual({
      ...rest,
      consecutiveFailures: 0,
      probeSuccesses: 0,
      failedRecoveries: 0,
      awaySince: null,
      retry: null,
      override: null,
      lastCalls: [],
      lastFailureAt: null,
      statistics: fresh.statistics,
    });
    expect(rest.window.calls).toBe(0);
    expect([generation, lastChangeAt, configRevision]).toEqual([5, after.at, 1]);
    expect(policy.failureThreshold).toBe(5);
    expect(breakerKind.outstanding(after.state)).toEqual([]);
  });
});

describe('what restricts', () => {
  it('A2: is a trip, a reopening and a hold; nothing that permits', () => {
    const failed = halfOpen();
    const restricting = [
      ...opened().facts,
      ...failed.then(report(failed, 'server')).facts,
      ...configured().then(force('forced_open')).facts,
    ].filter(breakerKind.restricts);
    expect(restricting.map(({ type }) => type)).toEqual([
      'BreakerTripped',
      'BreakerReopened',
      'BreakerForced',
    ]);
    const permitting = [
      ...configured().facts,
      ...retried(opened()).facts,
      ...failed.then(report(failed, 'ok', 'ok')).facts,
      ...configured().then(force('metrics_only')).then(setState('closed')).facts,
      ...configured().then(force('disabled')).facts,
      ...opened().then({ type: 'Reset', reason: '' }).facts,
    ];
    expect(permitting.filter(breakerKind.restricts)).toEqual([]);
  });
});
