/** The audit trail over REST: what was done, tried and refused, by whom and why. */
import { expect, it } from 'vitest';
import { startTestApp, type TestApp } from '../support/app-service.js';
import { until } from '../support/app-http.js';

type Entry = Readonly<Record<string, unknown>>;

async function entries(app: TestApp, query = ''): Promise<readonly Entry[]> {
  return (await app.get(`/audit${query}`)).body['entries'] as readonly Entry[];
}

it('has changes, what changed nothing and what was refused, newest first', async () => {
  const app = await startTestApp();
  await app.post('/collectors/moralis/disable', { reason: 'maintenance' });
  await app.post('/collectors/moralis/disable', { reason: 'again' });
  await app.post('/collectors/nobody/enable');
  const [refused, nothing, changed] = await until('three entries', async () => {
    const found = await entries(app);
    return found.length >= 3 && found;
  });
  expect(refused).toMatchObject({
    outcome: 'failed',
    code: 'collector_not_found',
    operation: 'enableCollector',
    target: 'nobody',
    actor: 'local',
    address: '127.0.0.1',
    count: 1,
  });
  expect(nothing).toMatchObject({
    outcome: 'no_op',
    target: 'moralis',
    reason: 'again',
    facts: [],
  });
  expect(changed).toMatchObject({
    outcome: 'success',
    operation: 'disableCollector',
    interface: 'rest',
    reason: 'maintenance',
    target: 'moralis',
    facts: expect.arrayContaining(['CollectorDisabled']) as unknown,
  });
});

it('a keyed command is one entry with its facts, though two streams tell of it', async () => {
  const app = await startTestApp();
  const headers = { 'idempotency-key': 'k', 'content-type': 'application/json' };
  await app.send('POST', '/collectors/moralis/disable', { headers, body: '{}' });
  const found = await until('the answer', async () => {
    const all = await entries(app, '?collector=moralis');
    return all.length > 0 && all;
  });
  expect(found).toHaveLength(1);
  expect(found[0]).toMatchObject({
    outcome: 'success',
    facts: expect.arrayContaining(['CollectorDisabled']) as unknown,
  });
  const disabled = (await app.events()).find(({ type }) => type === 'CollectorDisabled');
  expect(found[0]?.['command_id']).toBe(disabled?.metadata.commandId);
});

it('tells refusals of a minute together, and loses none of them at stop', async () => {
  const app = await startTestApp();
  for (let i = 0; i < 30; i += 1) await app.post('/collectors/nobody/restart');
  await app.restart();
  const refused = await entries(app, '?outcome=failed&operation=restartCollector');
  const calls = refused.reduce((sum, { count }) => sum + Number(count), 0);
  expect(calls).toBe(30);
  // At once, at the end, and once for each minute that ended meanwhile.
  expect(refused.length).toBeLessThanOrEqual(4);
});

it('can be filtered and paged, each entry once', async () => {
  const app = await startTestApp();
  for (let i = 0; i < 3; i += 1) {
    await app.post('/collectors/moralis/disable');
    await app.post('/collectors/historical/disable');
    await app.post('/collectors/moralis/enable');
  }
  const all = await entries(app, '?collector=moralis&page_size=1000');
  expect(all).toHaveLength(6);
  const seen: unknown[] = [];
  for (let token = ''; ;) {
    const { body } = await app.get(`/audit?collector=moralis&page_size=4${token}`);
    seen.push(...(body['entries'] as readonly unknown[]));
    const next = body['next_page_token'];
    if (typeof next !== 'string') break;
    token = `&page_token=${next}`;
  }
  expect(seen).toEqual(all);
  expect(await entries(app, '?outcome=denied')).toEqual([]);
  expect(await entries(app, '?actor=token:nobody')).toEqual([]);
  const moment = encodeURIComponent(String(all[2]?.['timestamp']));
  const later = await entries(app, `?collector=moralis&from=${moment}`);
  const earlier = await entries(app, `?collector=moralis&to=${moment}`);
  expect([...later, ...earlier]).toEqual(all);
  expect((await app.get('/audit?page_token=abc')).status).toBe(400);
  expect((await app.get('/audit?from=yesterday')).status).toBe(400);
});
