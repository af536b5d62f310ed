/**
 * Who calls, and how often they may: tokens of our own, JWTs of an issuer, and neither where neither is
 * there.
 *
 * G1 While no token stands and no JWT issuer is configured everyone is `local`; from the first token on
 *    every call needs one, and what is in force is known at once.
 * G2 An address that keeps failing is told to wait; whoever has a good token there is still let in.
 * G3 Nothing of what a caller presents is kept, logged or answered.
 */
import type { Clock } from '../../kernel/time.js';
import type { Result } from '../../kernel/types.js';
import { fail, ok } from '../../kernel/types.js';
import type { Problem } from '../problems.js';
import type { JwtVerifier } from './jwt.js';
import { LOCAL } from './principal.js';
import type { Credentials, Gatekeeper, Principal, Spent } from './principal.js';
import { callerRate } from './rate.js';
import type { CallerRate, RateRule } from './rate.js';
import type { TokenBook } from './token-book.js';
import { isTokenText } from './token-text.js';

export type GatekeeperParts = {
  readonly tokens: Pick<TokenBook, 'find' | 'isEmpty'>;
  /** Absent: no issuer is configured. */
  readonly jwt?: JwtVerifier;
  /** Of each caller; absent: not bounded. */
  readonly rate?: RateRule;
  readonly clock: Clock;
};

/** Failed attempts of one address: a typing mistake is forgiven at once, a guessing program slowed. */
export const FAILURES: RateRule = { perSecond: 1, burst: 10 };

export function gatekeeper({ tokens, jwt, rate, clock }: GatekeeperParts): Gatekeeper {
  const calls = rate === undefined ? undefined : callerRate(rate);
  const failures = callerRate(FAILURES);
  const isOpen = (): boolean => jwt === undefined && tokens.isEmpty();

  /** G2. */
  const failed = (problem: Problem, address: string): { ok: false; error: Problem } => {
    if (problem.code !== 'unauthenticated') return fail(problem);
    const { isAllowed, waitMs } = failures.take(address, clock.monotonic());
    if (isAllowed) return fail(problem);
    const detail = 'too many calls from this address could not say who they are';
    return fail({ code: 'too_many_requests', detail, retryAt: clock.now() + waitMs });
  };

  const identify = (
    credentials: Credentials,
  ): Result<Principal, Problem> | Promise<Result<Principal, Problem>> => {
    if (isOpen()) return OPEN;
    const { authorization, address } = credentials;
    const text = bearerOf(authorization);
    if (text === undefined) return failed(authorization ? WRONG_SCHEME : NOTHING_GIVEN, address);
    if (isTokenText(text) || jwt === undefined) {
      const token = tokens.find(text);
      if (token === undefined) return failed(UNKNOWN, address);
      return ok({ name: `token:${token.name}`, role: token.role, kind: 'token' });
    }
    return jwt(text).then((told) => (told.ok ? told : failed(told.error, address)));
  };

  return { isOpen, identify, spend: (key) => spent(calls, rate, key, clock) };
}

const OPEN = ok(LOCAL);

const HOW = 'send Authorization: Bearer <token>';
const NOTHING_GIVEN: Problem = {
  code: 'unauthenticated',
  detail: `this service asks who calls; ${HOW}`,
};
const WRONG_SCHEME: Problem = {
  code: 'unauthenticated',
  detail: `the Authorization is not a bearer token; ${HOW}`,
};
/** One answer for an unknown, a wrong, a revoked and an expired one: it tells guessers nothing. */
const UNKNOWN: Problem = {
  code: 'unauthenticated',
  detail: 'the token is not known here, was revoked, or has expired',
};

function bearerOf(authorization: string | undefined): string | undefined {
  return /^bearer +(\S+) *$/i.exec(authorization ?? '')?.[1];
}

const UNBOUNDED: Spent = {};

function spent(
  calls: CallerRate | undefined,
  rate: RateRule | undefined,
  key: string,
  clock: Clock,
): Spent {
  if (calls === undefined || rate === undefined) return UNBOUNDED;
  const { isAllowed, remaining, resetMs, waitMs } = calls.take(key, clock.monotonic());
  const allowance = { limit: rate.burst, remaining, windowMs: calls.windowMs, resetMs };
  if (isAllowed) return { allowance };
  const detail = `more than ${String(rate.perSecond)} calls per second, or ${String(rate.burst)} at once`;
  return {
    allowance,
    problem: { code: 'too_many_requests', detail, retryAt: clock.now() + waitMs },
  };
}
