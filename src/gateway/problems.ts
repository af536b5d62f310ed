/**
 * What can go wrong at the way in, by name: the stable codes of docs/errors.md and what each refusal
 * of an actor becomes. No edge's numbers here; rest/statuses.ts has HTTP's.
 */
import type { Steered } from '../actors/engine.js';
import type { EpochMs } from '../kernel/types.js';

/** Code → title. A code is never renamed: clients branch on it. */
export const PROBLEMS = {
  bad_request: 'Bad request',
  invalid_json: 'Invalid JSON',
  invalid_input: 'Invalid input',
  header_not_supported: 'Header not supported',
  would_never_trip: 'Breaker would never trip',
  idempotency_conflict: 'Idempotency key used for another request',
  unauthenticated: 'Not authenticated',
  permission_denied: 'Permission denied',
  host_refused: 'Host refused',
  origin_refused: 'Origin refused',
  collector_not_found: 'Collector not found',
  route_not_found: 'Route not found',
  method_not_allowed: 'Method not allowed',
  request_timeout: 'Request timeout',
  illegal_state: 'Illegal in this state',
  breaker_open: 'Circuit breaker open',
  rate_limited: 'Rate limited',
  blocked: 'Blocked upstream',
  not_running: 'Collector not running',
  quarantined: 'Collector quarantined',
  raced: 'Raced by another writer',
  precondition_failed: 'Revision is not the current one',
  identity_unavailable: 'Identity cannot be checked',
  permit_not_found: 'Permit not found',
  token_not_found: 'Token not found',
  too_many_requests: 'Too many requests',
  payload_too_large: 'Payload too large',
  unsupported_media_type: 'Unsupported media type',
  headers_too_large: 'Headers too large',
  overloaded: 'Overloaded',
  not_owner: 'Not the owner',
  journal_unavailable: 'Journal unavailable',
  records_unavailable: 'Records unavailable',
  view_behind: 'View not ready',
  outcome_unknown: 'Outcome unknown',
  not_ready: 'Not ready',
  stopping: 'Stopping',
  internal: 'Internal error',
} as const;

export type ProblemCode = keyof typeof PROBLEMS;

/** One rule that one member of the input breaks. */
export type InputError = {
  /** RFC 6901, into the operation's input. */
  readonly pointer: string;
  readonly detail: string;
};

export type Problem = {
  readonly code: ProblemCode;
  /** One sentence for people. Never a stack, never a secret. */
  readonly detail: string;
  /** What it is about, e.g. the collector's name: shown right after the title. */
  readonly subject?: string;
  readonly errors?: readonly InputError[];
  /** The command revisions there are now, where they are not those the caller named. */
  readonly etag?: string;
  /** When the same request may succeed. */
  readonly retryAt?: EpochMs;
  /** Why the service is not ready. */
  readonly reasons?: readonly string[];
  /** Finds the log line of an internal error. */
  readonly errorId?: string;
};

/** A well-formed command that may not happen now, as the engine tells it. */
export type Refusal = Extract<Steered, { readonly ok: false }>['refusal'];

/** A new refusal does not compile until it has its code here. */
export const REFUSED_AS = {
  invalid: 'invalid_input',
  'would-never-trip': 'would_never_trip',
  'illegal-state': 'illegal_state',
  'breaker-open': 'breaker_open',
  'rate-limited': 'rate_limited',
  blocked: 'blocked',
  'not-running': 'not_running',
  overloaded: 'overloaded',
  quarantined: 'quarantined',
  'not-owner': 'not_owner',
  raced: 'raced',
  stale: 'precondition_failed',
  'journal-unavailable': 'journal_unavailable',
  stopping: 'stopping',
  crashed: 'internal',
  'unknown-collector': 'collector_not_found',
} as const satisfies Record<Refusal['kind'], ProblemCode>;

/** What a caller is told of a refusal. `name` is the collector the command was for. */
export function problemOf(refusal: Refusal, name: string): Problem {
  const code = REFUSED_AS[refusal.kind];
  switch (refusal.kind) {
    case 'invalid': {
      const errors = [{ pointer: refusal.field, detail: refusal.detail }];
      return { code, detail: refusal.detail, errors };
    }
    case 'unknown-collector':
      return collectorNotFound(name);
    case 'crashed':
      return internal(refusal.errorId);
    case 'stale':
      return {
        code,
        detail: refusal.detail,
        ...(refusal.etag === undefined ? {} : { etag: refusal.etag }),
      };
    case 'breaker-open':
    case 'rate-limited':
      return { code, detail: refusal.detail, ...retry(refusal.retryAt) };
    case 'blocked':
      return { code, detail: refusal.detail, ...retry(refusal.until) };
    default:
      return { code, detail: refusal.detail };
  }
}

function retry(at: EpochMs | undefined): Pick<Problem, 'retryAt'> {
  return at === undefined ? {} : { retryAt: at };
}

export function collectorNotFound(name: string): Problem {
  const detail = 'no collector has this name; GET /collectors lists those that are here';
  return { code: 'collector_not_found', subject: name, detail };
}

/** Our own bug: the caller learns an id, the log has the rest under it. */
export function internal(errorId: string): Problem {
  return { code: 'internal', detail: `our mistake; the log has it as ${errorId}`, errorId };
}

export function invalidInput(...errors: readonly InputError[]): Problem {
  const detail = errors.map((each) => `${each.pointer} ${each.detail}`.trim()).join('; ');
  return { code: 'invalid_input', detail, errors };
}

/** No room now: nothing was done. */
export function overloaded(detail: string): Problem {
  return { code: 'overloaded', detail };
}

/** It may have taken effect, or may yet. */
export function outcomeUnknown(detail: string): Problem {
  return { code: 'outcome_unknown', detail };
}
