/** Which tokens may be made and revoked: the rules that keep the last door from closing behind everyone. */
import { holdsToken } from '../../kernel/token-shapes.js';
import type { EpochMs } from '../../kernel/types.js';
import type { Role } from './roles.js';
import { invalidInput } from '../problems.js';
import type { Problem } from '../problems.js';
import { lives, standing } from './token-fold.js';
import type { Token, Tokens } from './token-fold.js';

/** It becomes the principal `token:<name>` in events, logs and the audit trail. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;
const NAME_RULE =
  'must be up to 63 letters, digits, dots, dashes and underlines, a letter or digit first';

/** Tokens that may stand at once: far more than programs and people there are. */
export const TOKENS_MAX = 1_000;

/** Beside the tokens, what else decides who may come in. */
export type Doors = {
  /** Somebody may be an admin by a JWT. */
  readonly hasJwt: boolean;
  /** Without a token nobody else than this machine, or nobody who minds, could call. */
  readonly mayStandOpen: boolean;
};

export type TokenWish = {
  readonly name: string;
  readonly role: Role;
  readonly expiresAt?: EpochMs;
};

/** What is wrong with making this token now; undefined: nothing. */
export function cannotCreate(
  { name, role }: TokenWish,
  tokens: Tokens,
  doors: Doors,
  now: EpochMs,
): Problem | undefined {
  if (tokens.unknown !== undefined) return notUnderstood(tokens.unknown);
  if (!NAME.test(name) || holdsToken(name)) {
    return invalidInput({ pointer: '/name', detail: NAME_RULE });
  }
  const all = standing(tokens);
  if (all.some((token) => token.name === name && lives(token, now))) {
    return invalidInput({ pointer: '/name', detail: 'is the name of a token that lives' });
  }
  if (role !== 'admin' && !doors.hasJwt && !all.some((each) => isAdmin(each, now))) {
    const detail =
      'the first token must be an admin’s: from then on everyone needs one, and nobody could make more';
    return { code: 'illegal_state', detail };
  }
  if (all.length >= TOKENS_MAX) {
    const detail = `${String(TOKENS_MAX)} tokens stand; revoke one that is not used`;
    return { code: 'illegal_state', detail };
  }
  return undefined;
}

/** What is wrong with revoking this token now; undefined: nothing. */
export function cannotRevoke(
  token: Token,
  tokens: Tokens,
  doors: Doors,
  now: EpochMs,
): Problem | undefined {
  if (tokens.unknown !== undefined) return notUnderstood(tokens.unknown);
  const others = standing(tokens).filter(({ id }) => id !== token.id);
  if (doors.hasJwt || others.some((each) => isAdmin(each, now))) return undefined;
  if (others.length === 0 && !doors.mayStandOpen) {
    const detail = 'the service can be reached from outside: its last token cannot be revoked';
    return { code: 'illegal_state', detail };
  }
  if (others.length > 0 && isAdmin(token, now)) {
    const detail = 'it is the last admin’s token, and others stand: revoke those first';
    return { code: 'illegal_state', detail };
  }
  return undefined;
}

function isAdmin(token: Token, now: EpochMs): boolean {
  return token.role === 'admin' && lives(token, now);
}

function notUnderstood(type: string): Problem {
  const detail = `the tokens’ stream holds what this version does not know: ${type}`;
  return { code: 'quarantined', detail };
}
