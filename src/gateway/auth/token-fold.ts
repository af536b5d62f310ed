/**
 * The tokens there are, folded from stream `settings-tokens`.
 *
 * K1 A token stands from its `TokenCreated` to its `TokenRevoked`; one that expired stands, and is refused.
 * K2 While one stands, everybody has to say who they are: an expired token opens no door.
 * K3 A fact that is not known stops changes, not calls: what it means for whom is not guessed.
 */
import { TokenCreated, TokenRevoked } from '../../gen/headgate/events/v1/settings.js';
import type { StoredEvent } from '../../journal/port.js';
import { NO_STREAM } from '../../journal/port.js';
import type { EpochMs, Revision } from '../../kernel/types.js';
import { ROLES } from './roles.js';
import type { Role } from './roles.js';

export const TOKENS_STREAM = 'settings-tokens';

export type Token = {
  readonly id: string;
  readonly name: string;
  readonly role: Role;
  /** SHA-256 of the secret, hex. Leaves this folder only into the journal. */
  readonly hash: string;
  readonly createdAt: EpochMs;
  readonly createdBy: string;
  readonly expiresAt?: EpochMs;
  readonly revokedAt?: EpochMs;
};

export type Tokens = {
  readonly byId: ReadonlyMap<string, Token>;
  /** Of the last fact folded. */
  readonly revision: Revision;
  /** The type of a fact that is not known here (K3). */
  readonly unknown?: string;
};

export const NO_TOKENS: Tokens = { byId: new Map(), revision: NO_STREAM };

/** The tokens after one more fact; one already folded changes nothing. */
export function foldToken(tokens: Tokens, event: StoredEvent): Tokens {
  if (event.revision <= tokens.revision) return tokens;
  const at = { ...tokens, revision: event.revision };
  const byId = new Map(tokens.byId);
  switch (event.type) {
    case 'TokenCreated': {
      const fact = TokenCreated.fromJSON(event.data);
      const role = ROLES.find((each) => each === fact.role);
      // A role of a later program: nothing is known of what it may do.
      if (role === undefined) return { ...at, unknown: `TokenCreated with role ${fact.role}` };
      const { id, name, hash, createdBy, atMs: createdAt, expiresAtMs: expiresAt } = fact;
      const until = expiresAt === undefined ? {} : { expiresAt };
      byId.set(id, { id, name, role, hash, createdBy, createdAt, ...until });
      return { ...at, byId };
    }
    case 'TokenRevoked': {
      const fact = TokenRevoked.fromJSON(event.data);
      const token = byId.get(fact.id);
      if (token === undefined) return at;
      byId.set(fact.id, { ...token, revokedAt: fact.atMs });
      return { ...at, byId };
    }
    default:
      return { ...at, unknown: event.type };
  }
}

/** K1. Newest last. */
export function standing({ byId }: Tokens): readonly Token[] {
  return [...byId.values()].filter(({ revokedAt }) => revokedAt === undefined);
}

/** Whether it lets anyone in now. */
export function lives(token: Token, now: EpochMs): boolean {
  if (token.revokedAt !== undefined) return false;
  return token.expiresAt === undefined || now < token.expiresAt;
}
