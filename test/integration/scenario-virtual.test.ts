/** The real engine over the sandbox in process: forty minutes of virtual time in a moment. */
import { describe, expect, it, onTestFinished } from 'vitest';
import { PRIMARY_UPSTREAM } from '../../src/kernel/ids.js';
import { seededRandom } from '../../src/kernel/random.js';
import { historical } from '../../src/sources/historical.js';
import { withBaseUrl } from '../../src/sources/index.js';
import { inProcessSandbox, type ScenarioName } from '../../src/sources/sandbox/index.js';
import { collectorSetup, startTestEngine, type TestEngine } from '../support/app-engine.js';
import { virtualClock } from '../support/clock.js';
import { NOON } from '../support/sandbox-kit.js';

const MINUTES = 60_000;

/** Twenty times slower than in the demo: a run a minute, a phase of some minutes. */
async function played(scenario: ScenarioName): Promise<{
  readonly running: TestEngine;
  readonly violations: number;
  readonly asked: number;
}> {
  const clock = virtualClock(NOON);
  const sandbox = inProcessSandbox({ clock, random: seededRandom(1) });
  onTestFinished(() => {
    sandbox.close();
  });
  const profile = historical.upstreams[PRIMARY_UPSTREAM] ?? Object.values(historical.upstreams)[0];
  if (profile === undefined) throw new Error('historical has an upstream');
  const running = await startTestEngine({
    clock,
    transport: sandbox.transport,
    setups: [
      collectorSetup({
        source: historical,
        profile: withBaseUrl(profile, sandbox.upstreamUrl('binance')),
        intervalMs: MINUTES,
        breaker: { openMs: 2 * MINUTES },
      }),
    ],
    onStop: () => clock.advance(10_000),
  });
  sandbox.control.playScenario({ name: scenario, stretch: 20 });
  await clock.advance(40 * MINUTES);
  expect(sandbox.control.scenario()?.phase).toBeNull();
  const { received, violations } = sandbox.control.counters('binance');
  return { running, violations, asked: received };
}

describe('on a virtual clock', () => {
  it('flapping opens the breaker and it closes again', async () => {
    const { asked, running, violations } = await played('flapping');
    expect(asked).toBeGreaterThan(20);
    expect(violations).toBe(0);
    expect((await running.facts('BreakerTripped')).length).toBeGreaterThan(0);
    expect((await running.facts('BreakerRecovered')).length).toBeGreaterThan(0);
    const last = (await running.events()).findLast(({ type }) =>
      /^Run(Succeeded|Failed)$/.test(type),
    );
    expect(last?.type).toBe('RunSucceeded');
  });

  it('a ban of minutes is kept, and no breaker opens', async () => {
    const { running, violations } = await played('ban');
    expect(violations).toBe(0);
    expect(await running.facts('ScopeBlocked')).toMatchObject([{ cause: 'banned' }]);
    expect(await running.facts('BreakerTripped')).toEqual([]);
  });
});
