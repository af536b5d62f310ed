/** What a request of an operation consists of: path, query, headers, body. */
import { Type } from '@sinclair/typebox';
import type { TSchema } from '@sinclair/typebox';
import type { Json, JsonObject } from '../../kernel/types.js';
import { isCommand } from '../operation.js';
import type { AnyOperation } from '../operation.js';
import type { SchemaBook } from './json-schema.js';

/** Control characters break log lines and never come back as they went in. */
const FIT = '^[^\\u0000-\\u0008\\u000B-\\u001F\\u007F-\\u009F]*$';

const ref = (kind: string, name: string): JsonObject => ({ $ref: `#/components/${kind}/${name}` });

/** The protections of api.md §4, but those that a command has no use for and refuses. */
export function protectionsOf(operation: AnyOperation): readonly string[] {
  if (!isCommand(operation)) return [];
  const { name, rest } = operation;
  const isPermit = /\/permits\b/.test(rest.path);
  const isOfOneCollector = rest.path.startsWith('/collectors/{name}/') && !isPermit;
  return [
    ...(name === 'createToken' ? [] : ['IdempotencyKey']), // its answer is kept nowhere
    ...(isOfOneCollector ? ['IfMatch'] : []), // whose revision else?
    ...(isPermit ? [] : ['DryRun']), // whether it would be given is told by asking
  ];
}

/** Parameters that every command, or every operation, takes. */
export const SHARED_PARAMETERS: JsonObject = {
  RequestId: {
    name: 'x-request-id',
    in: 'header',
    description:
      'Names the request in its answer, its events and the log; unfit or absent: a fresh one.',
    schema: { type: 'string', minLength: 1, maxLength: 128, pattern: '^[!-~]+$' },
  },
  IdempotencyKey: {
    name: 'Idempotency-Key',
    in: 'header',
    description: 'The same command under the same key has effect once; kept for 24 hours.',
    schema: { type: 'string', minLength: 1, maxLength: 200, pattern: '^[!#-~][!-~]*$' },
  },
  IfMatch: {
    name: 'If-Match',
    in: 'header',
    description: 'Only if the collector is as it was when an answer had this ETag.',
    schema: { type: 'string', pattern: '^"\\d{1,16}\\.\\d{1,16}\\.\\d{1,16}"$' },
    example: '"3.1.0"',
  },
  DryRun: {
    name: 'dry_run',
    in: 'query',
    description: 'Decides, writes nothing, and answers what would be written.',
    schema: { type: 'string', enum: ['true', 'false'] },
  },
};

export function pathMembers(path: string): readonly string[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1] ?? '');
}

/** A member of an input as the document has it. */
function memberSchema(schema: TSchema, book: SchemaBook): JsonObject {
  const shown = book.write(schema);
  const isFree = shown['type'] === 'string' && !('enum' in shown || 'pattern' in shown);
  return isFree ? { ...shown, pattern: FIT } : shown;
}

function parameter(
  operation: AnyOperation,
  name: string,
  place: 'path' | 'query',
  book: SchemaBook,
): JsonObject {
  const found: TSchema = operation.input.properties[name] ?? Type.Unknown();
  const { description, ...schema } = memberSchema(found, book);
  const isRequired = place === 'path' || (operation.input.required ?? []).includes(name);
  return {
    name,
    in: place,
    ...(isRequired ? { required: true } : {}),
    ...(typeof description === 'string' ? { description } : {}),
    ...(schema['type'] === 'array' ? { style: 'form', explode: false } : {}), // parted by commas
    schema,
  };
}

export function parametersOf(operation: AnyOperation, book: SchemaBook): readonly Json[] {
  const { path, query } = operation.rest;
  return [
    ...pathMembers(path).map((name) => parameter(operation, name, 'path', book)),
    ...query.map((name) => parameter(operation, name, 'query', book)),
    ...protectionsOf(operation).map((name) => ref('parameters', name)),
    ref('parameters', 'RequestId'),
  ];
}

/** Undefined: nothing comes from a body. */
export function bodyOf(operation: AnyOperation, book: SchemaBook): JsonObject | undefined {
  const { rest, input } = operation;
  if (rest.method === 'GET') return undefined;
  const elsewhere = new Set<string>([...pathMembers(rest.path), ...rest.query]);
  const members = Object.entries<TSchema>(input.properties).filter(([key]) => !elsewhere.has(key));
  if (members.length === 0) return undefined;
  const required = (input.required ?? []).filter((key) => !elsewhere.has(key));
  const schema = {
    type: 'object',
    properties: Object.fromEntries(
      members.map(([key, member]) => [key, memberSchema(member, book)]),
    ),
    additionalProperties: false,
    ...(required.length === 0 ? {} : { required }),
    ...atLeastOne(input),
  };
  return {
    ...(required.length === 0 ? {} : { required: true }),
    content: { 'application/json': { schema } },
  };
}

/** `x-at-least-one`: a body without any of these asks for nothing. */
function atLeastOne(input: TSchema): JsonObject {
  const names = input['x-at-least-one'] as readonly string[] | undefined;
  return names === undefined ? {} : { anyOf: names.map((name) => ({ required: [name] })) };
}
