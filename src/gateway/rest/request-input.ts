/** A request's path, query and body to the one input object of its operation. */
import type { TSchema } from '@sinclair/typebox';
import type { Json, Result } from '../../kernel/types.js';
import { fail, ok } from '../../kernel/types.js';
import { inputCheck } from '../check-input.js';
import { pointerTo } from '../check-text.js';
import type { AnyOperation } from '../operation.js';
import { invalidInput } from '../problems.js';
import type { InputError, Problem } from '../problems.js';

/** As the router and the body parser give them. */
export type RawInput = {
  readonly params: Readonly<Record<string, string>>;
  /** A parameter given twice is a list. */
  readonly query: Readonly<Record<string, string | readonly string[]>>;
  readonly body: Json | undefined;
};

export type InputReader = (raw: RawInput) => Result<object, Problem>;

const ERRORS_MAX = 20;

/** Reads and checks the inputs of one operation; says everything that is wrong at once. */
export function inputReader(operation: AnyOperation): InputReader {
  const check = inputCheck(operation);
  const { query: fromQuery, method } = operation.rest;
  const schemas: Readonly<Record<string, TSchema>> = operation.input.properties;
  const fromPath = pathMembers(operation.rest.path);
  const elsewhere = new Set<string>([...fromPath, ...fromQuery]);
  const fromBody = new Set(Object.keys(schemas).filter((key) => !elsewhere.has(key)));
  const queryNames = new Set<string>(fromQuery);

  return ({ params, query, body }) => {
    const errors: InputError[] = [];
    const input: Record<string, unknown> = { ...params };
    for (const key in query) {
      const given = query[key];
      if (!queryNames.has(key)) {
        errors.push({ pointer: pointerTo(key), detail: 'is not a parameter of this operation' });
      } else if (typeof given !== 'string') {
        errors.push({ pointer: pointerTo(key), detail: 'must be given once' });
      } else {
        input[key] = queryValue(given, schemas[key]);
      }
    }
    if (method !== 'GET') errors.push(...takeBody(body === undefined ? {} : body, fromBody, input));
    errors.push(...check(input));
    if (errors.length === 0) return ok(input);
    return fail(invalidInput(...firstOfEach(errors)));
  };
}

function pathMembers(path: string): readonly string[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1] ?? '');
}

/** Copies what the body may hold into `input`; what it may not is told. */
function takeBody(
  body: Json,
  allowed: ReadonlySet<string>,
  input: Record<string, unknown>,
): readonly InputError[] {
  if (body === null || typeof body !== 'object' || Array.isArray(body)) {
    return [{ pointer: '', detail: 'must be a JSON object' }];
  }
  const errors: InputError[] = [];
  for (const [key, value] of Object.entries(body)) {
    if (allowed.has(key)) input[key] = value;
    else if (errors.length < ERRORS_MAX) {
      errors.push({ pointer: pointerTo(key), detail: 'is not a field of this operation' });
    }
  }
  return errors;
}

/** As JSON and programs print it: 1e-7 is one. */
const NUMBER = /^-?\d{1,20}(\.\d{1,20})?([eE][+-]?\d{1,3})?$/;

/** A query has only text: what reads as a number is one where a number belongs; commas part a list. */
function queryValue(text: string, schema: TSchema | undefined): unknown {
  const type: unknown = schema?.['type'];
  if (type === 'array') return text.split(',');
  const isNumeric = type === 'integer' || type === 'number';
  if (type === 'boolean' && (text === 'true' || text === 'false')) return text === 'true';
  return isNumeric && NUMBER.test(text) ? Number(text) : text;
}

function firstOfEach(errors: readonly InputError[]): readonly InputError[] {
  const seen = new Set<string>();
  const first = errors.filter(({ pointer }) => !seen.has(pointer) && seen.add(pointer));
  return first.slice(0, ERRORS_MAX);
}
