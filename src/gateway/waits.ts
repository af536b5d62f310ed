/** How long a caller waits before the same request may succeed: the one table for every edge. */
import type { ProblemCode } from './problems.js';

/** Seconds to wait, where the problem itself does not know better. */
const RETRY_AFTER_S: Partial<Record<ProblemCode, number>> = {
  overloaded: 1,
  too_many_requests: 1,
  raced: 1,
  not_owner: 2,
  identity_unavailable: 5,
  journal_unavailable: 5,
  records_unavailable: 5,
  view_behind: 1,
  outcome_unknown: 5,
  not_ready: 5,
  stopping: 10,
};

/** Seconds to wait after a problem, at least 1, or undefined when waiting would not help. */
export function retryAfterSeconds(
  problem: { readonly code: ProblemCode; readonly retryAt?: number },
  now: number,
): number | undefined {
  if (problem.retryAt === undefined) return RETRY_AFTER_S[problem.code];
  return Math.max(1, Math.ceil((problem.retryAt - now) / 1000));
}
