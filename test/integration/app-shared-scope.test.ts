/** Collectors of one scope: each keeps the rate it was configured to, until an operator sets another. */
import { expect, it } from 'vitest';
import { until } from '../support/app-http.js';
import { startTestApp, type TestApp } from '../support/app-service.js';

type Rates = { readonly rate_limiter: Readonly<Record<string, unknown>> };

async function rateOf(app: TestApp, name: string): Promise<Rates['rate_limiter']> {
  const { body } = await app.get(`/collectors/${name}`);
  return (body['collector'] as Rates).rate_limiter;
}

it('each has its own configured rate, over a restart too, and an operator changes one alone', async () => {
  const slow = { max_requests_per_second: 0.001, backoff_multiplier: 3, max_backoff: 7 };
  const app = await startTestApp({
    sources: ['historical'],
    collectors: { slow: { source: 'historical', interval_ms: 500, rate: slow } },
  });
  const expectRates = async (): Promise<void> => {
    expect(await rateOf(app, 'slow')).toMatchObject({
      initial_rate: 0.001,
      current_rate: 0.001,
      backoff_multiplier: 3,
      max_backoff: 7,
      shared_with: ['historical'],
    });
    expect(await rateOf(app, 'historical')).toMatchObject({
      initial_rate: 50,
      current_rate: 50,
      backoff_multiplier: 2,
    });
  };
  await until('historical has made a few calls', async () => {
    const { statistics } = (await rateOf(app, 'historical')) as {
      statistics?: { total_requests: number };
    };
    return (statistics?.total_requests ?? 0) > 4;
  });
  await expectRates();
  // A thousand seconds between two calls, and none was made before: none can have gone.
  expect(await rateOf(app, 'slow')).toMatchObject({ statistics: { total_requests: 0 } });
  await app.restart();
  await expectRates();
  await app.put('/collectors/slow/rate-limit', { max_requests_per_second: 9 });
  expect(await rateOf(app, 'slow')).toMatchObject({ initial_rate: 9, backoff_multiplier: 3 });
  expect(await rateOf(app, 'historical')).toMatchObject({ initial_rate: 50 });
});
