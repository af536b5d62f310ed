/** Starting and stopping the whole: nothing is left, nothing is forgotten, and nothing hangs. */
import { describe, expect, it } from 'vitest';
import type { StoredEvent } from '../../src/journal/port.js';
import { expectReserved } from '../support/app-accounts.js';
import { startTestApp, type TestApp } from '../support/app-service.js';
import { byOperator, testHost } from '../support/host.js';
import { tallyKind } from '../support/tally-kind.js';

const ran = (collector: string) => (event: StoredEvent) =>
  event.stream === `collector-${collector}` && event.type === 'RunSucceeded';

async function record(app: TestApp, name: string): Promise<Record<string, unknown>> {
  const { body } = await app.get(`/collectors/${name}`);
  return (body as { collector: Record<string, unknown> }).collector;
}

describe('a stop', () => {
  it('leaves no timer armed, whatever was still in the mailboxes', async () => {
    const { host, faults, clock } = testHost();
    const tally = await host.actor(tallyKind, 'tally-one');
    const release = faults.hold();
    const asked = [1, 2].map((n) => tally.ask({ type: 'Wait', ms: n * 10_000 }, byOperator()));
    const stopped = host.stop();
    release();
    expect(await Promise.all(asked)).toMatchObject([{ ok: true }, { ok: true }]);
    await stopped;
    expect(clock.pending()).toBe(0);
  });

  it('drains the run under way, says goodbye, and is found clean by the next start', async () => {
    const app = await startTestApp();
    await app.event('it collects', ran('historical'));
    app.sandbox().control.setFaults('binance', [{ kind: 'latency', ms: 150 }]);
    await app
      .sandbox()
      .control.seen(({ fate, provider }) => fate === 'pending' && provider === 'binance');
    await expectReserved(app);
    await app.restart();
    expect(app.running().recovery).toMatchObject({ previousEnd: 'clean', runs: 0, blocks: 0 });
    const events = await app.events();
    const goodbye = events.find(({ type }) => type === 'ServiceStopped');
    expect(goodbye?.data).toMatchObject({ cause: 'test' });
    // What drained is told as it ended: no run is without an outcome.
    const started = events
      .filter(({ type }) => type === 'RunStarted')
      .map(({ data }) => data['run']);
    const ended = events
      .filter(({ type }) => ['RunSucceeded', 'RunFailed'].includes(type))
      .map(({ data }) => data['run']);
    const before = started.slice(0, started.length - 2);
    expect(before.filter((run) => !ended.includes(run))).toEqual([]);
    expect(events.filter(({ type }) => type === 'RunUnknown')).toEqual([]);
    await app.event('it collects again', ran('historical'), await app.head());
  });

  it('takes the same rate, desired state and cursors up again', async () => {
    const app = await startTestApp();
    await app.event('it collects', ran('moralis'));
    await app.event('it collects', ran('historical'));
    await app.put('/collectors/moralis/rate-limit', {
      max_requests_per_second: 33,
      max_backoff: 7,
    });
    await app.post('/collectors/historical/disable', { reason: 'not now' });
    const before = await record(app, 'moralis');
    await app.restart();
    const after = await record(app, 'moralis');
    expect(after['rate_limiter']).toMatchObject({ initial_rate: 33, max_backoff: 7 });
    const calls = (told: unknown): number =>
      (told as { rate_limiter: { statistics: { total_requests: number } } }).rate_limiter.statistics
        .total_requests;
    expect(calls(after)).toBeGreaterThanOrEqual(calls(before));
    expect(await record(app, 'historical')).toMatchObject({
      enabled: false,
      desired: { enabled: false, reason: 'not now' },
    });
    // What it has it does not fetch again: a token's and a wallet's past are read once.
    const again = await app.event('it collects again', ran('moralis'), await app.head());
    expect(Number(again.data['newRecords'] ?? 0)).toBeLessThan(100);
  });
});
