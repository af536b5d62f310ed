/** How a request is put together and a body is read: the same for every source, used by the door. */
import type { Static, TSchema } from '@sinclair/typebox';
import { TypeCompiler, type TypeCheck } from '@sinclair/typebox/compiler';
import { assert } from '../kernel/errors.js';
import type { Json } from '../kernel/types.js';
import type { Exchange, ProviderProfile, RequestSpec } from './port.js';

/** Dot segments, however they are spelt, and what the URL parser would turn into a slash. */
const LEAVES_BASE = /(^|\/)(\.|%2e){1,2}(\/|$)|\\/i;

/** Longest line on what is wrong with a body. */
const COMPLAINT_CHARS_MAX = 200;

/**
 * The address of a request: the profile's base (its path prefix kept), the path, the query without its
 * undefined members.
 * @throws {InvariantViolated} the path leaves the base; sources encode what they put into a path.
 */
export function requestUrl(profile: Pick<ProviderProfile, 'baseUrl'>, spec: RequestSpec): URL {
  const quoted = JSON.stringify(spec.path);
  assert(spec.path.startsWith('/'), `a path must begin with /, got ${quoted}`);
  assert(!LEAVES_BASE.test(spec.path), `a path must stay below its base, got ${quoted}`);
  const base = new URL(profile.baseUrl);
  const prefix = base.pathname.replace(/\/+$/, '');
  const url = new URL(base.origin);
  url.pathname = prefix + spec.path;
  for (const [name, value] of Object.entries(spec.query ?? {})) {
    if (value !== undefined) url.searchParams.set(name, String(value));
  }
  return url;
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * The JSON an exchange carries, or undefined when there is none. JSON is UTF-8 whatever the content
 * type claims (some upstreams send it as text/plain or name another charset); a byte order mark is
 * skipped; bytes that are no UTF-8 are no JSON.
 */
export function jsonBody(exchange: Exchange): Json | undefined {
  if (exchange.kind !== 'answered' || exchange.body.byteLength === 0) return undefined;
  try {
    return JSON.parse(utf8.decode(exchange.body)) as Json;
  } catch {
    return undefined;
  }
}

const compiled = new WeakMap<TSchema, TypeCheck<TSchema>>();

/**
 * Compares a body with its schema: the body, or one line on the first thing that is wrong. A schema is
 * compiled once, at its first use. The line names a place and a rule, never a value of the body.
 */
export function fitsSchema<S extends TSchema>(
  schema: S,
  body: Json | undefined,
):
  | { readonly ok: true; readonly body: Static<S> }
  | { readonly ok: false; readonly message: string } {
  if (body === undefined) return { ok: false, message: 'the body is not JSON' };
  let check = compiled.get(schema);
  if (check === undefined) {
    check = TypeCompiler.Compile<TSchema>(schema);
    compiled.set(schema, check);
  }
  if (check.Check(body)) return { ok: true, body: body as Static<S> };
  const first = check.Errors(body).First();
  const where = first === undefined || first.path === '' ? 'the body' : first.path;
  const complaint = `${where}: ${first?.message ?? 'does not fit'}`;
  return { ok: false, message: complaint.slice(0, COMPLAINT_CHARS_MAX) };
}
