/** JWTs by a real key set over real HTTP: which get in, which do not, and what is said of each. */
import { createHmac } from 'node:crypto';
import { exportSPKI, importJWK } from 'jose';
import type { JWTPayload } from 'jose';
import { describe, expect, it } from 'vitest';
import { JWT_LIMITS, jwtVerifier } from '../../src/gateway/auth/jwt.js';
import type { JwtRules } from '../../src/gateway/auth/jwt.js';
import { silentLogger } from '../../src/kernel/observe.js';
import { AUDIENCE, ISSUER, jwtOf, signingKey, startIssuer } from '../support/auth-jwks.js';
import { virtualClock } from '../support/clock.js';

const RULES = { issuer: ISSUER, audience: AUDIENCE, algorithms: ['ES256'], roleClaim: 'role' };
const NO_COOLDOWN = { cooldownMs: 0, restMs: 5_000 };

async function ready(rules: Partial<JwtRules> = {}) {
  const clock = virtualClock();
  const key = await signingKey('k1');
  const issuer = await startIssuer(key);
  const verify = jwtVerifier(
    { ...RULES, keys: { url: issuer.url }, ...rules },
    { clock, log: silentLogger },
    NO_COOLDOWN,
  );
  const ask = async (claims: JWTPayload = {}, by = key) =>
    verify(await jwtOf(by, clock.now(), claims));
  return { clock, key, issuer, verify, ask };
}

const b64 = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
const UNAUTHENTICATED = { ok: false, error: { code: 'unauthenticated' } };

describe('a JWT', () => {
  it('that is signed by the issuer for us says who calls and what they may', async () => {
    const { ask, issuer, clock } = await ready();
    const exp = Math.floor(clock.now() / 1000) + 600;
    const expiresAt = (exp + JWT_LIMITS.toleranceS) * 1000;
    const value = { name: 'jwt:alice', role: 'operator', kind: 'jwt', expiresAt };
    const alice = { ok: true, value };
    expect(await ask({ exp })).toEqual(alice);
    expect(await ask({ exp, aud: ['other', AUDIENCE] })).toEqual(alice);
    expect(issuer.asked()).toBe(1);
  });

  it('without a signature is refused', async () => {
    const { clock, verify } = await ready();
    const seconds = clock.now() / 1000;
    const claims = { iss: ISSUER, aud: AUDIENCE, sub: 'eve', role: 'admin', exp: seconds + 60 };
    expect(await verify(`${b64({ alg: 'none' })}.${b64(claims)}.`)).toMatchObject(UNAUTHENTICATED);
  });

  it('signed with the public key as a shared secret is refused, whatever is configured', async () => {
    for (const algorithms of [['ES256'], ['ES256', 'HS256']]) {
      const { clock, key, verify } = await ready({ algorithms });
      const publicKey = await importJWK({ ...key.jwk, ext: true }, 'ES256');
      const pem = await exportSPKI(publicKey as Parameters<typeof exportSPKI>[0]);
      const exp = clock.now() / 1000 + 60;
      const claims = { iss: ISSUER, aud: AUDIENCE, sub: 'eve', role: 'admin', exp };
      for (const secret of [pem, JSON.stringify(key.jwk)]) {
        const signed = `${b64({ alg: 'HS256', kid: 'k1' })}.${b64(claims)}`;
        const mac = createHmac('sha256', secret).update(signed).digest('base64url');
        expect(await verify(`${signed}.${mac}`)).toMatchObject(UNAUTHENTICATED);
      }
    }
  });

  it('with an algorithm that is not configured is refused, though the issuer’s key signed it', async () => {
    const { clock, issuer, verify } = await ready();
    const other = await signingKey('rsa', 'RS256');
    issuer.keys = [other.jwk];
    expect(await verify(await jwtOf(other, clock.now()))).toMatchObject(UNAUTHENTICATED);
  });

  it.each([
    ['another issuer', { iss: 'https://evil.test' }, 'iss'],
    ['another audience', { aud: 'somebody-else' }, 'aud'],
    ['no audience', { aud: undefined }, 'aud'],
    ['no end', { exp: undefined }, 'exp'],
    ['no subject', { sub: undefined }, 'sub'],
    ['a subject of two lines', { sub: 'a\nb' }, 'sub'],
    ['an empty subject', { sub: '' }, 'sub'],
  ])('of %s is refused', async (_what, claims, named) => {
    const { ask } = await ready();
    const told = await ask(claims as JWTPayload);
    expect(told).toMatchObject(UNAUTHENTICATED);
    expect(told.ok ? '' : told.error.detail).toContain(named);
  });

  it('is refused from half a minute after its end, and from its beginning less half a minute', async () => {
    const { ask, clock } = await ready();
    const seconds = clock.now() / 1000;
    expect((await ask({ exp: seconds - 29 })).ok).toBe(true);
    expect(await ask({ exp: seconds - 31 })).toMatchObject(UNAUTHENTICATED);
    expect((await ask({ nbf: seconds + 29 })).ok).toBe(true);
    expect(await ask({ nbf: seconds + 31 })).toMatchObject(UNAUTHENTICATED);
  });

  it('whose body was changed is refused', async () => {
    const { clock, key, verify } = await ready();
    const [head, , signature] = (await jwtOf(key, clock.now())).split('.');
    const exp = clock.now() / 1000 + 60;
    const body = b64({ iss: ISSUER, aud: AUDIENCE, sub: 'alice', role: 'admin', exp });
    expect(await verify(`${head ?? ''}.${body}.${signature ?? ''}`)).toMatchObject(UNAUTHENTICATED);
  });

  it.each(['', 'x', 'a.b.c', 'eyJhbGciOiJFUzI1NiJ9..', `${'a'.repeat(9_000)}.b.c`])(
    'that is none (%#) is refused',
    async (text) => {
      const { verify } = await ready();
      expect(await verify(text)).toMatchObject(UNAUTHENTICATED);
    },
  );

  it('without a role of ours is known, and may do nothing', async () => {
    const { ask } = await ready();
    for (const role of [undefined, 'root', ['owner'], { admin: true }, 7, 'Admin']) {
      const told = await ask({ role });
      expect(told).toMatchObject({ ok: false, error: { code: 'permission_denied' } });
    }
  });

  it('has the highest of its roles, wherever the claim is', async () => {
    const deep = await ready({ roleClaim: 'realm_access.roles' });
    const realm = { roles: ['viewer', 'admin', 'other'] };
    expect(await deep.ask({ realm_access: realm })).toMatchObject({ value: { role: 'admin' } });
    const flat = await ready({ roleClaim: 'https://headgate.dev/role' });
    const told = await flat.ask({ 'https://headgate.dev/role': 'viewer' });
    expect(told).toMatchObject({ value: { role: 'viewer' } });
    expect(await deep.ask({ realm_access: ['admin'] })).toMatchObject({ ok: false });
  });
});

describe('the issuer’s keys', () => {
  it('are asked for again when one is not known, and the one taken back is refused', async () => {
    const { clock, ask, issuer, key } = await ready();
    expect((await ask()).ok).toBe(true);
    const next = await signingKey('k2');
    issuer.keys = [next.jwk];
    expect((await ask({}, next)).ok).toBe(true);
    expect(issuer.asked()).toBe(2);
    expect(await ask({}, key)).toMatchObject(UNAUTHENTICATED);
    await clock.advance(1);
  });

  it('are not asked for at each unknown key: guessing reaches the issuer once in a while', async () => {
    const clock = virtualClock();
    const issuer = await startIssuer(await signingKey('k1'));
    const rules = { ...RULES, keys: { url: issuer.url } };
    const verify = jwtVerifier(rules, { clock, log: silentLogger });
    for (let i = 0; i < 20; i += 1) {
      const stranger = await signingKey(`stranger-${String(i)}`);
      const told = await verify(await jwtOf(stranger, clock.now()));
      expect(told).toMatchObject(UNAUTHENTICATED);
    }
    expect(issuer.asked()).toBe(1);
  });

  it('that cannot be read are nobody’s fault: unavailable, and not asked for again at once', async () => {
    const { clock, ask, issuer } = await ready();
    const unavailable = { ok: false, error: { code: 'identity_unavailable' } };
    for (const broken of [
      { status: 500, body: 'no' },
      { status: 200, body: 'not json' },
      { status: 200, body: '{"keys":1}' },
      { status: 302, body: '' },
    ]) {
      issuer.broken = broken;
      const before = issuer.asked();
      expect(await ask()).toMatchObject(unavailable);
      expect(await ask()).toMatchObject(unavailable);
      expect(issuer.asked()).toBe(before + 1);
      await clock.advance(NO_COOLDOWN.restMs);
    }
    issuer.broken = undefined;
    expect((await ask()).ok).toBe(true);
  });

  it('of an issuer that is gone are unavailable', async () => {
    const { ask, issuer } = await ready();
    await issuer.close();
    expect(await ask()).toMatchObject({ ok: false, error: { code: 'identity_unavailable' } });
  });

  it('may be pinned: then nobody is asked', async () => {
    const key = await signingKey('k1');
    const { clock, issuer, verify } = await ready({ keys: { set: { keys: [key.jwk] } } });
    expect((await verify(await jwtOf(key, clock.now()))).ok).toBe(true);
    const stranger = await signingKey('k2');
    expect(await verify(await jwtOf(stranger, clock.now()))).toMatchObject(UNAUTHENTICATED);
    expect(issuer.asked()).toBe(0);
  });
});
