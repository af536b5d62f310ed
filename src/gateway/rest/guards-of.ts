/**
 * The protections a command's request asks for (api.md §4), read from its headers and from `dry_run`
 * in query or body. One
 * that cannot be kept is refused: to ignore it would leave the client believing in it
 * (docs/decisions/0009-unkept-promises.md). A question changes nothing, and nothing here is looked at.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { holdsToken } from '../../kernel/token-shapes.js';
import type { Json, JsonObject, Result } from '../../kernel/types.js';
import { fail, ok } from '../../kernel/types.js';
import type { CommandGuards } from '../operation.js';
import { invalidInput } from '../problems.js';
import type { Problem } from '../problems.js';

/** Headers nothing here can keep, as people write them. */
export const UNKEPT_HEADERS = ['If-None-Match', 'If-Unmodified-Since'] as const;

/** 1 to 200 characters of visible ASCII; in quotes, as the IETF's draft has it, or bare. */
const KEY =
  /^(?:"([\u0021\u0023-\u005b\u005d-\u007e]{1,200})"|([\u0021\u0023-\u007e][\u0021-\u007e]{0,199}))$/;
/** One strong tag of ours. */
const ETAG = /^"(\d{1,16}\.\d{1,16}\.\d{1,16})"$/;

const NONE = ok<CommandGuards | undefined>(undefined);

type Query = Readonly<Record<string, string | readonly string[]>>;

/** What a command's headers and query ask for; nothing at all for most. */
export function guardsOf(
  headers: IncomingHttpHeaders,
  query: Query,
  body?: Json,
): Result<CommandGuards | undefined, Problem> {
  const unkept = UNKEPT_HEADERS.filter((name) => headers[name.toLowerCase()] !== undefined);
  if (unkept.length > 0) {
    const detail = `${unkept.join(', ')} is not supported: nothing was done; send it again without`;
    return fail({ code: 'header_not_supported', detail });
  }
  const { 'idempotency-key': givenKey, 'if-match': givenMatch } = headers;
  const dryRun = dryRunOf(query, body);
  if (givenKey === undefined && givenMatch === undefined && dryRun === undefined) return NONE;
  const key = keyOf(givenKey);
  if (!key.ok) return key;
  const ifMatch = matchOf(givenMatch);
  if (!ifMatch.ok) return ifMatch;
  if (dryRun === 'neither') {
    return fail(invalidInput({ pointer: '/dry_run', detail: 'must be true or false, once' }));
  }
  return ok({
    ...(key.value === undefined ? {} : { key: key.value }),
    ...(ifMatch.value === undefined ? {} : { ifMatch: ifMatch.value }),
    ...(dryRun === true ? { dryRun } : {}),
  });
}

/** In the query as text, or in the body as a word of JSON; not in both. */
function dryRunOf(query: Query, body: Json | undefined): boolean | 'neither' | undefined {
  const asked = query['dry_run'];
  const said = isObject(body) ? body['dry_run'] : undefined;
  if (asked === undefined && said === undefined) return undefined;
  if (asked === undefined) return typeof said === 'boolean' ? said : 'neither';
  if (said !== undefined || (asked !== 'true' && asked !== 'false')) return 'neither';
  return asked === 'true';
}

function isObject(body: Json | undefined): body is JsonObject {
  return typeof body === 'object' && body !== null && !Array.isArray(body);
}

function keyOf(given: string | readonly string[] | undefined): Result<string | undefined, Problem> {
  if (given === undefined) return ok(undefined);
  const found = typeof given === 'string' ? KEY.exec(given) : null;
  const key = found?.[1] ?? found?.[2];
  // Two headers of the name are one text with a comma and a blank: refused by the blank.
  if (key === undefined || holdsToken(key)) {
    const detail =
      'Idempotency-Key must be given once, 1 to 200 visible ASCII characters, no secret';
    return fail({ code: 'invalid_input', detail });
  }
  return ok(key);
}

function matchOf(given: string | undefined): Result<string | undefined, Problem> {
  if (given === undefined) return ok(undefined);
  const etag = ETAG.exec(given)?.[1];
  if (etag !== undefined) return ok(etag);
  const detail =
    'If-Match must be one strong ETag as an answer had it, e.g. "4.0.1"; not *, not weak, no list';
  return fail({ code: 'invalid_input', detail });
}

/** Query or body without what `guardsOf` read from it. */
export function withoutGuards<T extends Query | Json | undefined>(given: T): T {
  if (typeof given !== 'object' || given === null || !Object.hasOwn(given, 'dry_run')) return given;
  // The same, less one member that no operation has.
  const rest = Object.entries(given).filter(([name]) => name !== 'dry_run');
  return Object.fromEntries(rest) as T;
}
