/** A JWT issuer on loopback: real keys, a real key set over HTTP, and a count of how often it was asked. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { SignJWT, exportJWK, generateKeyPair } from 'jose';
import type { CryptoKey, JWK, JWTPayload } from 'jose';
import { onTestFinished } from 'vitest';

export const ISSUER = 'https://id.test';
export const AUDIENCE = 'headgate-test';

export type SigningKey = { readonly kid: string; readonly key: CryptoKey; readonly jwk: JWK };

export type Issuer = {
  readonly url: string;
  /** What it publishes; a test changes it. */
  keys: JWK[];
  /** What it answers instead of its keys. */
  broken: { readonly status: number; readonly body: string } | undefined;
  asked(): number;
  close(): Promise<void>;
};

export async function signingKey(kid: string, alg = 'ES256'): Promise<SigningKey> {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
  return { kid, key: privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' } };
}

export async function startIssuer(...keys: readonly SigningKey[]): Promise<Issuer> {
  let asked = 0;
  const server = createServer((_request, reply) => {
    asked += 1;
    const { broken } = issuer;
    reply.writeHead(broken?.status ?? 200, {
      'content-type': 'application/json',
      connection: 'close',
    });
    reply.end(broken?.body ?? JSON.stringify({ keys: issuer.keys }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const issuer: Issuer = {
    url: `http://127.0.0.1:${String(port)}/keys`,
    keys: keys.map(({ jwk }) => jwk),
    broken: undefined,
    asked: () => asked,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
  onTestFinished(() => issuer.close());
  return issuer;
}

/** A JWT that is fine at `now`, unless the claims say otherwise. */
export function jwtOf(
  { kid, key, jwk }: SigningKey,
  now: number,
  claims: JWTPayload = {},
): Promise<string> {
  const seconds = Math.floor(now / 1000);
  const usual = { iss: ISSUER, aud: AUDIENCE, sub: 'alice', role: 'operator' };
  const times = { iat: seconds, exp: seconds + 300 };
  return new SignJWT({ ...usual, ...times, ...claims })
    .setProtectedHeader({ alg: jwk.alg ?? 'ES256', kid })
    .sign(key);
}
