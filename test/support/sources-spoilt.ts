/** Bodies that an upstream should never send, made of those it did: for properties of parsers. */
import fc from 'fast-check';
import type { Json } from '../../src/kernel/types.js';
import { OUTCOMES, type Exchange, type Transport } from '../../src/sources/port.js';

const JUNK: readonly Json[] = [
  null,
  true,
  '',
  '0',
  '-1',
  'NaN',
  '1e999',
  '9'.repeat(400),
  'x'.repeat(200_000),
  -1,
  0,
  1e308,
  -1e308,
  0.1,
  2 ** 53,
  [],
  {},
  [[]],
  '2026-02-30T25:00:00Z',
  '\u0000\uD800',
  '__proto__',
];

/** Every place in a value, as the names that lead there. Of long lists the first and last few. */
function placesOf(value: Json, at: readonly string[] = []): (readonly string[])[] {
  if (value === null || typeof value !== 'object') return [at];
  const names = Object.keys(value);
  const some = names.length > 8 ? [...names.slice(0, 4), ...names.slice(-4)] : names;
  const members = value as Readonly<Record<string, Json>>;
  return [at, ...some.flatMap((name) => placesOf(members[name] ?? null, [...at, name]))];
}

type Change = { readonly how: 'replace' | 'drop' | 'rename' | 'retype' | 'repeat'; junk: Json };

function retyped(value: Json): Json {
  if (typeof value === 'string') return Number(value);
  return typeof value === 'number' ? String(value) : [value];
}

function changedAt(value: Json, place: readonly string[], change: Change): Json {
  const [name, ...rest] = place;
  if (name === undefined) return change.how === 'retype' ? retyped(value) : change.junk;
  if (value === null || typeof value !== 'object') return change.junk;
  const members = Object.entries(value as Readonly<Record<string, Json>>);
  const next = members.flatMap(([key, item]): [string, Json][] => {
    if (key !== name) return [[key, item]];
    if (rest.length > 0) return [[key, changedAt(item, rest, change)]];
    if (change.how === 'drop') return [];
    if (change.how === 'rename') return [[`${key}_v2`, item]];
    if (change.how === 'repeat' && Array.isArray(item))
      return [[key, Array.from({ length: 60 }, () => item as Json[]).flat()]];
    return [[key, changedAt(item, [], change)]];
  });
  return Array.isArray(value) ? next.map(([, item]) => item) : Object.fromEntries(next);
}

/** One of the values with up to three places changed. */
function mangled(values: readonly Json[]): fc.Arbitrary<Json> {
  const change = fc.record({
    how: fc.constantFrom<Change['how']>('replace', 'drop', 'rename', 'retype', 'repeat'),
    junk: fc.constantFrom(...JUNK),
    place: fc.nat(),
  });
  const changes = fc.array(change, { minLength: 1, maxLength: 3 });
  return fc.tuple(fc.constantFrom(...values), changes).map(([value, all]) =>
    all.reduce((body: Json, { place, ...one }) => {
      const places = placesOf(body);
      return changedAt(body, places[place % places.length] ?? [], one);
    }, value),
  );
}

/** What comes over the wire: mangled, cut short, no JSON at all, or anything. */
export function spoilt(values: readonly Json[]): fc.Arbitrary<Buffer> {
  const text = (body: Json): Buffer => Buffer.from(JSON.stringify(body));
  return fc.oneof(
    { weight: 8, arbitrary: mangled(values).map(text) },
    {
      weight: 1,
      arbitrary: fc.tuple(fc.constantFrom(...values), fc.nat()).map(([value, cut]) => {
        const whole = text(value);
        return whole.subarray(0, cut % whole.byteLength);
      }),
    },
    { weight: 1, arbitrary: fc.uint8Array().map((bytes) => Buffer.from(bytes)) },
    { weight: 1, arbitrary: fc.jsonValue().map((value) => text(value as Json)) },
  );
}

/** A status an answer may have: mostly 200. */
export const anyStatus = fc.oneof(
  { weight: 6, arbitrary: fc.constant(200) },
  { weight: 1, arbitrary: fc.constantFrom(204, 302, 400, 401, 403, 404, 426, 429, 500, 503, 999) },
);

/** Gives every request this answer. */
export function saying(status: number, body: Buffer): Transport {
  const headers = { 'content-type': 'application/json' };
  const exchange: Exchange = { kind: 'answered', status, headers, body, durationMs: 1 };
  return { send: () => Promise.resolve(exchange), close: () => Promise.resolve() };
}

/** The words a request may end with. */
export const ENDS: readonly string[] = [...OUTCOMES.filter((word) => word !== 'ok'), 'blocked'];
