/** Batches over REST: many collectors, each with its own result, and one key for all of them. */
import { expect, it } from 'vitest';
import { startTestApp, type TestApp } from '../support/app-service.js';
import { until } from '../support/app-http.js';

const BATCH = '/collectors:batch';

const post = (app: TestApp, body: object, headers: Readonly<Record<string, string>> = {}) =>
  app.send('POST', BATCH, {
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });

it('does one thing to those named, and tells of each what came of it', async () => {
  const app = await startTestApp();
  await app.post('/collectors/moralis/disable');
  const before = await app.head();
  const names = ['historical', 'moralis', 'nobody'];
  const told = await post(app, { names, action: 'disable', reason: 'night' });
  expect(told.status).toBe(200);
  expect(told.body).toMatchObject({
    success: true,
    succeeded: 2,
    failed: 1,
    results: [
      { collector: 'historical', success: true, changed: true },
      { collector: 'moralis', success: true, changed: false },
      { collector: 'nobody', success: false, error: { code: 'collector_not_found' } },
    ],
  });
  const disabled = (await app.events(before)).filter(({ type }) => type === 'CollectorDisabled');
  expect(disabled.map(({ stream }) => stream)).toEqual(['collector-historical']);
  const [answered] = (await app.events(before)).filter(({ type }) => type === 'CommandAnswered');
  expect(disabled[0]?.metadata).toMatchObject({
    operation: 'batchCollectors',
    reason: 'night',
    causationId: answered?.metadata.commandId,
  });
  const failed = await until('the item that failed is in the trail', async () => {
    const { body } = await app.get('/audit?operation=batchCollectors&outcome=failed');
    return (body['entries'] as readonly unknown[])[0];
  });
  expect(failed).toMatchObject({ code: 'collector_not_found', count: 1 });
});

it('takes a selector, and every action there is', async () => {
  const app = await startTestApp();
  const chosen = { selector: { type: 'onchain' } };
  for (const action of [
    'disable',
    'enable',
    'restart',
    'open_circuit_breaker',
    'close_circuit_breaker',
    'reset_circuit_breaker',
  ]) {
    const { body, status } = await post(app, { ...chosen, action });
    expect([action, status, body['failed']]).toEqual([action, 200, 0]);
    expect(body['results']).toMatchObject([{ collector: 'moralis', success: true }]);
  }
  const all = await post(app, { selector: {}, action: 'disable' });
  expect(all.body['results']).toMatchObject([
    { collector: 'historical' },
    { collector: 'moralis' },
  ]);
  const none = await post(app, { selector: { q: 'nothing like it' }, action: 'enable' });
  expect(none.body).toMatchObject({ results: [], succeeded: 0, failed: 0 });
});

it('is refused as a whole when it is not clear what is meant', async () => {
  const app = await startTestApp();
  const names = ['moralis'];
  const before = await app.head();
  for (const body of [
    { action: 'enable' },
    { names, selector: {}, action: 'enable' },
    { names: ['moralis', 'moralis'], action: 'enable' },
    { names: [], action: 'enable' },
    { names: Array.from({ length: 1001 }, (_, i) => `c${String(i)}`), action: 'enable' },
    { names, action: 'explode' },
    { names, action: 'restart', ttl_seconds: 5 },
    { names, action: 'enable', selected: true },
  ]) {
    const { status, body: told } = await post(app, body);
    expect([status, told['code']]).toEqual([400, 'invalid_input']);
  }
  const etag = { 'if-match': '"0.0.0"' };
  expect((await post(app, { names, action: 'disable' }, etag)).status).toBe(400);
  const events = await app.events(before);
  expect(events.filter(({ type }) => type === 'CollectorDisabled')).toEqual([]);
});

it('with a key is done once, and a dry run of it not at all', async () => {
  const app = await startTestApp();
  const names = ['moralis', 'historical'];
  const key = { 'idempotency-key': 'night' };
  const before = await app.head();
  const dry = await app.send('POST', `${BATCH}?dry_run=true`, {
    headers: { 'content-type': 'application/json', ...key },
    body: JSON.stringify({ names, action: 'disable' }),
  });
  expect(dry.body).toMatchObject({
    dry_run: true,
    results: [
      { collector: 'moralis', changed: true, events: expect.any(Array) as unknown },
      { collector: 'historical', changed: true, events: expect.any(Array) as unknown },
    ],
  });
  const inBody = await post(app, { names, action: 'disable', dry_run: true });
  expect(inBody.body).toMatchObject({ dry_run: true, results: [{ changed: true }, {}] });
  const odd = await post(app, { names, action: 'disable', dry_run: 'yes' });
  expect(odd).toMatchObject({ status: 400, body: { errors: [{ pointer: '/dry_run' }] } });
  const disabled = async (): Promise<number> =>
    (await app.events(before)).filter(({ type }) => type === 'CollectorDisabled').length;
  expect(await disabled()).toBe(0);
  const told = await Promise.all(
    Array.from({ length: 5 }, () => post(app, { names, action: 'disable' }, key)),
  );
  expect(new Set(told.map(({ text }) => text)).size).toBe(1);
  expect(await disabled()).toBe(2);
  await app.restart();
  expect((await post(app, { names, action: 'disable' }, key)).text).toBe(told[0]?.text);
  expect((await post(app, { names, action: 'enable' }, key)).status).toBe(422);
});
