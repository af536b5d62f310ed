/** How a command travels: who asked, what the engine was told, when the answer comes and from where. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Steered } from '../../src/actors/engine.js';
import { problemOf, served } from '../support/gateway-http.js';
import type { Served } from '../support/gateway-http.js';
import { settle } from '../support/clock.js';

let at: Served;
beforeEach(async () => {
  at = await served();
});
afterEach(() => at.close());

const STATE = '/collectors/moralis/circuit-breaker/state';

describe('the engine is told', () => {
  it('who asked, by which door, why, and under which id', async () => {
    await at.ask({
      method: 'POST',
      path: '/collectors/moralis/disable',
      headers: { 'content-type': 'application/json', 'x-request-id': 'req-1' },
      body: '{"reason":"maintenance","ttl_seconds":1.5}',
    });
    expect(at.world.asked).toEqual([
      {
        command: 'disable',
        args: [
          'moralis',
          { reason: 'maintenance', ttlMs: 1500 },
          {
            commandId: expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
            correlationId: 'req-1',
            actor: 'local',
            interface: 'rest',
            address: '127.0.0.1',
            operation: 'disableCollector',
            reason: 'maintenance',
          },
        ],
      },
    ]);
  });

  it.each([
    ['POST', '/collectors/moralis/enable', {}, 'enable', ['moralis', {}]],
    ['POST', '/collectors/moralis/restart', {}, 'restart', ['moralis', {}]],
    [
      'POST',
      '/collectors/moralis/collect',
      { reason: 'r' },
      'collect',
      ['moralis', { reason: 'r' }],
    ],
    [
      'POST',
      '/collectors/moralis/quota/unblock',
      { bucket: 'compute_units', reason: 'a larger plan' },
      'unblockQuota',
      ['moralis', 'compute_units'],
    ],
    [
      'PUT',
      '/collectors/moralis/rate-limit',
      { max_requests_per_second: 2, backoff_multiplier: 3, max_backoff: 9 },
      'setRateLimit',
      ['moralis', { maxRequestsPerSecond: 2, backoffMultiplier: 3, maxBackoff: 9 }],
    ],
    [
      'POST',
      '/collectors/moralis/circuit-breaker/reset',
      {},
      'resetBreaker',
      ['moralis', undefined],
    ],
    [
      'PUT',
      `${STATE}?upstream=primary`,
      { state: 'half-open', ttl_seconds: 60 },
      'setBreaker',
      ['moralis', 'primary', 'half_open', { ttlMs: 60_000 }],
    ],
  ])('%s %s', async (method, path, body, command, args) => {
    expect((await at.json(method, path, body)).status).toBe(200);
    const [asked] = at.world.asked;
    expect(asked?.command).toBe(command);
    expect(asked?.args.slice(0, -1)).toEqual(args);
  });

  it('each command has an id of its own', async () => {
    await at.json('POST', '/collectors/moralis/enable');
    await at.json('POST', '/collectors/moralis/enable');
    const ids = at.world.asked.map(({ args }) => (args[2] as { commandId: string }).commandId);
    expect(new Set(ids).size).toBe(2);
  });
});

describe('X-Request-Id', () => {
  it('comes back when it is fit to be written down', async () => {
    const id = '!~'.repeat(64);
    const told = await at.ask({ path: '/livez', headers: { 'x-request-id': id } });
    expect(told.headers['x-request-id']).toBe(id);
  });

  it.each([['x'.repeat(129)], ['two words'], ['caf\u00e9'], ['']])(
    'is minted instead of %j',
    async (given) => {
      const told = await at.ask({ path: '/livez', headers: { 'x-request-id': given } });
      expect(told.headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
    },
  );
});

describe('an answer', () => {
  it('shows what the command did, past every cache', async () => {
    await at.get('/collectors');
    await at.get('/collectors/moralis');
    await at.json('POST', '/collectors/moralis/disable');
    const list = await at.get('/collectors');
    const page = await at.get('/collectors/moralis');
    expect(list.body).toMatchObject({ collectors: { moralis: { enabled: false } } });
    expect(page.body).toMatchObject({ collector: { enabled: false } });
  });

  it('waits for the views, and says so when they did not get there', async () => {
    at.world.behind = true;
    const told = await at.json('PUT', STATE, { state: 'open' });
    expect(told).toMatchObject({ status: 200, body: { success: true, stale: true } });
    at.world.behind = false;
    const again = await at.json('PUT', STATE, { state: 'open' });
    expect(again.body).not.toHaveProperty('stale');
  });

  it('of a repeat says that nothing changed', async () => {
    at.world.steering = () => Promise.resolve({ ok: true, changed: false, position: 0 });
    const told = await at.json('POST', '/collectors/moralis/enable');
    const message = 'Collector moralis is enabled';
    expect(told.body).toMatchObject({ success: true, changed: false, message });
  });

  it('that does not come in time is unknown, never a failure and never a hang', async () => {
    at.world.steering = () => new Promise<Steered>(() => undefined);
    const asked = at.json('POST', '/collectors/moralis/enable');
    while (at.world.asked.length === 0) await settle();
    await at.world.clock.advance(15_000);
    const told = await asked;
    expect(told).toMatchObject({ status: 503, headers: { 'retry-after': '5' } });
    expect(problemOf(told).code).toBe('outcome_unknown');
    expect(problemOf(told).detail).toMatch(/command [0-9a-f-]{36} may still take effect/);
  });
});

it('commands beyond their number are refused, not queued; room comes back with an answer', async () => {
  await at.close();
  at = await served({ limits: { commandsMax: 2 } });
  const answers: ((steered: Steered) => void)[] = [];
  at.world.steering = () => new Promise((resolve) => answers.push(resolve));
  const path = '/collectors/moralis/enable';
  const under = [at.json('POST', path), at.json('POST', path)];
  while (answers.length < 2) await settle();
  const over = await at.json('POST', path);
  expect(problemOf(over)).toMatchObject({ status: 503, code: 'overloaded' });
  for (const answer of answers) answer({ ok: true, changed: true, position: 1 });
  expect((await Promise.all(under)).map(({ status }) => status)).toEqual([200, 200]);
  at.world.steering = undefined;
  expect((await at.json('POST', path)).status).toBe(200);
});

it('a collector the views do not show yet is here, in a moment', async () => {
  at.world.docs.delete('moralis');
  const { world } = at;
  await at.close();
  const engine = { ...world.engine, has: () => true };
  at = await served({}, { ...world, engine });
  const told = await at.get('/collectors/moralis');
  expect(problemOf(told)).toMatchObject({ status: 503, code: 'view_behind' });
});
