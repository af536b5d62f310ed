/** The table of operations as an OpenAPI 3.1 document: the same table and version, the same text. */
import type { JsonObject } from '../../kernel/types.js';
import type { AnyOperation, AnyStreamOperation } from '../operation.js';
import { schemaBook } from './json-schema.js';
import type { SchemaBook } from './json-schema.js';
import { SHARED_PARAMETERS, bodyOf, parametersOf } from './parameters.js';
import { SHARED_HEADERS, responseBook, responsesOf } from './responses.js';
import type { ResponseBook } from './responses.js';
import { TAGS, tagOf } from './tags.js';

const ABOUT =
  'Headgate keeps data collectors within the limits of their upstreams. Bodies are JSON in UTF-8; ' +
  'every success has `"success": true`; every moment is ISO 8601 in UTC. A field or parameter that ' +
  'is not listed is refused. `HEAD` answers like `GET`; `OPTIONS` tells the methods of a path; ' +
  'another method gets 405 with `Allow`. Text may hold neither control characters (but tab and ' +
  'line feed) nor lone surrogates.';

export type Described = {
  readonly operations: readonly AnyOperation[];
  readonly streams: readonly AnyStreamOperation[];
  /** Of the program. */
  readonly version: string;
};

export function openApiDocument({ operations, streams, version }: Described): JsonObject {
  const book = schemaBook();
  const problems = responseBook(book);
  const streaming = new Set(streams.map(({ sse }) => sse?.besides));
  const paths: Record<string, Record<string, JsonObject>> = {};
  for (const operation of operations) {
    const { path, method } = operation.rest;
    const isStreaming = streaming.has(operation.name);
    const described = describe(operation, isStreaming, book, problems);
    paths[path] = { ...paths[path], [method.toLowerCase()]: described };
  }
  const used = new Set(operations.map(tagOf));
  return {
    openapi: '3.1.0',
    info: {
      title: 'Headgate',
      version,
      summary: 'Steer data collectors, and ask how they are.',
      description: ABOUT,
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/', description: 'Where this document came from.' }],
    tags: TAGS.filter(({ name }) => used.has(name)),
    paths,
    components: {
      schemas: book.named(),
      responses: problems.named(),
      parameters: SHARED_PARAMETERS,
      headers: SHARED_HEADERS,
      securitySchemes: {
        bearer: {
          type: 'http',
          scheme: 'bearer',
          description:
            'A token of `headgate token create`, or a JWT of the configured issuer. On loopback, ' +
            'without any token and without an issuer, nobody is asked.',
        },
      },
    },
  };
}

function describe(
  operation: AnyOperation,
  isStreaming: boolean,
  book: SchemaBook,
  problems: ResponseBook,
): JsonObject {
  const { name, summary, role, writes, grpc, anyone } = operation;
  const body = bodyOf(operation, book);
  return {
    operationId: name,
    summary,
    tags: [tagOf(operation)],
    parameters: parametersOf(operation, book),
    ...(body === undefined ? {} : { requestBody: body }),
    responses: responsesOf(operation, isStreaming, book, problems),
    // Where there are no tokens, nobody is asked; probes never are.
    security: anyone === true ? [] : [{ bearer: [] }, {}],
    'x-role': role,
    'x-writes': 'facts' in writes ? writes.facts : [],
    ...('none' in writes ? { 'x-writes-nothing': writes.none } : {}),
    ...(grpc === undefined ? {} : { 'x-grpc': `headgate.v1.${grpc.service}/${grpc.method}` }),
  };
}
