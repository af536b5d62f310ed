/** The rate limiter seen from outside: what the upstream's own book says of a change and of a refusal. */
import { describe, expect, it } from 'vitest';
import type { StoredEvent } from '../../src/journal/port.js';
import type { Fault } from '../../src/sources/sandbox/index.js';
import { expectBalanced } from '../support/app-accounts.js';
import { until } from '../support/app-http.js';
import { startTestApp, type TestApp } from '../support/app-service.js';

const of =
  (stream: string, type: string) =>
  (event: StoredEvent): boolean =>
    event.stream === stream && event.type === type;
const throttled = of('limiter-binance-ip', 'Throttled');
const succeeded = of('collector-historical', 'RunSucceeded');

function arrivals(app: TestApp, from = 0, to = Infinity): readonly number[] {
  return app
    .sandbox()
    .control.requests({ provider: 'binance' })
    .map(({ at }) => at)
    .filter((at) => at > from && at <= to);
}

async function limiterOf(app: TestApp): Promise<Record<string, unknown>> {
  const { body } = await app.get('/collectors/historical');
  return (body as { collector: { rate_limiter: Record<string, unknown> } }).collector.rate_limiter;
}

describe('a change of the rate', () => {
  const path = '/collectors/historical/rate-limit';

  it('is seen upstream at once, mid-run, down and up, and outlives a restart', async () => {
    const app = await startTestApp({
      collectors: {
        historical: {
          // One run reads for many seconds: nothing but the limiter spaces its calls.
          interval_ms: 20_000,
          options: { symbols: ['BTCUSDT', 'ETHUSDT'], intervals: ['1m'], backfillFrom: 60 },
          rate: { max_requests_per_second: 12 },
        },
      },
    });
    await until('it is well under way', () => arrivals(app).length > 8);
    const slowed = await app.put(path, { max_requests_per_second: 0.5 });
    const slowAt = app.clock.now();
    expect(slowed.body).toMatchObject({ updated_config: { max_requests_per_second: 0.5 } });
    expect(await limiterOf(app)).toMatchObject({ initial_rate: 0.5, current_rate: 0.5 });
    await until('three seconds of it', () => (arrivals(app).at(-1) ?? 0) > slowAt + 3000);
    // One in two seconds; one more where a window cuts between two. At the old rate it were 24.
    expect(arrivals(app, slowAt + 1000, slowAt + 3000).length).toBeLessThanOrEqual(2);

    await app.put(path, { max_requests_per_second: 12 });
    const fastAt = app.clock.now();
    const after = await until('two more calls', () => {
      const more = arrivals(app, fastAt);
      return more.length >= 2 && more;
    });
    // At the old rate the second would have come two seconds after the first.
    expect((after[1] ?? Infinity) - (after[0] ?? 0)).toBeLessThan(2000);
    const run = (await app.events()).filter(
      ({ type, stream }) => type === 'RunStarted' && stream === 'collector-historical',
    );
    expect(run, 'all of it happened within one run').toHaveLength(1);
    await app.put(path, { max_requests_per_second: 7, backoff_multiplier: 4 });
    await expectBalanced(app);
    await app.restart();
    expect(await limiterOf(app)).toMatchObject({ initial_rate: 7, backoff_multiplier: 4 });
  });
});

describe('a refusal for too many requests', () => {
  const refusals: readonly (readonly [string, Fault, string, number])[] = [
    [
      '429 with Retry-After in seconds',
      { kind: 'status', status: 429, retryAfter: 'seconds', retryAfterSeconds: 1, count: 1 },
      'retry_after',
      1000,
    ],
    [
      '429 with Retry-After as an HTTP-date',
      { kind: 'status', status: 429, retryAfter: 'http_date', retryAfterSeconds: 1, count: 1 },
      'retry_after',
      1000,
    ],
    [
      '429 without it',
      { kind: 'status', status: 429, retryAfter: 'none', count: 1 },
      'exponential',
      2000,
    ],
    [
      '429 with one that means nothing',
      { kind: 'status', status: 429, retryAfter: 'garbage', count: 1 },
      'exponential',
      2000,
    ],
    [
      '503 with Retry-After',
      { kind: 'status', status: 503, retryAfter: 'seconds', retryAfterSeconds: 1, count: 1 },
      'retry_after',
      1000,
    ],
  ];
  for (const [name, fault, pauseSource, pauseMs] of refusals) {
    it(`${name}: cuts the rate, pauses, recovers; the breaker does not count it`, async () => {
      const app = await startTestApp();
      await app.event('it collects', succeeded);
      app.sandbox().control.setFaults('binance', [fault]);
      const cut = await app.event('the rate is cut', throttled);
      expect(cut.data).toMatchObject({ pauseSource, backoff: 2, cuts: 1, wMax: 47.5 });
      const cutAt = Number(cut.data['atMs']);
      const pauseUntil = Number(cut.data['pauseUntilMs']);
      // A date has whole seconds, and is meant to the end of one.
      expect(pauseUntil - cutAt).toBeGreaterThan(pauseMs - 500);
      expect(pauseUntil - cutAt).toBeLessThanOrEqual(pauseMs + 1000);
      expect(await limiterOf(app)).toMatchObject({
        initial_rate: 50,
        current_backoff: 2,
        binding_bucket: 'rate_limit',
        next_permit_at: new Date(pauseUntil).toISOString(),
      });
      const status = fault.kind === 'status' ? fault.status : 0;
      const refused = app
        .sandbox()
        .control.requests()
        .find((each) => each.status === status);
      const again = await app.event('it collects again', succeeded, cut.position);
      expect(Number(again.data['atMs'])).toBeGreaterThanOrEqual(pauseUntil);
      expect(arrivals(app, refused?.at, pauseUntil - 1)).toEqual([]);

      const ended = await app.event('its run', of('collector-historical', 'RunFailed'));
      expect(ended.data).toMatchObject({ outcome: 'throttled', status, endpoint: 'klines' });
      const { body } = await app.get('/collectors/historical');
      expect(body).toMatchObject({
        collector: {
          circuit_breaker: { state: 'closed', failure_count: 0, statistics: { total_failures: 0 } },
        },
      });
      const shown = await limiterOf(app);
      expect(Number(shown['current_rate'])).toBeGreaterThan(47.5 / 2);
      expect(Number(shown['current_rate'])).toBeLessThan(47.5);
      expect(shown['statistics']).toMatchObject({ total_429_errors: 1, total_backoffs: 1 });
      await expectBalanced(app);
    });
  }

  it('obeys a limit nobody told it of, without one forbidden request and without a ban', async () => {
    const app = await startTestApp({ collectors: { historical: { interval_ms: 500 } } });
    // It is stated of a second, and what is read of exchangeInfo is the minute.
    const weights = { klines: 2, exchangeInfo: 1, time: 1, ping: 1 };
    const limits = { weightLimit: 6, weightWindowMs: 1000, weights };
    app.sandbox().control.configure('binance', limits);
    let cut = await app.event('the rate is cut', throttled);
    const backoffs = [cut.data['backoff']];
    while (backoffs.length < 3) {
      cut = await app.event('it is cut again', throttled, cut.position);
      backoffs.push(cut.data['backoff']);
    }
    expect(backoffs).toEqual([2, 4, 8]);
    const snapshot = app.sandbox().control.snapshot(0).providers.binance;
    expect(snapshot.usage).toMatchObject({ bans: 0 });
    await app.event('it collects all the same', succeeded, cut.position);
    await expectBalanced(app);
  });
});
