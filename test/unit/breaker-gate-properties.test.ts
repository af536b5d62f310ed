import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { effectiveOf, OVERRIDES, type BreakerCommand } from '../../src/actors/breaker/index.js';
import type { MachineryCommand } from '../../src/actors/kind.js';
import { testGate, type TestGate } from '../support/breaker-gate.js';
import { breaker, fold, configure } from '../support/breaker-given.js';
import { settle } from '../support/clock.js';

const OUTCOMES = ['ok', 'server', 'bad_data', 'throttled', 'cancelled'] as const;
const PERMITS = 3;

const FORCE = { type: 'Force', reason: '' } as const;
const COMMANDS: readonly (BreakerCommand | MachineryCommand)[] = [
  ...OVERRIDES.map((override) => ({ ...FORCE, override })),
  { type: 'SetState', state: 'closed' },
  { type: 'SetState', state: 'closed' },
  { type: 'SetState', state: 'half_open' },
  { type: 'Reset', reason: '' },
  { type: 'Recover' },
];

const operations = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.constant({ do: 'begin' as const }) },
    {
      weight: 6,
      arbitrary: fc.record({
        do: fc.constant('end' as const),
        outcome: fc.constantFrom(...OUTCOMES),
        which: fc.nat(50),
      }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('cancel' as const), which: fc.nat(50) }) },
    {
      weight: 4,
      arbitrary: fc.record({
        do: fc.constant('wait' as const),
        ms: fc.oneof(fc.nat(100), fc.nat(5000), fc.nat(400_000)),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        do: fc.constant('command' as const),
        command: fc.constantFrom(...COMMANDS),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        do: fc.constant('journal' as const),
        delayMs: fc.constantFrom(0, 0, 30, 3000),
        fails: fc.constantFrom(false, false, true),
      }),
    },
    { weight: 2, arbitrary: fc.constantFrom({ do: 'storm' as const }, { do: 'crowd' as const }) },
    // Long enough for an open breaker's timer.
    { weight: 2, arbitrary: fc.constant({ do: 'wait' as const, ms: 330_000 }) },
  ),
  { minLength: 25, maxLength: 80, size: 'max' },
);
type Operation = typeof operations extends fc.Arbitrary<readonly (infer T)[]> ? T : never;

type Flight = { readonly generation: number; readonly probe: boolean };

/** Plays a schedule against a gate and checks P8 at each admission. */
async function play(test: TestGate, list: readonly Operation[]): Promise<Record<string, number>> {
  const { gate, handle, clock, journal } = test;
  const flights: Flight[] = [];
  /** Permits held, by half-open generation. */
  const held = new Map<number, number>();
  const seen: Record<string, number> = { reported: 0 };
  const take = (): void => {
    const answer = gate.admit();
    const effective = effectiveOf(handle.state());
    seen[answer.ok ? effective : answer.reason] =
      (seen[answer.ok ? effective : answer.reason] ?? 0) + 1;
    if (!answer.ok) return;
    expect(['open', 'forced_open']).not.toContain(effective);
    const probe = effective === 'half_open';
    flights.push({ generation: answer.generation, probe });
    if (!probe) return;
    const permits = (held.get(answer.generation) ?? 0) + 1;
    held.set(answer.generation, permits);
    expect(permits).toBeLessThanOrEqual(PERMITS);
  };
  const land = (which: number, outcome: string | undefined): void => {
    const [flight] = flights.splice(which % Math.max(1, flights.length), 1);
    if (flight === undefined) return;
    const counted = outcome === 'ok' || outcome === 'server' || outcome === 'bad_data';
    if (counted) seen['reported'] = (seen['reported'] ?? 0) + 1;
    else if (flight.probe) held.set(flight.generation, (held.get(flight.generation) ?? 0) - 1);
    if (outcome === undefined) gate.cancel(flight.generation);
    else test.end(flight, outcome);
  };
  for (const operation of list) {
    switch (operation.do) {
      case 'begin':
        take();
        break;
      case 'end':
        land(operation.which, operation.outcome);
        break;
      case 'cancel':
        land(operation.which, undefined);
        break;
      case 'wait':
        await clock.advance(operation.ms);
        break;
      case 'crowd':
        for (let caller = 0; caller < 5; caller += 1) take();
        break;
      case 'storm':
        for (let failure = 0; failure < 6; failure += 1) {
          take();
          land(flights.length - 1, 'server');
        }
        break;
      case 'command':
        void handle.send(operation.command);
        break;
      case 'journal':
        journal.plan = { delayMs: operation.delayMs, fails: operation.fails };
        break;
    }
  }
  return seen;
}

describe('any schedule of calls, timers, overrides and faults', () => {
  it('P8, P10: never admits what the state forbids; when faults stop, all is recorded once', async () => {
    await fc.assert(
      fc.asyncProperty(operations, async (list) => {
        const test = await testGate();
        const { gate, handle, clock, journal } = test;
        const { reported } = await play(test, list);
        journal.plan = {};
        await clock.advance(10_000);
        const recorded = handle.facts.flatMap((fact) =>
          fact.type === 'CallsRecorded' ? fact.calls : [],
        );
        expect(recorded).toHaveLength(reported ?? 0);
        expect(gate.unrecorded()).toBe(0);
        const effective = effectiveOf(handle.state());
        const closed = effective === 'open' || effective === 'forced_open';
        const reason = gate.peek()?.reason;
        if (closed) expect(reason).toBe(effective);
        else expect([undefined, 'half_open_full']).toContain(reason);
      }),
      { numRuns: 50 },
    );
  });

  it('reach what they are meant to try', async () => {
    const all: Record<string, number> = {};
    for (const list of fc.sample(operations, { seed: 7, numRuns: 30 })) {
      const seen = await play(await testGate(), list);
      for (const [what, times] of Object.entries(seen)) all[what] = (all[what] ?? 0) + times;
    }
    const meant = 'closed open half_open half_open_full forced_open metrics_only disabled reported';
    for (const what of meant.split(' ')) expect(all[what] ?? 0).toBeGreaterThan(0);
  });
});

describe('what the gate concludes in memory', () => {
  it('is what the decision concludes, at the same call and for the same reason', async () => {
    const calls = fc.array(
      fc.record({
        outcome: fc.constantFrom('ok', 'ok', 'ok', 'server', 'bad_data', 'throttled'),
        durationMs: fc.constantFrom(100, 5000, 5000.5, 9000),
        afterMs: fc.oneof(fc.nat(1500), fc.nat(90_000)),
      }),
      { maxLength: 60 },
    );
    await fc.assert(
      fc.asyncProperty(calls, async (list) => {
        const { gate, handle, clock } = await testGate();
        let reference = breaker(fold.initial(), clock.now()).then(configure());
        for (const { outcome, durationMs, afterMs } of list) {
          await clock.advance(afterMs);
          const admitted = gate.admit();
          if (!admitted.ok) break;
          const call = { ...admitted, outcome, durationMs, endpoint: '/', at: clock.now() };
          gate.report(call);
          reference = reference.then({ type: 'ReportCalls', calls: [call] }, { at: call.at });
          const open = effectiveOf(reference.state) === 'open';
          expect(gate.peek()?.reason).toBe(open ? 'open' : undefined);
        }
        await gate.flush();
        await settle();
        const { statistics, window, lastCalls } = handle.state().context;
        const expected = reference.state.context;
        expect({ ...statistics, lastOpenAt: 0 }).toEqual({ ...expected.statistics, lastOpenAt: 0 });
        expect(window).toEqual(expected.window);
        expect(lastCalls).toEqual(expected.lastCalls);
        const triggerOf = (facts: readonly object[]): unknown =>
          facts.flatMap((fact) => ('transition' in fact ? [fact.transition] : [])).at(-1);
        if (effectiveOf(handle.state()) === 'open') {
          expect(triggerOf(handle.facts)).toEqual(triggerOf(reference.facts));
        }
      }),
      { numRuns: 60 },
    );
  });
});
