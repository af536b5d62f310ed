import { describe, expect, it } from 'vitest';
import { breakerKind, computedOf } from '../../src/actors/breaker/index.js';
import type { BreakerFact } from '../../src/actors/breaker/index.js';
import type { Of } from '../../src/actors/kind.js';
import { call, configure, configured, halfOpen, opened } from '../support/breaker-given.js';
import { breaker, MINUTE, NOON, POLICY, report, retried } from '../support/breaker-given.js';

const typesOf = (facts: readonly BreakerFact[]): readonly string[] => facts.map(({ type }) => type);
function theOnly<T extends BreakerFact['type']>(
  facts: readonly BreakerFact[],
  type: T,
): Of<BreakerFact, T> {
  const found = facts.filter((fact): fact is Of<BreakerFact, T> => fact.type === type);
  expect(found).toHaveLength(1);
  return found[0] as Of<BreakerFact, T>;
}

describe('a closed breaker', () => {
  it('trips at the fifth failure in a row and says everything about it', () => {
    const closed = configured();
    const calls = Array.from({ length: 7 }, (_, index) =>
      call(closed, index < 2 ? 'ok' : 'server', { at: NOON + index * 1000 }),
    );
    const open = closed.then({ type: 'ReportCalls', calls }, { at: NOON + 7000 });
    expect(typesOf(open.facts)).toEqual(['CallsRecorded', 'BreakerTripped']);
    expect(theOnly(open.facts, 'CallsRecorded')).toMatchObject({
      baseMs: NOON,
      consecutiveFailures: 5,
      windowCalls: 7,
      windowFailures: 5,
      windowSlow: 0,
    });
    const tripped = theOnly(open.facts, 'BreakerTripped');
    expect(tripped).toMatchObject({
      atMs: NOON + 7000,
      generation: 1,
      delayMs: 300_000,
      retryAtMs: NOON + 307_000,
    });
    expect(tripped.transition).toEqual({
      from: 'closed',
      to: 'open',
      trigger: 'consecutive_failures',
      consecutiveFailures: 5,
      windowCalls: 7,
      windowFailures: 5,
      windowSlow: 0,
      failureRate: 5 / 7,
      slowRate: 0,
      policy: POLICY,
      configRevision: 1,
      lastCalls: [-5000, -4000, -3000, -2000, -1000].map((offsetMs) => ({
        offsetMs,
        outcome: 'server',
        durationMs: 100,
        endpoint: '/klines',
        generation: 0,
      })),
    });
    expect(computedOf(open.state)).toBe('open');
  });

  it('stays closed at four failures in a row, and a success starts the count again', () => {
    const closed = configured();
    const outcomes = ['server', 'server', 'bad_data', 'server', 'ok', 'server', 'server'];
    const after = closed.then(report(closed, ...outcomes));
    expect(computedOf(after.state)).toBe('closed');
    expect(after.state.context.consecutiveFailures).toBe(2);
  });

  it('trips at half of ten calls, not of nine', () => {
    const closed = configured();
    const nine = closed.then(report(closed, ...'sfsfsfsff'.split('').map(word)));
    expect(computedOf(nine.state)).toBe('closed');
    const ten = nine.then(report(nine, 'ok'));
    expect(theOnly(ten.facts, 'BreakerTripped').transition).toMatchObject({
      trigger: 'failure_rate',
      failureRate: 0.5,
      windowCalls: 10,
    });
  });

  it('trips when every one of ten calls is slow, and slow is strictly beyond the limit', () => {
    const closed = configured();
    const slow = Array.from({ length: 10 }, () => call(closed, 'ok', { durationMs: 5001 }));
    const tripped = closed.then({ type: 'ReportCalls', calls: slow });
    expect(theOnly(tripped.facts, 'BreakerTripped').transition?.trigger).toBe('slow_rate');
    const limit = slow.map((each) => ({ ...each, durationMs: 5000 }));
    const after = closed.then({ type: 'ReportCalls', calls: limit });
    expect(computedOf(after.state)).toBe('closed');
  });

  it('forgets calls that left the window', () => {
    let given = configured();
    for (let minute = 0; minute < 30; minute += 1) {
      // One call a minute, the window holds twenty: four failures, then successes only.
      const outcome = minute < 4 ? 'server' : 'ok';
      given = given.then(
        { type: 'ReportCalls', calls: [call(given, outcome, { at: NOON + minute * MINUTE })] },
        { at: NOON + minute * MINUTE },
      );
    }
    expect(given.state.context.window).toMatchObject({ calls: 20, failures: 0 });
  });

  it('does not count what is others business', () => {
    const closed = configured();
    const uncounted = ['throttled', 'banned', 'quota_exhausted', 'auth', 'client', 'cancelled'];
    expect(closed.when(report(closed, ...uncounted, ...uncounted))).toEqual({
      ok: true,
      facts: [],
    });
  });

  it('lets calls of an older generation change statistics only', () => {
    const closed = opened().then({ type: 'SetState', state: 'closed' });
    const stale = closed.then({
      type: 'ReportCalls',
      calls: Array.from({ length: 20 }, () => call(closed, 'server', { generation: 0 })),
    });
    expect(computedOf(stale.state)).toBe('closed');
    expect(stale.state.context).toMatchObject({ consecutiveFailures: 0, window: { calls: 0 } });
    expect(stale.state.context.statistics.totalFailures).toBe(25);
  });

  it('records calls after the one that decided as calls of an older generation', () => {
    const closed = configured();
    const six = [...Array.from({ length: 5 }, () => 'server'), 'ok'];
    const open = closed.then(report(closed, ...six));
    expect(typesOf(open.facts)).toEqual(['CallsRecorded', 'BreakerTripped', 'CallsRecorded']);
    expect(open.state.context).toMatchObject({ consecutiveFailures: 5, window: { calls: 5 } });
    expect(open.state.context.statistics).toMatchObject({ totalFailures: 5, totalSuccesses: 1 });
  });

  it('refuses a call that is no call', () => {
    const closed = configured();
    const bad = [{ at: NaN }, { at: -1 }, { durationMs: -1 }, { durationMs: Infinity }];
    const worse = [{ endpoint: 'x'.repeat(201) }, { generation: 0.5 }];
    for (const change of [...bad, ...worse]) {
      const decision = closed.when({ type: 'ReportCalls', calls: [call(closed, 'ok', change)] });
      expect(decision).toMatchObject({
        ok: false,
        refusal: { kind: 'invalid', field: '/calls/0' },
      });
    }
    const many = Array.from({ length: 101 }, () => call(closed, 'ok'));
    expect(closed.when({ type: 'ReportCalls', calls: many })).toMatchObject({
      refusal: { kind: 'invalid', detail: 'at most 100 calls, got 101' },
    });
  });
});

describe('an open breaker', () => {
  it('owes a timer for its retry and is probed when it comes due', () => {
    const open = opened();
    expect(breakerKind.outstanding(open.state)).toEqual([
      { kind: 'timer', name: 'retry', dueAt: NOON + 300_000, delayMs: 300_000, generation: 1 },
    ]);
    const probed = retried(open);
    expect(theOnly(probed.facts, 'BreakerProbing')).toMatchObject({
      generation: 2,
      transition: { from: 'open', to: 'half_open', trigger: 'timer' },
    });
    expect(breakerKind.outstanding(probed.state)).toEqual([]);
  });

  it('ignores a timer of an older generation, or of no name it knows', () => {
    const open = opened();
    const stale = { type: 'TimerDue', name: 'retry', generation: 0 } as const;
    expect(open.when(stale)).toEqual({ ok: true, facts: [] });
    expect(open.when({ ...stale, name: 'tea' })).toEqual({ ok: true, facts: [] });
    expect(configured().when(stale)).toEqual({ ok: true, facts: [] });
  });

  it('stays open 300 s give or take a tenth, by chance', () => {
    const closed = configured();
    const trip = report(closed, 'server', 'server', 'server', 'server', 'server');
    const delay = (chance: number): number =>
      theOnly(closed.then(trip, { chance }).facts, 'BreakerTripped').delayMs;
    expect([0, 0.25, 0.5, 0.75].map(delay)).toEqual([270_000, 285_000, 300_000, 315_000]);
  });

  it('grows 300, 450, 675 ... up to 3600 s, and returns to 300 after a clean close', () => {
    let given = opened();
    const delays = [given.state.context.retry?.delayMs];
    for (let round = 0; round < 8; round += 1) {
      const probed = retried(given);
      given = probed.then(report(probed, 'server'));
      delays.push(given.state.context.retry?.delayMs);
    }
    const grown = [300_000, 450_000, 675_000, 1_012_500, 1_518_750, 2_278_125, 3_417_188];
    expect(delays).toEqual([...grown, 3_600_000, 3_600_000]);
    expect(given.state.context.failedRecoveries).toBe(8);
    const probed = retried(given);
    const closed = probed.then(report(probed, 'ok', 'ok'));
    const again = closed.then(report(closed, 'server', 'server', 'server', 'server', 'server'));
    expect(again.state.context.retry?.delayMs).toBe(300_000);
  });
});

describe('a half-open breaker', () => {
  it('closes at the second success with a clean window and says how long it was away', () => {
    const probed = halfOpen();
    const closed = probed.then(report(probed, 'ok', 'ok'), { at: probed.at + 500 });
    expect(theOnly(closed.facts, 'BreakerRecovered')).toMatchObject({
      generation: 3,
      openForMs: 300_500,
      transition: { from: 'half_open', to: 'closed', trigger: 'probes_succeeded' },
    });
    expect(closed.state.context).toMatchObject({
      consecutiveFailures: 0,
      window: { calls: 0, failures: 0 },
      failedRecoveries: 0,
      awaySince: null,
      retry: null,
      statistics: { circuitOpens: 1, successfulRecoveries: 1, timeInOpenMs: 300_500 },
    });
  });

  it('waits for the second success', () => {
    const probed = halfOpen();
    const one = probed.then(report(probed, 'ok'));
    expect(typesOf(one.facts)).toEqual(['CallsRecorded']);
    expect(one.state.context.probeSuccesses).toBe(1);
  });

  it('reopens at the first failure, even after a success, for longer', () => {
    const probed = halfOpen();
    const open = probed.then(report(probed, 'ok', 'bad_data'));
    expect(theOnly(open.facts, 'BreakerReopened')).toMatchObject({
      failedRecoveries: 1,
      delayMs: 450_000,
      transition: { from: 'half_open', to: 'open', trigger: 'probe_failed' },
    });
    expect(open.state.context.statistics).toMatchObject({ circuitOpens: 2, failedRecoveries: 1 });
  });

  it('is not impressed by calls from before it was half-open', () => {
    const probed = halfOpen();
    const calls = [
      call(probed, 'server', { generation: 0 }),
      call(probed, 'ok', { generation: 1 }),
    ];
    const after = probed.then({ type: 'ReportCalls', calls });
    expect(typesOf(after.facts)).toEqual(['CallsRecorded']);
    expect(after.state.context.probeSuccesses).toBe(0);
  });

  it('reopens at its deadline with the back-off as it was; an older deadline is ignored', () => {
    const probed = halfOpen();
    expect(probed.when({ type: 'ProbeDeadline', generation: 1 })).toEqual({ ok: true, facts: [] });
    const open = probed.then({ type: 'ProbeDeadline', generation: 2 });
    expect(theOnly(open.facts, 'BreakerReopened')).toMatchObject({
      failedRecoveries: 0,
      delayMs: 300_000,
      transition: { trigger: 'deadline' },
    });
    expect(open.when({ type: 'ProbeDeadline', generation: 2 })).toEqual({ ok: true, facts: [] });
  });

  it('comes back from a restart as open, to be probed at once, with the back-off as it was', () => {
    const failed = halfOpen();
    const probed = retried(failed.then(report(failed, 'server')));
    const back = probed.then({ type: 'Recover' }, { at: probed.at + MINUTE });
    expect(theOnly(back.facts, 'BreakerReopened')).toMatchObject({
      retryAtMs: probed.at + MINUTE,
      delayMs: 0,
      failedRecoveries: 1,
      transition: { trigger: 'restart' },
    });
    expect(back.state.context.statistics.circuitOpens).toBe(2);
    for (const other of [configured(), opened()]) {
      expect(other.when({ type: 'Recover' })).toEqual({ ok: true, facts: [] });
    }
  });
});

describe('configuring', () => {
  it('counts policies and keeps silent about the same one', () => {
    const first = configured();
    expect(first.facts).toMatchObject([{ configRevision: 1, collector: 'historical' }]);
    expect(first.when(configure())).toEqual({ ok: true, facts: [] });
    const second = first.then(configure({ failureThreshold: 4 }));
    expect(second.facts).toMatchObject([{ configRevision: 2, policy: { failureThreshold: 4 } }]);
  });

  it('comes first', () => {
    const fresh = breaker();
    const reset = fresh.when({ type: 'Reset', reason: '' });
    expect(reset).toMatchObject({ ok: false, refusal: { kind: 'illegal-state' } });
    expect(fresh.when({ type: 'Recover' })).toEqual({ ok: true, facts: [] });
  });

  it('decides by the policy in force', () => {
    const four = configured().then(configure({ failureThreshold: 4 }));
    const open = four.then(report(four, 'server', 'server', 'server', 'server'));
    expect(theOnly(open.facts, 'BreakerTripped').transition).toMatchObject({
      policy: { failureThreshold: 4 },
      configRevision: 2,
    });
  });

  it('refuses a policy by which it could never trip', () => {
    const never = { minimumCalls: 100, failureThreshold: 0 };
    expect(breaker().when(configure(never))).toMatchObject({
      ok: false,
      refusal: { kind: 'would-never-trip' },
    });
  });
});

function word(letter: string): string {
  return letter === 'f' ? 'server' : 'ok';
}
