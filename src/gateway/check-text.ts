/**
 * What a schema's compiled check does not see in texts: their length in characters (JSON Schema counts
 * those, the check counts halves of some of them), and what must not get into journal and log.
 */
import type { TSchema } from '@sinclair/typebox';
import { holdsToken } from '../kernel/token-shapes.js';
import type { InputError } from './problems.js';

/** More than this is not read by anyone. */
const POINTER_CHARS_MAX = 200;
const SHOWN_CHARS_MAX = 40;

/** RFC 6901, shortened where a caller's own key is absurdly long. */
export function pointerTo(key: string): string {
  const escaped = key.replaceAll('~', '~0').replaceAll('/', '~1');
  return clipped(`/${escaped}`, POINTER_CHARS_MAX);
}

/** A text in quotes, shortened between two characters. */
export function quoted(text: string): string {
  const json = JSON.stringify(text);
  return json.length <= SHOWN_CHARS_MAX ? json : `${clipped(json, SHOWN_CHARS_MAX)}…`;
}

/** At most so many units of UTF-16, never half a character. */
function clipped(text: string, unitsMax: number): string {
  return text.slice(0, unitsMax).replace(/[\ud800-\udbff]$/, '');
}

/** The same schema for a check that counts units of UTF-16: a character has two at most. */
export function relaxed<T>(node: T): T {
  if (typeof node !== 'object' || node === null) return node;
  if (Array.isArray(node)) return node.map((each: unknown) => relaxed(each)) as T;
  const copy = { ...node } as Record<string, unknown>;
  for (const key of Object.keys(copy)) copy[key] = relaxed(copy[key]);
  const { type, maxLength } = copy;
  if (type === 'string' && typeof maxLength === 'number') copy['maxLength'] = maxLength * 2;
  return copy as T;
}

/** What is wrong with the texts of an input, whatever else is. */
export function textErrors(schema: TSchema, input: object): readonly InputError[] {
  return [...tooLong(schema, input, ''), ...unfit(input)];
}

const NOTHING: readonly InputError[] = [];

function tooLong(schema: TSchema, value: unknown, pointer: string): readonly InputError[] {
  if (typeof value === 'string') return tooLongText(schema, value, pointer);
  if (typeof value !== 'object' || value === null) return NOTHING;
  if (Array.isArray(value)) {
    const items = schema['items'] as TSchema | undefined;
    if (items === undefined) return NOTHING;
    return value.flatMap((each, i) => tooLong(items, each, `${pointer}/${String(i)}`));
  }
  const members = (schema['properties'] ?? {}) as Readonly<Record<string, TSchema>>;
  let found = NOTHING;
  for (const [key, each] of Object.entries(value)) {
    const member = Object.hasOwn(members, key) ? members[key] : undefined;
    const wrong = member && tooLong(member, each, `${pointer}${pointerTo(key)}`);
    if (wrong !== undefined && wrong.length > 0) found = [...found, ...wrong];
  }
  return found;
}

function tooLongText(schema: TSchema, text: string, pointer: string): readonly InputError[] {
  const max: unknown = schema['maxLength'];
  if (typeof max !== 'number' || text.length <= max || charactersOf(text) <= max) return NOTHING;
  const detail = `must be at most ${String(max)} characters long, got ${quoted(text)}`;
  return [{ pointer, detail }];
}

/** A pair of surrogates is one. */
function charactersOf(text: string): number {
  return text.length - (text.match(/[\ud800-\udbff][\udc00-\udfff]/g)?.length ?? 0);
}

/** Text that would not come back from the journal as it went in, or that would break a log line. */
const UNFIT = /\p{Cs}|(?![\t\n])\p{Cc}/u;

function unfit(input: object): readonly InputError[] {
  let found: InputError[] | undefined;
  const members = input as Readonly<Record<string, unknown>>;
  for (const key in members) {
    const value = members[key];
    if (typeof value !== 'string') continue;
    const isUnfit = UNFIT.test(value);
    if (!isUnfit && !holdsToken(value)) continue;
    const detail = isUnfit
      ? 'must not hold control characters or lone surrogates'
      : 'must not hold a token: it would be written into the journal';
    (found ??= []).push({ pointer: pointerTo(key), detail });
  }
  return found ?? NOTHING;
}
