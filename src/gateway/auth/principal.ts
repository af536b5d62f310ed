/** Who calls, and whether they may: the words between the edges and whoever keeps tokens and keys. */
import type { DurationMs, Result } from '../../kernel/types.js';
import { ROLES } from '../operation.js';
import type { Role } from '../operation.js';
import type { Problem } from '../problems.js';

export type Principal = {
  /** `token:<name>`, `jwt:<sub>`; `local` where no token exists and everyone on this machine may call. */
  readonly name: string;
  readonly role: Role;
  readonly kind: 'token' | 'jwt' | 'local';
};

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

export interface Gatekeeper {
  /** Answers at once but for a JWT whose keys must be fetched first; bounded, never rejects. */
  identify(
    credentials: Credentials,
  ): Result<Principal, Problem> | Promise<Result<Principal, Problem>>;
  /** Counts one call of a principal (of an address, where it is anonymous) against its own rate. */
  spend(key: string): { readonly allowance: Allowance; readonly problem?: Problem };
  /** Nobody is asked who they are: there are no tokens and no JWT issuer. */
  isOpen(): boolean;
}

/** What is wrong when a principal of this role calls for what needs that one; undefined: nothing. */
export function forbidden(has: Role, needs: Role): Problem | undefined {
  if (ROLES.indexOf(has) >= ROLES.indexOf(needs)) return undefined;
  return { code: 'permission_denied', detail: `it needs the role ${needs}, and yours is ${has}` };
}
