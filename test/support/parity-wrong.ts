/** Inputs that are wrong in one way each, from the operation's own schema. */
import type { TSchema } from '@sinclair/typebox';
import type { AnyOperation } from '../../src/gateway/operation.js';
import type { Input } from './parity-requests.js';

export type Wrong = { readonly what: string; readonly input: Input };

type Schema = TSchema & {
  readonly type?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly maxItems?: number;
  readonly anyOf?: readonly Schema[];
};

/** Everything both edges can say: what a message's types rule out (words for numbers) is not here. */
export function wrongInputs({ input, rest }: AnyOperation, good: Input): readonly Wrong[] {
  const inPath = new Set([...rest.path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]));
  const required = (input.required ?? []).filter((name) => !inPath.has(name));
  const schemas = input.properties as Readonly<Record<string, Schema>>;
  const missing = required.map((name) => ({
    what: `without ${name}`,
    // A text that is not there is an empty one in a message.
    input: { ...good, [name]: isNeverEmpty(schemas[name]) ? '' : undefined },
  }));
  const values = Object.entries(schemas).flatMap(([name, schema]) =>
    wrongValues(schema).map((value) => ({
      what: `with ${name} ${shown(value)}`,
      input: { ...good, [name]: value },
    })),
  );
  return [...missing, ...values];
}

function isNeverEmpty(schema: Schema | undefined): boolean {
  return schema?.type === 'string' && schema.minLength !== undefined;
}

/** In a message it is a number without a name, which is told by this word. */
const UNKNOWN_WORD = 'unrecognized';

/** Beyond 32 bits a message's field may not hold it. */
const NUMBER_MAX = 2 ** 31 - 1;

function wrongValues(schema: Schema): readonly unknown[] {
  const { type, minimum, maximum = Infinity, maxLength = Infinity, maxItems, anyOf } = schema;
  // A union of words; of a number and null: the number's own bounds.
  const [first] = anyOf ?? [];
  if (first?.const !== undefined) return [UNKNOWN_WORD];
  if (first !== undefined) return wrongValues(first);
  if (type === 'array' && maxItems !== undefined) {
    return [Array.from({ length: maxItems + 1 }, (_, i) => `n${String(i)}`)];
  }
  if (type === 'string') return maxLength < 60_000 ? ['x'.repeat(maxLength + 1)] : [];
  if (type !== 'number' && type !== 'integer') return [];
  const over = maximum * 2 + 1;
  return (
    [...(minimum === undefined ? [] : [minimum - 1]), ...(over < NUMBER_MAX ? [over] : [])]
      // In many fields 0 says: not given.
      .filter((value) => value !== 0)
  );
}

function shown(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length <= 40 ? text : `${text.slice(0, 20)}… (${String(text.length)})`;
}
