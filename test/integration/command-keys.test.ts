/** Idempotency keys, revisions and dry runs over REST: what a repeated or outdated command does. */
import { expect, it } from 'vitest';
import type { StoredEvent } from '../../src/journal/port.js';
import { sha256Hex } from '../../src/kernel/canonical.js';
import { startTestApp, type TestApp } from '../support/app-service.js';
import type { Told } from '../support/app-http.js';

const DISABLE = '/collectors/moralis/disable';

function post(app: TestApp, path: string, headers: Readonly<Record<string, string>>, body = {}) {
  const all = { 'content-type': 'application/json', ...headers };
  return app.send('POST', path, { headers: all, body: JSON.stringify(body) });
}

const keyed = (app: TestApp, key: string, path = DISABLE, body = {}): Promise<Told> =>
  post(app, path, { 'idempotency-key': key }, body);

async function since(app: TestApp, position: number): Promise<readonly StoredEvent[]> {
  const events = await app.events(position);
  return events.filter(({ metadata }) => metadata.interface !== 'system');
}

it('fifty repeats at once are one command with one answer, and so is one after a restart', async () => {
  const app = await startTestApp();
  const before = await app.head();
  const body = { reason: 'maintenance' };
  const told = await Promise.all(
    Array.from({ length: 50 }, () => keyed(app, 'fifty', DISABLE, body)),
  );
  expect(new Set(told.map(({ status }) => status))).toEqual(new Set([200]));
  expect(new Set(told.map(({ text }) => sha256Hex(text))).size).toBe(1);
  const events = await since(app, before);
  const types = events.map(({ type }) => type);
  expect(new Set(types).size).toBe(types.length);
  expect(types.at(0)).toBe('CollectorDisabled');
  expect(types.at(-1)).toBe('CommandAnswered');
  expect(new Set(events.map(({ metadata }) => metadata.commandId)).size).toBe(1);
  const [disabled] = events;
  expect(disabled?.metadata).toMatchObject({
    actor: 'local',
    interface: 'rest',
    address: '127.0.0.1',
    operation: 'disableCollector',
    reason: 'maintenance',
  });
  expect(disabled?.metadata.commandHash).toMatch(/^[0-9a-f]{64}$/);
  await app.restart();
  const restarted = await app.head();
  const again = await keyed(app, 'fifty', DISABLE, body);
  expect(again.text).toBe(told[0]?.text);
  expect(again.headers['etag']).toBe(told[0]?.headers['etag']);
  expect(await since(app, restarted)).toEqual([]);
});

it('a key of another payload is a conflict, also after a restart, and nothing is done', async () => {
  const app = await startTestApp();
  await keyed(app, 'once', DISABLE, { reason: 'first' });
  const after = await app.head();
  const other = await keyed(app, 'once', DISABLE, { reason: 'second' });
  expect(other).toMatchObject({ status: 422, body: { code: 'idempotency_conflict' } });
  await app.restart();
  const elsewhere = await keyed(app, 'once', '/collectors/moralis/enable', { reason: 'first' });
  expect(elsewhere.status).toBe(422);
  const types = (await since(app, after)).map(({ type, data }) => [type, data['outcome'] ?? null]);
  expect(types).not.toContainEqual(['CollectorEnabled', null]);
});

it('a keyed command that changes nothing is remembered, and one that was refused is not', async () => {
  const app = await startTestApp();
  await app.post(DISABLE);
  const first = await keyed(app, 'noop');
  expect(first.body).toMatchObject({ success: true, changed: false });
  await app.post('/collectors/moralis/enable');
  // Were it not remembered, it would disable the collector now.
  expect((await keyed(app, 'noop')).text).toBe(first.text);
  expect((await app.get('/collectors/moralis')).body).toMatchObject({
    collector: { enabled: true },
  });
  await app.post(DISABLE);
  await app.event('the drain is over', ({ type }) => type === 'CollectorStopped');
  const collect = '/collectors/moralis/collect';
  const refused = await keyed(app, 'later', collect);
  expect(refused.status).toBe(409);
  await app.post('/collectors/moralis/enable');
  expect((await keyed(app, 'later', collect)).body['code']).not.toBe(refused.body['code']);
});

it('of two commands decided on one revision one wins, and the other is told the current one', async () => {
  const app = await startTestApp();
  const { headers } = await app.post(DISABLE);
  const etag = headers['etag'] ?? expect.fail('no etag');
  const match = { 'if-match': etag };
  const told = await Promise.all([
    post(app, '/collectors/moralis/enable', match),
    post(app, '/collectors/moralis/enable', match, { reason: 'me too' }),
  ]);
  expect(told.map(({ status }) => status).toSorted()).toEqual([200, 412]);
  const won = told.find(({ status }) => status === 200);
  const lost = told.find(({ status }) => status === 412);
  expect(lost?.body).toMatchObject({ code: 'precondition_failed' });
  expect(won?.body['etag']).toMatch(/^\d+\.\d+\.\d+$/);
  expect(lost?.headers['etag'] ?? lost?.body['etag']).toContain(won?.body['etag']);
});

it('a dry run tells what would be written, writes nothing and is not remembered', async () => {
  const app = await startTestApp();
  const before = await app.head();
  const headers = { 'idempotency-key': 'dry' };
  const dry = await post(app, `${DISABLE}?dry_run=true`, headers);
  expect(dry.body).toMatchObject({
    dry_run: true,
    changed: true,
  });
  expect(dry.body['events']).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ stream: 'collector-moralis', type: 'CollectorDisabled' }),
    ]),
  );
  expect(await since(app, before)).toEqual([]);
  const real = await post(app, DISABLE, headers);
  expect(real.body).toMatchObject({ changed: true });
  expect(real.body).not.toHaveProperty('dry_run');
});
