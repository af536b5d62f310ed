/**
 * Every scenario against the whole service, over real HTTP, in a few seconds each: what it shows is what
 * the product is for.
 */
import { describe, expect, it } from 'vitest';
import type { StoredEvent } from '../../src/journal/port.js';
import type { JsonObject } from '../../src/kernel/types.js';
import { until } from '../support/app-http.js';
import { startTestApp, type TestApp } from '../support/app-service.js';
import type { ScenarioName } from '../../src/sources/sandbox/index.js';

/** A phase of ten seconds lasts half a second. */
const STRETCH = 0.05;
const COLLECTORS = ['historical', 'moralis'] as const;

type Played = {
  readonly app: TestApp;
  /** Facts since it began, up to the first success of each collector that is meant to come back. */
  readonly facts: readonly StoredEvent[];
  of(stream: string, type: string): readonly JsonObject[];
};

const succeeded =
  (name: string) =>
  ({ stream, type }: StoredEvent): boolean =>
    stream === `collector-${name}` && type === 'RunSucceeded';

async function startQuick(): Promise<TestApp> {
  const app = await startTestApp({
    config: {
      only: COLLECTORS.join(','),
      http: { request_timeout_ms: 800, body_bytes_max: 1024 ** 2 },
      breaker: { open_ms: 150, open_jitter: 0 },
      retry: { base_ms: 5, cap_ms: 20, attempts_max: 2 },
    },
  });
  for (const name of COLLECTORS) await app.event(`${name} collects`, succeeded(name));
  // Its minute, at which a 429 ends, is two seconds long here.
  app.sandbox().control.configure('binance', { weightWindowMs: 2000 });
  return app;
}

/** Plays it to its end, and on until the named ones collect again. */
async function played(
  scenario: ScenarioName,
  comingBack: readonly string[] = COLLECTORS,
): Promise<Played> {
  const app = await startQuick();
  const { control } = app.sandbox();
  const from = await app.head();
  const phases: (string | null)[] = [];
  const over = new Promise<void>((resolve) => {
    const stop = control.onScenario(({ phase }) => {
      phases.push(phase);
      if (phase !== null) return;
      stop();
      resolve();
    });
  });
  control.playScenario({ name: scenario, stretch: STRETCH });
  await over;
  expect(phases.at(-1)).toBeNull();
  expect(control.scenario()).toMatchObject({ name: scenario, phase: null, phaseEndsAt: null });
  const end = await app.head();
  for (const name of comingBack) await app.event(`${name} is back`, succeeded(name), end);
  const { binance, moralis } = control.snapshot(0).providers;
  expect([binance.scenarioFaults, moralis.scenarioFaults]).toEqual([[], []]);
  expect([binance.violations, moralis.violations]).toEqual([0, 0]);
  const facts = await app.events(from);
  return {
    app,
    facts,
    of: (stream, type) =>
      facts.filter((each) => each.stream === stream && each.type === type).map(({ data }) => data),
  };
}

/** Classes of the runs that failed for what an upstream did; `blocked` ones never asked it. */
function classes(scenario: Played, collector: string): ReadonlySet<unknown> {
  const failed = scenario.of(`collector-${collector}`, 'RunFailed');
  return new Set(failed.map(({ outcome }) => outcome).filter((outcome) => outcome !== 'blocked'));
}

const streamsOf = ({ facts }: Played, type: string): readonly string[] =>
  facts.filter((fact) => fact.type === type).map(({ stream }) => stream);

async function expectClosed(app: TestApp): Promise<void> {
  for (const name of COLLECTORS) {
    await until(`the breaker of ${name} is closed`, async () => {
      const { body } = await app.get(`/collectors/${name}`);
      const { collector } = body as { collector: { circuit_breaker: { state: string } } };
      return collector.circuit_breaker.state === 'closed';
    });
  }
}

describe('the scenario', () => {
  it('calm: nothing happens', async () => {
    const calm = await played('calm');
    const odd = ['BreakerTripped', 'Throttled', 'BucketBlocked', 'ScopeBlocked'];
    expect(calm.facts.filter(({ type }) => odd.includes(type))).toEqual([]);
    for (const collector of COLLECTORS) expect(classes(calm, collector)).toEqual(new Set());
  });

  it('throttle-storm: rates are cut and come back, pauses are kept, no breaker opens', async () => {
    const storm = await played('throttle-storm');
    for (const scope of ['limiter-binance-ip', 'limiter-moralis-account']) {
      expect(storm.of(scope, 'Throttled').length).toBeGreaterThan(0);
      expect(storm.of(scope, 'RateRecovered').length).toBeGreaterThan(0);
    }
    expect(streamsOf(storm, 'BreakerTripped')).toEqual([]);
    await expectClosed(storm.app);
  });

  it.each(['slow-death', 'flapping'] as const)(
    '%s: breakers open, probe, and close when it is over; nothing is cut',
    async (name) => {
      const death = await played(name);
      for (const collector of COLLECTORS) {
        expect(death.of(`breaker-${collector}`, 'BreakerTripped').length).toBeGreaterThan(0);
        expect(death.of(`breaker-${collector}`, 'BreakerProbing').length).toBeGreaterThan(0);
        expect(death.of(`breaker-${collector}`, 'BreakerRecovered').length).toBeGreaterThan(0);
        expect(classes(death, collector)).toEqual(new Set(['server']));
      }
      expect(streamsOf(death, 'Throttled')).toEqual([]);
      await expectClosed(death.app);
    },
  );

  it('ban: its scope is barred and sends nothing; no breaker, and the other scope goes on', async () => {
    const ban = await played('ban');
    const [barred] = ban.of('limiter-binance-ip', 'ScopeBlocked');
    expect(barred).toMatchObject({ cause: 'banned', collector: 'historical' });
    const { atMs, untilMs } = barred as { readonly atMs: number; readonly untilMs: number };
    const { control } = ban.app.sandbox();
    const during = control
      .requests({ provider: 'binance' })
      .filter(({ at }) => at > atMs && at < untilMs);
    expect(during).toEqual([]);
    const meanwhile = ban
      .of('collector-moralis', 'RunSucceeded')
      .filter((run) => Number(run['atMs']) > atMs && Number(run['atMs']) < untilMs);
    expect(meanwhile.length).toBeGreaterThan(0);
    expect(streamsOf(ban, 'BreakerTripped')).toEqual([]);
    expect(ban.of('limiter-moralis-account', 'ScopeBlocked')).toEqual([]);
  });

  it('quota-gone: the plan’s bucket is blocked and nothing more is asked; the others go on', async () => {
    const quota = await played('quota-gone', ['historical']);
    const [blocked] = quota.of('limiter-moralis-account', 'BucketBlocked');
    expect(blocked).toMatchObject({ cause: 'quota_exhausted', bucket: 'compute_units' });
    expect(quota.of('collector-moralis', 'CollectorSuspended')).toMatchObject([{ cause: 'quota' }]);
    const asked = quota.app.sandbox().control.requests({ provider: 'moralis' });
    expect(asked.filter(({ status }) => status === 401)).toHaveLength(1);
    expect(streamsOf(quota, 'BreakerTripped')).toEqual([]);
  });

  it('schema-drift: nothing wrong is recorded, evidence is kept, breakers open and close', async () => {
    const drift = await played('schema-drift');
    for (const collector of COLLECTORS) {
      expect(classes(drift, collector)).toEqual(new Set(['bad_data']));
      const failed = drift.of(`collector-${collector}`, 'RunFailed');
      const first = failed.find(({ outcome }) => outcome === 'bad_data');
      const { sha256 } = first?.['evidence'] as { readonly sha256: string };
      const kept = await drift.app.running().stores.records.evidence(sha256);
      expect(kept[0]).toMatchObject({ collector });
      expect(drift.of(`breaker-${collector}`, 'BreakerTripped').length).toBeGreaterThan(0);
    }
    await expectClosed(drift.app);
    expect(JSON.stringify(drift.facts)).not.toContain('_v2');
  });

  it('garbage: told as bad data, in bounded memory, and over when it is over', async () => {
    const heldBefore = process.memoryUsage().arrayBuffers;
    const garbage = await played('garbage');
    for (const collector of COLLECTORS) {
      expect(classes(garbage, collector)).toContain('bad_data');
    }
    expect(streamsOf(garbage, 'Throttled')).toEqual([]);
    await expectClosed(garbage.app);
    const held = (): number => process.memoryUsage().arrayBuffers - heldBefore;
    await until('what was held is let go', () => held() < 32 * 1024 ** 2);
  });
});
