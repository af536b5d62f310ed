/** What health means: words, score, parts, flags. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { breakerDocAfter } from '../../src/projections/status-breaker.js';
import { collectorDocAfter } from '../../src/projections/status-collector.js';
import { collectorCodec } from '../../src/actors/collector/events.js';
import { breakerCodec } from '../../src/actors/breaker/events.js';
import * as health from '../../src/projections/health.js';
import type {
  BreakerDoc,
  CollectorDoc,
  HealthCheck,
  LimiterDoc,
} from '../../src/projections/views.js';
import { limiterDoc } from '../support/gateway-docs.js';

const NOW = Date.UTC(2026, 0, 15, 12);
const EVERY = 300_000;
const LATER = NOW + 60_000;

const registered = collectorCodec.decode('CollectorRegistered', 1, {
  atMs: NOW - 86_400_000,
  name: 'alpha',
  enabled: true,
});
const base: CollectorDoc = {
  ...collectorDocAfter(undefined, registered, 'alpha'),
  expectedEveryMs: EVERY,
  requestTimeoutMs: 10_000,
  lastNewDataAt: NOW - EVERY,
};
const configured = breakerCodec.decode('BreakerConfigured', 1, { atMs: NOW, collector: 'alpha' });
const breaker: BreakerDoc = breakerDocAfter(undefined, configured, 'breaker-alpha');

function check(word: string, outcome: string, at = NOW - 1000): HealthCheck {
  const run = { run: 'r', message: '', durationMs: 10, records: 1, newRecords: 1 };
  return { at, health: word, outcome, latencyP95Ms: outcome === 'ok' ? 500 : null, ...run };
}
const good = check('healthy', 'ok');
const bad = check('failed', 'server');

function healthOf(more: Partial<health.HealthInput> = {}) {
  return health.healthOf({
    collector: base,
    breakers: [breaker],
    checks: [good],
    now: NOW,
    ...more,
  });
}

describe('a primary upstream that lets nobody through', () => {
  const scopes = ['first', 'second'];
  const collector = { ...base, scopes };
  const [first, second] = scopes.map((scope) => ({ ...limiterDoc('alpha'), scope }));
  if (first === undefined || second === undefined) throw new Error('two');
  const episode = { backoff: 2, cuts: 1, wMax: 1, pauseUntil: LATER, lastCutAt: NOW };
  const word = (limiters: readonly LimiterDoc[], now = NOW) =>
    healthOf({ collector, limiters, now }).health;

  it('degrades a collector whose runs go well by another, as long as it lasts', () => {
    const banned = { ...first, blocked: { cause: 'banned', until: LATER, detail: '' } };
    for (const limiter of [{ ...first, episode }, banned]) {
      expect(word([second, limiter])).toBe('degraded');
      expect(word([second, limiter], LATER)).toBe('healthy');
    }
  });

  it('is not the second, and not one of which nothing is known', () => {
    expect(word([first, { ...second, episode }])).toBe('healthy');
    expect(word([])).toBe('healthy');
  });
});

describe('the score', () => {
  it('weighs success, freshness, latency and quota as semantics §5 says', () => {
    const quota = { leftShare: 0.25, periodLeftShare: 0.5 };
    const view = healthOf({ checks: [good, good, good, bad, good], quota });
    expect(view.parts).toEqual({
      successRatio: 0.8,
      freshness: 1,
      latency: 0.95,
      quotaHeadroom: 0.5,
    });
    expect(view.score).toBeCloseTo(0.5 * 0.8 + 0.3 * 1 + 0.1 * 0.95 + 0.1 * 0.5, 12);
  });

  it('leaves out the parts that do not exist and weighs the others anew', () => {
    const view = healthOf({ collector: { ...base, requestTimeoutMs: 0 } });
    expect(view.parts).toEqual({ successRatio: 1, freshness: 1 });
    expect(view.score).toBe(1);
    expect(health.scoreOf({ successRatio: 0.5 })).toBe(0.5);
    expect(health.scoreOf({})).toBe(1);
  });

  it('lets freshness fall from 1 at the expected age to 0 at three times of it', () => {
    const freshness = (age: number): number | undefined =>
      healthOf({ collector: { ...base, lastNewDataAt: NOW - age } }).parts.freshness;
    expect(freshness(0)).toBe(1);
    expect(freshness(EVERY)).toBe(1);
    expect(freshness(2 * EVERY)).toBe(0.5);
    expect(freshness(3 * EVERY)).toBe(0);
    expect(freshness(30 * EVERY)).toBe(0);
  });

  it('is null when disabled, and 0 when failed or forced open', () => {
    const desired = { ...base.desired, enabled: false };
    expect(healthOf({ collector: { ...base, desired } })).toMatchObject({
      health: 'disabled',
      score: null,
    });
    expect(healthOf({ checks: [bad] })).toMatchObject({ health: 'failed', score: 0 });
    const override = { state: 'forced_open', reason: '', actor: '', expiresAt: null };
    const forced = healthOf({ breakers: [{ ...breaker, override }] });
    expect(forced).toMatchObject({ health: 'circuit_open', score: 0 });
  });

  it('does not count what we stopped ourselves, or whose end nobody saw', () => {
    const checks = [good, check('disabled', 'cancelled'), check('degraded', 'unknown')];
    expect(healthOf({ checks }).parts.successRatio).toBe(1);
  });

  const parts = fc.record(
    {
      successRatio: fc.double({ min: 0, max: 1, noNaN: true }),
      freshness: fc.double({ min: 0, max: 1, noNaN: true }),
      latency: fc.double({ min: 0, max: 1, noNaN: true }),
      quotaHeadroom: fc.double({ min: 0, max: 1, noNaN: true }),
    },
    { requiredKeys: [] },
  );

  it('lies between its worst and its best part, and never falls when a part rises', () => {
    fc.assert(
      fc.property(parts, fc.double({ min: 0, max: 1, noNaN: true }), (some, rise) => {
        const score = health.scoreOf(some);
        const values = Object.values(some);
        if (values.length > 0) {
          expect(score).toBeGreaterThanOrEqual(Math.min(...values) - 1e-9);
          expect(score).toBeLessThanOrEqual(Math.max(...values) + 1e-9);
        }
        for (const [name, value] of Object.entries(some)) {
          const better = { ...some, [name]: value + (1 - value) * rise };
          expect(health.scoreOf(better)).toBeGreaterThanOrEqual(score - 1e-9);
        }
      }),
    );
  });

  it('is a share or null, with every part a share, whatever the state', () => {
    const outcomes = ['ok', 'server', 'throttled', 'unknown', 'cancelled', 'blocked_breaker'];
    const checks = fc.array(
      fc.record({ outcome: fc.constantFrom(...outcomes), latency: fc.nat({ max: 100_000 }) }),
    );
    const age = fc.integer({ min: -1000, max: 100 * EVERY });
    const share = fc.double({ min: 0, max: 1, noNaN: true });
    const quota = fc.record({ leftShare: share, periodLeftShare: share });
    fc.assert(
      fc.property(checks, age, fc.boolean(), quota, (some, newsAge, enabled, left) => {
        const desired = { ...base.desired, enabled };
        const view = healthOf({
          collector: { ...base, desired, lastNewDataAt: NOW - newsAge },
          checks: some.map(({ outcome, latency }) => ({
            ...check(outcome === 'ok' ? 'healthy' : 'failed', outcome),
            latencyP95Ms: latency,
          })),
          quota: left,
        });
        for (const part of Object.values(view.parts)) {
          expect(part).toBeGreaterThanOrEqual(0);
          expect(part).toBeLessThanOrEqual(1);
        }
        if (!enabled) expect(view.score).toBeNull();
        else expect(view.score).toBeGreaterThanOrEqual(0);
      }),
    );
  });
});

describe('the word', () => {
  it('is healthy when runs succeed and bring data', () => {
    expect(healthOf()).toMatchObject({ health: 'healthy', stale: false, stalled: false });
  });

  it('is degraded after one bad run, failed after three in a row', () => {
    const runs = (consecutiveFailures: number) => ({
      ...base,
      runs: { ...base.runs, consecutiveFailures },
      lastSuccessAt: NOW - 9000,
    });
    const checks = [check('healthy', 'ok', NOW - 9000), bad];
    expect(healthOf({ collector: runs(1), checks }).health).toBe('degraded');
    expect(healthOf({ collector: runs(3), checks }).health).toBe('failed');
  });

  it('of a moment without checks goes by the last run', () => {
    const run = { run: 'r', trigger: '', startedAt: 1, endedAt: 2, message: '' };
    const last = (outcome: string) => {
      const collector = { ...base, lastRun: { ...run, outcome } };
      return healthOf({ collector, checks: [] }).health;
    };
    expect([last('server'), last('throttled'), last('ok'), last('unknown')]).toEqual([
      'failed',
      'degraded',
      'healthy',
      'degraded',
    ]);
  });

  it('is failed while suspended', () => {
    const suspended = { cause: 'auth', detail: '401', since: NOW, nextTry: null };
    expect(healthOf({ collector: { ...base, suspended } })).toMatchObject({
      health: 'failed',
      score: 0,
    });
  });

  it('is circuit_open when the primary breaker lets nothing through, degraded for another', () => {
    const open = { ...breaker, computed: 'open' };
    expect(healthOf({ breakers: [open] }).health).toBe('circuit_open');
    expect(healthOf({ breakers: [breaker, open] }).health).toBe('degraded');
    expect(healthOf({ breakers: [{ ...breaker, computed: 'half_open' }] }).health).toBe('degraded');
    const override = { state: 'metrics_only', reason: '', actor: '', expiresAt: null };
    expect(healthOf({ breakers: [{ ...open, override }] }).health).toBe('healthy');
  });

  it('is healthy though a further upstream is half-open: nobody may need it again', () => {
    const further = { ...breaker, upstream: 'second' };
    const word = (computed: 'open' | 'half_open') =>
      healthOf({ breakers: [breaker, { ...further, computed }] }).health;
    expect(word('half_open')).toBe('healthy');
    expect(word('open')).toBe('degraded');
  });

  it('is degraded when stale; stalled too when runs succeed all the same', () => {
    const old = { ...base, lastNewDataAt: NOW - 3 * EVERY - 1 };
    expect(healthOf({ collector: old })).toMatchObject({
      health: 'degraded',
      stale: true,
      stalled: false,
    });
    const run = { run: 'r', trigger: '', startedAt: 1, endedAt: 2, message: '' };
    const lastRun = { ...run, outcome: 'ok' };
    expect(healthOf({ collector: { ...old, lastRun } }).stalled).toBe(true);
  });

  it('of one check follows its table', () => {
    const failed = ['server', 'client', 'auth', 'banned', 'quota_exhausted', 'crashed'];
    for (const outcome of failed) expect(health.wordOfFailedRun(outcome)).toBe('failed');
    expect(health.wordOfFailedRun('throttled')).toBe('degraded');
    expect(health.wordOfFailedRun('bad_data')).toBe('degraded');
    expect(health.wordOfFailedRun('cancelled')).toBe('disabled');
    expect(health.wordOfFailedRun('blocked')).toBeUndefined();
    expect(health.wordOfBlockedRun('breaker')).toBe('circuit_open');
    expect(health.wordOfBlockedRun('quota')).toBe('degraded');
    expect(health.wordOfSucceededRun(true)).toBe('degraded');
  });
});
