/** What is nobody's outage: a spent plan, a wrong key, a ban, a key that is not there. */
import { onTestFinished, describe, expect, it } from 'vitest';
import type { StoredEvent } from '../../src/journal/port.js';
import { seededRandom } from '../../src/kernel/random.js';
import { DAY_MS, systemClock } from '../../src/kernel/time.js';
import { moralisProfile } from '../../src/sources/profiles/moralis.js';
import type { Exchange, Transport } from '../../src/sources/port.js';
import { startSandbox, type Sandbox } from '../../src/sources/sandbox/index.js';
import { expectBalanced } from '../support/app-accounts.js';
import { collectorSetup, crowdSource, startTestEngine } from '../support/app-engine.js';
import { until } from '../support/app-http.js';
import { startTestApp, type TestApp } from '../support/app-service.js';
import { virtualClock } from '../support/clock.js';
import { recording } from '../support/sandbox-kit.js';

const of =
  (stream: string, type: string) =>
  (event: StoredEvent): boolean =>
    event.stream === stream && event.type === type;
const moralisFact = (type: string) => of('collector-moralis', type);

async function collectorOf(app: TestApp, name: string): Promise<Record<string, unknown>> {
  const { body } = await app.get(`/collectors/${name}`);
  return (body as { collector: Record<string, unknown> }).collector;
}

/** Events are durable before the views show them. */
async function suspendedOf(app: TestApp, name: string): Promise<Record<string, unknown>> {
  return until('the views show it suspended', async () => {
    const shown = await collectorOf(app, name);
    return shown['suspended'] !== null && shown;
  });
}

/** Neither a failure nor a state that blocks: the outcome had no meaning for the breaker. */
const UNTOUCHED = {
  state: 'closed',
  failure_count: 0,
  statistics: { total_failures: 0, circuit_opens: 0 },
};

describe('a spent plan', () => {
  it('suspends the collector and blocks the bucket; the breaker knows nothing of it', async () => {
    const app = await startTestApp();
    await app.event('it collects', moralisFact('RunSucceeded'));
    app.sandbox().control.setFaults('moralis', [{ kind: 'quota_gone' }]);
    const suspended = await app.event('it is suspended', moralisFact('CollectorSuspended'));
    const midnight = (Math.floor(Number(suspended.data['atMs']) / DAY_MS) + 1) * DAY_MS;
    expect(suspended.data).toMatchObject({ cause: 'quota', nextTryMs: midnight });
    const blocked = await app.event(
      'its bucket is blocked',
      of('limiter-moralis-account', 'BucketBlocked'),
    );
    expect(blocked.data).toMatchObject({
      bucket: 'compute_units',
      cause: 'quota_exhausted',
      untilMs: midnight,
      collector: 'moralis',
    });
    const at = app.clock.now();
    expect(await suspendedOf(app, 'moralis')).toMatchObject({
      enabled: true,
      connected: false,
      suspended: { cause: 'quota', next_try: new Date(midnight).toISOString() },
      why_changes_at: new Date(midnight).toISOString(),
      circuit_breaker: UNTOUCHED,
      rate_limiter: { blocked: [{ bucket: 'compute_units', cause: 'quota_exhausted' }] },
    });
    const failed = await app.event('its run', moralisFact('RunFailed'));
    expect(failed.data).toMatchObject({ outcome: 'quota_exhausted', status: 401 });

    // An operator may want it tried: the bucket is what it was.
    await app.post('/collectors/moralis/enable');
    const skipped = await app.event('it is blocked', moralisFact('RunBlocked'), suspended.position);
    expect(skipped.data).toMatchObject({ cause: 'quota', untilMs: midnight });
    const collect = await app.post('/collectors/moralis/collect');
    expect(collect).toMatchObject({ status: 409, body: { success: false } });
    const late = app
      .sandbox()
      .control.requests({ provider: 'moralis' })
      .filter((r) => r.at > at);
    expect(late).toEqual([]);
    expect((await collectorOf(app, 'historical'))['status']).toBe('healthy');
    await expectBalanced(app);
  });

  it('is there again when its period rolls: the collector goes on by itself', async () => {
    const clock = virtualClock(Date.UTC(2026, 0, 5, 22));
    const midnight = Date.UTC(2026, 0, 6);
    const asked: number[] = [];
    const quota = recording('moralis/doc_401_daily_quota_consumed.json');
    const transport: Transport = {
      send: () => {
        asked.push(clock.now());
        const isSpent = clock.now() < midnight && asked.length > 2;
        const exchange: Exchange = {
          kind: 'answered',
          status: isSpent ? 401 : 200,
          headers: {},
          body: Buffer.from(isSpent ? JSON.stringify(quota.body) : '{}'),
          durationMs: 5,
        };
        return Promise.resolve(exchange);
      },
      close: () => Promise.resolve(),
    };
    const profile = { ...moralisProfile, weights: { ask: { compute_units: 100, throughput: 20 } } };
    const source = crowdSource('moralis', profile, 1);
    const { facts } = await startTestEngine({
      clock,
      transport,
      setups: [collectorSetup({ source, profile, intervalMs: 300_000 })],
      onStop: () => clock.advance(10_000),
    }).then((running) => ({ facts: (type: string) => running.facts(type) }));
    await clock.advance(3_600_000);
    expect(await facts('CollectorSuspended')).toMatchObject([
      { cause: 'quota', nextTryMs: midnight },
    ]);
    const before = asked.length;
    expect(before).toBe(3);
    await clock.advance(midnight - clock.now() - 1);
    expect(asked).toHaveLength(before);
    await clock.advance(600_000);
    expect(asked.length).toBeGreaterThan(before);
    expect(asked[before]).toBeGreaterThanOrEqual(midnight);
    expect(await facts('SuspensionLifted')).toMatchObject([{ cause: 'retry' }]);
    expect(await facts('BreakerTripped')).toEqual([]);
  });
});

describe('a wrong key', () => {
  it('suspends the collector as auth, is no failure of the breaker, and is tried again by hand', async () => {
    const app = await startTestApp();
    await app.event('it collects', moralisFact('RunSucceeded'));
    app.sandbox().control.setFaults('moralis', [{ kind: 'auth_revoked' }]);
    const first = await app.event('it is suspended', moralisFact('CollectorSuspended'));
    expect(first.data).toMatchObject({ cause: 'auth' });
    expect(Number(first.data['nextTryMs']) - Number(first.data['atMs'])).toBe(3_600_000);
    expect(await suspendedOf(app, 'moralis')).toMatchObject({
      enabled: true,
      connected: false,
      suspended: { cause: 'auth' },
      circuit_breaker: UNTOUCHED,
    });
    const listed = await app.get('/collectors?state=suspended');
    expect(Object.keys(listed.body['collectors'] as object)).toEqual(['moralis']);
    const heard = app.sandbox().control.counters('moralis').received;

    await app.post('/collectors/moralis/enable');
    const again = await app.event(
      'one more try, and suspended again',
      moralisFact('CollectorSuspended'),
      first.position,
    );
    expect(app.sandbox().control.counters('moralis').received).toBe(heard + 1);
    app.sandbox().control.clearFaults();
    await app.post('/collectors/moralis/restart');
    await app.event('it collects again', moralisFact('RunSucceeded'), again.position);
    expect(await collectorOf(app, 'moralis')).toMatchObject({
      suspended: null,
      circuit_breaker: UNTOUCHED,
    });
    await expectBalanced(app);
  });
});

describe('a ban', () => {
  it('stops everything of the scope until it ends', async () => {
    const app = await startTestApp({
      collectors: { second: { source: 'historical', options: { symbols: ['ETHUSDT'] } } },
    });
    const historical = (type: string) => of('collector-historical', type);
    await app.event('it collects', historical('RunSucceeded'));
    await app.event('so does the other', of('collector-second', 'RunSucceeded'));
    app.sandbox().control.setFaults('binance', [{ kind: 'ban', seconds: 2, count: 1 }]);
    const banned = await app.event('banned', of('limiter-binance-ip', 'ScopeBlocked'));
    const end = Number(banned.data['untilMs']);
    expect(banned.data).toMatchObject({ cause: 'banned' });
    const name = banned.data['collector'] as string;
    const suspended = await app.event(
      'it is suspended',
      of(`collector-${name}`, 'CollectorSuspended'),
    );
    expect(suspended.data).toMatchObject({ cause: 'banned', nextTryMs: end });
    const other = name === 'second' ? 'historical' : 'second';
    const skipped = await app.event('the other waits', of(`collector-${other}`, 'RunBlocked'));
    expect(skipped.data).toMatchObject({ cause: 'ban', untilMs: end });
    expect(await suspendedOf(app, name)).toMatchObject({
      suspended: { cause: 'banned' },
      circuit_breaker: UNTOUCHED,
    });
    for (const each of ['historical', 'second']) {
      const ran = await app.event(
        'it collects again',
        of(`collector-${each}`, 'RunSucceeded'),
        skipped.position,
      );
      expect(Number(ran.data['atMs'])).toBeGreaterThanOrEqual(end);
    }
    const { control } = app.sandbox();
    const refusedAt = control.requests().find(({ status }) => status === 418)?.at ?? Infinity;
    // One may have been on its way when the answer came.
    const during = control
      .requests({ provider: 'binance' })
      .filter(({ at }) => at > refusedAt && at < end);
    expect(during.filter(({ standing }) => standing !== 'crossed')).toEqual([]);
    expect(control.violations()).toEqual([]);
  });
});

describe('a key that is not there', () => {
  async function upstream(): Promise<Sandbox> {
    const random = seededRandom(1);
    const sandbox = await startSandbox({ port: 0, clock: systemClock(), random });
    onTestFinished(() => sandbox.close());
    return sandbox;
  }
  const live = (sandbox: Sandbox) => ({
    moralis: { upstream: 'live', enabled: true, base_url: sandbox.upstreamUrl('moralis') },
  });

  it('makes its collector wait and name the variable; nothing is contacted', async () => {
    const sandbox = await upstream();
    const app = await startTestApp({ collectors: live(sandbox) });
    const waits = await app.event('it waits', moralisFact('RunBlocked'));
    expect(waits.data).toMatchObject({ cause: 'key', detail: 'set MORALIS_API_KEY' });
    // Others run meanwhile, several times over.
    let last = waits;
    for (let runs = 0; runs < 3; runs += 1) {
      last = await app.event('runs', of('collector-historical', 'RunSucceeded'), last.position);
    }
    const shown = await collectorOf(app, 'moralis');
    expect(shown).toMatchObject({ enabled: true, phase: 'waiting', has_api_key: false });
    expect(shown['why']).toContain('MORALIS_API_KEY');
    const collect = await app.post('/collectors/moralis/collect');
    expect(collect.status).toBe(409);
    expect(collect.body['detail']).toContain('MORALIS_API_KEY');
    expect((await app.post('/collectors/moralis/restart')).status).toBe(200);
    await app.event('it waits again', moralisFact('RunBlocked'), last.position);
    expect(sandbox.control.counters('moralis').received).toBe(0);
    expect(app.log.lines.filter(({ level }) => level === 'error')).toEqual([]);
  });

  it('lets it collect once it is there', async () => {
    const sandbox = await upstream();
    sandbox.control.configure('moralis', { keys: ['a-key-of-this-test'] });
    const app = await startTestApp({
      collectors: live(sandbox),
      secrets: { MORALIS_API_KEY: 'a-key-of-this-test' },
    });
    await app.event('it collects', moralisFact('RunSucceeded'));
    expect(await collectorOf(app, 'moralis')).toMatchObject({
      has_api_key: true,
      upstream_mode: 'live',
    });
    expect(sandbox.control.counters('moralis').received).toBeGreaterThan(0);
  });
});
