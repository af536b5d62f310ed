/** Compares an answer with an example of the contract, member by member. */

/** An example may say that a member may also be null, or that any of its members may be absent. */
const NULLABLE = Symbol('nullable');
type Nullable = { readonly [NULLABLE]: unknown };

export function nullable(example: unknown): Nullable {
  return { [NULLABLE]: example };
}

function typeOf(value: unknown): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'array' : typeof value;
}

const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/;

/**
 * What of the example is missing or of another type in the answer; empty: every member is there. A text
 * `…` in the example stands for a moment in UTC.
 */
export function lacks(answer: unknown, example: unknown, at = '$'): readonly string[] {
  if (typeof example === 'object' && example !== null && NULLABLE in example) {
    return answer === null ? [] : lacks(answer, (example as Nullable)[NULLABLE], at);
  }
  const expected = typeOf(example);
  if (typeOf(answer) !== expected) return [`${at} is ${typeOf(answer)}, not ${expected}`];
  if (example === '…') return ISO.test(answer as string) ? [] : [`${at} is no moment in UTC`];
  if (expected === 'array') {
    const [first] = example as unknown[];
    return first === undefined
      ? []
      : (answer as unknown[]).flatMap((item, i) => lacks(item, first, `${at}[${String(i)}]`));
  }
  if (expected !== 'object') return [];
  return Object.entries(example as object).flatMap(([key, value]: [string, unknown]) =>
    Object.hasOwn(answer as object, key)
      ? lacks((answer as Record<string, unknown>)[key], value, `${at}.${key}`)
      : [`${at}.${key} is missing`],
  );
}
