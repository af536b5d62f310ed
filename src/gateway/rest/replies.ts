/** How answers and problems leave: bytes, headers, status. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { EpochMs } from '../../kernel/types.js';
import type { Answer, Outcome } from '../answer.js';
import type { Problem } from '../problems.js';
import { PROBLEM_TYPE, problemBody } from './problem-body.js';
import { STATUSES, retryAfterSeconds } from './statuses.js';

const JSON_TYPE = 'application/json; charset=utf-8';

/** The path as asked, without its query: queries may hold what belongs into no log and no body. */
export function pathOf(url: string): string {
  const mark = url.indexOf('?');
  return mark < 0 ? url : url.slice(0, mark);
}

export type Replies = {
  outcome(outcome: Outcome, request: FastifyRequest, reply: FastifyReply): void;
  problem(problem: Problem, request: FastifyRequest, reply: FastifyReply): void;
};

export function replies(now: () => EpochMs): Replies {
  /** Shared answers are encoded once; an entry goes with its answer. */
  const encoded = new WeakMap<Answer, Buffer>();

  const bytesOf = (answer: Answer): Buffer => {
    const kept = encoded.get(answer);
    if (kept !== undefined) return kept;
    const bytes = Buffer.from(`{"success":true,${answer.text.slice(1)}`, 'utf8');
    if (answer.shared) encoded.set(answer, bytes);
    return bytes;
  };

  const problem = (told: Problem, request: FastifyRequest, reply: FastifyReply): void => {
    const retryAfter = retryAfterSeconds(told, now());
    if (retryAfter !== undefined) void reply.header('retry-after', String(retryAfter));
    void reply
      .code(STATUSES[told.code])
      .header('content-type', PROBLEM_TYPE)
      .send(Buffer.from(problemBody(told, pathOf(request.url), request.id), 'utf8'));
  };

  return {
    problem,
    outcome(outcome, request, reply) {
      if (!outcome.ok) problem(outcome.error, request, reply);
      else void reply.header('content-type', JSON_TYPE).send(bytesOf(outcome.value));
    },
  };
}
