/** Bytes of a request body to a JSON value, stricter than `JSON.parse`: what is ambiguous is refused. */
import type { Json, Result } from '../../kernel/types.js';
import { fail, ok } from '../../kernel/types.js';
import type { Problem } from '../problems.js';

/** Deeper than anything an operation takes. */
const DEPTH_MAX = 16;

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** An empty body is `{}`: clients send the content type with nothing behind it. */
export function parseBody(bytes: Buffer): Result<Json, Problem> {
  if (bytes.length === 0) return ok({});
  let text: string;
  try {
    text = utf8.decode(bytes);
  } catch {
    return fail(invalid('the body is not valid UTF-8'));
  }
  if (text.trim() === '') return ok({});
  let value: Json;
  try {
    value = JSON.parse(text) as Json;
  } catch {
    return fail(invalid('the body cannot be parsed as JSON'));
  }
  const flaw = flawOf(text);
  return flaw === undefined ? ok(value) : fail(invalid(flaw));
}

function invalid(detail: string): Problem {
  return { code: 'invalid_json', detail };
}

/**
 * What `JSON.parse` lets pass: two members of one name (it keeps the last, other readers the first)
 * and absurd depth. `text` is valid JSON. A scan, so that depth costs no stack.
 */
function flawOf(text: string): string | undefined {
  const open: (Set<string> | undefined)[] = [];
  let keyNext = false;
  for (let i = 0; i < text.length; i += 1) {
    const char = text[i];
    if (char === '"') {
      const end = endOfString(text, i);
      const names = open.at(-1);
      if (keyNext && names !== undefined) {
        const name = text.slice(i, end + 1);
        const key = JSON.parse(name) as string;
        if (names.has(key)) return `the member ${name.slice(0, 100)} is there twice`;
        names.add(key);
        keyNext = false;
      }
      i = end;
    } else if (char === '{' || char === '[') {
      if (open.length >= DEPTH_MAX) return `nested deeper than ${String(DEPTH_MAX)} levels`;
      open.push(char === '{' ? new Set() : undefined);
      keyNext = char === '{';
    } else if (char === '}' || char === ']') {
      open.pop();
      keyNext = false;
    } else if (char === ',') {
      keyNext = open.at(-1) !== undefined;
    }
  }
  return undefined;
}

/** Index of the quote that ends the string which begins at `start`. */
function endOfString(text: string, start: number): number {
  let at = start + 1;
  while (text[at] !== '"') at += text[at] === '\\' ? 2 : 1;
  return at;
}
