/** What each edge was heard to say, and where the two do not say the same (api.md §3, §4). */
import type { DescMessage } from '@bufbuild/protobuf';
import type { ServiceError } from '@grpc/grpc-js';
import type { AnyOperation } from '../../src/gateway/operation.js';
import type { Told as HttpTold } from './app-http.js';
import type { TestApp } from './app-service.js';
import { toldBy } from './grpc-client.js';
import type { GrpcClient, Told } from './grpc-client.js';
import { differences } from './parity-compare.js';
import type { Same } from './parity-compare.js';
import { grpcRequest, restRequest, rpcOf } from './parity-requests.js';
import type { Guards, Input } from './parity-requests.js';

export type RestHeard = Pick<HttpTold, 'status' | 'headers' | 'text' | 'body'> & {
  readonly ok: boolean;
};

export type GrpcHeard =
  | { readonly ok: true; readonly message: Readonly<Record<string, unknown>> }
  | { readonly ok: false; readonly told: Told };

export async function askRest(
  app: TestApp,
  row: AnyOperation,
  input: Input,
  guards: Guards = {},
  token?: string,
): Promise<RestHeard> {
  const { method, path, headers, body } = restRequest(row, input, guards);
  const told = await app.send(method, path, {
    headers: { ...headers, ...bearer(token) },
    ...(body === undefined ? {} : { body }),
  });
  return { ...told, ok: told.status === 200 };
}

/** @throws {NoField} the message cannot say it. */
export async function askGrpc(
  client: GrpcClient,
  row: AnyOperation,
  input: Input,
  guards: Guards = {},
  token?: string,
): Promise<GrpcHeard> {
  const rpc = rpcOf(row);
  const request = grpcRequest(rpc, input, guards);
  return client.ask(rpc.method, request, { metadata: bearer(token) }).then(
    ({ message }) => ({ ok: true, message: message as Readonly<Record<string, unknown>> }),
    (error: unknown) => ({ ok: false, told: toldBy(error as ServiceError) }),
  );
}

const bearer = (token: string | undefined): Readonly<Record<string, string>> =>
  token === undefined ? {} : { authorization: `Bearer ${token}` };

/** api.md §3, as the design has it: HTTP's status and gRPC's code of each case. */
const SAID_AS: Readonly<Record<string, readonly [number, string]>> = {
  bad_request: [400, 'INVALID_ARGUMENT'],
  invalid_json: [400, 'INVALID_ARGUMENT'],
  invalid_input: [400, 'INVALID_ARGUMENT'],
  header_not_supported: [400, 'INVALID_ARGUMENT'],
  would_never_trip: [400, 'INVALID_ARGUMENT'],
  payload_too_large: [413, 'INVALID_ARGUMENT'],
  unauthenticated: [401, 'UNAUTHENTICATED'],
  permission_denied: [403, 'PERMISSION_DENIED'],
  collector_not_found: [404, 'NOT_FOUND'],
  permit_not_found: [404, 'NOT_FOUND'],
  token_not_found: [404, 'NOT_FOUND'],
  illegal_state: [409, 'FAILED_PRECONDITION'],
  breaker_open: [409, 'FAILED_PRECONDITION'],
  rate_limited: [409, 'FAILED_PRECONDITION'],
  blocked: [409, 'FAILED_PRECONDITION'],
  not_running: [409, 'FAILED_PRECONDITION'],
  quarantined: [409, 'FAILED_PRECONDITION'],
  raced: [409, 'ABORTED'],
  precondition_failed: [412, 'ABORTED'],
  idempotency_conflict: [422, 'INVALID_ARGUMENT'],
  too_many_requests: [429, 'RESOURCE_EXHAUSTED'],
  overloaded: [503, 'UNAVAILABLE'],
  journal_unavailable: [503, 'UNAVAILABLE'],
  not_owner: [503, 'UNAVAILABLE'],
  internal: [500, 'INTERNAL'],
};

/** Details that the table demands beside ErrorInfo. */
const DETAIL_OF = {
  INVALID_ARGUMENT: 'badRequest',
  FAILED_PRECONDITION: 'precondition',
  RESOURCE_EXHAUSTED: 'retry',
  UNAVAILABLE: 'retry',
} as const satisfies Readonly<Record<string, keyof Told>>;

/** Where the two answers do not say the same; empty: nowhere. */
export function disagreements(
  row: AnyOperation,
  rest: RestHeard,
  grpc: GrpcHeard,
  same: Same,
): readonly string[] {
  if (rest.ok !== grpc.ok) {
    const other = grpc.ok ? 'an answer' : `${grpc.told.code} ${grpc.told.info?.reason ?? ''}`;
    return [`REST ${String(rest.status)} ${rest.text.slice(0, 300)}, gRPC ${other}`];
  }
  const { request, response } = rpcOf(row);
  if (!grpc.ok) return inProblems(request, rest, grpc.told, same);
  const { success, ...body } = rest.body;
  return [
    ...(success === true ? [] : ['REST does not say success']),
    ...differences(response, body, grpc.message, same),
    ...etagOfAnswer(rest, grpc.message, same),
  ];
}

/** The header says what the field says. */
function etagOfAnswer(
  { headers }: RestHeard,
  { etag }: { readonly etag?: string },
  same: Same,
): readonly string[] {
  const header = headers['etag'];
  if (header === undefined || etag === undefined || same(header, `"${etag}"`)) return [];
  return [`ETag: REST's header says ${header}, gRPC's field ${etag}`];
}

type Body = {
  readonly code?: string;
  readonly error?: string;
  readonly detail?: string;
  readonly etag?: string;
  readonly retry_at?: string;
  readonly errors?: readonly { readonly pointer: string; readonly detail: string }[];
};

type Expect = (what: string, wanted: unknown, got: unknown) => void;

/** The same members are wrong, for the same reasons. */
function expectFields(
  request: DescMessage,
  errors: NonNullable<Body['errors']>,
  told: Told,
  expect: Expect,
): void {
  const fields = told.badRequest?.fieldViolations ?? [];
  const wanted = errors.slice(0, VIOLATIONS_TOLD);
  if (wanted.length === 0) return;
  const named = wanted.map(({ pointer }) => fieldOf(request, pointer)).join(', ');
  expect('fields', named, fields.map(({ field }) => field).join(', '));
  const why = fields.map(({ description }) => clip(description)).join('; ');
  expect('rules', wanted.map((each) => clip(each.detail)).join('; '), why);
}

function inProblems(
  request: DescMessage,
  rest: RestHeard,
  told: Told,
  same: Same,
): readonly string[] {
  const body = rest.body as Body;
  const { code = '', errors = [] } = body;
  const { info } = told;
  const ours = (text: string | undefined) => clip(text && inRestsWords(text));
  const [status, name] = SAID_AS[code] ?? [0, `${code}, which the table does not have`];
  const wrong: string[] = [];
  const expect = (what: string, wanted: unknown, got: unknown, how: Same = Object.is): void => {
    if (!how(wanted, got)) wrong.push(`${what}: ${String(wanted)} expected, got ${String(got)}`);
  };
  expect('status of REST', status, rest.status);
  expect('code of gRPC', name, told.code);
  expect('reason', code.toUpperCase(), info?.reason);
  expect('domain', 'headgate.dev', info?.domain);
  expect('message', clip(body.error), ours(told.message), same);
  expect('detail', clip(body.detail), ours(info?.metadata['detail']), same);
  expect('etag', body.etag, info?.metadata['etag'], same);
  expect('etag header', body.etag && `"${body.etag}"`, rest.headers['etag']);
  expect('time to try again', body.retry_at, info?.metadata['retry_at'], same);
  expect('retry', rest.headers['retry-after'], told.retry?.retryDelay?.seconds.toString());
  const details: Readonly<Record<string, keyof Told | undefined>> = DETAIL_OF;
  const detail = details[name];
  if (detail !== undefined && told[detail] === undefined) wrong.push(`no ${detail}`);
  expectFields(request, errors, told, (what, wanted, got) => {
    expect(what, wanted, got, what === 'rules' ? same : Object.is);
  });
  return wrong;
}

/** Trailers are short: gRPC tells the first of many, and the beginning of what is long. */
const VIOLATIONS_TOLD = 8;
const CHARS_TOLD = 140;

/** Each edge names the thing it counts. */
function inRestsWords(text: string): string {
  return text.replace('the message is longer', 'the body is longer');
}

const clip = (text: string | undefined): string | undefined => text?.slice(0, CHARS_TOLD);

/** A pointer into the input as the path of the request's field. */
function fieldOf(request: DescMessage, pointer: string): string {
  const [first = '', ...rest] = pointer.split('/').slice(1);
  const path = rest.map((part) => (/^\d+$/.test(part) ? `[${part}]` : `.${part}`)).join('');
  const has = (type: DescMessage, name: string): boolean =>
    type.fields.some((field) => field.name === name);
  if (first === '' || has(request, first)) return first + path;
  const bare = first.replace(/_seconds$/, '');
  if (has(request, bare)) return bare + path;
  const config = request.fields.find(({ name }) => name === 'config');
  const isNested = config?.fieldKind === 'message' && has(config.message, first);
  return isNested ? `config.${first}${path}` : first + path;
}
