/** How answers and problems leave: text, headers, status, and the line that says so. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Clock } from '../../kernel/time.js';
import { withoutTokens } from '../../kernel/token-shapes.js';
import type { MonotonicMs } from '../../kernel/types.js';
import type { Answer, Outcome } from '../answer.js';
import type { AnyOperation } from '../operation.js';
import type { Problem } from '../problems.js';
import { retryAfterSeconds } from '../waits.js';
import { PROBLEM_TYPE, problemBody } from './problem-body.js';
import { STATUSES } from './statuses.js';
import { CSP, SECURITY_HEADERS } from './security-headers.js';
import type { Traffic } from './traffic.js';

const JSON_TYPE = 'application/json; charset=utf-8';

/**
 * Node puts head and body into one write when the body is text, into two when it is bytes: a third of a
 * small answer's time. A long text costs more to encode each time than the second write does.
 */
const ONE_WRITE_BYTES_MAX = 64 * 1024;

/** The path as asked, without its query: queries may hold what belongs into no log and no body. */
export function pathOf(url: string): string {
  const mark = url.indexOf('?');
  return mark < 0 ? url : url.slice(0, mark);
}

/** One request on its way to its answer. `operation` is undefined where none was reached. */
export type Exchange = {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  readonly operation: AnyOperation | undefined;
  readonly begunAt: MonotonicMs;
};

/** The only way out: every answer is counted and logged as it leaves. */
export type Replies = {
  outcome(outcome: Outcome, exchange: Exchange): void;
  problem(problem: Problem, exchange: Exchange): void;
  /** 204, for OPTIONS. */
  empty(exchange: Exchange): void;
};

export function replies(clock: Clock, traffic: Traffic): Replies {
  /** Shared answers are encoded once; an entry goes with its answer. */
  const encoded = new WeakMap<Answer, string | Buffer>();

  const bodyOf = (answer: Answer, isWhole: boolean): string | Buffer => {
    const kept = encoded.get(answer);
    if (kept !== undefined) return kept;
    const text = isWhole ? answer.text : `{"success":true,${answer.text.slice(1)}`;
    if (!answer.shared) return text;
    const bytes = Buffer.from(text, 'utf8');
    // Back from bytes the text is one piece; as it was put together it would be joined at each write.
    const body = bytes.length <= ONE_WRITE_BYTES_MAX ? bytes.toString('utf8') : bytes;
    encoded.set(answer, body);
    return body;
  };

  const leave = (
    exchange: Exchange,
    status: number,
    type?: string,
    body?: string | Buffer,
    csp = CSP,
  ): void => {
    const { request, reply, operation, begunAt } = exchange;
    void reply.header('x-request-id', request.id);
    void reply.headers(SECURITY_HEADERS);
    void reply.header('content-security-policy', csp);
    if (type !== undefined) void reply.header('content-type', type);
    void reply.code(status).send(body);
    traffic.ended({
      operation,
      method: request.method,
      path: withoutTokens(pathOf(request.url)),
      status,
      durationMs: clock.monotonic() - begunAt,
      requestId: request.id,
    });
  };

  const problem = (told: Problem, exchange: Exchange): void => {
    const { request, reply } = exchange;
    const retryAfter = retryAfterSeconds(told, clock.now());
    if (retryAfter !== undefined) void reply.header('retry-after', String(retryAfter));
    if (told.etag !== undefined) void reply.header('etag', `"${told.etag}"`);
    const body = problemBody(told, pathOf(request.url), request.id);
    leave(exchange, STATUSES[told.code], PROBLEM_TYPE, body);
  };

  return {
    problem,
    outcome(outcome, exchange) {
      if (!outcome.ok) {
        problem(outcome.error, exchange);
        return;
      }
      const { etag, csp } = outcome.value;
      if (etag !== undefined) void exchange.reply.header('etag', `"${etag}"`);
      const produces = exchange.operation?.rest.produces;
      const body = bodyOf(outcome.value, produces !== undefined);
      leave(exchange, 200, produces ?? JSON_TYPE, body, csp);
    },
    empty(exchange) {
      leave(exchange, 204);
    },
  };
}
