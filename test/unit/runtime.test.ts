import { describe, expect, it } from 'vitest';
import { callGate } from '../../src/actors/collector/runtime.js';
import { collectorKind } from '../../src/actors/collector/index.js';
import { SinkUnavailable, type RecordPage } from '../../src/records/port.js';
import { settle } from '../support/clock.js';
import { configure } from '../support/collector-given.js';
import { byOperator, engineBench, MINUTE, onePage, pageOf, until } from '../support/door-engine.js';
import { answered } from '../support/door-transport.js';
import { testHost } from '../support/host.js';

const ended = ['RunSucceeded', 'RunFailed', 'RunUnknown'];

describe('a run', () => {
  it('R1: stores a page in the sink before its cursor moves', async () => {
    const seen: string[] = [];
    const bench = await engineBench({
      through: (sink) => ({
        ...sink,
        async write(page: RecordPage) {
          seen.push(`write with ${String(bench.facts('RunProgressed').length)} progressed`);
          return sink.write(page);
        },
      }),
    });
    bench.member.handle.watch((notice) => {
      if (notice.phase !== 'durable') return;
      if (!notice.facts.some(({ type }) => type === 'RunProgressed')) return;
      seen.push(`cursor with ${String(bench.records.records.get('one')?.size ?? 0)} stored`);
    });
    await until(bench, () => bench.facts('RunSucceeded').length === 2);
    expect(seen).toEqual([
      'write with 0 progressed',
      'cursor with 1 stored',
      'write with 1 progressed',
      'cursor with 2 stored',
    ]);
  });

  it('R1: fails as `sink` when the page cannot be stored; the cursor stays, and the page comes again', async () => {
    let isBroken = true;
    const bench = await engineBench({
      through: (sink) => ({
        ...sink,
        write: (page) =>
          isBroken ? Promise.reject(new SinkUnavailable('the disk is full')) : sink.write(page),
      }),
    });
    await until(bench, () => bench.facts('RunFailed').length === 1);
    expect(bench.facts('RunFailed')).toMatchObject([
      { outcome: 'sink', message: 'records not stored: the disk is full', consecutive: 1 },
    ]);
    expect(bench.member.handle.state().context.cursors).toEqual({});
    isBroken = false;
    await until(bench, () => bench.facts('RunSucceeded').length === 1);
    expect([...(bench.records.records.get('one')?.keys() ?? [])]).toEqual(['n:1']);
  });

  it('R1: keeps the cursor of a page whose progress the journal did not take', async () => {
    const bench = await engineBench({
      through: (sink) => ({
        ...sink,
        async write(page) {
          const written = await sink.write(page);
          if (bench.facts('RunFailed').length === 0) bench.faults.failNext('before-commit');
          return written;
        },
      }),
    });
    await until(bench, () => bench.facts('RunFailed').length === 1);
    expect(bench.facts('RunProgressed')).toEqual([]);
    await until(bench, () => bench.facts('RunSucceeded').length === 1);
    expect(bench.facts('RunProgressed')).toMatchObject([{ ordinal: 1, cursor: '1' }]);
  });

  it('R1: writes nothing for an empty page that moves nothing', async () => {
    const bench = await engineBench({
      async *collect(context) {
        await Promise.resolve();
        yield { ...pageOf(7, context.now()), records: [], cursor: 7 };
        yield { ...pageOf(7, context.now()), records: [], cursor: 7 };
        return undefined;
      },
    });
    await until(bench, () => bench.facts('RunSucceeded').length === 2);
    expect(bench.facts('RunProgressed')).toHaveLength(1);
  });

  it('R2: is aborted as soon as the state no longer names it, and sends no more', async () => {
    const bench = await engineBench();
    bench.wire.say = () => 'hang';
    await until(bench, () => bench.wire.inFlight() === 1);
    await bench.engine.disable('one', {}, byOperator());
    expect(bench.wire.inFlight()).toBe(1); // it may finish: it drains
    await bench.clock.advance(5000);
    expect(bench.wire.inFlight()).toBe(0);
    expect(bench.facts('RunUnknown')).toMatchObject([{ cause: 'drain deadline' }]);
    expect(bench.facts('CollectorStopped')).toMatchObject([{ cause: 'disable' }]);
    await bench.clock.advance(10 * MINUTE);
    expect(bench.wire.sent).toHaveLength(1);
    expect(bench.member.runtime.inFlight()).toBe(0);
  });

  it('R2: finishes what is in flight when that comes within the drain', async () => {
    const bench = await engineBench();
    let isHeld = true;
    bench.wire.say = () => {
      if (isHeld) void bench.engine.disable('one', {}, byOperator());
      isHeld = false;
      return answered(200);
    };
    await until(bench, () => bench.facts('CollectorStopped').length === 1);
    expect(bench.facts('RunProgressed')).toHaveLength(1);
    expect(bench.facts('RunSucceeded')).toHaveLength(1);
  });

  it('R3: is ended by a fact, however often the journal has to be asked', async () => {
    const bench = await engineBench();
    bench.wire.onSend = () => {
      // Everything the run still has to say fails five times.
      for (let n = 0; n < 5; n += 1) bench.faults.failNext('before-commit');
      bench.wire.onSend = () => undefined;
    };
    await until(bench, () => bench.facts('RunStarted').length === 2);
    const types = (bench.store.streams.get('collector-one') ?? []).map(({ type }) => type);
    const second = types.lastIndexOf('RunStarted');
    expect(
      types.slice(types.indexOf('RunStarted') + 1, second).filter((t) => ended.includes(t)),
    ).toHaveLength(1);
  });

  it('R3: is unknown when the process died within it, and the next one goes on', async () => {
    const bench = await engineBench();
    bench.wire.say = () => 'hang';
    await until(bench, () => bench.wire.inFlight() === 1);
    const next = await engineBench({ after: bench });
    expect(next.facts('RunUnknown')).toMatchObject([{ cause: 'process ended' }]);
    await until(next, () => next.facts('RunSucceeded').length === 1);
  });

  it('R4: that throws is a crash of that run: told, paused, and tried again', async () => {
    let runs = 0;
    const bench = await engineBench({
      async *collect(context) {
        runs += 1;
        if (runs <= 2) throw new TypeError('a bug');
        return yield* onePage(context);
      },
    });
    await until(bench, () => bench.facts('RunSucceeded').length === 1);
    const crashes = bench.facts('RunFailed');
    expect(crashes).toMatchObject([
      { outcome: 'crashed', message: 'source crashed: a bug' },
      { outcome: 'crashed' },
    ]);
    // n² + n minutes after the n-th: 0, then 2, jittered by a tenth.
    const pauses = crashes.map((fact) => Number(fact['nextDueMs']) - Number(fact['atMs']));
    expect(pauses[0]).toBeLessThan(1000);
    expect(pauses[1]).toBeGreaterThanOrEqual(0.9 * 2 * MINUTE);
    expect(pauses[1]).toBeLessThanOrEqual(1.1 * 2 * MINUTE + 1);
  });

  it('R4: that throws between two pages keeps the first, and lets go of the source', async () => {
    let isLetGo = false;
    const bench = await engineBench({
      async *collect(context) {
        try {
          await Promise.resolve();
          if (context.cursor('numbers') === undefined) yield pageOf(1, context.now());
          throw new Error('on the way');
        } finally {
          isLetGo = true;
        }
      },
    });
    await until(bench, () => bench.facts('RunFailed').length > 0);
    expect(bench.facts('RunFailed')[0]).toMatchObject({ outcome: 'crashed', records: 1 });
    expect(bench.facts('RunProgressed')).toHaveLength(1);
    expect(isLetGo).toBe(true);
  });

  it('tells its calls, its records and the slowest of its calls', async () => {
    const bench = await engineBench();
    await until(bench, () => bench.facts('RunSucceeded').length === 1);
    expect(bench.facts('RunSucceeded')).toMatchObject([
      { calls: 1, records: 1, newRecords: 1, latencyP95Ms: 20 },
    ]);
  });
});

describe('the gate of a collector’s calls', () => {
  async function gated() {
    const held = testHost();
    const handle = await held.host.actor(collectorKind, 'collector-moralis');
    await handle.ask(configure, byOperator());
    await handle.ask({ type: 'Connected' }, byOperator());
    const gate = callGate(handle);
    const run = (id: string) =>
      handle.ask({ type: 'StartRun', run: id, trigger: 'manual', priority: 'live' }, byOperator());
    return { ...held, handle, gate, run };
  }
  const disable = { type: 'Disable', reason: '', drainMs: 1000 } as const;

  it('lets the calls of the run under way pass, and of no other', async () => {
    const { gate, run } = await gated();
    expect(gate('run-1')).toBe('draining');
    await run('run-1');
    expect(gate('run-1')).toBeUndefined();
    expect(gate('run-0')).toBe('draining');
  });

  it('closes as soon as a disable is decided, before it is durable', async () => {
    const { gate, run, faults, handle } = await gated();
    await run('run-1');
    const release = faults.hold();
    const asked = handle.ask(disable, byOperator());
    await settle();
    expect(gate('run-1')).toBe('desired');
    expect(handle.state().context.wish.actor).toBe('system');
    release();
    await asked;
    expect(gate('run-1')).toBe('desired');
  });

  it('opens again when the disable did not become durable', async () => {
    const { gate, run, faults, handle } = await gated();
    await run('run-1');
    faults.failNext('before-commit');
    expect(await handle.ask(disable, byOperator())).toMatchObject({ ok: false });
    expect(gate('run-1')).toBeUndefined();
  });

  it('opens for a run only when its start is durable', async () => {
    const { gate, run, faults } = await gated();
    const release = faults.hold();
    const asked = run('run-1');
    await settle();
    expect(gate('run-1')).toBe('draining');
    release();
    await asked;
    expect(gate('run-1')).toBeUndefined();
  });

  it('is closed by a suspension, and by a quarantine', async () => {
    const { gate, run, handle, ...held } = await gated();
    await run('run-1');
    const end = {
      outcome: 'auth',
      message: '',
      endpoint: '',
      status: 401,
      calls: 1,
      latencyP95Ms: 1,
    };
    await handle.ask({ type: 'FinishRun', run: 'run-1', end }, byOperator());
    expect(gate('run-1')).toBe('desired');
    // A greater epoch takes the stream: this actor is dropped.
    const owner = testHost({ after: { ...held }, epoch: 2 });
    const theirs = await owner.host.actor(collectorKind, 'collector-moralis');
    await theirs.ask({ type: 'Enable', reason: '' }, byOperator());
    await handle.ask(disable, byOperator());
    expect(handle.quarantined()).toContain('epoch 2');
    expect(gate('run-1')).toBe('desired');
  });
});

describe('a collector that waits for a gate', () => {
  it('runs as soon as the breaker lets probes through, and its first call is the probe', async () => {
    const bench = await engineBench();
    await until(bench, () => bench.facts('RunSucceeded').length === 1);
    await bench.engine.setBreaker('one', undefined, 'open', { ttlMs: 7 * MINUTE }, byOperator());
    await until(bench, () => bench.facts('RunBlocked').length === 1);
    const before = bench.wire.sent.length;
    await until(bench, () => bench.facts('BreakerOverrideCleared').length === 1);
    await bench.clock.advance(500);
    expect(bench.wire.sent.length).toBe(before + 1);
    expect(bench.facts('RunStarted').at(-1)).toMatchObject({ trigger: 'wake', priority: 'probe' });
  });

  it('runs as soon as the pause of the limiter is over', async () => {
    const bench = await engineBench();
    bench.wire.say = (_, nth) =>
      nth === 1 ? answered(429, {}, { 'retry-after': '300' }) : answered(200);
    await until(bench, () => bench.facts('Throttled').length === 1);
    // It would run by its schedule, soon after it connects.
    await bench.engine.restart('one', {}, byOperator());
    await until(bench, () => bench.facts('RunBlocked').length === 1);
    const pauseUntil = Number(bench.facts('Throttled')[0]?.['pauseUntilMs']);
    await bench.clock.advance(pauseUntil - bench.clock.now() - 1);
    expect(bench.wire.sent).toHaveLength(1);
    await bench.clock.advance(11_000);
    expect(bench.wire.sent).toHaveLength(2);
    expect(bench.facts('RunStarted').at(-1)).toMatchObject({ trigger: 'wake' });
  });

  it('is not woken while it is disabled', async () => {
    const bench = await engineBench();
    await until(bench, () => bench.facts('RunSucceeded').length === 1);
    await bench.engine.setBreaker('one', undefined, 'open', {}, byOperator());
    await until(bench, () => bench.facts('RunBlocked').length === 1);
    await bench.engine.disable('one', {}, byOperator());
    const before = bench.wire.sent.length;
    await bench.engine.setBreaker('one', undefined, 'closed', {}, byOperator());
    await bench.clock.advance(10 * MINUTE);
    expect(bench.wire.sent).toHaveLength(before);
  });
});
