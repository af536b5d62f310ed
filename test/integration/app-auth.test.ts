/** Tokens in the whole service: where they may be used, where they are repeated (nowhere), and offline. */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  createTokenOffline,
  InsecureBinding,
  revokeTokenOffline,
} from '../../src/gateway/index.js';
import { AdminServiceService as Admin } from '../../src/gen/headgate/v1/admin_service.js';
import { openJournal } from '../../src/journal/index.js';
import { systemRandom } from '../../src/kernel/random.js';
import { systemSecretBytes } from '../../src/kernel/secret-bytes.js';
import { systemClock } from '../../src/kernel/time.js';
import type { Journal } from '../../src/journal/port.js';
import { ask as httpAsk } from '../support/app-http.js';
import { openTestApp, startTestApp, type TestApp } from '../support/app-service.js';
import { grpcClient } from '../support/grpc-client.js';
import { jwtOf, signingKey, startIssuer, AUDIENCE, ISSUER } from '../support/auth-jwks.js';

const OFFLINE = {
  clock: systemClock(),
  random: systemRandom(),
  secretBytes: systemSecretBytes,
  node: 'node-1',
};
const NOW = (): number => OFFLINE.clock.now();
const JSON_TYPE = { 'content-type': 'application/json' };

async function made(app: TestApp, name: string, role: string, by?: string): Promise<string> {
  const headers = by === undefined ? JSON_TYPE : { ...JSON_TYPE, ...bearer(by) };
  const body = JSON.stringify({ name, role });
  const told = await app.send('POST', '/tokens', { headers, body });
  expect(told.status).toBe(200);
  return String(told.body['secret']);
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

/** With the journal of a service that is not running. */
async function offline<T>(app: TestApp, work: (journal: Journal) => Promise<T>): Promise<T> {
  const path = join(app.directory, 'data', 'journal.db');
  const { journal, close } = await openJournal({ kind: 'sqlite', path }, (error) => {
    throw error;
  });
  try {
    return await work(journal);
  } finally {
    await close();
  }
}

/** Every way to put a token where it does not belong; each answers something. */
async function misplaced(app: TestApp, token: string, admin: string): Promise<readonly string[]> {
  const by = { ...JSON_TYPE, ...bearer(admin) };
  const asked = [
    ['GET', `/collectors?token=${token}`, { headers: by }],
    ['GET', `/collectors?${token}=1`, { headers: by }],
    ['GET', `/collectors?q=${token}`, { headers: by }],
    ['GET', `/collectors/${token}`, { headers: by }],
    ['GET', `/${token}`, {}],
    ['POST', `/collectors/${token}/enable`, { headers: by }],
    ['POST', `/collectors/${token}/enable`, {}],
    ['DELETE', `/tokens/${token}`, { headers: by }],
    [
      'POST',
      '/collectors/moralis/disable',
      { headers: by, body: JSON.stringify({ reason: `my token is ${token}` }) },
    ],
    [
      'POST',
      '/collectors/moralis/disable',
      { headers: by, body: JSON.stringify({ [token]: token }) },
    ],
    ['POST', '/collectors/moralis/disable', { headers: by, body: `{"reason": ${token}` }],
    ['POST', '/collectors/moralis/enable', { headers: { ...by, 'idempotency-key': token } }],
    ['POST', '/collectors/moralis/enable', { headers: { ...by, 'if-match': token } }],
    ['POST', '/collectors/moralis/enable', { headers: { ...by, 'x-request-id': token } }],
    ['POST', '/collectors/moralis/enable', { headers: { ...by, 'x-headgate-interface': token } }],
    ['GET', '/collectors', { headers: { authorization: token } }],
    ['GET', '/collectors', { headers: { authorization: `Basic ${token}` } }],
    ['GET', '/collectors', { headers: { ...bearer(`${token}x`), origin: `http://${token}` } }],
    ['GET', '/collectors', { headers: { ...by, host: token } }],
  ] as const;
  const heard: string[] = [];
  for (const [method, path, options] of asked) {
    const { status, headers, text } = await app.send(method, path, options);
    heard.push(`${method} ${String(status)} ${JSON.stringify(headers)} ${text}`);
  }
  return heard;
}

describe('a token', () => {
  it('is in no answer but its own, no event, no line, no series and no file', async () => {
    const app = await startTestApp();
    const admin = await made(app, 'admin', 'admin');
    const viewer = await made(app, 'viewer', 'viewer', admin);
    const key = await signingKey('k1');
    const jwt = await jwtOf(key, Date.UTC(2026, 0, 1));
    const secrets = [admin, viewer, jwt].map((token) => token.slice(-40));
    const holds = (text: string): boolean => secrets.some((secret) => text.includes(secret));
    expect([admin, `x${viewer}y`, jwt].every(holds)).toBe(true);

    for (const token of [admin, viewer, jwt]) {
      for (const answer of await misplaced(app, token, admin)) {
        expect(holds(answer), answer.slice(0, 300)).toBe(false);
      }
    }
    for (const path of ['/tokens', '/audit', '/collectors/moralis', '/']) {
      const told = await app.send('GET', path, { headers: bearer(admin) });
      expect(holds(told.text), path).toBe(false);
    }
    expect(holds(await app.metrics())).toBe(false);
    const events = await app.events();
    expect(events.some(({ type }) => type === 'TokenCreated')).toBe(true);
    expect(holds(JSON.stringify(events))).toBe(false);
    await app.stop();
    expect(holds(app.log.text())).toBe(false);
    for (const entry of readdirSync(app.directory, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const bytes = readFileSync(join(entry.parentPath, entry.name)).toString('latin1');
      expect(holds(bytes), entry.name).toBe(false);
    }
  });

  it('outlives its service, and a revocation does too', async () => {
    const app = await startTestApp();
    const admin = await made(app, 'admin', 'admin');
    const viewer = await made(app, 'viewer', 'viewer', admin);
    await app.restart();
    const list = await app.send('GET', '/tokens', { headers: bearer(admin) });
    const tokens = list.body['tokens'] as { id: string; name: string }[];
    expect(tokens.map(({ name }) => name)).toEqual(['admin', 'viewer']);
    expect((await app.send('GET', '/collectors', { headers: bearer(viewer) })).status).toBe(200);
    const path = `/tokens/${tokens[1]?.id ?? ''}?reason=left`;
    const gone = await app.send('DELETE', path, { headers: bearer(admin) });
    expect(gone.body).toMatchObject({ changed: true });
    const again = await app.send('DELETE', path, { headers: bearer(admin) });
    expect(again.body).toMatchObject({ changed: false });
    expect((await app.send('GET', '/collectors', { headers: bearer(viewer) })).status).toBe(401);
    await app.restart();
    expect((await app.send('GET', '/collectors', { headers: bearer(viewer) })).status).toBe(401);
  });
});

describe('both doors', () => {
  it('know the same tokens: made at one, used and revoked at the other', async () => {
    const app = await startTestApp();
    const client = grpcClient(app.grpcUrl());
    onTestFinished(() => {
      client.close();
    });
    const { message: made } = await client.ask(Admin.createToken, {
      name: 'ops',
      role: 'ROLE_ADMIN',
    });
    expect(made.token).toMatchObject({ name: 'ops', role: 'ROLE_ADMIN', created_by: 'local' });
    const metadata = bearer(made.secret);
    expect((await app.get('/collectors')).status).toBe(401);
    const list = await app.send('GET', '/tokens', { headers: metadata });
    expect(list.body).toMatchObject({ tokens: [{ id: made.token?.id, name: 'ops' }] });
    expect(await client.refusal(Admin.listTokens, {})).toMatchObject({ code: 'UNAUTHENTICATED' });
    const { message: shown } = await client.ask(Admin.listTokens, {}, { metadata });
    expect(shown.tokens.map(({ name }) => name)).toEqual(['ops']);
    const viewer = await app.send('POST', '/tokens', {
      headers: { ...JSON_TYPE, ...metadata },
      body: JSON.stringify({ name: 'eyes', role: 'viewer' }),
    });
    const { secret, token } = viewer.body as { secret: string; token: { id: string } };
    const as = { metadata: bearer(secret) };
    const denied = await client.refusal(Admin.revokeToken, { id: token.id }, as);
    expect(denied).toMatchObject({ code: 'PERMISSION_DENIED' });
    const gone = await client.ask(
      Admin.revokeToken,
      { id: token.id, reason: 'left' },
      { metadata },
    );
    expect(gone.message).toMatchObject({ id: token.id, changed: true });
    expect((await app.send('GET', '/collectors', { headers: bearer(secret) })).status).toBe(401);
  });
});

describe('while no service runs', () => {
  it('the first token is made in the journal’s file, and the service then asks for it', async () => {
    const app = await startTestApp();
    await app.stop();
    const told = await offline(app, (journal) =>
      createTokenOffline(journal, { name: 'first', role: 'admin', reason: 'begin' }, OFFLINE),
    );
    if (!told.ok) throw new Error(told.error.detail);
    const { text, token } = told.value;
    await app.restart();
    expect((await app.get('/collectors')).status).toBe(401);
    expect((await app.send('GET', '/collectors', { headers: bearer(text) })).status).toBe(200);
    await app.stop();
    const gone = await offline(app, (journal) =>
      revokeTokenOffline(journal, { id: token.id, reason: 'end' }, OFFLINE),
    );
    expect(gone).toMatchObject({ ok: true, value: { changed: true } });
    await app.restart();
    expect((await app.get('/collectors')).status).toBe(200);
  });
});

describe('a service bound beyond this machine', () => {
  it('does not begin without tokens, and says how to make one', async () => {
    const start = openTestApp({ config: { rest: { port: 0, host: '0.0.0.0' } } });
    await expect(start).rejects.toThrow(InsecureBinding);
    await expect(start).rejects.toThrow('headgate token create');
  });

  it('begins with a JWT issuer, and lets its users in by their roles', async () => {
    const key = await signingKey('k1');
    const issuer = await startIssuer(key);
    const auth = { jwks_url: issuer.url, jwt_issuer: ISSUER, jwt_audience: AUDIENCE };
    const rest = { port: 0, host: '0.0.0.0' };
    const app = await startTestApp({ config: { rest, auth } });
    const { port } = new URL(app.running().restUrl);
    const ask = async (path: string, role?: string) => {
      const headers = role ? bearer(await jwtOf(key, NOW(), { role })) : {};
      const method = path.endsWith('enable') ? 'POST' : 'GET';
      return (await fetchAt(Number(port), method, path, headers)).status;
    };
    expect(await ask('/collectors')).toBe(401);
    expect(await ask('/collectors', 'viewer')).toBe(200);
    expect(await ask('/collectors/moralis/enable', 'viewer')).toBe(403);
    expect(await ask('/collectors/moralis/enable', 'operator')).toBe(200);
    expect(await ask('/tokens', 'admin')).toBe(200);
    issuer.broken = { status: 500, body: '' };
    const stranger = await signingKey('k2');
    const headers = bearer(await jwtOf(stranger, NOW()));
    // Its keys are fresh: an unknown one is refused without asking again so soon.
    expect((await fetchAt(Number(port), 'GET', '/collectors', headers)).status).toBe(401);
  });
});

function fetchAt(
  port: number,
  method: string,
  path: string,
  headers: Readonly<Record<string, string>>,
) {
  return httpAsk(`http://127.0.0.1:${String(port)}${path}`, { method, headers });
}
