import { describe, expect, it } from 'vitest';
import { computedOf, effectiveOf } from '../../src/actors/breaker/index.js';
import { testGate } from '../support/breaker-gate.js';
import { MINUTE } from '../support/breaker-given.js';
import { settle } from '../support/clock.js';

const typesOf = (handle: { facts: readonly { type: string }[] }): readonly string[] =>
  handle.facts.map(({ type }) => type);

describe('the gate of a closed breaker', () => {
  it('lets calls pass, counts them under way, and says nothing stands against them', async () => {
    const { gate, begin, end } = await testGate();
    const calls = [begin(), begin(), begin()];
    expect(gate.peek()).toBeUndefined();
    expect(gate.live()).toEqual({ inFlight: 3, halfOpenAdmitted: 0 });
    for (const call of calls) end(call, 'ok');
    expect(gate.live().inFlight).toBe(0);
  });

  it('A2: closes in the very call that is one failure too many, before anything is durable', async () => {
    const { gate, handle, clock, journal, pass } = await testGate();
    journal.plan = { delayMs: 50 };
    for (let failure = 0; failure < 5; failure += 1) pass('server');
    expect(gate.admit()).toEqual({ ok: false, reason: 'open' });
    expect(computedOf(handle.state())).toBe('closed');
    await settle();
    const retryAt = clock.now() + 300_000;
    expect(gate.peek()).toEqual({ ok: false, reason: 'open', retryAt });
    expect(computedOf(handle.state())).toBe('closed');
    await clock.advance(50);
    expect(typesOf(handle)).toEqual(['BreakerConfigured', 'CallsRecorded', 'BreakerTripped']);
    expect(gate.admit()).toEqual({ ok: false, reason: 'open', retryAt });
  });

  it('goes back to what is durable when a hold did not become so', async () => {
    const { gate, handle, journal, clock } = await testGate();
    journal.plan = { delayMs: 50, fails: true };
    const asked = handle.send({ type: 'Force', override: 'forced_open', reason: '' });
    await settle();
    expect(gate.peek()).toMatchObject({ reason: 'forced_open' });
    await clock.advance(50);
    expect(await asked).toMatchObject({ ok: false });
    expect(gate.peek()).toBeUndefined();
  });

  it('stays closed to calls while its trip cannot be recorded, and records it when it can', async () => {
    const { gate, handle, journal, clock, pass, told } = await testGate();
    journal.plan = { fails: true };
    for (let failure = 0; failure < 5; failure += 1) pass('server');
    await clock.advance(3500);
    expect(gate.peek()).toMatchObject({ reason: 'open' });
    expect(typesOf(handle)).toEqual(['BreakerConfigured']);
    journal.plan = {};
    await clock.advance(1000);
    expect(typesOf(handle).slice(1)).toEqual(['CallsRecorded', 'BreakerTripped']);
    expect(gate.peek()).toMatchObject({ reason: 'open', retryAt: clock.now() - 500 + 300_000 });
    // The very same batch under the very same id: asked again, it could not be appended twice.
    const ids = handle.asked.filter(({ command }) => command.type === 'ReportCalls');
    expect(ids.length).toBeGreaterThan(2);
    expect(new Set(ids.map(({ id }) => id)).size).toBe(1);
    expect(told).toContain('calls not recorded yet, trying again');
  });

  it('admits nothing when its actor is quarantined, or when it was closed', async () => {
    const { gate, handle, clock, pass } = await testGate();
    handle.quarantine('corrupt');
    expect(gate.admit()).toEqual({ ok: false, reason: 'unavailable' });
    handle.quarantine(undefined);
    pass('ok');
    gate.close();
    expect(gate.peek()).toEqual({ ok: false, reason: 'unavailable' });
    expect(gate.admit()).toEqual({ ok: false, reason: 'unavailable' });
    expect(clock.pending()).toBe(0);
  });
});

describe('the record of calls', () => {
  it('is written after a second, as one fact', async () => {
    const { handle, clock, pass } = await testGate();
    for (const outcome of ['ok', 'server', 'ok']) {
      pass(outcome);
      await clock.advance(300);
    }
    expect(typesOf(handle)).toEqual(['BreakerConfigured']);
    await clock.advance(100);
    expect(handle.facts.at(-1)).toMatchObject({
      type: 'CallsRecorded',
      calls: [{ offsetMs: 0 }, { offsetMs: 300, outcome: 'server' }, { offsetMs: 600 }],
      windowCalls: 3,
      windowFailures: 1,
    });
    await clock.advance(10_000);
    expect(handle.facts).toHaveLength(2);
    expect(clock.pending()).toBe(0);
  });

  it('is written at a hundred calls, and what comes meanwhile waits its turn', async () => {
    const { handle, clock, journal, pass } = await testGate();
    journal.plan = { delayMs: 20 };
    for (let count = 0; count < 250; count += 1) pass('ok');
    await clock.advance(100);
    const sizes = (): readonly number[] =>
      handle.facts.flatMap((fact) => (fact.type === 'CallsRecorded' ? [fact.calls.length] : []));
    expect(sizes()).toEqual([100, 100]);
    await clock.advance(1000);
    expect(sizes()).toEqual([100, 100, 50]);
    expect(handle.state().context.statistics.totalSuccesses).toBe(250);
  });

  it('is written on flush, whatever else is under way', async () => {
    const { gate, handle, journal, clock, pass } = await testGate();
    journal.plan = { delayMs: 20 };
    for (let count = 0; count < 130; count += 1) pass('ok');
    const flushed = gate.flush();
    await clock.advance(60);
    await flushed;
    expect(handle.state().context.statistics.totalSuccesses).toBe(130);
    await gate.flush();
  });

  it('does not hang on flush when there is no journal', async () => {
    const { gate, handle, journal, pass } = await testGate();
    journal.plan = { fails: true };
    pass('ok');
    await gate.flush();
    expect(handle.facts).toHaveLength(1);
    journal.plan = {};
    await gate.flush();
    expect(handle.state().context.statistics.totalSuccesses).toBe(1);
  });

  it('is bounded: beyond ten thousand calls the oldest are given up, counted and told', async () => {
    const { gate, handle, clock, journal, pass, told } = await testGate();
    journal.plan = { fails: true };
    for (let count = 0; count < 10_350; count += 1) pass('ok');
    await settle();
    expect(gate.unrecorded()).toBe(400);
    expect(told).toContain('too many calls wait for the journal: the oldest are not recorded');
    journal.plan = {};
    await clock.advance(1000);
    expect(handle.state().context.statistics.totalSuccesses).toBe(10_350 - 400);
    expect(gate.unrecorded()).toBe(400);
  });

  it('gives up what the actor will never take, and says so', async () => {
    const { gate, handle, pass, told } = await testGate();
    pass('ok');
    handle.quarantine('corrupt');
    await gate.flush();
    expect(gate.unrecorded()).toBe(1);
    expect(told).toEqual(['calls refused by the breaker: not recorded']);
  });

  it('holds only what counts', async () => {
    const { gate, handle, pass } = await testGate();
    for (const outcome of ['throttled', 'ok', 'auth', 'bad_data', 'cancelled']) pass(outcome);
    await gate.flush();
    expect(handle.facts.at(-1)).toMatchObject({
      calls: [{ outcome: 'ok' }, { outcome: 'bad_data' }],
    });
  });
});

describe('the gate of a half-open breaker', () => {
  it('P8: admits exactly three of fifty concurrent callers', async () => {
    const { gate, trip, clock } = await testGate();
    await trip();
    await clock.advance(300_000);
    const answers = await Promise.all(
      Array.from({ length: 50 }, async () => {
        await Promise.resolve();
        return gate.admit();
      }),
    );
    expect(answers.filter(({ ok }) => ok)).toHaveLength(3);
    expect(
      answers.filter((answer) => !answer.ok && answer.reason === 'half_open_full'),
    ).toHaveLength(47);
    expect(gate.live()).toEqual({ inFlight: 3, halfOpenAdmitted: 3 });
  });

  it('gets a permit back for a call that was not sent or did not count, and not for one that did', async () => {
    const { gate, trip, clock, begin, end } = await testGate({ successThreshold: 3 });
    await trip();
    await clock.advance(300_000);
    const [first, second, third] = [begin(), begin(), begin()];
    gate.cancel(first.generation);
    expect(gate.peek()).toBeUndefined();
    const fourth = begin();
    end(second, 'throttled');
    const fifth = begin();
    end(third, 'ok');
    expect(gate.admit()).toEqual({ ok: false, reason: 'half_open_full' });
    end(fourth, 'ok');
    end(fifth, 'ok');
    await settle();
    expect(gate.admit()).toMatchObject({ ok: true, generation: 3 });
  });

  it('does not take a permit back from an older generation', async () => {
    const { gate, begin, end, trip, clock } = await testGate();
    const old = begin();
    await trip();
    await clock.advance(300_000);
    begin();
    gate.cancel(old.generation);
    end(old, 'throttled');
    expect(gate.live().halfOpenAdmitted).toBe(1);
  });

  it('A2: opens only when the recovery is durable', async () => {
    const { gate, journal, trip, clock, pass, begin } = await testGate();
    await trip();
    await clock.advance(300_000);
    journal.plan = { delayMs: 50 };
    pass('ok');
    pass('ok');
    begin();
    await settle();
    expect(gate.admit()).toEqual({ ok: false, reason: 'half_open_full' });
    await clock.advance(50);
    expect(gate.admit()).toEqual({ ok: true, generation: 3 });
  });

  it('A2: closes at the first failure, at once', async () => {
    const { gate, handle, trip, clock, begin, end } = await testGate();
    await trip();
    await clock.advance(300_000);
    const [first, second] = [begin(), begin()];
    end(first, 'server');
    expect(gate.admit()).toEqual({ ok: false, reason: 'open' });
    end(second, 'ok');
    await settle();
    expect(handle.facts.at(-1)).toMatchObject({ type: 'BreakerReopened', failedRecoveries: 1 });
  });

  it('reopens when its probes never come back, counted from the first admission', async () => {
    const { gate, handle, trip, clock, begin } = await testGate();
    await trip();
    await clock.advance(300_000);
    await clock.advance(10 * MINUTE);
    expect(effectiveOf(handle.state())).toBe('half_open');
    begin();
    await clock.advance(2 * MINUTE - 1);
    expect(gate.peek()).toBeUndefined();
    await clock.advance(1);
    expect(handle.facts.at(-1)).toMatchObject({
      type: 'BreakerReopened',
      failedRecoveries: 0,
      transition: { trigger: 'deadline' },
    });
    expect(gate.peek()).toMatchObject({ reason: 'open' });
    await clock.advance(300_000);
    expect(gate.live().halfOpenAdmitted).toBe(0);
    expect(gate.peek()).toBeUndefined();
  });

  it('asks again for its deadline while the journal is away', async () => {
    const { handle, journal, trip, clock, begin } = await testGate();
    await trip();
    await clock.advance(300_000);
    begin();
    journal.plan = { fails: true };
    await clock.advance(2 * MINUTE + 2500);
    expect(effectiveOf(handle.state())).toBe('half_open');
    journal.plan = {};
    await clock.advance(1000);
    expect(effectiveOf(handle.state())).toBe('open');
    const deadlines = handle.asked.filter(({ command }) => command.type === 'ProbeDeadline');
    expect(deadlines.length).toBeGreaterThan(2);
    expect(new Set(deadlines.map(({ id }) => id)).size).toBe(1);
  });

  it('forgets its deadline when it is no longer half-open', async () => {
    const { trip, clock, pass, handle } = await testGate();
    await trip();
    await clock.advance(300_000);
    pass('ok');
    pass('ok');
    await clock.advance(10 * MINUTE);
    expect(effectiveOf(handle.state())).toBe('closed');
    expect(clock.pending()).toBe(0);
  });
});

describe('the gate under an override', () => {
  it('P8: admits nothing while forced open, beyond the natural timeout, until it ends', async () => {
    const { gate, handle, trip, clock } = await testGate();
    await trip();
    await handle.send({ type: 'Force', override: 'forced_open', reason: 'stop' });
    await clock.advance(60 * MINUTE);
    expect(computedOf(handle.state())).toBe('half_open');
    expect(gate.admit()).toEqual({ ok: false, reason: 'forced_open' });
    await handle.send({ type: 'SetState', state: 'closed' });
    expect(gate.admit()).toMatchObject({ ok: true });
  });

  it('says when a forced state ends by itself, and ends it then', async () => {
    const { gate, handle, clock } = await testGate();
    const force = {
      type: 'Force',
      override: 'forced_open',
      reason: 'stop',
      ttlMs: MINUTE,
    } as const;
    await handle.send(force);
    const retryAt = clock.now() + MINUTE;
    expect(gate.peek()).toEqual({ ok: false, reason: 'forced_open', retryAt });
    await clock.advance(MINUTE - 1);
    expect(gate.peek()).toBeDefined();
    await clock.advance(1);
    expect(gate.peek()).toBeUndefined();
  });

  it('admits and measures everything under metrics_only and disabled', async () => {
    for (const override of ['metrics_only', 'disabled'] as const) {
      const { gate, handle, clock, pass } = await testGate();
      await handle.send({ type: 'Force', override, reason: '' });
      for (let count = 0; count < 20; count += 1) pass('server');
      await settle();
      expect(computedOf(handle.state())).toBe('open');
      pass('ok');
      await clock.advance(300_000);
      expect(computedOf(handle.state())).toBe('half_open');
      for (let count = 0; count < 20; count += 1) pass('throttled');
      expect(gate.peek()).toBeUndefined();
      pass('server');
      expect(gate.peek()).toBeUndefined();
      await settle();
      expect(computedOf(handle.state())).toBe('open');
      await gate.flush();
      expect(handle.state().context.statistics).toMatchObject({
        totalFailures: 21,
        totalSuccesses: 1,
      });
    }
  });
});

describe('whoever watches the gate', () => {
  it('hears each change of what is admitted, and nothing else', async () => {
    const { gate, handle, trip, clock, begin, end, pass } = await testGate();
    const heard: string[] = [];
    const unwatch = gate.watch(() => {
      heard.push(gate.peek()?.reason ?? 'passing');
    });
    pass('ok');
    await gate.flush();
    expect(heard).toEqual([]);
    await trip();
    expect(heard.splice(0)).toEqual(['open', 'open']); // tripped; then for how long
    await clock.advance(300_000);
    expect(heard.splice(0)).toEqual(['passing']);
    const calls = [begin(), begin(), begin()];
    expect(heard.splice(0)).toEqual(['half_open_full']);
    for (const call of calls) end(call, 'auth');
    expect(heard.splice(0)).toEqual(['passing']);
    unwatch();
    await handle.send({ type: 'Force', override: 'forced_open', reason: '' });
    expect(heard).toEqual([]);
  });
});
