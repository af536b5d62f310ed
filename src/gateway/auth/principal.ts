/** Who calls, and whether they may: the words between the edges and whoever keeps tokens and keys. */
import type { DurationMs, EpochMs, Result } from '../../kernel/types.js';
import { ROLES } from './roles.js';
import type { Role } from './roles.js';
import type { Problem } from '../problems.js';

export type Principal = {
  /** `token:<name>`, `jwt:<sub>`; `local` where no token exists and everyone on this machine may call. */
  readonly name: string;
  readonly role: Role;
  readonly kind: 'token' | 'jwt' | 'local';
  /** Of a token: its id, which is no secret. */
  readonly tokenId?: string;
  /** From then on what was presented lets nobody in. */
  readonly expiresAt?: EpochMs;
};

/** Everyone on this machine, where there are no tokens and no JWT issuer. */
export const LOCAL: Principal = { name: 'local', role: 'admin', kind: 'local' };

/** What an edge knows of a caller before it is told who that is. */
export type Credentials = {
  /** The whole `Authorization` header or metadata. Never kept, never logged. */
  readonly authorization?: string;
  /** Without port. */
  readonly address: string;
};

/** What is left of a caller's own rate after a call. */
export type Allowance = {
  /** Calls per window, and how many of them are left now. */
  readonly limit: number;
  readonly remaining: number;
  readonly windowMs: DurationMs;
  /** Until all of them are there again. */
  readonly resetMs: DurationMs;
};

export type Spent = {
  /** Absent: nobody's rate is bounded. */
  readonly allowance?: Allowance;
  /** The rate is used up. */
  readonly problem?: Problem;
};

export interface Gatekeeper {
  /** Answers at once but for a JWT whose keys must be fetched first; bounded, never rejects. */
  identify(
    credentials: Credentials,
  ): Result<Principal, Problem> | Promise<Result<Principal, Problem>>;
  /** Counts one call of a principal (of an address, where it is anonymous) against its own rate. */
  spend(key: string): Spent;
  /** Nobody is asked who they are: there are no tokens and no JWT issuer. */
  isOpen(): boolean;
  /**
   * For calls that stay open: calls `gone`, once, when the principal would not be let in any more (its
   * token was revoked or has expired; it said nothing, and now everyone must). Until the answer is called.
   */
  hold(principal: Principal, gone: () => void): () => void;
}

/** What a stream ends with when its principal would not be let in any more. */
export const LET_OUT: Problem = {
  code: 'unauthenticated',
  detail: 'what let the caller in was revoked or has expired',
};

/** What is wrong when a principal of this role calls for what needs that one; undefined: nothing. */
export function forbidden(has: Role, needs: Role): Problem | undefined {
  if (ROLES.indexOf(has) >= ROLES.indexOf(needs)) return undefined;
  return { code: 'permission_denied', detail: `it needs the role ${needs}, and yours is ${has}` };
}

/** Whose rate a call counts against: a principal's own, or that of the address nobody vouches for. */
export function rateKey(principal: Principal | undefined, address: string): string {
  const isNamed = principal !== undefined && principal.kind !== 'local';
  return isNamed ? principal.name : `address:${address}`;
}

/** Lets everyone in, as often as they like: for tests of other things, and benchmarks. */
export function openGatekeeper(): Gatekeeper {
  return {
    identify: () => ({ ok: true, value: LOCAL }),
    spend: () => NOTHING_SPENT,
    isOpen: () => true,
    hold: () => () => undefined,
  };
}

const NOTHING_SPENT: Spent = {};
