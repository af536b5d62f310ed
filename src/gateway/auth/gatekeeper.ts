/**
 * Who calls, and how often they may: tokens of our own, JWTs of an issuer, and neither where neither is
 * there.
 *
 * G1 While no token stands and no JWT issuer is configured everyone is `local`; from the first token on
 *    every call needs one, and what is in force is known at once.
 * G2 An address that keeps failing is told to wait; whoever has a good token there is still let in.
 * G3 Nothing of what a caller presents is kept, logged or answered.
 * G4 Every call that cannot say who it is is counted, by a reason of a closed vocabulary.
 */
import type { MetricFamily } from '../../kernel/observe.js';
import type { Clock } from '../../kernel/time.js';
import type { Result } from '../../kernel/types.js';
import { fail, ok } from '../../kernel/types.js';
import type { Problem } from '../problems.js';
import type { JwtVerifier } from './jwt.js';
import { LOCAL } from './principal.js';
import type { Credentials, Gatekeeper, Principal, Spent } from './principal.js';
import { callerRate } from './rate.js';
import type { CallerRate, RateRule } from './rate.js';
import { stays } from './stays.js';
import type { ShownToken, TokenBook } from './token-book.js';
import { isTokenText } from './token-text.js';

export type GatekeeperParts = {
  readonly tokens: Pick<TokenBook, 'find' | 'isEmpty' | 'isLive' | 'onChange'>;
  /** Absent: no issuer is configured. */
  readonly jwt?: JwtVerifier;
  /** Of each caller; absent: not bounded. */
  readonly rate?: RateRule;
  readonly clock: Clock;
};

/** Failed attempts of one address: a typing mistake is forgiven at once, a guessing program slowed. */
export const FAILURES: RateRule = { perSecond: 1, burst: 10 };

/** Why a call was not let in. `token`: unknown, wrong, revoked or expired. `slowed`: G2. */
const FAILURE_REASONS = [
  'missing',
  'scheme',
  'token',
  'jwt',
  'jwt_role',
  'issuer',
  'slowed',
] as const;
type FailureReason = (typeof FAILURE_REASONS)[number];

export type CountingGatekeeper = Gatekeeper & { readonly metrics: () => readonly MetricFamily[] };

export function gatekeeper({ tokens, jwt, rate, clock }: GatekeeperParts): CountingGatekeeper {
  const calls = rate === undefined ? undefined : callerRate(rate);
  const failures = callerRate(FAILURES);
  const isOpen = (): boolean => jwt === undefined && tokens.isEmpty();

  const counts = new Map<FailureReason, number>(FAILURE_REASONS.map((reason) => [reason, 0]));
  const count = (reason: FailureReason): void => {
    counts.set(reason, (counts.get(reason) ?? 0) + 1);
  };

  /** G2. */
  const failed = (
    problem: Problem,
    reason: FailureReason,
    address: string,
  ): { ok: false; error: Problem } => {
    const isSlowed = problem.code === 'unauthenticated';
    const { isAllowed, waitMs } = isSlowed ? failures.take(address, clock.monotonic()) : UNSLOWED;
    count(isAllowed ? reason : 'slowed');
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
    if (text === undefined) return failed(...absent(authorization), address);
    if (isTokenText(text) || jwt === undefined) {
      const token = tokens.find(text);
      if (token === undefined) return failed(UNKNOWN, 'token', address);
      return ok(principalOf(token));
    }
    return jwt(text).then((told) =>
      told.ok ? told : failed(told.error, jwtReason(told.error), address),
    );
  };

  const isIn = ({ kind, tokenId }: Principal): boolean =>
    kind === 'local' ? isOpen() : tokenId === undefined || tokens.isLive(tokenId);
  const hold = stays({
    isIn,
    onChange: (listener) => {
      tokens.onChange(listener);
    },
    clock,
  });
  const metrics = (): readonly MetricFamily[] => [failuresOf(counts)];
  return { isOpen, identify, hold, metrics, spend: (key) => spent(calls, rate, key, clock) };
}

const UNSLOWED = { isAllowed: true, waitMs: 0 };

function principalOf({ id, name, role, expiresAt }: ShownToken): Principal {
  const until = expiresAt === undefined ? {} : { expiresAt };
  return { name: `token:${name}`, role, kind: 'token', tokenId: id, ...until };
}

function absent(authorization: string | undefined): [Problem, FailureReason] {
  return authorization ? [WRONG_SCHEME, 'scheme'] : [NOTHING_GIVEN, 'missing'];
}

function jwtReason({ code }: Problem): FailureReason {
  if (code === 'identity_unavailable') return 'issuer';
  return code === 'permission_denied' ? 'jwt_role' : 'jwt';
}

function failuresOf(counts: ReadonlyMap<FailureReason, number>): MetricFamily {
  return {
    name: 'headgate_auth_failures_total',
    help: 'Calls that could not say who they are, by why, over all edges.',
    type: 'counter',
    samples: [...counts].map(([reason, value]) => ({ labels: { reason }, value })),
  };
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
