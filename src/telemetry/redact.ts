/**
 * The second net under "no secret in a log": whatever is about to be written goes through here.
 *
 * D1 A text or object under a name that says it is secret is written as [redacted].
 * D2 A registered secret is replaced wherever it occurs in a text: as it is, URL-encoded or in base64.
 *    What looks like a bearer token of ours or a JWT is, too.
 * D3 What comes out is bounded: depth, members, values in all, length of texts.
 * D4 It never throws, whatever it is given.
 */
import { withoutTokens } from '../kernel/token-shapes.js';

export const REDACTED = '[redacted]';

const DEPTH_MAX = 6;
const MEMBERS_MAX = 64;
const VALUES_MAX = 1000;
const TEXT_MAX = 8192;
/** Shorter ones would be found in the middle of innocent words. */
const SECRET_LENGTH_MIN = 4;

/** The end of a name, without its `-` and `_`: `x-api-key`, `accessToken`, `set-cookie`, `client_secret`. */
const SECRET_NAME =
  /(authorization|cookie|password|passwd|passphrase|secret|token|credential|apikey|privatekey|accesskey)s?$/i;

export type Redact = (value: unknown) => unknown;

/** `secrets` is read anew at each use: a key may become known later. */
export function redactor(secrets: () => readonly string[]): Redact {
  let known: readonly string[] = [];
  let forms: readonly string[] = [];
  return (value) => {
    const now = secrets();
    if (now.length !== known.length || now.some((secret, index) => secret !== known[index])) {
      known = [...now];
      forms = formsOf(known);
    }
    return walk(value, { forms, open: new Set(), left: VALUES_MAX }, 0);
  };
}

/** Longest first, so that a secret within a secret leaves no rest. */
function formsOf(secrets: readonly string[]): readonly string[] {
  const forms = new Set<string>();
  for (const secret of secrets) {
    if (secret.length < SECRET_LENGTH_MIN) continue;
    const base64 = Buffer.from(secret).toString('base64').replace(/=+$/, '');
    for (const form of [secret, encodeURIComponent(secret), base64]) forms.add(form);
  }
  return [...forms].sort((a, b) => b.length - a.length);
}

type Walk = {
  readonly forms: readonly string[];
  /** The objects we are inside of: a way back into one is a circle. */
  readonly open: Set<object>;
  left: number;
};

function walk(value: unknown, state: Walk, depth: number): unknown {
  state.left -= 1;
  if (typeof value === 'string') return text(value, state.forms);
  if (typeof value === 'bigint' || typeof value === 'symbol') return String(value);
  if (typeof value === 'function') return '[function]';
  if (typeof value !== 'object' || value === null) return value;
  if (depth >= DEPTH_MAX || state.left <= 0 || state.open.has(value)) return '[more]';
  state.open.add(value);
  try {
    return object(value, state, depth + 1);
  } catch {
    return '[unreadable]';
  } finally {
    state.open.delete(value);
  }
}

function object(value: object, state: Walk, depth: number): unknown {
  const inner = (member: unknown): unknown => walk(member, state, depth);
  if (value instanceof Date) return Number.isFinite(value.getTime()) ? value.toISOString() : null;
  if (ArrayBuffer.isView(value)) return `[${String(value.byteLength)} bytes]`;
  if (Array.isArray(value)) return value.slice(0, MEMBERS_MAX).map(inner);
  if (value instanceof Set) return [...(value as Set<unknown>)].slice(0, MEMBERS_MAX).map(inner);
  const members = value instanceof Error ? errorMembers(value) : membersOf(value);
  const out: [string, unknown][] = [];
  for (const [name, member] of members.slice(0, MEMBERS_MAX)) {
    const isSecret = SECRET_NAME.test(name.replaceAll(/[-_]/g, '')) && isTelling(member);
    out.push([text(name, state.forms), isSecret ? REDACTED : inner(member)]);
  }
  return Object.fromEntries(out);
}

function membersOf(value: object): [string, unknown][] {
  if (!(value instanceof Map)) return Object.entries(value);
  return [...(value as Map<unknown, unknown>)].map(([name, member]) => [String(name), member]);
}

/** What an operator needs of an error; its own members (code, retryable, outcome) included. */
function errorMembers(error: Error): [string, unknown][] {
  const { name, message, stack, cause } = error;
  const members = new Map<string, unknown>([
    ['name', name],
    ['message', message],
    ...Object.entries(error),
    ['stack', stack],
  ]);
  if (cause !== undefined) members.set('cause', cause);
  return [...members];
}

/** A number, a flag or nothing under such a name tells no secret: `budgetTokens: 500`, `hasToken: true`. */
function isTelling(member: unknown): boolean {
  return (typeof member === 'string' && member !== '') || (typeof member === 'object' && !!member);
}

function text(value: string, secrets: readonly string[]): string {
  let out = withoutTokens(value);
  for (const secret of secrets) {
    if (out.includes(secret)) out = out.replaceAll(secret, REDACTED);
  }
  return out.length <= TEXT_MAX ? out : `${out.slice(0, TEXT_MAX)}...`;
}
