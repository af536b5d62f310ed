/**
 * The ways in which a fake upstream can be told to misbehave, as data: each kind with its options.
 * docs/sandbox.md has a request for each of them; a test compares the two.
 */
import { Type, type Static, type TObject } from '@sinclair/typebox';

const HOUR_S = 3600;
const DECADE_S = 10 * 366 * 24 * HOUR_S;
const BODY_BYTES_MAX = 1024 ** 3;
const DELAY_MS_MAX = 3_600_000;
const LENGTH_MS_MAX = 31 * 24 * 3_600_000;
const HEADER_TEXT = '^[ -~]*$';

const length = (minimum = 1) => Type.Integer({ minimum, maximum: LENGTH_MS_MAX });

/** When it applies: to which endpoint, how often, from when, how long. All absent: always. */
const WHEN = {
  endpoint: Type.Optional(Type.String({ minLength: 1, maxLength: 64 })),
  /** Only the next n requests it would apply to. */
  count: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000_000 })),
  /** Probability per request, by the sandbox's seeded chance. */
  rate: Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: 1 })),
  /** Epoch milliseconds by the sandbox's clock; from then on it is gone. */
  until: Type.Optional(Type.Integer({ minimum: 0, maximum: 8.64e15 })),
  /** It begins so long after it was set. */
  afterMs: Type.Optional(length()),
  /** It lasts so long from its beginning; then it is gone. */
  forMs: Type.Optional(length()),
  /** From its beginning it comes and goes: on for so long, off for so long, and again. */
  cycle: Type.Optional(
    Type.Object({ onMs: length(), offMs: length() }, { additionalProperties: false }),
  ),
};

const kind = <K extends string, P extends Record<string, ReturnType<typeof Type.Unsafe>>>(
  name: K,
  properties: P,
) =>
  Type.Object(
    { kind: Type.Literal(name), ...properties, ...WHEN },
    { additionalProperties: false },
  );

const oneOf = <T extends string>(...words: readonly T[]) =>
  Type.Unsafe<T>(Type.Union(words.map((word) => Type.Literal(word))));
const milliseconds = () => Type.Integer({ minimum: 0, maximum: DELAY_MS_MAX });
const bytes = () => Type.Integer({ minimum: 1, maximum: BODY_BYTES_MAX });

export const FAULT_SCHEMAS = {
  /** The answer is late by `ms`, plus up to `jitterMs` more. */
  latency: kind('latency', { ms: milliseconds(), jitterMs: Type.Optional(milliseconds()) }),
  /** The provider's clock is off by so much: Date header and times in bodies. */
  clock_skew: kind('clock_skew', {
    ms: Type.Integer({ minimum: -DECADE_S * 1000, maximum: DECADE_S * 1000 }),
  }),
  /** These headers go with the answer, in place of the provider's own of the same names. */
  headers: kind('headers', {
    set: Type.Record(
      Type.String({ pattern: '^[a-z0-9-]{1,64}$' }),
      Type.String({ maxLength: 256, pattern: HEADER_TEXT }),
      { maxProperties: 16, additionalProperties: false },
    ),
  }),
  /** This status instead of the answer. 429 is worded as the provider words it. */
  status: kind('status', {
    status: Type.Integer({ minimum: 400, maximum: 599 }),
    body: Type.Optional(oneOf('empty', 'html', 'json')),
    retryAfter: Type.Optional(oneOf('none', 'seconds', 'http_date', 'garbage')),
    retryAfterSeconds: Type.Optional(Type.Integer({ minimum: 0, maximum: DECADE_S })),
  }),
  /** Too many requests, said exactly as this provider says it: status, headers and body. */
  throttled: kind('throttled', {}),
  /** The key is no longer known. */
  auth_revoked: kind('auth_revoked', {}),
  /** The plan is used up. */
  quota_gone: kind('quota_gone', {}),
  /** The address is banned for so long; outlives the fault. */
  ban: kind('ban', {
    seconds: Type.Optional(Type.Integer({ minimum: 1, maximum: 7 * 24 * HOUR_S })),
  }),
  /**
   * No connection is accepted, and those that stand are cut. dns, tls: the name or the certificate is
   * wrong; only where there is no wire (in process), for a server cannot fake its client's resolver.
   */
  unreachable: kind('unreachable', { how: Type.Optional(oneOf('refused', 'dns', 'tls')) }),
  /** The connection is reset (RST): before any header, or in the middle of the body. */
  reset: kind('reset', { at: oneOf('before_headers', 'mid_body') }),
  /** Nothing is ever answered, not even headers; the connection stays open. */
  timeout: kind('timeout', {}),
  /** Bytes that are no HTTP, then the end. */
  not_http: kind('not_http', {}),
  /** The real answer, a few bytes at a time. */
  slow_drip: kind('slow_drip', {
    bytes: Type.Optional(Type.Integer({ minimum: 1, maximum: 65_536 })),
    everyMs: Type.Optional(Type.Integer({ minimum: 1, maximum: DELAY_MS_MAX })),
  }),
  /** Half of the answer, then the connection ends, though Content-Length promised all of it. */
  truncated: kind('truncated', {}),
  /** Content-Length is wrong: half of the body (the rest follows), or twice as much as ever comes. */
  wrong_length: kind('wrong_length', { claim: oneOf('shorter', 'longer') }),
  /** A body of that size (valid JSON: an array of white space), in chunks. */
  huge: kind('huge', { bytes: Type.Optional(bytes()) }),
  /** The same compressed: a few kilobytes on the wire. */
  gzip_bomb: kind('gzip_bomb', { bytes: Type.Optional(bytes()) }),
  content_type: kind('content_type', {
    value: Type.Optional(Type.String({ minLength: 1, maxLength: 128, pattern: '^[ -~]+$' })),
  }),
  /** The body in another encoding than JSON's. latin1: with one letter that shows it. */
  charset: kind('charset', { encoding: Type.Optional(oneOf('utf-16le', 'latin1')) }),
  /** cut: the JSON stops early, Content-Length agrees. html: an error page with 200. bom: a mark. */
  invalid_json: kind('invalid_json', { form: Type.Optional(oneOf('cut', 'html', 'bom')) }),
  /** 200 and nonsense: random bytes, 10 000 nested arrays, nothing at all, `null`. */
  garbage: kind('garbage', { form: Type.Optional(oneOf('bytes', 'nested', 'empty', 'null')) }),
  /** 200 with an error inside. */
  error_body: kind('error_body', {
    body: Type.Optional(Type.Record(Type.String({ maxLength: 64 }), Type.Unknown())),
  }),
  /**
   * The provider's real rows with fields renamed, of another type (strings become numbers and the other
   * way round), gone, null, or with one more that nobody knows.
   */
  schema_drift: kind('schema_drift', {
    drift: oneOf('rename', 'retype', 'drop', 'null', 'add'),
    /** A member's name, or a column's index; absent: every member that is no list or object, column 0. */
    field: Type.Optional(
      Type.Union([
        Type.String({ minLength: 1, maxLength: 64 }),
        Type.Integer({ minimum: 0, maximum: 64 }),
      ]),
    ),
  }),
  /** A redirect to this address; absent: to itself. */
  redirect: kind('redirect', {
    location: Type.Optional(Type.String({ minLength: 1, maxLength: 512, pattern: '^[!-~]+$' })),
    status: Type.Optional(
      Type.Union([301, 302, 303, 307, 308].map((status) => Type.Literal(status))),
    ),
  }),
} satisfies Record<string, TObject>;

export type FaultKind = keyof typeof FAULT_SCHEMAS;
export type Fault = Static<(typeof FAULT_SCHEMAS)[FaultKind]>;
export type FaultOf<K extends FaultKind> = Extract<Fault, { kind: K }>;
export const FAULT_KINDS = Object.keys(FAULT_SCHEMAS).sort();
