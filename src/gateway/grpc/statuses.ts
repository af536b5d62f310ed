/** gRPC's numbers: the only table in the program that has them for problems (api.md §3). */
import { status } from '@grpc/grpc-js';
import type { ProblemCode } from '../problems.js';

/** A new problem does not compile until it has its status here; docs/grpc.md lists the same. */
export const GRPC_STATUSES = {
  bad_request: status.INVALID_ARGUMENT,
  invalid_json: status.INVALID_ARGUMENT,
  invalid_input: status.INVALID_ARGUMENT,
  header_not_supported: status.INVALID_ARGUMENT,
  would_never_trip: status.INVALID_ARGUMENT,
  idempotency_conflict: status.INVALID_ARGUMENT,
  payload_too_large: status.INVALID_ARGUMENT,
  unsupported_media_type: status.INVALID_ARGUMENT,
  headers_too_large: status.INVALID_ARGUMENT,
  unauthenticated: status.UNAUTHENTICATED,
  permission_denied: status.PERMISSION_DENIED,
  host_refused: status.PERMISSION_DENIED,
  origin_refused: status.PERMISSION_DENIED,
  collector_not_found: status.NOT_FOUND,
  route_not_found: status.NOT_FOUND,
  permit_not_found: status.NOT_FOUND,
  token_not_found: status.NOT_FOUND,
  method_not_allowed: status.UNIMPLEMENTED,
  request_timeout: status.DEADLINE_EXCEEDED,
  // Like a deadline that passed: it may have happened, so a client must not simply send it again.
  outcome_unknown: status.DEADLINE_EXCEEDED,
  illegal_state: status.FAILED_PRECONDITION,
  breaker_open: status.FAILED_PRECONDITION,
  rate_limited: status.FAILED_PRECONDITION,
  blocked: status.FAILED_PRECONDITION,
  not_running: status.FAILED_PRECONDITION,
  quarantined: status.FAILED_PRECONDITION,
  raced: status.ABORTED,
  precondition_failed: status.ABORTED,
  too_many_requests: status.RESOURCE_EXHAUSTED,
  overloaded: status.UNAVAILABLE,
  identity_unavailable: status.UNAVAILABLE,
  not_owner: status.UNAVAILABLE,
  journal_unavailable: status.UNAVAILABLE,
  records_unavailable: status.UNAVAILABLE,
  view_behind: status.UNAVAILABLE,
  not_ready: status.UNAVAILABLE,
  stopping: status.UNAVAILABLE,
  internal: status.INTERNAL,
} as const satisfies Record<ProblemCode, status>;

/** Code → the name by which Prometheus' dashboards know it, e.g. `NotFound`. */
export function codeName(code: number): string {
  const name = status[code];
  if (name === undefined) return 'Unknown';
  if (name === 'OK') return name;
  if (name === 'CANCELLED') return 'Canceled';
  return name.replaceAll(
    /([A-Z])([A-Z]*)(_|$)/g,
    (_, first: string, rest: string) => first + rest.toLowerCase(),
  );
}
