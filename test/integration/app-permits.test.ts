/** Permits lent to another program, seen through REST: gates, bill, reports, and what silence costs. */
import { describe, expect, it } from 'vitest';
import type { StoredEvent } from '../../src/journal/port.js';
import { until } from '../support/app-http.js';
import { startTestApp, type TestApp } from '../support/app-service.js';

const PATH = '/collectors/moralis/permits';
const ENDPOINT = 'erc20_transfers';
/** The collector itself keeps quiet. */
const QUIET = { interval_ms: 86_400_000, enabled: true, rate: { max_requests_per_second: 50 } };

type Leave = {
  readonly permit: { readonly permit_id: string; readonly expires_at: string } | null;
  readonly refusal: Readonly<Record<string, unknown>> | null;
};

async function started(): Promise<TestApp> {
  const app = await startTestApp({ sources: ['moralis'], collectors: { moralis: QUIET } });
  await app.event('its first run is over', isA('collector-moralis', 'RunSucceeded'));
  const metric = 'headgate_limiter_open_blocks{scope="moralis-account"} 0';
  await until('what it reserved is settled', async () => (await app.metrics()).includes(metric));
  return app;
}

const isA =
  (stream: string, type: string) =>
  (event: StoredEvent): boolean =>
    event.stream === stream && event.type === type;

async function acquire(app: TestApp, more: object = {}): Promise<Leave> {
  const { status, body } = await app.post(PATH, { endpoint: ENDPOINT, ...more });
  expect(status, JSON.stringify(body)).toBe(200);
  return body as unknown as Leave;
}

async function granted(app: TestApp, more: object = {}): Promise<string> {
  const { permit, refusal } = await acquire(app, more);
  expect(refusal).toBeNull();
  return permit?.permit_id ?? '';
}

type Settled = {
  readonly block: string;
  readonly sent?: number;
  readonly charged?: readonly { readonly bucket: string; readonly units: number }[];
  readonly usage?: readonly { readonly endpoint: string; readonly outcome: string }[];
};

/** The settlement of the next block after a position in which calls of a permit were. */
async function settlement(app: TestApp, after: number): Promise<Settled> {
  const isOurs = (event: StoredEvent): boolean =>
    event.type === 'UnitsSettled' && (event.data as unknown as Settled).sent !== 0;
  const { data } = await app.event('the block is settled', isOurs, after);
  return data as unknown as Settled;
}

describe('a permit for another program', () => {
  it('is reserved durably before it is given, and billed like a call of our own once reported', async () => {
    const app = await started();
    const before = await app.head();
    const id = await granted(app);
    const reserved = (await app.events(before)).filter(({ type }) => type === 'UnitsReserved');
    expect(reserved).toHaveLength(1);
    const report = { outcome: 'ok', status: 200, duration_seconds: 0.25 };
    const told = await app.post(`/permits/${id}/report`, report);
    expect(told).toMatchObject({ status: 200, body: { outcome: 'ok', repeated: false } });
    const settled = await settlement(app, before);
    expect(settled).toMatchObject({ sent: 1, usage: [{ endpoint: ENDPOINT, outcome: 'ok' }] });
    expect(settled.charged?.some(({ units }) => units > 0)).toBe(true);
    const recorded = await app.event(
      'the breaker counts it',
      isA('breaker-moralis', 'CallsRecorded'),
      before,
    );
    expect(JSON.stringify(recorded.data)).toContain(ENDPOINT);
    const again = await app.post(`/permits/${id}/report`, { outcome: 'server', status: 500 });
    expect(again).toMatchObject({ status: 200, body: { outcome: 'ok', repeated: true } });
  });

  it('that nobody reports is unknown: charged, and to the breaker neither good nor bad', async () => {
    const app = await started();
    const before = await app.head();
    const id = await granted(app, { ttl_seconds: 1 });
    const settled = await settlement(app, before);
    expect(settled).toMatchObject({ sent: 1, usage: [{ outcome: 'cancelled' }] });
    expect(settled.charged?.some(({ units }) => units > 0)).toBe(true);
    const events = await app.events(before);
    expect(events.filter(({ stream }) => stream === 'breaker-moralis')).toEqual([]);
    expect(await app.metrics()).toContain(
      'headgate_lent_permits_settled_total{outcome="unknown"} 1',
    );
    expect(app.log.text()).toContain('a lent permit was not reported');
    const late = await app.post(`/permits/${id}/report`, { outcome: 'ok', status: 200 });
    expect(late).toMatchObject({ status: 200, body: { outcome: 'unknown', repeated: true } });
  });

  it('is refused while the collector is disabled, and while its breaker is held open', async () => {
    const app = await started();
    await app.put('/collectors/moralis/circuit-breaker/state', { state: 'open', ttl_seconds: 60 });
    expect((await acquire(app)).refusal).toMatchObject({ reason: 'breaker' });
    await app.put('/collectors/moralis/circuit-breaker/state', { state: 'closed' });
    await app.post('/collectors/moralis/disable', { reason: 'night' });
    const { permit, refusal } = await acquire(app);
    expect(permit).toBeNull();
    expect(refusal).toEqual({
      reason: 'disabled',
      detail: 'the collector is disabled: night',
      retry_at: null,
      bucket: null,
    });
  });

  it('says when to try again, and a 429 reported by one stops all', async () => {
    const app = await started();
    const id = await granted(app);
    const retryAt = new Date(app.clock.now() + 600_000).toISOString();
    await app.post(`/permits/${id}/report`, {
      outcome: 'throttled',
      status: 429,
      retry_at: retryAt,
    });
    const { refusal } = await acquire(app);
    expect(refusal).toMatchObject({ reason: 'rate_limit', retry_at: retryAt });
    await app.event('the cut', isA('limiter-moralis-account', 'Throttled'));
    const { body } = await app.get('/collectors/moralis');
    expect(JSON.stringify(body)).toContain('"total_backoffs":1');
  });

  it('with an idempotency key is the same one as long as it is open', async () => {
    const app = await started();
    const headers = { 'idempotency-key': 'one', 'content-type': 'application/json' };
    const body = JSON.stringify({ endpoint: ENDPOINT });
    const ask = async (): Promise<string | undefined> => {
      const told = await app.send('POST', PATH, { headers, body });
      return (told.body as unknown as Leave).permit?.permit_id;
    };
    const ids = await Promise.all(Array.from({ length: 20 }, ask));
    expect(new Set(ids).size).toBe(1);
    await app.post(`/permits/${String(ids[0])}/report`, { outcome: 'ok', status: 200 });
    expect(await ask()).not.toBe(ids[0]);
  });

  it('names what is wrong with a question or a report', async () => {
    const app = await started();
    const wrong = async (path: string, body: object): Promise<unknown> => {
      const told = await app.post(path, body);
      return { status: told.status, errors: told.body['errors'], code: told.body['code'] };
    };
    expect(await wrong(PATH, { endpoint: 'nothing' })).toMatchObject({
      status: 400,
      errors: [{ pointer: '/endpoint' }],
    });
    expect(await wrong(PATH, { endpoint: ENDPOINT, units: { gold: 1 } })).toMatchObject({
      status: 400,
      errors: [{ pointer: '/units' }],
    });
    expect(await wrong(PATH, { endpoint: ENDPOINT, upstream: 'other' })).toMatchObject({
      status: 400,
      errors: [{ pointer: '/upstream' }],
    });
    expect(await wrong('/collectors/nobody/permits', { endpoint: ENDPOINT })).toMatchObject({
      status: 404,
      code: 'collector_not_found',
    });
    expect(await wrong('/permits/none/report', { outcome: 'ok' })).toMatchObject({
      status: 404,
      code: 'permit_not_found',
    });
    const id = await granted(app);
    expect(await wrong(`/permits/${id}/report`, { outcome: 'ok', bucket: 'gold' })).toMatchObject({
      status: 400,
      errors: [{ pointer: '/bucket' }],
    });
    const observations = [{ bucket: 'gold', remaining: 1 }];
    expect(await wrong(`/permits/${id}/report`, { outcome: 'ok', observations })).toMatchObject({
      errors: [{ pointer: '/observations/0/bucket' }],
    });
    const ok = await app.post(`/permits/${id}/report`, { outcome: 'ok', status: 200 });
    expect(ok.status).toBe(200);
  });

  it('open at a stop is settled as charged, and unknown to the next life', async () => {
    const app = await started();
    const before = await app.head();
    const id = await granted(app);
    await app.restart();
    expect(await settlement(app, before)).toMatchObject({ sent: 1 });
    const late = await app.post(`/permits/${id}/report`, { outcome: 'ok', status: 200 });
    expect(late.status).toBe(404);
    await until('a new one is given', async () => (await acquire(app)).permit !== null);
  });
});
