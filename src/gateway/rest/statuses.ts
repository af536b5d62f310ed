/** HTTP's numbers: the only table in the program that has them for problems. */
import type { ProblemCode } from '../problems.js';

/** A new problem does not compile until it has its status here; docs/errors.md lists the same. */
export const STATUSES = {
  bad_request: 400,
  invalid_json: 400,
  invalid_input: 400,
  header_not_supported: 400,
  would_never_trip: 400,
  unauthenticated: 401,
  permission_denied: 403,
  host_refused: 403,
  origin_refused: 403,
  collector_not_found: 404,
  route_not_found: 404,
  permit_not_found: 404,
  token_not_found: 404,
  method_not_allowed: 405,
  request_timeout: 408,
  illegal_state: 409,
  breaker_open: 409,
  rate_limited: 409,
  blocked: 409,
  not_running: 409,
  quarantined: 409,
  raced: 409,
  precondition_failed: 412,
  payload_too_large: 413,
  unsupported_media_type: 415,
  idempotency_conflict: 422,
  too_many_requests: 429,
  headers_too_large: 431,
  internal: 500,
  overloaded: 503,
  not_owner: 503,
  journal_unavailable: 503,
  records_unavailable: 503,
  view_behind: 503,
  outcome_unknown: 503,
  not_ready: 503,
  stopping: 503,
} as const satisfies Record<ProblemCode, number>;

/** Seconds to wait before the same request, where the problem itself does not know better. */
const RETRY_AFTER_S: Partial<Record<ProblemCode, number>> = {
  overloaded: 1,
  too_many_requests: 1,
  raced: 1,
  not_owner: 2,
  journal_unavailable: 5,
  records_unavailable: 5,
  view_behind: 1,
  outcome_unknown: 5,
  not_ready: 5,
  stopping: 10,
};

/** The `Retry-After` of a problem, at least 1, or undefined when waiting would not help. */
export function retryAfterSeconds(
  problem: { readonly code: ProblemCode; readonly retryAt?: number },
  now: number,
): number | undefined {
  if (problem.retryAt === undefined) return RETRY_AFTER_S[problem.code];
  return Math.max(1, Math.ceil((problem.retryAt - now) / 1000));
}
