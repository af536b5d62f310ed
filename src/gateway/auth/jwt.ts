/**
 * JSON Web Tokens of an issuer outside: verified by its published keys (JWKS), never by anything the
 * token says of itself. Issuer, audience and algorithms are pinned; only asymmetric algorithms exist here,
 * so that a public key can never be taken for a shared secret.
 *
 * W1 Keys are kept ten minutes; a key id not known asks again, at most every 30 s.
 * W2 An issuer that does not answer is no fault of the caller: `identity_unavailable`, not `unauthenticated`.
 *    For five seconds after a failure nobody waits for it again.
 */
import { createLocalJWKSet, createRemoteJWKSet, errors, jwtVerify } from 'jose';
import type { JSONWebKeySet, JWTPayload, JWTVerifyGetKey } from 'jose';
import { messageOf } from '../../kernel/errors.js';
import type { Logger } from '../../kernel/observe.js';
import { SECOND_MS } from '../../kernel/time.js';
import type { Clock } from '../../kernel/time.js';
import { holdsToken } from '../../kernel/token-shapes.js';
import type { DurationMs, Json, MonotonicMs, Result } from '../../kernel/types.js';
import { fail, ok } from '../../kernel/types.js';
import { ROLES } from './roles.js';
import type { Role } from './roles.js';
import type { Problem } from '../problems.js';
import type { Principal } from './principal.js';

/** What may be pinned; all of them have a private key that only the issuer holds. */
export const JWT_ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
] as const;

export type JwtRules = {
  /** Where the keys are: a URL that is asked, or the set itself. */
  readonly keys: { readonly url: string } | { readonly set: JSONWebKeySet };
  readonly issuer: string;
  readonly audience: string;
  readonly algorithms: readonly string[];
  /** Claim with the role: one word or a list of them; dots lead into objects. */
  readonly roleClaim: string;
};

export type JwtVerifier = (token: string) => Promise<Result<Principal, Problem>>;

export const JWT_LIMITS = {
  /** How far the issuer's clock may be from ours. */
  toleranceS: 30,
  keysMaxAgeMs: 600_000,
  /** Between two fetches because of a key id that is not known. */
  cooldownMs: 30_000,
  fetchMs: 3_000,
  /** After a failed fetch, until the next one. */
  restMs: 5_000,
  /** Longer ones are not looked at. */
  tokenCharsMax: 8_192,
  /** What is logged about an issuer that does not answer, at most once in this long. */
  logEveryMs: 60_000,
} as const;

/** Visible ASCII, so that it fits into events, logs and tables. */
const SUBJECT = /^[\u0021-\u007e]{1,128}$/;

export function jwtVerifier(
  rules: JwtRules,
  { clock, log }: { readonly clock: Clock; readonly log: Logger },
  limits: { readonly cooldownMs: DurationMs; readonly restMs: DurationMs } = JWT_LIMITS,
): JwtVerifier {
  const keyOf = keysOf(rules, limits.cooldownMs);
  let failedAt: MonotonicMs | undefined;
  let loggedAt: MonotonicMs | undefined;

  const unavailable = (thrown: unknown): Problem => {
    failedAt = clock.monotonic();
    if (loggedAt === undefined || failedAt - loggedAt >= JWT_LIMITS.logEveryMs) {
      loggedAt = failedAt;
      log.warn('the keys of the JWT issuer cannot be read', { error: messageOf(thrown) });
    }
    return UNAVAILABLE;
  };

  return async (token) => {
    if (token.length > JWT_LIMITS.tokenCharsMax) return fail(refused('it is too long'));
    const rests = failedAt !== undefined && clock.monotonic() - failedAt < limits.restMs;
    if (rests) return fail(UNAVAILABLE);
    try {
      const { payload } = await jwtVerify(token, keyOf, {
        issuer: rules.issuer,
        audience: rules.audience,
        algorithms: [...rules.algorithms],
        clockTolerance: JWT_LIMITS.toleranceS,
        currentDate: new Date(clock.now()),
        requiredClaims: ['exp', 'sub'],
      });
      failedAt = undefined;
      return principalOf(payload, rules.roleClaim);
    } catch (thrown) {
      const reason = faultOf(thrown);
      return fail(reason === undefined ? unavailable(thrown) : refused(reason));
    }
  };
}

function keysOf({ keys }: JwtRules, cooldownMs: DurationMs): JWTVerifyGetKey {
  if ('set' in keys) return createLocalJWKSet(keys.set);
  return createRemoteJWKSet(new URL(keys.url), {
    timeoutDuration: JWT_LIMITS.fetchMs,
    cooldownDuration: cooldownMs,
    cacheMaxAge: JWT_LIMITS.keysMaxAgeMs,
  });
}

const UNAVAILABLE: Problem = {
  code: 'identity_unavailable',
  detail: 'the keys of the JWT issuer cannot be read now: nobody can be told apart by a JWT',
};

function refused(reason: string): Problem {
  return { code: 'unauthenticated', detail: `the JWT is refused: ${reason}` };
}

/** The errors that are the token's own fault, in our words; any other is the key set's. */
const FAULTS: Readonly<Record<string, string>> = {
  ERR_JWT_EXPIRED: 'it has expired',
  ERR_JOSE_ALG_NOT_ALLOWED: 'its algorithm is not one of those configured',
  ERR_JOSE_NOT_SUPPORTED: 'its algorithm is not one of those configured',
  ERR_JWS_INVALID: 'it is not a signed JWT',
  ERR_JWT_INVALID: 'it is not a signed JWT',
  ERR_JWS_SIGNATURE_VERIFICATION_FAILED: 'its signature does not fit',
  ERR_JWKS_NO_MATCHING_KEY: 'its key is not one of the issuer’s',
  ERR_JWKS_MULTIPLE_MATCHING_KEYS: 'it does not say which of the issuer’s keys signed it',
};

function faultOf(thrown: unknown): string | undefined {
  if (thrown instanceof errors.JWTClaimValidationFailed) return claimFault(thrown.claim);
  return thrown instanceof errors.JOSEError ? FAULTS[thrown.code] : undefined;
}

/** Which claim, never what it holds. */
function claimFault(claim: string): string {
  if (claim === 'nbf') return 'it is not valid yet';
  const known = ['iss', 'aud', 'exp', 'sub', 'iat'].includes(claim) ? claim : 'a claim';
  return `${known} is missing or not what is configured`;
}

function principalOf(payload: JWTPayload, roleClaim: string): Result<Principal, Problem> {
  const { sub = '' } = payload;
  if (!SUBJECT.test(sub) || holdsToken(sub)) {
    return fail(refused('sub must be 1 to 128 visible ASCII characters'));
  }
  const role = roleOf(claimAt(payload as Readonly<Record<string, Json>>, roleClaim));
  const expiresAt = ((payload.exp ?? 0) + JWT_LIMITS.toleranceS) * SECOND_MS;
  if (role !== undefined) return ok({ name: `jwt:${sub}`, role, kind: 'jwt', expiresAt });
  const detail = `the JWT’s claim ${roleClaim} has none of the roles ${ROLES.join(', ')}`;
  return fail({ code: 'permission_denied', detail });
}

/** A claim of just this name, else the way its dots lead: `realm_access.roles`. */
function claimAt(payload: Readonly<Record<string, Json>>, path: string): Json | undefined {
  if (Object.hasOwn(payload, path)) return payload[path];
  let at: Json | undefined = payload;
  for (const part of path.split('.')) {
    if (typeof at !== 'object' || at === null || Array.isArray(at)) return undefined;
    const members = at as Readonly<Record<string, Json>>;
    at = Object.hasOwn(members, part) ? members[part] : undefined;
  }
  return at;
}

/** The highest role named; other words are roles of other programs. */
function roleOf(claim: Json | undefined): Role | undefined {
  const words = Array.isArray(claim) ? (claim as readonly Json[]) : [claim];
  return ROLES.toReversed().find((role) => words.includes(role));
}
