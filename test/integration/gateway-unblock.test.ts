/** `POST …/quota/unblock`: what an operator does after a plan was upgraded (semantics §4). */
import { describe, expect, it } from 'vitest';
import type { StoredEvent } from '../../src/journal/port.js';
import { DAY_MS } from '../../src/kernel/time.js';
import { expectBalanced } from '../support/app-accounts.js';
import { until } from '../support/app-http.js';
import { startTestApp, type TestApp } from '../support/app-service.js';

const UNBLOCK = '/collectors/moralis/quota/unblock';

const of =
  (stream: string, type: string) =>
  (event: StoredEvent): boolean =>
    event.stream === stream && event.type === type;
const moralis = (type: string) => of('collector-moralis', type);
const account = (type: string) => of('limiter-moralis-account', type);

async function page(app: TestApp, name: string): Promise<Record<string, unknown>> {
  return (await app.get(`/collectors/${name}`)).body['collector'] as Record<string, unknown>;
}

/** Its plan is used up, and upgraded a moment later; it knows of the first only. */
async function spent(app: TestApp, name = 'moralis'): Promise<StoredEvent> {
  const { control } = app.sandbox();
  await app.event('it collects', of(`collector-${name}`, 'RunSucceeded'));
  control.setFaults('moralis', [{ kind: 'quota_gone' }]);
  const blocked = await app.event('its bucket is blocked', account('BucketBlocked'));
  await until('the views show it', async () => (await page(app, name))['phase'] !== 'collecting');
  control.clearFaults('moralis');
  return blocked;
}

describe('a quota unblocked by hand', () => {
  it('opens its bucket, lifts the suspension, and the collector goes on at once', async () => {
    const app = await startTestApp();
    const blocked = await spent(app);
    const suspended = await app.event('it is suspended', moralis('CollectorSuspended'));
    const body = { reason: 'the plan was upgraded' };
    const told = await app.send('POST', UNBLOCK, {
      headers: { 'content-type': 'application/json', 'x-request-id': 'upgrade-1' },
      body: JSON.stringify(body),
    });
    expect(told).toMatchObject({
      status: 200,
      body: {
        success: true,
        message: 'Quota unblocked for moralis',
        collector: 'moralis',
        still_blocked: [],
        changed: true,
      },
    });
    const opened = await app.event('it is open', account('Unblocked'), blocked.position);
    expect(opened.data).toMatchObject({ bucket: 'compute_units', cause: 'operator' });
    const lifted = await app.event('it is lifted', moralis('SuspensionLifted'), opened.position);
    expect(lifted.data).toMatchObject({ cause: 'operator' });
    for (const { metadata } of [opened, lifted]) {
      const { actor, interface: door, reason, correlationId } = metadata;
      expect([actor, door, reason, correlationId]).toEqual([
        'local',
        'rest',
        'the plan was upgraded',
        'upgrade-1',
      ]);
    }
    await app.event('it collects again', moralis('RunSucceeded'), suspended.position);
    expect(await page(app, 'moralis')).toMatchObject({
      suspended: null,
      rate_limiter: { blocked: [] },
      circuit_breaker: { state: 'closed', failure_count: 0 },
    });
    await expectBalanced(app);
  });

  it('is refused where nothing is blocked, and changes nothing', async () => {
    const app = await startTestApp();
    await app.event('it collects', moralis('RunSucceeded'));
    for (const name of ['moralis', 'historical']) {
      const told = await app.post(`/collectors/${name}/quota/unblock`);
      expect(told).toMatchObject({
        status: 409,
        body: {
          code: 'illegal_state',
          detail: `no quota of ${name} is blocked: there is nothing to lift`,
        },
      });
    }
    const named = await app.post(UNBLOCK, { bucket: 'compute_units' });
    expect([named.status, named.body['detail']]).toEqual([
      409,
      'no quota compute_units of moralis is blocked: there is nothing to lift',
    ]);
    expect((await app.events()).filter(({ type }) => type === 'Unblocked')).toEqual([]);
  });

  it('names the buckets there are where another is named', async () => {
    const app = await startTestApp();
    const told = await app.post(UNBLOCK, { bucket: 'posts' });
    expect(told).toMatchObject({
      status: 400,
      body: {
        errors: [
          { pointer: '/bucket', detail: expect.stringContaining('compute_units') as string },
        ],
      },
    });
    expect((await app.post(UNBLOCK, { buckets: [] })).status).toBe(400);
    expect((await app.post('/collectors/nobody/quota/unblock')).status).toBe(404);
  });

  it('lets the other collectors of the scope go on too', async () => {
    const app = await startTestApp({ collectors: { second: { source: 'moralis' } } });
    await app.event('the other collects', of('collector-second', 'RunSucceeded'));
    await spent(app);
    const isDown = async (name: string): Promise<boolean> => {
      const { suspended, phase } = await page(app, name);
      return suspended !== null || phase === 'waiting';
    };
    await until('both are stopped', async () => (await isDown('moralis')) && isDown('second'));
    const { status, body } = await app.post(UNBLOCK);
    expect([status, body['changed']]).toEqual([200, true]);
    const opened = await app.event('it is open', account('Unblocked'));
    for (const name of ['moralis', 'second']) {
      await app.event(`${name} goes on`, of(`collector-${name}`, 'RunSucceeded'), opened.position);
    }
  });

  it('that is still used up upstream is blocked again by the next call, with its end', async () => {
    const app = await startTestApp();
    await app.event('it collects', moralis('RunSucceeded'));
    app.sandbox().control.setFaults('moralis', [{ kind: 'quota_gone' }]);
    const first = await app.event('it is suspended', moralis('CollectorSuspended'));
    expect((await app.post(UNBLOCK)).status).toBe(200);
    const again = await app.event('and again', moralis('CollectorSuspended'), first.position);
    const midnight = (Math.floor(Number(again.data['atMs']) / DAY_MS) + 1) * DAY_MS;
    expect(again.data).toMatchObject({ cause: 'quota', nextTryMs: midnight });
  });

  it('keeps an operator’s wish: a disabled collector stays disabled', async () => {
    const app = await startTestApp();
    await spent(app);
    const suspended = await app.event('it is suspended', moralis('CollectorSuspended'));
    await app.post('/collectors/moralis/disable');
    expect((await app.post(UNBLOCK)).status).toBe(200);
    expect(await page(app, 'moralis')).toMatchObject({
      enabled: false,
      phase: 'stopped',
      suspended: null,
      rate_limiter: { blocked: [] },
    });
    const after = await app.events(suspended.position);
    const begun = after.filter(moralis('RunStarted'));
    expect([...begun, ...after.filter(moralis('RunBlocked'))]).toEqual([]);
  });

  it('holds across a restart', async () => {
    const app = await startTestApp();
    await spent(app);
    await app.event('it is suspended', moralis('CollectorSuspended'));
    await app.restart();
    expect(await page(app, 'moralis')).toMatchObject({
      suspended: { cause: 'quota' },
      rate_limiter: { blocked: [{ bucket: 'compute_units', cause: 'quota_exhausted' }] },
    });
    const { position } = (await app.events()).at(-1) ?? { position: 0 };
    expect((await app.post(UNBLOCK)).status).toBe(200);
    await app.restart();
    await app.event('it collects', moralis('RunSucceeded'), position);
  });
});
