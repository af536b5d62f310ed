/** Checks an operation's input against its schema and says, in words and pointers, what is wrong. */
import { TypeCompiler } from '@sinclair/typebox/compiler';
import { ValueErrorType } from '@sinclair/typebox/errors';
import type { ValueError } from '@sinclair/typebox/errors';
import type { TSchema } from '@sinclair/typebox';
import { quoted, relaxed, textErrors } from './check-text.js';
import type { AnyOperation } from './operation.js';
import type { InputError } from './problems.js';

/** More than this is not read by anyone. */
const ERRORS_MAX = 20;
const POINTER_CHARS_MAX = 200;

export type InputCheck = (input: object) => readonly InputError[];

/** Compiles the check of one operation. No errors: the input is what the handler expects. */
export function inputCheck({ input: schema }: Pick<AnyOperation, 'input'>): InputCheck {
  const compiled = TypeCompiler.Compile(relaxed(schema));
  return (input) => {
    const isFine = compiled.Check(input);
    const texts = textErrors(schema, input);
    return isFine ? texts : together(explained(compiled.Errors(input)), texts);
  };
}

/** One reason for each member, at most twenty. */
function together(...lists: readonly (readonly InputError[])[]): readonly InputError[] {
  const byPointer = new Map(lists.flat().map((each) => [each.pointer, each]));
  return [...byPointer.values()].slice(0, ERRORS_MAX);
}

/** The first reason for each member, at most twenty. */
function explained(errors: Iterable<ValueError>): readonly InputError[] {
  const byPointer = new Map<string, string>();
  for (const error of errors) {
    if (byPointer.size >= ERRORS_MAX) break;
    const pointer = error.path.slice(0, POINTER_CHARS_MAX);
    if (!byPointer.has(pointer)) byPointer.set(pointer, reasonOf(error));
  }
  return [...byPointer].map(([pointer, detail]) => ({ pointer, detail }));
}

function reasonOf({ type, schema, value }: ValueError): string {
  switch (type) {
    case ValueErrorType.ObjectRequiredProperty:
      return 'is required';
    case ValueErrorType.ObjectAdditionalProperties:
      return 'is not a field of this operation';
    case ValueErrorType.Object:
      return 'must be a JSON object';
    default:
      return `must be ${ruleOf(type, schema)}, got ${shown(value)}`;
  }
}

function ruleOf(type: ValueErrorType, schema: TSchema): string {
  const bound = (name: string): string => String(schema[name]);
  switch (type) {
    case ValueErrorType.NumberExclusiveMinimum:
      return `> ${bound('exclusiveMinimum')}`;
    case ValueErrorType.NumberMinimum:
    case ValueErrorType.IntegerMinimum:
      return `>= ${bound('minimum')}`;
    case ValueErrorType.NumberMaximum:
    case ValueErrorType.IntegerMaximum:
      return `<= ${bound('maximum')}`;
    case ValueErrorType.Number:
      return 'a finite number';
    case ValueErrorType.Integer:
      return 'a whole number';
    case ValueErrorType.String:
      return 'a string';
    case ValueErrorType.StringMinLength:
      return `at least ${bound('minLength')} characters long`;
    case ValueErrorType.StringMaxLength:
      return `at most ${String(Number(bound('maxLength')) / 2)} characters long`;
    case ValueErrorType.Union:
      return `one of ${wordsOf(schema)}`;
    default:
      return 'what its schema says';
  }
}

type Bounded = {
  readonly const?: string;
  readonly type?: string;
  readonly minimum?: number;
  readonly maximum?: number;
};

function wordsOf(schema: TSchema): string {
  const members = (schema['anyOf'] ?? []) as readonly Bounded[];
  return members.map(wordOf).join(', ');
}

function wordOf({ const: word, type, minimum, maximum }: Bounded): string {
  if (word !== undefined) return word;
  if (minimum === undefined || maximum === undefined) return String(type);
  const what = type === 'integer' ? 'a whole number' : 'a number';
  return `${what} from ${String(minimum)} to ${String(maximum)}`;
}

function shown(value: unknown): string {
  if (typeof value === 'number') return String(value);
  if (typeof value === 'object' && value !== null)
    return Array.isArray(value) ? 'a list' : 'an object';
  if (typeof value === 'string') return quoted(value);
  return value === undefined ? 'nothing' : JSON.stringify(value);
}
