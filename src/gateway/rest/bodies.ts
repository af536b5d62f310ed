/** Fastify's body parsers, replaced: every body becomes a JSON value or a problem, never an exception. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Json, Result } from '../../kernel/types.js';
import { fail, ok } from '../../kernel/types.js';
import type { Problem } from '../problems.js';
import { parseBody } from './json-body.js';

/** What `request.body` holds after parsing; undefined when there was no body at all. */
export type Body = Result<Json, Problem> | undefined;

export function useOwnBodies(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser<Buffer>(
    'application/json',
    { parseAs: 'buffer' },
    (request, bytes, done) => {
      done(null, unreadable(request) ?? parseBody(bytes));
    },
  );
  // An empty body is no body, whatever its type says: `curl -X POST -d ''` names a form.
  app.addContentTypeParser<Buffer>('*', { parseAs: 'buffer' }, (_request, bytes, done) => {
    done(null, bytes.length === 0 ? ok({}) : fail(wrongType('must be application/json')));
  });
}

function wrongType(rule: string): Problem {
  return { code: 'unsupported_media_type', detail: `the body ${rule}` };
}

/** JSON is UTF-8 and is sent as it is. */
function unreadable({ headers }: FastifyRequest): Body {
  const charset = /;\s*charset="?([^;"\s]*)/i.exec(headers['content-type'] ?? '')?.[1];
  if (charset !== undefined && !/^utf-?8$/i.test(charset)) {
    return fail(wrongType('must be in UTF-8'));
  }
  const encoding = headers['content-encoding'] ?? 'identity';
  return encoding === 'identity' ? undefined : fail(wrongType('must not be compressed'));
}
