/** What an operation answers: its success, and every problem it can come to. */
import { Type } from '@sinclair/typebox';
import type { TObject } from '@sinclair/typebox';
import type { JsonObject } from '../../kernel/types.js';
import { isCommand } from '../operation.js';
import type { AnyOperation } from '../operation.js';
import type { ProblemCode } from '../problems.js';
import { PROBLEMS } from '../problems.js';
import { problem } from '../schemas/problem.js';
import type { SchemaBook } from './json-schema.js';
import { problemsOf } from './problems.js';

const header = (name: string): JsonObject => ({ $ref: `#/components/headers/${name}` });

export const SHARED_HEADERS: JsonObject = {
  RequestId: {
    description: 'The request’s name: yours, or a fresh one.',
    schema: { type: 'string' },
  },
  ETag: {
    description: 'Command revisions of the collector, in quotes: what If-Match takes.',
    schema: { type: 'string' },
  },
  RetryAfter: {
    description: 'Seconds until the same request may succeed.',
    schema: { type: 'integer', minimum: 1 },
  },
  RateLimit: {
    description: 'What is left of your own rate (draft-ietf-httpapi-ratelimit-headers).',
    schema: { type: 'string' },
  },
  WwwAuthenticate: {
    description: 'How to say who you are.',
    schema: { type: 'string' },
  },
};

/** Problem responses by name: operations that come to the same ones share them. */
export type ResponseBook = {
  of(status: number, codes: readonly ProblemCode[]): JsonObject;
  named(): JsonObject;
};

export function responseBook(book: SchemaBook): ResponseBook {
  const byCodes = new Map<string, { readonly name: string; readonly response: JsonObject }>();
  const perStatus = new Map<number, number>();
  return {
    of(status, codes) {
      const key = codes.join(' ');
      let found = byCodes.get(key);
      if (found === undefined) {
        const nth = (perStatus.get(status) ?? 0) + 1;
        perStatus.set(status, nth);
        const name = `Problem${String(status)}${nth === 1 ? '' : `_${String(nth)}`}`;
        found = { name, response: problemResponse(status, codes, book) };
        byCodes.set(key, found);
      }
      return { $ref: `#/components/responses/${found.name}` };
    },
    named: () =>
      Object.fromEntries([...byCodes.values()].map(({ name, response }) => [name, response])),
  };
}

function problemResponse(
  status: number,
  codes: readonly ProblemCode[],
  book: SchemaBook,
): JsonObject {
  const told = { status: { const: status }, code: { enum: codes } };
  const schema = { allOf: [book.write(problem), { properties: told }] };
  return {
    description: codes.map((code) => `\`${code}\`: ${PROBLEMS[code]}.`).join(' '),
    headers: {
      'x-request-id': header('RequestId'),
      ...([409, 429, 503].includes(status) ? { 'Retry-After': header('RetryAfter') } : {}),
      ...(status === 429 ? { RateLimit: header('RateLimit') } : {}),
      ...(status === 401 ? { 'WWW-Authenticate': header('WwwAuthenticate') } : {}),
    },
    content: { 'application/problem+json': { schema } },
  };
}

const EVENT_STREAM = {
  schema: { type: 'string' },
  'x-events':
    'Server-Sent Events: each has id, event and data (one JSON object). Give the last id as Last-Event-ID to go on after it.',
};

/** `streams`: the same path is answered as Server-Sent Events to whoever accepts them. */
export function successOf(operation: AnyOperation, streams: boolean, book: SchemaBook): JsonObject {
  const { rest, output } = operation;
  const json =
    rest.produces === undefined
      ? { 'application/json': { schema: book.write(withSuccess(output as TObject)) } }
      : { [bareType(rest.produces)]: { schema: book.write(output) } };
  return {
    description: operation.summary,
    headers: {
      'x-request-id': header('RequestId'),
      RateLimit: header('RateLimit'),
      ...(isCommand(operation) ? { ETag: header('ETag') } : {}),
    },
    content: { ...json, ...(streams ? { 'text/event-stream': EVENT_STREAM } : {}) },
  };
}

/** Without its charset. */
const bareType = (type: string): string => type.replace(/;.*$/, '');

/** REST puts it before everything else. */
function withSuccess({ properties, ...rest }: TObject) {
  return Type.Object(
    { success: Type.Literal(true), ...properties },
    { ...(rest.additionalProperties === false ? { additionalProperties: false } : {}) },
  );
}

export function responsesOf(
  operation: AnyOperation,
  streams: boolean,
  book: SchemaBook,
  problems: ResponseBook,
): JsonObject {
  return {
    '200': successOf(operation, streams, book),
    ...Object.fromEntries(
      problemsOf(operation).map(([status, codes]) => [String(status), problems.of(status, codes)]),
    ),
  };
}
