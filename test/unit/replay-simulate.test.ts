/** What a breaker would have done: the policy that was in force reproduces what happened. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { breakerSimulation, breakerReplay, ReplayStopped } from '../../src/actors/index.js';
import type { BreakerTurn, Simulation } from '../../src/actors/index.js';
import type { BreakerPolicy } from '../../src/actors/breaker/index.js';
import { effectiveOf } from '../../src/actors/breaker/index.js';
import type { StoredEvent } from '../../src/journal/port.js';
import { NOON, POLICY } from '../support/breaker-given.js';
import { liveThrough, lives, stored } from '../support/replay-life.js';

function simulated(
  events: readonly StoredEvent[],
  policy: Partial<BreakerPolicy>,
  to: number,
  from = 0,
): Simulation {
  const simulation = breakerSimulation({ policy: { ...POLICY, ...policy }, from, to });
  for (const event of events) if (!simulation.add(event)) break;
  return simulation.end();
}

const gist = ({ type, from, to, trigger, numbers }: BreakerTurn) => ({
  type,
  from,
  to,
  trigger,
  calls: numbers?.windowCalls,
  failures: numbers?.windowFailures,
  row: numbers?.consecutiveFailures,
});

const short: Partial<BreakerPolicy> = {
  failureThreshold: 4,
  minimumCalls: 5,
  failureRate: 0.4,
  windowMs: 600_000,
};

describe('a simulated breaker', () => {
  it('reproduces every change under the policy that was in force', () => {
    fc.assert(
      fc.property(lives, fc.integer(), fc.constantFrom({}, short), (steps, seed, policy) => {
        const { events, endsAt } = liveThrough(steps, seed, policy);
        const { actual, simulated: other, calls } = simulated(events, policy, endsAt);
        expect(other.changes.map(gist)).toEqual(actual.changes.map(gist));
        expect(other.barred).toBe(0);
        expect(other.admitted).toBe(calls);
      }),
      { numRuns: 300 },
    );
  });

  it('begins in the middle of a history as the real one was then', () => {
    fc.assert(
      fc.property(lives, fc.integer(), fc.nat(99), (steps, seed, share) => {
        const { events, endsAt } = liveThrough(steps, seed);
        const from = NOON + Math.floor(((endsAt - NOON) * share) / 100);
        const { actual, simulated: other } = simulated(events, {}, endsAt, from);
        expect(other.changes.map(gist)).toEqual(actual.changes.map(gist));
        expect(other.barred).toBe(0);
      }),
      { numRuns: 150 },
    );
  });

  it('was asked about lives in which everything happens', () => {
    const triggers = new Set<string>();
    for (const [seed, steps] of fc.sample(lives, { numRuns: 300, seed: 5 }).entries()) {
      const { events, endsAt } = liveThrough(steps, seed, short);
      for (const { trigger } of simulated(events, short, endsAt).actual.changes) {
        triggers.add(trigger);
      }
    }
    const all = ['consecutive_failures', 'failure_rate', 'timer', 'probe_failed', 'deadline'];
    const rest = ['probes_succeeded', 'restart', 'manual', 'forced', 'operator', 'expired'];
    expect([...triggers]).toEqual(expect.arrayContaining([...all, ...rest]));
  });
});

/** Calls that begin every ten seconds and last 100 ms, one fact each. */
function calls(outcomes: string, startAt: number, firstRevision: number): readonly StoredEvent[] {
  return Array.from(outcomes).map((letter, i) => {
    const at = startAt + i * 10_000 + 100;
    const outcome = letter === '.' ? 'ok' : 'server';
    const call = { offsetMs: 0, outcome, durationMs: 100, endpoint: '/x', generation: 0 };
    const counted = { consecutiveFailures: 0, windowCalls: 0, windowFailures: 0, windowSlow: 0 };
    const type = 'CallsRecorded';
    return stored({ type, atMs: at, baseMs: at, calls: [call], ...counted }, firstRevision + i);
  });
}

const configuredFact = stored(
  {
    type: 'BreakerConfigured',
    atMs: NOON - 1,
    policy: { ...POLICY, failureThreshold: 100 },
    configRevision: 1,
    collector: 'historical',
    upstream: 'primary',
    operator: undefined,
    configured: undefined,
  },
  0,
);

describe('a stricter policy', () => {
  const strict = { failureThreshold: 3, openMs: 25_000, openJitter: 0, openMultiplier: 1 };
  const history = [configuredFact, ...calls('..xxxxxx....', NOON, 1)];

  it('would have opened at the third failure, refused what followed, and closed by its probes', () => {
    const { actual, simulated: other, blindMs } = simulated(history, strict, NOON + 200_000, NOON);
    expect(actual.changes).toEqual([]);
    expect(other.changes.map(({ to, trigger }) => `${to}: ${trigger}`)).toEqual([
      'open: consecutive_failures',
      'half_open: timer',
      'open: probe_failed',
      'half_open: timer',
      'closed: probes_succeeded',
    ]);
    // Two begin in each 25 s in which it is open: two failures first, then two that would have succeeded.
    expect({ barred: other.barred, spared: other.failuresSpared }).toEqual({
      barred: 4,
      spared: 2,
    });
    expect(other.admitted).toBe(8);
    expect(blindMs).toBe(0);
  });

  it('is asked about its own time only: what is later changes nothing', () => {
    const { simulated: other, calls: counted } = simulated(history, strict, NOON + 35_000, NOON);
    expect({ changes: other.changes.length, counted }).toEqual({ changes: 0, counted: 4 });
  });
});

describe('a more patient policy', () => {
  it('says for how long nobody knows what the refused calls would have met', () => {
    const openForMs = 300_000;
    const five = calls('xxxxx', NOON, 1);
    const tripAt = NOON + 40_100;
    const tripped = stored(
      {
        type: 'BreakerTripped',
        atMs: tripAt,
        transition: undefined,
        generation: 1,
        retryAtMs: tripAt + openForMs,
        delayMs: openForMs,
      },
      6,
    );
    const history = [configuredFact, ...five, tripped];
    const patient = simulated(history, { failureThreshold: 50 }, tripAt + 60_000, NOON);
    expect(patient.simulated.changes).toEqual([]);
    expect(patient.blindMs).toBe(60_000);
    expect(patient.actual.awayMs).toBe(60_000);
    expect(patient.simulated.awayMs).toBe(0);
  });
});

describe('a replay', () => {
  it('shows the breaker after each fact', () => {
    const { events } = liveThrough(fc.sample(lives, { numRuns: 1, seed: 9 })[0] ?? [], 9, short);
    const replay = breakerReplay();
    const steps = events.map((event) => replay.next(event));
    expect(steps.map(({ revision }) => revision)).toEqual(events.map(({ revision }) => revision));
    for (const [i, { after }] of steps.entries()) {
      expect(steps[i + 1]?.before ?? after).toBe(after);
    }
    expect(effectiveOf(steps[0]?.after ?? expect.fail())).toBe('closed');
  });

  it('stops at a fact without an arrow, and names it', () => {
    const probing = stored(
      { type: 'BreakerProbing', atMs: NOON, transition: undefined, generation: 1 },
      1,
    );
    const replay = breakerReplay();
    replay.next(configuredFact);
    expect(() => replay.next(probing)).toThrow(ReplayStopped);
    expect(() => breakerReplay().next({ ...probing, type: 'Nonsense' })).toThrow(/Nonsense/);
  });
});
