/** Who may do what over REST: open without tokens, closed from the first one on. */
import { afterEach, describe, expect, it } from 'vitest';
import { OPERATIONS, isCommand } from '../../src/gateway/index.js';
import type { AnyOperation } from '../../src/gateway/index.js';
import { servedGuarded } from '../support/auth-served.js';
import type { Guarded } from '../support/auth-served.js';
import { problemOf } from '../support/gateway-http.js';

let at: Guarded;
afterEach(() => at.close());

const JSON_TYPE = { 'content-type': 'application/json' };
const CREATE = { method: 'POST', path: '/tokens', headers: JSON_TYPE };
const ENABLE = { method: 'POST', path: '/collectors/moralis/enable' };

const create = (name: string, role: string, more: object = {}) => ({
  ...CREATE,
  body: JSON.stringify({ name, role, ...more }),
});

function requestOf({ rest }: AnyOperation) {
  const path = rest.path.replaceAll(/\{(\w+)\}/g, (_all, part: string) =>
    part === 'name' ? 'moralis' : 'some-id',
  );
  return { method: rest.method, path, headers: JSON_TYPE };
}

describe('without a token', () => {
  it('everyone on this machine is local, and an admin', async () => {
    at = await servedGuarded();
    expect((await at.ask(ENABLE)).status).toBe(200);
    expect(at.world.asked[0]?.args.at(-1)).toMatchObject({ actor: 'local', interface: 'rest' });
  });

  it('the first one made closes the doors at once, and is shown once', async () => {
    at = await servedGuarded();
    const refused = await at.ask(create('v', 'viewer'));
    expect(problemOf(refused)).toMatchObject({ status: 409, code: 'illegal_state' });
    const told = await at.ask(create('ops', 'admin', { reason: 'begin', ttl_seconds: 3600 }));
    expect(told.status).toBe(200);
    const { secret, token } = told.body as { secret: string; token: { id: string } };
    expect((await at.get('/collectors')).status).toBe(401);
    const list = await at.as(secret, { path: '/tokens' });
    expect(list.body).toMatchObject({
      total_count: 1,
      tokens: [{ id: token.id, name: 'ops', role: 'admin', created_by: 'local', revoked_at: null }],
    });
    expect(list.text).not.toContain(secret.slice(16));
    const [fact] = (await at.world.journal.read('settings-tokens', 0, 10)).events;
    expect(fact?.metadata).toMatchObject({ operation: 'createToken', reason: 'begin' });
    // Its last token may go: it stands on loopback.
    const gone = await at.as(secret, { method: 'DELETE', path: `/tokens/${token.id}?reason=end` });
    expect(gone.body).toMatchObject({ success: true, id: token.id, changed: true });
    expect((await at.get('/collectors')).status).toBe(200);
  });

  it('a dry run makes none, a key is refused, a name must be fit', async () => {
    at = await servedGuarded();
    const dry = await at.ask({ ...create('ops', 'admin'), path: '/tokens?dry_run=true' });
    expect(dry.body).toMatchObject({ dry_run: true, events: [{ type: 'TokenCreated' }] });
    expect(dry.text).not.toContain('hg_');
    const headers = { ...JSON_TYPE, 'idempotency-key': 'k' };
    const keyed = await at.ask({ ...create('ops', 'admin'), headers });
    expect(problemOf(keyed).code).toBe('header_not_supported');
    const tagged = await at.ask({
      ...create('ops', 'admin'),
      headers: { ...JSON_TYPE, 'if-match': '"1.1.1"' },
    });
    expect(problemOf(tagged).code).toBe('header_not_supported');
    for (const name of ['', '-x', 'a b', 'a'.repeat(64), 'jwt:x']) {
      const told = await at.ask(create(name, 'admin'));
      expect(problemOf(told)).toMatchObject({ status: 400, errors: [{ pointer: '/name' }] });
    }
    expect(at.tokens.isEmpty()).toBe(true);
  });
});

describe('with tokens', () => {
  it('whoever does not say who they are is told how, but by the probes', async () => {
    at = await servedGuarded();
    const token = await at.token('admin');
    for (const authorization of [
      undefined,
      '',
      token,
      `Basic ${token}`,
      'Bearer',
      'Bearer nothing',
      `Bearer ${token}x`,
      `Bearer ${token.slice(0, -1)}`,
      `Bearer hg_000000000000_${token.slice(16)}`,
    ]) {
      const headers = authorization === undefined ? {} : { authorization };
      const told = await at.ask({ ...ENABLE, headers });
      expect(problemOf(told)).toMatchObject({ status: 401, code: 'unauthenticated' });
      expect(told.headers['www-authenticate']).toMatch(/^Bearer realm="headgate"/);
      expect(told.text).not.toContain(token.slice(16));
    }
    expect(at.world.asked).toEqual([]);
    expect((await at.get('/livez')).status).toBe(200);
    expect((await at.get('/readyz')).status).toBe(200);
    expect((await at.get('/nowhere')).status).toBe(401);
    expect((await at.as(token, { path: '/nowhere' })).status).toBe(404);
    const lower = await at.ask({
      path: '/collectors',
      headers: { authorization: `bearer ${token}` },
    });
    expect(lower.status).toBe(200);
  });

  it('a command carries its principal; an interface may be relabelled, an address not', async () => {
    at = await servedGuarded();
    const token = await at.token('admin', 'ops');
    const said = { 'x-headgate-interface': 'cli', 'x-forwarded-for': '203.0.113.9' };
    expect((await at.as(token, { ...ENABLE, headers: said })).status).toBe(200);
    const as = { actor: 'token:ops', interface: 'cli', address: '127.0.0.1' };
    expect(at.world.asked[0]?.args.at(-1)).toMatchObject(as);
    await at.as(token, { ...ENABLE, headers: { 'x-headgate-interface': 'system' } });
    expect(at.world.asked[1]?.args.at(-1)).toMatchObject({ interface: 'rest' });
  });

  it('each operation refuses whoever has less than its role, before it looks at anything', async () => {
    at = await servedGuarded();
    const tokens = { admin: await at.token('admin'), viewer: await at.token('viewer') };
    const lesser = { ...tokens, operator: await at.token('operator') };
    const head = await at.world.journal.head();
    for (const operation of OPERATIONS) {
      const below = { viewer: [], operator: ['viewer'], admin: ['viewer', 'operator'] } as const;
      for (const role of below[operation.role]) {
        const told = await at.as(lesser[role], { ...requestOf(operation), body: '{"bad' });
        expect(problemOf(told), operation.name).toMatchObject({
          status: 403,
          code: 'permission_denied',
        });
        expect(problemOf(told).detail).toContain(`needs the role ${operation.role}`);
        expect(at.world.trail.refusals.at(-1)).toMatchObject({
          operation: { name: operation.name },
          who: { actor: `token:${role}` },
        });
      }
    }
    expect(at.world.asked).toEqual([]);
    expect(await at.world.journal.head()).toBe(head);
  });

  it('each command needs more than a viewer', () => {
    for (const operation of OPERATIONS.filter(isCommand)) {
      expect(operation.role, operation.name).not.toBe('viewer');
    }
  });

  it('a name of a page elsewhere is no danger any more, its Origin still is', async () => {
    at = await servedGuarded();
    const rebound = { host: 'evil.example' };
    expect(problemOf(await at.ask({ path: '/collectors', headers: rebound })).code).toBe(
      'host_refused',
    );
    const token = await at.token('admin');
    expect((await at.as(token, { path: '/collectors', headers: rebound })).status).toBe(200);
    const headers = { origin: 'http://evil.example' };
    const told = await at.as(token, { path: '/collectors', headers });
    expect(problemOf(told).code).toBe('origin_refused');
  });
});

describe('a caller’s rate', () => {
  const rate = { perSecond: 1, burst: 3 };

  it('is told on every answer, and refuses with a time to come back', async () => {
    at = await servedGuarded({ rate });
    const token = await at.token('admin');
    const ask = () => at.as(token, { path: '/collectors' });
    const first = await ask();
    expect(first.headers['ratelimit-policy']).toBe('"caller";q=3;w=3');
    expect(first.headers['ratelimit']).toBe('"caller";r=2;t=1');
    expect((await at.as(token, { path: '/nowhere' })).headers['ratelimit']).toBe(
      '"caller";r=1;t=2',
    );
    await ask();
    const refused = await ask();
    expect(problemOf(refused)).toMatchObject({ status: 429, code: 'too_many_requests' });
    expect(refused.headers['retry-after']).toBe('1');
    expect(refused.headers['ratelimit']).toBe('"caller";r=0;t=3');
    await at.world.clock.advance(1_000);
    expect((await ask()).status).toBe(200);
  });

  it('is a principal’s own, and probes have none', async () => {
    at = await servedGuarded({ rate });
    const [a, b] = [await at.token('admin', 'a'), await at.token('admin', 'b')];
    for (let i = 0; i < 4; i += 1) await at.as(a, { path: '/collectors' });
    expect((await at.as(a, { path: '/collectors' })).status).toBe(429);
    expect((await at.as(b, { path: '/collectors' })).status).toBe(200);
    for (let i = 0; i < 10; i += 1) {
      const live = await at.get('/livez');
      expect(live.status).toBe(200);
      expect(live.headers['ratelimit']).toBeUndefined();
    }
  });

  it('is the address’s where nobody says who they are', async () => {
    at = await servedGuarded({ rate });
    const all: number[] = [];
    for (let i = 0; i < 4; i += 1) all.push((await at.get('/collectors')).status);
    expect(all).toEqual([200, 200, 200, 429]);
  });

  it('G2: an address that keeps failing is told to wait, and a good token there still works', async () => {
    at = await servedGuarded();
    const token = await at.token('admin');
    const all: number[] = [];
    for (let i = 0; i < 12; i += 1) all.push((await at.as('hg_wrong', { path: '/' })).status);
    expect(all.slice(0, 10)).toEqual(Array.from({ length: 10 }, () => 401));
    expect(all.slice(10)).toEqual([429, 429]);
    expect((await at.as(token, { path: '/' })).status).toBe(200);
    await at.world.clock.advance(1_000);
    expect((await at.as('hg_wrong', { path: '/' })).status).toBe(401);
  });
});

describe('CORS', () => {
  const origin = 'https://ops.example.com';
  const asked = { origin, 'access-control-request-method': 'POST' };

  it('is closed: no header says otherwise, and a preflight is refused', async () => {
    at = await servedGuarded();
    const told = await at.ask({ method: 'OPTIONS', path: ENABLE.path, headers: asked });
    expect(problemOf(told).code).toBe('origin_refused');
    expect(Object.keys(told.headers).filter((name) => /^access-control/.test(name))).toEqual([]);
  });

  it('opens for the origins that were named, and for no other', async () => {
    at = await servedGuarded({ corsOrigins: [origin] });
    const token = await at.token('admin');
    const preflight = await at.ask({ method: 'OPTIONS', path: ENABLE.path, headers: asked });
    expect(preflight.status).toBe(204);
    expect(preflight.headers).toMatchObject({
      'access-control-allow-origin': origin,
      'access-control-allow-methods': 'OPTIONS, POST',
      vary: 'Origin',
    });
    expect(preflight.headers['access-control-allow-headers']).toContain('authorization');
    expect(preflight.headers['access-control-allow-credentials']).toBeUndefined();
    const told = await at.as(token, { ...ENABLE, headers: { origin } });
    expect(told.status).toBe(200);
    expect(told.headers['access-control-allow-origin']).toBe(origin);
    // A page must be able to read why it was refused.
    const refused = await at.ask({ ...ENABLE, headers: { origin } });
    expect(refused.status).toBe(401);
    expect(refused.headers['access-control-allow-origin']).toBe(origin);
    for (const other of ['https://ops.example.com.evil.test', 'http://ops.example.com', 'null']) {
      const headers = { ...asked, origin: other };
      const no = await at.ask({ method: 'OPTIONS', path: ENABLE.path, headers });
      expect(problemOf(no).code).toBe('origin_refused');
      expect(no.headers['access-control-allow-origin']).toBeUndefined();
      expect(no.headers['vary']).toBe('Origin');
    }
  });
});

describe('every answer', () => {
  it('tells browsers to keep it to themselves, whatever it says', async () => {
    at = await servedGuarded();
    const answers = [
      await at.get('/collectors'),
      await at.get('/nowhere'),
      await at.ask({ method: 'OPTIONS', path: '/collectors' }),
      await at.ask({ path: '/', headers: { host: 'evil.example' } }),
      await at.ask({ ...ENABLE, headers: JSON_TYPE, body: '{' }),
    ];
    for (const { headers } of answers) {
      expect(headers).toMatchObject({
        'x-content-type-options': 'nosniff',
        'cache-control': 'no-store',
        'referrer-policy': 'no-referrer',
        'x-frame-options': 'DENY',
        'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
        'cross-origin-opener-policy': 'same-origin',
        'cross-origin-resource-policy': 'same-origin',
      });
    }
    const raw = await at.raw('nonsense\r\n\r\n');
    expect(raw).toContain('x-content-type-options: nosniff');
    expect(raw).toContain("content-security-policy: default-src 'none'");
  });
});
