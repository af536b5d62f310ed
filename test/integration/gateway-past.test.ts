/** `?at=` over a running service with its real stores: the past of a moment is what was shown then. */
import { describe, expect, it } from 'vitest';
import { until } from '../support/app-http.js';
import { startTestApp, type TestApp } from '../support/app-service.js';

type Page = Readonly<Record<string, unknown>> & {
  readonly timestamp: string;
  readonly rate_limiter: Readonly<Record<string, unknown>>;
};

async function page(app: TestApp, name: string, at?: string): Promise<Page> {
  const told = await app.get(`/collectors/${name}${at === undefined ? '' : `?at=${at}`}`);
  expect(told.status, told.text).toBe(200);
  return told.body['collector'] as Page;
}

/** Without what only memory knows. */
function remembered(told: Page): object {
  const {
    next_permit_at: _at,
    binding_bucket: _bucket,
    queue: _queue,
    ...limiter
  } = told.rate_limiter;
  return { ...told, rate_limiter: limiter };
}

async function atRest(app: TestApp, name: string): Promise<void> {
  await app.post(`/collectors/${name}/disable`, { reason: 'to look at it' });
  await until('its blocks are settled and it has stopped', async () => {
    const events = await app.events();
    const count = (type: string): number =>
      events.filter((event) => event.type === type && event.data['collector'] === name).length;
    const { phase } = await page(app, name);
    return phase === 'stopped' && count('UnitsReserved') === count('UnitsSettled');
  });
}

describe('a past moment, asked of the running service', () => {
  it('tells what was shown then, all of it, however much has happened since', async () => {
    const app = await startTestApp();
    for (const name of ['historical', 'moralis']) {
      await app.event(
        `${name} has run`,
        ({ stream, type }) => stream === `collector-${name}` && type === 'RunSucceeded',
      );
      await app.put(`/collectors/${name}/rate-limit`, { max_requests_per_second: 33 });
      await atRest(app, name);
      const shown = await until('the page of now shows the rest', async () => {
        const now = await page(app, name);
        return now['phase'] === 'stopped' ? now : undefined;
      });
      expect(shown).toMatchObject({ status: 'disabled', health_summary: { failed: 0 } });
      expect((shown['recent_health'] as object[]).length).toBeGreaterThan(0);
      expect(shown).not.toMatchObject({ usage: { api_calls: 0 } });
      const past = await page(app, name, shown.timestamp);
      expect(remembered(past)).toEqual(remembered(shown));

      const head = await app.head();
      await app.post(`/collectors/${name}/enable`);
      await app.put(`/collectors/${name}/rate-limit`, { max_requests_per_second: 44 });
      await app.event(
        `${name} has run again`,
        ({ stream, type }) => stream === `collector-${name}` && type === 'RunSucceeded',
        head,
      );
      expect(await page(app, name, shown.timestamp)).toEqual(past);
      expect(remembered(await page(app, name))).not.toEqual(remembered(shown));
    }
  });

  it('says null of what only memory knew, and nothing else', async () => {
    const app = await startTestApp();
    await app.event('it has run', ({ type }) => type === 'RunSucceeded');
    const past = await page(app, 'historical', new Date(app.clock.now()).toISOString());
    const { rate_limiter: limiter } = past;
    expect(limiter).toMatchObject({ next_permit_at: null, binding_bucket: null, queue: null });
    for (const member of ['health_detail', 'recent_health', 'health_summary', 'usage', 'cost']) {
      expect(past[member], member).not.toBeNull();
    }
    expect(past).not.toMatchObject({ metrics: { requests_today: null } });
  });
});
