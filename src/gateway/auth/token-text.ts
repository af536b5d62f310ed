/** A bearer token as text, `hg_<id>_<secret>`: how one is made, read, and compared with what is kept of it. */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { SecretBytes } from '../../kernel/secret-bytes.js';

const ID_BYTES = 6;
const SECRET_BYTES = 32;
/** The secret in base64url: 43 characters. */
const TOKEN = /^hg_([0-9a-f]{12})_([A-Za-z0-9_-]{43})$/;

export type MintedToken = {
  /** The whole token: shown once, kept nowhere. */
  readonly text: string;
  readonly id: string;
  readonly hash: string;
};

/** `isTaken`: an id that was ever used is not used again, else its history would be another's. */
export function mintToken(bytes: SecretBytes, isTaken: (id: string) => boolean): MintedToken {
  let id = bytes(ID_BYTES).toString('hex');
  while (isTaken(id)) id = bytes(ID_BYTES).toString('hex');
  const secret = bytes(SECRET_BYTES).toString('base64url');
  return { text: `hg_${id}_${secret}`, id, hash: hashOf(secret) };
}

/** Looks like one of ours; whether it is one is another question. */
export function isTokenText(text: string): boolean {
  return text.startsWith('hg_');
}

export function parseToken(
  text: string,
): { readonly id: string; readonly secret: string } | undefined {
  const [, id, secret] = TOKEN.exec(text) ?? [];
  return id === undefined || secret === undefined ? undefined : { id, secret };
}

/**
 * SHA-256, lower-case hex. Fast on purpose: a secret of 256 random bits needs no slow hash, nobody can
 * try them.
 */
export function hashOf(secret: string): string {
  return createHash('sha256').update(secret, 'utf8').digest('hex');
}

/** What no secret has: an unknown id is compared as long as a known one. */
const DUMMY = '0'.repeat(64);

/** Whether the secret is the one kept. Takes the same time whatever differs, and for no hash at all. */
export function isSecretOf(secret: string, hash: string | undefined): boolean {
  const given = Buffer.from(hashOf(secret), 'hex');
  const kept = Buffer.from(hash ?? DUMMY, 'hex');
  const isSame = kept.length === given.length && timingSafeEqual(given, kept);
  return isSame && hash !== undefined;
}
