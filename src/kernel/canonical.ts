/** RFC 8785 canonical JSON and the digests built on it. */
import { hash } from 'node:crypto';

/** Members' names are few and repeat: their quoted form is kept, up to this many. */
const QUOTED_NAMES_MAX = 4096;
const quotedNames = new Map<string, string>();

/** Short text of printable ASCII without `"` and `\` is its own JSON. */
const PLAIN_TEXT = /^[ !#-[\]-~]*$/;
const PLAIN_TEXT_LENGTH_MAX = 64;

/**
 * JSON with sorted keys and no white space. ECMAScript's own number and string forms are the ones
 * RFC 8785 prescribes, so sorting the keys is all there is to do. `undefined` members are left out.
 */
export function canonicalJson(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return quoted(value);
    case 'number':
      return Number.isFinite(value) ? String(value) : 'null';
    case 'boolean':
      return value ? 'true' : 'false';
    case 'object':
      if (value === null) return 'null';
      return Array.isArray(value) ? canonicalArray(value) : canonicalObject(value);
    case 'bigint':
      throw new TypeError('JSON has no bigint');
    default:
      return 'null';
  }
}

function canonicalArray(items: readonly unknown[]): string {
  let text = '[';
  for (let index = 0; index < items.length; index += 1) {
    if (index > 0) text += ',';
    text += canonicalJson(items[index]);
  }
  return `${text}]`;
}

function canonicalObject(value: object): string {
  const record = value as Readonly<Record<string, unknown>>;
  const names = Object.keys(record);
  if (!isSorted(names)) names.sort();
  let text = '{';
  for (const name of names) {
    const member = record[name];
    if (member === undefined) continue;
    if (text.length > 1) text += ',';
    text += quotedName(name) + canonicalJson(member);
  }
  return `${text}}`;
}

function isSorted(names: readonly string[]): boolean {
  let before = '';
  for (const name of names) {
    if (name < before) return false;
    before = name;
  }
  return true;
}

function quoted(text: string): string {
  const isPlain = text.length <= PLAIN_TEXT_LENGTH_MAX && PLAIN_TEXT.test(text);
  return isPlain ? `"${text}"` : JSON.stringify(text);
}

function quotedName(name: string): string {
  const known = quotedNames.get(name);
  if (known !== undefined) return known;
  const fresh = `${JSON.stringify(name)}:`;
  if (quotedNames.size < QUOTED_NAMES_MAX) quotedNames.set(name, fresh);
  return fresh;
}

/** SHA-256, lower-case hex. */
export function sha256Hex(text: string | Uint8Array): string {
  return hash('sha256', text, 'hex');
}
