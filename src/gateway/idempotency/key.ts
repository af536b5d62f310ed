/** Idempotency keys: what one looks like, which command it names, and what its payload hashes to. */
import { canonicalJson, sha256Hex } from '../../kernel/canonical.js';
import { derivedId } from '../../kernel/ids.js';
import type { CommandId } from '../../kernel/types.js';
import { invalidInput } from '../problems.js';
import type { Problem } from '../problems.js';

export const KEY_CHARS_MAX = 200;

/** Visible ASCII: what every header, every metadata and every log line carries as it is. */
const KEY = /^[\x21-\x7e]+$/;

/** What is wrong with a key, or undefined. */
export function keyProblem(key: string): Problem | undefined {
  if (key.length <= KEY_CHARS_MAX && KEY.test(key)) return undefined;
  const detail = `an idempotency key has 1 to ${String(KEY_CHARS_MAX)} characters of visible ASCII`;
  return invalidInput({ pointer: '', detail });
}

/**
 * The command a principal's key names: the same in every process. The principal's name is escaped, so
 * that no name and key together spell another's.
 */
export function commandIdOf(actor: string, key: string): CommandId {
  return derivedId('command', encodeURIComponent(wellFormed(actor)), key);
}

/** What makes two commands the same: the operation, its input, and the revisions it was decided on. */
export function commandHash(operation: string, input: object, ifMatch?: string): string {
  return sha256Hex(canonicalJson({ operation, input, ifMatch }));
}

/** `encodeURIComponent` throws at half of a surrogate pair. */
function wellFormed(text: string): string {
  return text.replaceAll(/\p{Surrogate}/gu, '\uFFFD');
}
