/** What is wrong with an input: the place, the rule, and what stands there instead. */
import type { TObject, TSchema } from '@sinclair/typebox';
import { Value, ValueErrorType, type ValueError } from '@sinclair/typebox/value';

/** `pointer` is a JSON Pointer. */
export type InputError = { readonly pointer: string; readonly detail: string };

const OBJECTIONS_MAX = 16;
const SHOWN_CHARS_MAX = 60;

/** A value as people recognise it, cut short. */
export function shown(value: unknown): string {
  const text = value === undefined ? 'nothing' : JSON.stringify(value);
  return text.length > SHOWN_CHARS_MAX ? `${text.slice(0, SHOWN_CHARS_MAX)}…` : text;
}

/** All at once, at most sixteen, one for each place. Values below a name of `hidden` are not repeated. */
export function objections(
  schema: TObject,
  value: unknown,
  pointer: string,
  hidden: readonly string[] = [],
): readonly InputError[] {
  const byPlace = new Map<string, InputError>();
  for (const error of Value.Errors(schema, value)) {
    const place = `${pointer}${error.path}`;
    const isHidden = hidden.some((name) => error.path.startsWith(`/${name}`));
    if (!byPlace.has(place)) {
      byPlace.set(place, { pointer: place, detail: detailOf(schema, error, isHidden) });
    }
    if (byPlace.size >= OBJECTIONS_MAX) break;
  }
  return [...byPlace.values()];
}

function detailOf(schema: TObject, error: ValueError, isHidden: boolean): string {
  if (error.type === ValueErrorType.ObjectRequiredProperty) return 'is required';
  if (error.type === ValueErrorType.ObjectAdditionalProperties) {
    const top = error.path.lastIndexOf('/') === 0;
    const names = top ? `: must be one of ${Object.keys(schema.properties).join(', ')}` : '';
    return `is not known${names}`;
  }
  const rule = ruleOf(error.schema) ?? error.message.toLowerCase();
  return isHidden ? rule : `${rule}, got ${shown(error.value)}`;
}

/** The rule in words, where the schema's own would not say enough. */
function ruleOf(schema: TSchema): string | undefined {
  const { anyOf, type, minimum, maximum, exclusiveMinimum } = schema as Readonly<
    Record<string, unknown>
  >;
  if (Array.isArray(anyOf)) {
    const rules = (anyOf as readonly TSchema[]).map((each) =>
      each['const'] === undefined ? (ruleOf(each) ?? String(each['type'])) : String(each['const']),
    );
    return `must be one of ${rules.join(', ')}`;
  }
  if (type === 'integer' || type === 'number') {
    const bound = (word: string, limit: unknown): string =>
      typeof limit === 'number' ? ` ${word} ${String(limit)}` : '';
    const low = bound('from', minimum) + bound('above', exclusiveMinimum);
    return `must be ${type === 'integer' ? 'an integer' : 'a number'}${low}${bound('to', maximum)}`;
  }
  return undefined;
}
