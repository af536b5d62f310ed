/** A problem as `application/problem+json` that is also the body existing clients read (api.md §3). */
import { isoTime } from '../../kernel/time.js';
import { withoutTokens } from '../../kernel/token-shapes.js';
import { PROBLEMS } from '../problems.js';
import type { Problem } from '../problems.js';
import { STATUSES } from './statuses.js';

export const PROBLEM_TYPE = 'application/problem+json; charset=utf-8';

const TYPE_BASE = 'https://headgate.dev/problems/';
/** Callers' own words come back in problems, but not without end. */
const TEXT_CHARS_MAX = 1_000;

const clipped = (text: string): string =>
  text.length <= TEXT_CHARS_MAX ? text : `${text.slice(0, TEXT_CHARS_MAX)}…`;

/** `instance` is the path that was asked, without its query. */
export function problemBody(problem: Problem, instance: string, requestId: string): string {
  const { code, detail, subject, errors, etag, retryAt, reasons, errorId } = problem;
  const title = PROBLEMS[code];
  const body = JSON.stringify({
    success: false,
    error: clipped(`${title}: ${subject ?? detail}`),
    type: TYPE_BASE + code.replaceAll('_', '-'),
    title,
    status: STATUSES[code],
    detail: clipped(detail),
    instance: clipped(instance),
    code,
    errors: errors ?? [],
    request_id: requestId,
    ...(etag === undefined ? {} : { etag }),
    ...(retryAt === undefined ? {} : { retry_at: isoTime(retryAt) }),
    ...(reasons === undefined ? {} : { reasons }),
    ...(errorId === undefined ? {} : { error_id: errorId }),
  });
  // Whoever put a token into a path or a query has it repeated in no answer.
  return withoutTokens(body);
}
