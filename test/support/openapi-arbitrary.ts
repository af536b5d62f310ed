/** Values that a schema of the document allows, and values that it does not. */
import fc from 'fast-check';
import type { Arbitrary } from 'fast-check';
import { nodeOf, resolved } from './openapi-check.js';
import type { Node } from './openapi-check.js';

const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
const numberOf = (value: unknown): number | undefined =>
  typeof value === 'number' ? value : undefined;

/** Characters as JSON Schema counts them. */
const lengthOf = (text: string): number => Array.from(text).length;

function textFor(schema: Node): Arbitrary<string> {
  const min = numberOf(schema['minLength']) ?? 0;
  const max = numberOf(schema['maxLength']) ?? 300;
  if (schema['format'] === 'date-time') return moments();
  const { pattern } = schema;
  if (typeof pattern !== 'string') return fc.string({ minLength: min, maxLength: max });
  const fits = new RegExp(pattern, 'u');
  const free = fc.oneof(
    { weight: 4, arbitrary: fc.string({ minLength: min, maxLength: Math.min(max, 40) }) },
    {
      weight: 2,
      arbitrary: fc.string({ unit: 'binary', minLength: min, maxLength: Math.min(max, 40) }),
    },
    // As long as may be, each character two units of UTF-16 and four bytes.
    { weight: 1, arbitrary: fc.constant('😀'.repeat(Math.min(max, 500))) },
  );
  const isFree = fits.test(' ä 😀');
  return (isFree ? free : fc.stringMatching(fits)).filter(
    (text) => fits.test(text) && lengthOf(text) >= min && lengthOf(text) <= max,
  );
}

/** Of the past, as different programs write them. */
function moments(): Arbitrary<string> {
  return fc
    .tuple(
      fc.date({ min: new Date('2020-01-01'), max: new Date('2026-01-01'), noInvalidDate: true }),
      fc.constantFrom('Z', '+02:00', '-09:30'),
    )
    .map(([at, zone]) => at.toISOString().replace('Z', zone));
}

function numberFor(schema: Node): Arbitrary<number> {
  const above = numberOf(schema['exclusiveMinimum']);
  const min = Math.max(numberOf(schema['minimum']) ?? -1e9, above ?? -1e9);
  const max = numberOf(schema['maximum']) ?? 1e9;
  const any =
    schema['type'] === 'integer'
      ? fc.integer({ min: Math.ceil(min), max })
      : fc.double({ min, max, noNaN: true, noDefaultInfinity: true });
  return fc
    .oneof(any, fc.constant(max), fc.constant(min))
    .filter((value) => above === undefined || value > above);
}

/** Any value of a schema; `document` has what it refers to. */
export function valid(document: Node, given: unknown): Arbitrary<unknown> {
  const schema = resolved(document, given);
  const words = listOf(schema['enum']);
  if (words.length > 0) return fc.constantFrom(...words);
  if ('const' in schema) return fc.constant(schema['const']);
  const choices = listOf(schema['anyOf']);
  const isChoice = choices.some((each) => 'type' in nodeOf(each) || '$ref' in nodeOf(each));
  if (isChoice) return fc.oneof(...choices.map((each) => valid(document, each)));
  const types = [schema['type']].flat();
  return fc.oneof(...types.map((type) => ofType(document, { ...schema, type })));
}

function ofType(document: Node, schema: Node): Arbitrary<unknown> {
  switch (schema['type']) {
    case 'string':
      return textFor(schema);
    case 'integer':
    case 'number':
      return numberFor(schema);
    case 'boolean':
      return fc.boolean();
    case 'null':
      return fc.constant(null);
    case 'array': {
      const minLength = numberOf(schema['minItems']) ?? 0;
      const maxLength = Math.max(minLength, 3);
      return fc.array(valid(document, schema['items']), { minLength, maxLength });
    }
    case 'object':
      return objects(document, schema);
    default:
      return fc.jsonValue({ maxDepth: 2 });
  }
}

function objects(document: Node, schema: Node): Arbitrary<unknown> {
  const properties = nodeOf(schema['properties']);
  const values = schema['additionalProperties'];
  if (typeof values === 'object' && values !== null) {
    return fc.dictionary(fc.string({ minLength: 1, maxLength: 20 }), valid(document, values), {
      maxKeys: 3,
      noNullPrototype: true,
    });
  }
  const members = Object.fromEntries(
    Object.entries(properties).map(([key, each]) => [key, valid(document, each)]),
  );
  const choices = listOf(schema['anyOf']).map((each) => listOf(nodeOf(each)['required']));
  const picked = choices.length === 0 ? fc.constant([]) : fc.constantFrom(...choices);
  return picked.chain((choice) =>
    fc.record(members, {
      requiredKeys: [...listOf(schema['required']), ...choice].map(String),
      noNullPrototype: true,
    }),
  );
}

/** What may stand where a value belongs, and mostly must not. */
const ODD: readonly unknown[] = [
  null,
  true,
  '',
  'x'.repeat(40_000),
  '\u0000',
  'a\u0007b',
  '\ud800',
  'NaN',
  -1,
  0,
  -0.5,
  1.5,
  1e308,
  9_007_199_254_740_992,
  [],
  [[]],
  {},
  { $gt: '' },
  '2026-13-45T99:99:99Z',
  'yesterday',
];

/** Values that the checker of a schema refuses. */
export function invalid(isValid: (value: unknown) => boolean): Arbitrary<unknown> {
  return fc
    .oneof(fc.constantFrom(...ODD), fc.string(), fc.double(), fc.jsonValue({ maxDepth: 2 }))
    .filter((value) => !isValid(JSON.parse(JSON.stringify(value ?? null))));
}

/** As text in a query or a path. */
export function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
