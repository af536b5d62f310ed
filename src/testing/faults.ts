/** What upstreams do on bad days, and as which classes each may end: anything else is a finding. */
import type { Json } from '../kernel/types.js';
import type { Outcome } from '../sources/port.js';
import type { Delivery, Fault, UpstreamRequest } from './port.js';

/** Decoded bytes the kit reads of an answer; `huge` is beyond it. */
export const BODY_BYTES_MAX = 2 * 1024 * 1024;
const DEPTH = 100_000;

const REFUSED: readonly Outcome[] = ['throttled', 'quota_exhausted', 'banned'];
const BARRED: readonly Outcome[] = ['auth', ...REFUSED];

function says(
  status: number,
  text: string,
  headers: Readonly<Record<string, string>> = {},
): Fault['spoil'] {
  const type = text.startsWith('{') ? 'application/json' : 'text/html; charset=utf-8';
  return () => ({
    status,
    headers: { 'content-type': type, ...headers },
    body: Buffer.from(text),
    end: 'whole',
  });
}

const rewritten =
  (rewrite: (body: Buffer) => Buffer): Fault['spoil'] =>
  (healthy) => ({ ...healthy, body: rewrite(healthy.body) });

const ending =
  (end: Delivery['end']): Fault['spoil'] =>
  (healthy) => ({ ...healthy, end, body: healthy.body.subarray(0, halfOf(healthy.body)) });

const halfOf = (body: Buffer): number => Math.floor(body.byteLength / 2);

export const FAULTS: readonly Fault[] = [
  { name: '429', outcomes: REFUSED, spoil: says(429, 'Too Many Requests') },
  {
    name: '429 with Retry-After',
    outcomes: REFUSED,
    hasRetryAfter: true,
    spoil: says(429, '{"message":"slow down"}', { 'retry-after': '7' }),
  },
  {
    name: '503 with Retry-After',
    outcomes: [...REFUSED, 'server'],
    spoil: says(503, '', { 'retry-after': '7' }),
  },
  { name: '500', outcomes: ['server'], spoil: says(500, '{"error":"internal"}') },
  { name: '502 as a page', outcomes: ['server'], spoil: says(502, '<h1>Bad Gateway</h1>') },
  { name: '401', outcomes: BARRED, spoil: says(401, '{"error":"unauthorized"}') },
  { name: '403', outcomes: BARRED, spoil: says(403, '<h1>Forbidden</h1>') },
  {
    name: '404',
    outcomes: ['client', 'bad_data', 'auth'],
    spoil: says(404, '<h1>Not Found</h1>'),
  },
  {
    name: 'an error that repeats the key',
    outcomes: ['client', 'bad_data', ...BARRED],
    spoil: (_healthy, request) => echo(request),
  },
  {
    name: 'a redirect',
    outcomes: ['client', 'server', ...BARRED],
    spoil: says(302, '', { location: '/elsewhere' }),
  },
  {
    name: 'a page in place of JSON',
    outcomes: ['bad_data', ...BARRED],
    spoil: says(200, '<html><title>Just a moment…</title></html>'),
  },
  { name: 'an empty body', outcomes: ['bad_data'], spoil: rewritten(() => Buffer.alloc(0)) },
  {
    name: 'half of the body',
    outcomes: ['bad_data'],
    spoil: rewritten((body) => body.subarray(0, halfOf(body))),
  },
  {
    name: 'mangled bytes',
    outcomes: ['bad_data'],
    spoil: rewritten(
      (body) => body.map((byte, at) => (at % 5 === 0 ? byte ^ 0x95 : byte)) as Buffer,
    ),
  },
  {
    name: 'other types',
    outcomes: ['bad_data', 'client', 'server', ...BARRED],
    isRetyped: true,
    spoil: rewritten(retypedBody),
  },
  {
    name: 'null in place of it all',
    outcomes: ['bad_data', 'client', 'server', ...BARRED],
    isRetyped: true,
    spoil: rewritten(() => Buffer.from('null')),
  },
  {
    name: 'lists in lists',
    outcomes: ['bad_data'],
    spoil: rewritten(() => Buffer.from('['.repeat(DEPTH) + ']'.repeat(DEPTH))),
  },
  {
    name: 'an enormous body',
    outcomes: ['bad_data'],
    spoil: rewritten((body) => Buffer.concat([Buffer.alloc(BODY_BYTES_MAX, ' '), body])),
  },
  { name: 'a body cut off', outcomes: ['bad_data', 'server'], spoil: ending('cut') },
  { name: 'a reset', outcomes: ['server'], spoil: ending('reset') },
  { name: 'a body that never ends', outcomes: ['server'], isSlow: true, spoil: ending('hang') },
];

/** Whatever was sent as a secret comes back in words, as careless upstreams do. */
function echo({ headers, query, body }: UpstreamRequest): Delivery {
  const sent = [...Object.values(headers), ...query.values(), body].join(' ');
  const message = `invalid credentials: ${sent}`;
  return {
    status: 400,
    headers: { 'content-type': 'application/json' },
    body: Buffer.from(JSON.stringify({ message, error: message, detail: message, title: message })),
    end: 'whole',
  };
}

function retypedBody(body: Buffer): Buffer {
  try {
    return Buffer.from(JSON.stringify(retyped(JSON.parse(body.toString('utf8')) as Json)));
  } catch {
    return Buffer.from('7');
  }
}

/** Numbers as lists, texts as numbers, and so on: nothing is left of the type it had. */
function retyped(value: Json): Json {
  if (typeof value === 'string') return 7;
  if (typeof value === 'number') return [value];
  if (typeof value === 'boolean') return { it_is: value };
  if (value === null) return 'null';
  if (Array.isArray(value)) return value.map((item: Json) => retyped(item));
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, retyped(item)]));
}
