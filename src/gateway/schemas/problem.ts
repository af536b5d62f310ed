/** A problem as REST sends it (rest/problem-body.ts makes it). */
import { Type } from '@sinclair/typebox';
import { PROBLEMS } from '../problems.js';
import { etag, list, moment, named, object, optional, text, words } from './words.js';

const codes = Object.keys(PROBLEMS) as (keyof typeof PROBLEMS)[];

export const problem = named(
  'Problem',
  {
    success: Type.Literal(false),
    error: text('Title and subject in one sentence: what clients have always read.'),
    type: Type.String({ 'x-format': 'uri', description: 'Names the kind of problem.' }),
    title: text('The kind of problem, in words.'),
    status: Type.Integer({ minimum: 400, maximum: 599, description: 'That of HTTP.' }),
    detail: text('What went wrong this time, in a sentence.'),
    instance: text('The path that was asked.'),
    code: words(codes, 'The kind of problem. It is never renamed: branch on it.'),
    errors: list(
      object({
        pointer: text('JSON pointer to the member; empty: all of it.'),
        detail: text('The rule it breaks.'),
      }),
      'What is wrong with which member of the input; at most twenty.',
    ),
    request_id: text('The request’s name: it stands in the log.'),
    etag: optional(etag),
    retry_at: optional(moment('When the same request may succeed.')),
    reasons: optional(list(text('A sentence.'), 'Why the service is not ready.')),
    error_id: optional(text('Finds our mistake in the log.')),
  },
  'What went wrong (RFC 9457), and what clients of before have always read.',
);
