/**
 * Every fault of the sandbox against the whole service, over real HTTP: one service meets them all, one
 * after the other, and is well after each.
 */
import { describe, expect, it } from 'vitest';
import type { StoredEvent } from '../../src/journal/port.js';
import { expectReserved } from '../support/app-accounts.js';
import { until } from '../support/app-http.js';
import { startTestApp, type TestApp } from '../support/app-service.js';
import { FAULT_CASES, type FaultCase } from '../support/sandbox-classes.js';

/** Long enough for the first kilobytes of a bomb on a busy machine. */
const TIMEOUT_MS = 800;
const CAP = 1024 ** 2;
const CONNECTIONS = 4;
/** Of a gigabyte twice, half of it inside a bomb: what a service that keeps one cap's worth may hold. */
const HELD_MAX = 64 * 1024 ** 2;

const collectorFact =
  (type: string) =>
  (event: StoredEvent): boolean =>
    event.stream === 'collector-historical' && event.type === type;
const heldBytes = (): number => {
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
};
const sockets = (app: TestApp) => app.sandbox().control.snapshot(0).providers.binance.sockets;

async function startQuick(): Promise<TestApp> {
  const app = await startTestApp({
    config: {
      only: 'historical',
      http: {
        request_timeout_ms: TIMEOUT_MS,
        body_bytes_max: CAP,
        connections_per_origin: CONNECTIONS,
      },
      retry: { attempts_max: 1 },
      breaker: { open_ms: 100, open_jitter: 0 },
    },
    collectors: { historical: { interval_ms: 100 } },
  });
  await app.event('it collects', collectorFact('RunSucceeded'));
  return app;
}

/** The run that met the fault: the first that ended with its class. */
async function met(app: TestApp, { faults, name, outcome, says }: FaultCase): Promise<void> {
  const before = await app.head();
  app.sandbox().control.setFaults('binance', faults);
  if (outcome === 'ok') {
    const first = await app.event(name, collectorFact('RunSucceeded'), before);
    await app.event(`${name}, again`, collectorFact('RunSucceeded'), first.position);
    // On a busy machine a run may have to wait too long for its turn: that asks nobody anything.
    const failed = (await app.events(before))
      .filter(collectorFact('RunFailed'))
      .filter(({ data }) => data['outcome'] !== 'blocked');
    expect([name, failed]).toEqual([name, []]);
    return;
  }
  // A run that was under way when the connections were cut may end otherwise.
  const isMet = (event: StoredEvent): boolean =>
    collectorFact('RunFailed')(event) &&
    event.data['outcome'] === outcome &&
    JSON.stringify(event.data['message']).includes(says ?? '');
  const failed = await app.event(`${name} is ${outcome}`, isMet, before);
  const evidence = failed.data['evidence'] as { readonly bytes?: number } | undefined;
  // Bodies of which something came are kept as evidence, and no more of them than the cap and a chunk.
  if (outcome === 'bad_data' && (evidence?.bytes ?? 0) > 0) {
    expect([name, (evidence?.bytes ?? 0) < 2 * CAP]).toEqual([name, true]);
  }
}

describe('every fault, one after another', () => {
  it(
    'has its class, leaves no socket and no memory behind, and the service recovers from it',
    { timeout: 90_000 },
    async () => {
      const app = await startQuick();
      const heldBefore = heldBytes();
      let openMost = 0;
      for (const each of FAULT_CASES) {
        await met(app, each);
        openMost = Math.max(openMost, sockets(app).open);
        app.sandbox().control.clearFaults();
        await app.event(`well after ${each.name}`, collectorFact('RunSucceeded'), await app.head());
      }
      expect(openMost).toBeLessThanOrEqual(CONNECTIONS);
      await until('what was held is let go', () => heldBytes() - heldBefore < HELD_MAX);
      await until('idle connections only', () => sockets(app).open <= CONNECTIONS);

      // Owners: the breaker counted failures of the upstream and its data, the limiter cut nothing.
      const events = await app.events();
      const counted = events
        .filter(({ type }) => type === 'CallsRecorded')
        .flatMap(({ data }) => data['calls'] as readonly { readonly outcome?: string }[])
        .map(({ outcome = 'ok' }) => outcome);
      expect(new Set(counted)).toEqual(new Set(['ok', 'server', 'bad_data']));
      const cut = ['Throttled', 'ScopeBlocked', 'BucketBlocked', 'CollectorSuspended'];
      expect(events.filter(({ type }) => cut.includes(type)).map(({ type }) => type)).toEqual([]);
      expect(app.sandbox().control.counters('binance').violations).toBe(0);
      const bodies = ['<html', '_v2', 'internal error'];
      const journal = JSON.stringify(events);
      expect(bodies.filter((text) => journal.includes(text))).toEqual([]);
      // What was on its way to a port just shut was sent and never seen.
      await expectReserved(app);
    },
  );

  it('opens its breaker for failures of the upstream and of its data, and closes it when they end', async () => {
    const app = await startQuick();
    const breakerFact =
      (type: string) =>
      (event: StoredEvent): boolean =>
        event.stream === 'breaker-historical' && event.type === type;
    for (const fault of [{ kind: 'unreachable' }, { kind: 'garbage' }] as const) {
      const before = await app.head();
      app.sandbox().control.setFaults('binance', [fault]);
      await app.event(`${fault.kind} trips it`, breakerFact('BreakerTripped'), before);
      app.sandbox().control.clearFaults();
      await app.event('it closes', breakerFact('BreakerRecovered'), before);
    }
    const before = await app.head();
    app.sandbox().control.setFaults('binance', [{ kind: 'redirect' }]);
    let last = before;
    for (let runs = 0; runs < 7; runs += 1) {
      last = (await app.event('a run is refused', collectorFact('RunFailed'), last)).position;
    }
    expect((await app.events(before)).filter(breakerFact('BreakerTripped'))).toEqual([]);
  });
});

describe('429 with every kind of Retry-After', () => {
  it('waits a bounded time even when it is told to wait ten years', async () => {
    const app = await startQuick();
    const before = await app.head();
    const fault = { kind: 'status', status: 429, retryAfterSeconds: 315_360_000 } as const;
    app.sandbox().control.setFaults('binance', [{ ...fault, count: 1 }]);
    const throttled = await app.event('it is cut', ({ type }) => type === 'Throttled', before);
    const pauseMs = Number(throttled.data['pauseUntilMs']) - Number(throttled.data['atMs']);
    expect(pauseMs).toBeGreaterThan(60_000);
    expect(pauseMs).toBeLessThanOrEqual(7 * 24 * 3_600_000);
    const heard = app.sandbox().control.counters('binance').received;
    const collect = await app.post('/collectors/historical/collect');
    expect(collect).toMatchObject({ status: 409, body: { success: false } });
    const { body } = await app.get('/collectors/historical');
    expect(body).toMatchObject({ collector: { circuit_breaker: { state: 'closed' } } });
    expect(app.sandbox().control.counters('binance').received).toBe(heard);
    expect(app.sandbox().control.counters('binance').violations).toBe(0);
  });
});
