/** The ways in which a fake upstream can be told to misbehave, and how a list of them is checked. */
import { Type, type Static, type TObject } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { fail, ok, type Result } from '../../kernel/types.js';
import type { Refusal } from './provider.js';

/** Most faults one provider may have at a time. */
export const FAULTS_MAX = 64;
const HOUR_S = 3600;
const DECADE_S = 10 * 366 * 24 * HOUR_S;
const BODY_BYTES_MAX = 1024 ** 3;
const DELAY_MS_MAX = 3_600_000;

/** When it applies: to which endpoint, how often, how long. All absent: always. */
const WHEN = {
  endpoint: Type.Optional(Type.String({ minLength: 1, maxLength: 64 })),
  /** Only the next n requests it would apply to. */
  count: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000_000 })),
  /** Probability per request, by the sandbox's seeded chance. */
  rate: Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: 1 })),
  /** Epoch milliseconds by the sandbox's clock; from then on it is gone. */
  until: Type.Optional(Type.Integer({ minimum: 0, maximum: 8.64e15 })),
};

const kind = <K extends string, P extends Record<string, ReturnType<typeof Type.Unsafe>>>(
  name: K,
  properties: P,
) =>
  Type.Object(
    { kind: Type.Literal(name), ...properties, ...WHEN },
    { additionalProperties: false },
  );

const milliseconds = () => Type.Integer({ minimum: 0, maximum: DELAY_MS_MAX });
const bytes = () => Type.Integer({ minimum: 1, maximum: BODY_BYTES_MAX });

const FAULT_SCHEMAS = {
  /** The answer is late by `ms`, plus up to `jitterMs` more. */
  latency: kind('latency', { ms: milliseconds(), jitterMs: Type.Optional(milliseconds()) }),
  /** This status instead of the answer. 429 is worded as the provider words it. */
  status: kind('status', {
    status: Type.Integer({ minimum: 400, maximum: 599 }),
    body: Type.Optional(
      Type.Union([Type.Literal('empty'), Type.Literal('html'), Type.Literal('json')]),
    ),
    retryAfter: Type.Optional(
      Type.Union([
        Type.Literal('none'),
        Type.Literal('seconds'),
        Type.Literal('http_date'),
        Type.Literal('garbage'),
      ]),
    ),
    retryAfterSeconds: Type.Optional(Type.Integer({ minimum: 0, maximum: DECADE_S })),
  }),
  /** The connection is reset (RST): before any header, or in the middle of the body. */
  reset: kind('reset', {
    at: Type.Union([Type.Literal('before_headers'), Type.Literal('mid_body')]),
  }),
  /** Nothing is ever answered; the connection stays open. */
  timeout: kind('timeout', {}),
  /** The real answer, a few bytes at a time. */
  slow_drip: kind('slow_drip', {
    bytes: Type.Optional(Type.Integer({ minimum: 1, maximum: 65_536 })),
    everyMs: Type.Optional(Type.Integer({ minimum: 1, maximum: DELAY_MS_MAX })),
  }),
  /** Half of the answer, then the connection ends, though Content-Length promised all of it. */
  truncated: kind('truncated', {}),
  /** A body of that size (valid JSON: an array of white space), in chunks. */
  huge: kind('huge', { bytes: Type.Optional(bytes()) }),
  /** The same compressed: a few kilobytes on the wire. */
  gzip_bomb: kind('gzip_bomb', { bytes: Type.Optional(bytes()) }),
  content_type: kind('content_type', {
    value: Type.Optional(Type.String({ minLength: 1, maxLength: 128, pattern: '^[ -~]+$' })),
  }),
  /** cut: the JSON stops early, Content-Length agrees. html: an error page with 200. bom: a mark. */
  invalid_json: kind('invalid_json', {
    form: Type.Optional(
      Type.Union([Type.Literal('cut'), Type.Literal('html'), Type.Literal('bom')]),
    ),
  }),
  /** A field has another name, or another type (strings become numbers and the other way round). */
  schema_drift: kind('schema_drift', {
    drift: Type.Union([Type.Literal('rename'), Type.Literal('retype')]),
    /** A member's name, or a column's index; absent: the first of each object or row. */
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
  }),
  /** The provider's clock is off by so much: Date header and times in bodies. */
  clock_skew: kind('clock_skew', {
    ms: Type.Integer({ minimum: -DECADE_S * 1000, maximum: DECADE_S * 1000 }),
  }),
  /** The key is no longer known. */
  auth_revoked: kind('auth_revoked', {}),
  /** The plan is used up. */
  quota_gone: kind('quota_gone', {}),
  /** The address is banned for so long; outlives the fault. */
  ban: kind('ban', {
    seconds: Type.Optional(Type.Integer({ minimum: 1, maximum: 7 * 24 * HOUR_S })),
  }),
} satisfies Record<string, TObject>;

export type FaultKind = keyof typeof FAULT_SCHEMAS;
export type Fault = Static<(typeof FAULT_SCHEMAS)[FaultKind]>;
export type FaultOf<K extends FaultKind> = Extract<Fault, { kind: K }>;
export const FAULT_KINDS = Object.keys(FAULT_SCHEMAS).sort();

/** What is wrong with an input, and where. `pointer` is a JSON Pointer. */
export type InputError = { readonly pointer: string; readonly detail: string };

/** What a schema objects to, in a form for people. */
export function objections(
  schema: TObject,
  value: unknown,
  pointer: string,
): readonly InputError[] {
  return [...Value.Errors(schema, value)]
    .slice(0, 16)
    .map((error) => ({ pointer: `${pointer}${error.path}`, detail: error.message }));
}

/** The refusal a fault needs from its provider, if it needs one. */
function needed(fault: Fault): Refusal['kind'] | undefined {
  if (fault.kind === 'auth_revoked') return 'unauthorized';
  if (fault.kind === 'quota_gone') return 'quota_gone';
  return fault.kind === 'ban' ? 'banned' : undefined;
}

function parseFault(
  input: unknown,
  refusals: readonly Refusal['kind'][],
  pointer: string,
): Result<Fault, readonly InputError[]> {
  const name = typeof input === 'object' && input !== null && 'kind' in input ? input.kind : null;
  const schema = Object.entries(FAULT_SCHEMAS).find(([known]) => known === name)?.[1];
  if (schema === undefined) {
    const detail = `must be one of ${FAULT_KINDS.join(', ')}`;
    return fail([{ pointer: `${pointer}/kind`, detail }]);
  }
  const errors = objections(schema, input, pointer);
  if (errors.length > 0) return fail(errors);
  // Sound: the schema of its kind has just accepted it.
  const fault = input as Fault;
  const refusal = needed(fault);
  if (refusal !== undefined && !refusals.includes(refusal)) {
    return fail([{ pointer: `${pointer}/kind`, detail: `this provider knows no ${fault.kind}` }]);
  }
  return ok(fault);
}

/** Checks a list of faults against what the provider knows; all objections at once. */
export function parseFaults(
  input: unknown,
  refusals: readonly Refusal['kind'][],
  pointer: string,
): Result<readonly Fault[], readonly InputError[]> {
  if (!Array.isArray(input) || input.length > FAULTS_MAX) {
    const detail = `must be a list of at most ${String(FAULTS_MAX)} faults`;
    return fail([{ pointer, detail }]);
  }
  const faults: Fault[] = [];
  const errors: InputError[] = [];
  input.forEach((item: unknown, index) => {
    const parsed = parseFault(item, refusals, `${pointer}/${String(index)}`);
    if (parsed.ok) faults.push(parsed.value);
    else errors.push(...parsed.error);
  });
  return errors.length > 0 ? fail(errors) : ok(faults);
}
