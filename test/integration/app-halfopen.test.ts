/** A crowd at a half-open breaker: the door with fifty callers at once, over real HTTP. */
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../src/kernel/time.js';
import { seededRandom } from '../../src/kernel/random.js';
import { undiciTransport } from '../../src/sources/index.js';
import { binanceProfile } from '../../src/sources/profiles/binance.js';
import { startSandbox, type Sandbox } from '../../src/sources/sandbox/index.js';
import {
  collectorSetup,
  crowdSource,
  plainProfile,
  startTestEngine,
  type TestEngine,
} from '../support/app-engine.js';
import { until } from '../support/app-http.js';

const CROWD = 50;

async function crowdAtTheDoor(openMs: number): Promise<{
  readonly sandbox: Sandbox;
  readonly running: TestEngine;
}> {
  const clock = systemClock();
  const sandbox = await startSandbox({ port: 0, clock, random: seededRandom(1) });
  onTestFinished(() => sandbox.close());
  const profile = plainProfile(binanceProfile, sandbox.upstreamUrl('binance'));
  const source = crowdSource('crowd', profile, CROWD);
  sandbox.control.setFaults('binance', [{ kind: 'status', status: 503, retryAfter: 'none' }]);
  const running = await startTestEngine({
    clock,
    transport: undiciTransport({ clock, connectionsPerOrigin: CROWD }),
    retry: { baseMs: 1, capMs: 2 },
    setups: [
      collectorSetup({
        source,
        profile,
        intervalMs: 1000,
        // No limit worth the name: all fifty are at the breaker at the same time.
        rate: 100_000,
        breaker: { openMs, openJitter: 0 },
      }),
    ],
  });
  return { sandbox, running };
}

const warnings: Error[] = [];
const heard = (warning: Error): void => {
  warnings.push(warning);
};
beforeAll(() => process.on('warning', heard));
afterAll(() => process.off('warning', heard));

describe('a half-open breaker', () => {
  it('admits three of fifty at once, and no fourth before one of them ended', async () => {
    const { sandbox, running } = await crowdAtTheDoor(1000);
    await until('its run is over', async () => (await running.facts('RunFailed')).length > 0);
    expect(await running.facts('BreakerTripped')).toHaveLength(1);
    // Slow and well: the three are under way together while the other forty-seven ask.
    sandbox.control.setFaults('binance', [{ kind: 'latency', ms: 400 }]);
    const probing = await until(
      'it is half-open',
      async () => (await running.facts('BreakerProbing'))[0],
    );
    const recovered = await until(
      'it closes',
      async () => (await running.facts('BreakerRecovered'))[0],
    );
    const from = Number(probing['atMs']);
    const to = Number(recovered['atMs']);
    const probes = sandbox.control.requests().filter(({ at }) => at >= from && at < to);
    expect(probes).toHaveLength(3);
    expect(probes.every(({ status }) => status === 200)).toBe(true);
    const failed = await until('the run of the probes ended', async () =>
      (await running.facts('RunFailed')).find((fact) => Number(fact['atMs']) >= from),
    );
    expect(failed).toMatchObject({ outcome: 'blocked', calls: 3 });
    expect(failed['message']).toContain('half_open');
    // Closed: the same crowd goes through.
    const ran = await until('a run succeeds', async () => (await running.facts('RunSucceeded'))[0]);
    expect(ran['calls']).toBe(CROWD);
    expect(warnings).toEqual([]);
  });

  it('opens for longer when the probes fail, and admits three again', async () => {
    const { sandbox, running } = await crowdAtTheDoor(300);
    await until('it trips', async () => (await running.facts('BreakerTripped')).length > 0);
    sandbox.control.setFaults('binance', [
      { kind: 'latency', ms: 200 },
      { kind: 'status', status: 503, retryAfter: 'none' },
    ]);
    await until(
      'two recoveries failed',
      async () => (await running.facts('BreakerReopened')).length > 1,
    );
    const [trip] = await running.facts('BreakerTripped');
    const reopened = await running.facts('BreakerReopened');
    expect([trip, ...reopened].slice(0, 3).map((fact) => fact?.['delayMs'])).toEqual([
      300, 450, 675,
    ]);
    const probing = await running.facts('BreakerProbing');
    const spans = probing.slice(0, 2).map((fact, n) => [fact['atMs'], reopened[n]?.['atMs']]);
    for (const [from, to] of spans) {
      const probes = sandbox.control
        .requests()
        .filter(({ at }) => at >= Number(from) && at <= Number(to));
      expect(probes.length).toBeGreaterThan(0);
      expect(probes.length).toBeLessThanOrEqual(3);
    }
  });
});
