/** The circuit breaker as an operator meets it: held, released, tripped, recovered. */
import { describe, expect, it } from 'vitest';
import type { StoredEvent } from '../../src/journal/port.js';
import { expectBalanced } from '../support/app-accounts.js';
import * as example from '../support/app-examples.js';
import { until } from '../support/app-http.js';
import { startTestApp, type TestApp } from '../support/app-service.js';
import { lacks } from '../support/gateway-shape.js';

const PATH = '/collectors/historical/circuit-breaker';
/** Natural open period of these breakers: short, so that holding one open can outlast it. */
const OPEN_MS = 300;

const of =
  (stream: string, type: string) =>
  (event: StoredEvent): boolean =>
    event.stream === stream && event.type === type;
const succeeded = of('collector-historical', 'RunSucceeded');
const blocked = of('collector-historical', 'RunBlocked');
const breakerFact = (type: string) => of('breaker-historical', type);

async function startCollecting(): Promise<TestApp> {
  const app = await startTestApp({ config: { breaker: { open_ms: OPEN_MS, open_jitter: 0 } } });
  await app.event('it collects', succeeded);
  return app;
}

/** When the sandbox heard requests for klines, by its own clock. */
function arrivals(app: TestApp, from = 0, to = Infinity): readonly number[] {
  return app
    .sandbox()
    .control.requests({ provider: 'binance' })
    .map(({ at }) => at)
    .filter((at) => at > from && at < to);
}

async function detail(app: TestApp): Promise<Record<string, unknown>> {
  const { body } = await app.get('/collectors/historical');
  return (body as { collector: Record<string, unknown> }).collector;
}

describe('a breaker held by hand', () => {
  it('stops every request for longer than its natural period, until it is closed', async () => {
    const app = await startCollecting();
    const told = await app.put(`${PATH}/state`, { state: 'open', reason: 'emergency' });
    const heldAt = app.clock.now();
    expect(told).toMatchObject({ status: 200, body: { new_state: { state: 'open' } } });
    const forced = await app.event('it is held', breakerFact('BreakerForced'));

    // Five times a run was due and skipped: a second, against 300 ms.
    let last = forced;
    for (let skips = 0; skips < 5; skips += 1) {
      last = await app.event('a due run is skipped', blocked, last.position);
      expect(last.data).toMatchObject({ cause: 'breaker', detail: 'the breaker is forced_open' });
    }
    expect(Number(last.data['atMs']) - Number(forced.data['atMs'])).toBeGreaterThan(OPEN_MS);
    expect(arrivals(app, heldAt)).toEqual([]);
    expect((await app.events()).filter(breakerFact('BreakerProbing'))).toEqual([]);
    expect(await detail(app)).toMatchObject({
      enabled: true,
      status: 'circuit_open',
      health_detail: { score: 0 },
      why: 'it waits: the breaker is forced_open',
      circuit_breaker: {
        state: 'open',
        computed: 'closed',
        effective: 'forced_open',
        override: { state: 'forced_open', reason: 'emergency', expires_at: null },
      },
    });
    const collect = await app.post('/collectors/historical/collect');
    expect(collect).toMatchObject({ status: 409, body: { success: false } });

    await app.put(`${PATH}/state`, { state: 'closed' });
    await app.event('it collects again', succeeded, last.position);
    expect(arrivals(app, heldAt).length).toBeGreaterThan(0);
    expect(await detail(app)).toMatchObject({
      status: 'healthy',
      circuit_breaker: { state: 'closed', override: null },
    });
    await expectBalanced(app);
  });

  it('is released when its ttl_seconds are over, and not before', async () => {
    const app = await startCollecting();
    const told = await app.put(`${PATH}/state`, { state: 'open', ttl_seconds: 1 });
    const heldAt = app.clock.now();
    const forced = await app.event('it is held', breakerFact('BreakerForced'));
    const expiresAt = Number(forced.data['expiresAtMs']);
    expect(expiresAt).toBe(Number(forced.data['atMs']) + 1000);
    expect(told.body).toMatchObject({
      new_state: { override: { expires_at: new Date(expiresAt).toISOString() } },
    });
    const cleared = await app.event('it ends', breakerFact('BreakerOverrideCleared'));
    expect(cleared.data['cause']).toBe('expired');
    expect(Number(cleared.data['atMs'])).toBeGreaterThanOrEqual(expiresAt);
    await app.event('it collects again', succeeded, cleared.position);
    expect(arrivals(app, heldAt, expiresAt)).toEqual([]);
    await expectBalanced(app);
  });

  it('outlives a restart of the service, and still ends in time', async () => {
    const app = await startCollecting();
    await app.put(`${PATH}/state`, { state: 'open', ttl_seconds: 4, reason: 'over night' });
    await app.post('/collectors/moralis/disable', { reason: 'not wanted' });
    const forced = await app.event('it is held', breakerFact('BreakerForced'));
    const expiresAt = Number(forced.data['expiresAtMs']);
    await app.restart();
    const before = await detail(app);
    if (app.clock.now() < expiresAt) {
      expect(before).toMatchObject({
        circuit_breaker: { effective: 'forced_open', override: { reason: 'over night' } },
      });
    }
    const cleared = await app.event('it ends', breakerFact('BreakerOverrideCleared'));
    expect(Number(cleared.data['atMs'])).toBeGreaterThanOrEqual(expiresAt);
    await app.event('it collects again', succeeded, cleared.position);
    // The sandbox was started with the service: all it heard came after the restart.
    expect(arrivals(app, 0, expiresAt)).toEqual([]);
    expect((await app.get('/collectors/moralis')).body).toMatchObject({
      collector: { enabled: false, desired: { reason: 'not wanted' }, status: 'disabled' },
    });
    expect(app.sandbox().control.counters('moralis').received).toBe(0);
  });

  it.each(['metrics_only', 'disabled'])(
    'lets everything pass when %s, and measures on',
    async (state) => {
      const app = await startCollecting();
      await app.put(`${PATH}/state`, { state });
      const { position } = await app.event('it is held', breakerFact('BreakerForced'));
      app.sandbox().control.setFaults('binance', [{ kind: 'status', status: 500 }]);
      await app.event('it would have tripped', breakerFact('BreakerTripped'), position);
      const failed = of('collector-historical', 'RunFailed');
      const first = await app.event('a run fails', failed, await app.head());
      const second = await app.event('another runs and fails', failed, first.position);
      expect(second.data).toMatchObject({ outcome: 'server', calls: 3 });
      expect((await detail(app))['circuit_breaker']).toMatchObject({ state, effective: state });
      app.sandbox().control.clearFaults();
      await app.event('it collects again', succeeded, second.position);
      await expectBalanced(app);
    },
  );

  it('is half-open by hand only from open, else 409 and no fact', async () => {
    const app = await startCollecting();
    for (const state of ['closed', 'metrics_only', 'disabled']) {
      await app.put(`${PATH}/state`, { state });
      const facts = (await app.events()).filter(({ stream }) => stream === 'breaker-historical');
      const before = facts.findLast(({ type }) => type !== 'CallsRecorded');
      const refused = await app.put(`${PATH}/state`, { state: 'half-open' });
      expect(refused).toMatchObject({ status: 409, body: { code: 'illegal_state' } });
      expect(lacks(refused.body, example.PROBLEM)).toEqual([]);
      const after = (await app.events())
        .filter(({ stream }) => stream === 'breaker-historical')
        .findLast(({ type }) => type !== 'CallsRecorded');
      expect(after?.position).toBe(before?.position);
    }
    await app.put(`${PATH}/state`, { state: 'open' });
    app.sandbox().control.setFaults('binance', [{ kind: 'latency', ms: 300 }]);
    const told = await app.put(`${PATH}/state`, { state: 'half-open' });
    expect(told.status).toBe(200);
    const shown = { ...example.breaker, half_open: example.halfOpen };
    expect(lacks(told.body['new_state'], shown)).toEqual([]);
    expect(told.body).toMatchObject({
      message: 'Circuit breaker forced to half-open for historical',
      new_state: { state: 'half-open', override: null, half_open: { max_calls: 3 } },
    });
    await app.event('two probes close it', breakerFact('BreakerRecovered'));
    app.sandbox().control.clearFaults();
    await expectBalanced(app);
  });

  it('reset clears counters, statistics, grown back-off and override', async () => {
    const app = await startCollecting();
    app.sandbox().control.setFaults('binance', [{ kind: 'status', status: 500 }]);
    const reopened = await app.event('a recovery fails', breakerFact('BreakerReopened'));
    expect(reopened.data).toMatchObject({ delayMs: OPEN_MS * 1.5, failedRecoveries: 1 });
    await app.put(`${PATH}/state`, { state: 'open', reason: 'held as well' });
    expect((await detail(app))['circuit_breaker']).toMatchObject({
      statistics: {
        circuit_opens: expect.any(Number) as number,
        total_failures: expect.any(Number) as number,
      },
    });
    app.sandbox().control.clearFaults();
    const told = await app.post(`${PATH}/reset`);
    expect(told).toMatchObject({
      status: 200,
      body: {
        new_state: {
          state: 'closed',
          failure_count: 0,
          health_score: 1,
          timeout_seconds: OPEN_MS / 1000,
          computed: 'closed',
          override: null,
          effective: 'closed',
          statistics: {
            total_failures: 0,
            circuit_opens: 0,
            failed_recoveries: 0,
            successful_recoveries: 0,
            time_in_open_state: 0,
            last_open_time: null,
          },
        },
      },
    });
    const reset = await app.event('it was reset', breakerFact('BreakerReset'));
    await app.event('it collects again', succeeded, reset.position);
    await expectBalanced(app);
  });
});

describe('a breaker by itself', () => {
  it('opens after five failures in a row, sends nothing while open, and closes on two successes', async () => {
    const app = await startCollecting();
    const before = await until('no request is under way', () => {
      const all = app.sandbox().control.requests({ provider: 'binance' });
      return all.every(({ fate }) => fate === 'answered') && app.clock.now();
    });
    app.sandbox().control.setFaults('binance', [{ kind: 'status', status: 502, body: 'html' }]);
    const tripped = await app.event('it trips', breakerFact('BreakerTripped'));
    expect(tripped.data).toMatchObject({
      delayMs: OPEN_MS,
      transition: {
        from: 'closed',
        to: 'open',
        trigger: 'consecutive_failures',
        consecutiveFailures: 5,
        lastCalls: Array.from({ length: 5 }, () => ({ outcome: 'server', endpoint: 'klines' })),
      },
    });
    const trippedAt = Number(tripped.data['atMs']);
    const asked = app.sandbox().control.requests({ provider: 'binance' });
    const bad = asked.filter(({ at, status }) => at >= before && at <= trippedAt && status === 502);
    expect(bad).toHaveLength(5);
    app.sandbox().control.clearFaults();

    const probing = await app.event('it probes', breakerFact('BreakerProbing'));
    expect(Number(probing.data['atMs'])).toBeGreaterThanOrEqual(trippedAt + OPEN_MS);
    const recovered = await app.event('it closes', breakerFact('BreakerRecovered'));
    expect(recovered.data).toMatchObject({ transition: { trigger: 'probes_succeeded' } });
    expect(arrivals(app, trippedAt, Number(probing.data['atMs']))).toEqual([]);
    await app.event('it collects again', succeeded, recovered.position);
    expect((await detail(app))['circuit_breaker']).toMatchObject({
      state: 'closed',
      failure_count: 0,
      statistics: { circuit_opens: 1, total_failures: 5, successful_recoveries: 1 },
    });
    await expectBalanced(app);
  });

  it.each([
    ['a reset connection', { kind: 'reset', at: 'before_headers' } as const],
    ['a connection cut in the body', { kind: 'reset', at: 'mid_body' } as const],
  ])('counts %s', async (_, fault) => {
    const app = await startCollecting();
    app.sandbox().control.setFaults('binance', [fault]);
    const tripped = await app.event('it trips', breakerFact('BreakerTripped'));
    expect(tripped.data).toMatchObject({ transition: { consecutiveFailures: 5 } });
    app.sandbox().control.clearFaults();
    await app.event('it collects again', succeeded, tripped.position);
    await expectBalanced(app);
  });
});
