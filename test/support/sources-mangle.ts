/**
 * Ruins a body in the ways upstreams do: members dropped, renamed or of another type, bytes cut off,
 * numbers beyond all measure, junk nested inside. What it makes is never another valid body with other
 * figures: a value that is replaced gets another type, so a record that shows it is a wrong one.
 */
import fc from 'fast-check';
import type { Json } from '../../src/kernel/types.js';
import { jsonBody } from '../../src/sources/index.js';
import type { Exchange, ProviderProfile, Verdict } from '../../src/sources/port.js';

type Path = readonly (string | number)[];

function pathsOf(value: Json, path: Path = []): readonly Path[] {
  if (value === null || typeof value !== 'object') return path.length === 0 ? [] : [path];
  const members: readonly (readonly [string | number, Json])[] = Array.isArray(value)
    ? (value as readonly Json[]).map((item, index) => [index, item])
    : Object.entries(value as Readonly<Record<string, Json>>);
  const below = members.flatMap(([name, item]) => pathsOf(item, [...path, name]));
  return path.length === 0 ? below : [path, ...below];
}

/** A copy with the member at the path passed through `change`; undefined: it is dropped. */
function changed(
  value: Json,
  [name, ...rest]: Path,
  change: (name: string | number, old: Json) => readonly (readonly [string | number, Json])[],
): Json {
  if (name === undefined || value === null || typeof value !== 'object') return value;
  const visit = (
    key: string | number,
    item: Json,
  ): readonly (readonly [string | number, Json])[] => {
    if (key !== name) return [[key, item]];
    return rest.length === 0 ? change(key, item) : [[key, changed(item, rest, change)]];
  };
  if (Array.isArray(value)) {
    return (value as readonly Json[]).flatMap((item, n) => visit(n, item)).map(([, item]) => item);
  }
  const members = Object.entries(value as Readonly<Record<string, Json>>);
  return Object.fromEntries(members.flatMap(([key, item]) => visit(key, item)));
}

/** Stands for a number no double holds: JSON.parse makes Infinity of it. */
const ENDLESS = '"<endless>"';
const JUNK: readonly Json[] = [
  {},
  [],
  { __proto__junk: [[[[{}]]]] },
  [[[['x']]]],
  'NaN',
  '<endless>',
  '',
  'x'.repeat(5000),
  true,
];

function otherType(old: Json, junk: Json): Json {
  const kind = (value: Json): string => (Array.isArray(value) ? 'array' : typeof value);
  // Where there may be nothing there may be text or a number as well: only an object is wrong for sure.
  if (old === null) return { was: 'nothing' };
  if (kind(old) !== kind(junk)) return junk;
  return kind(old) === 'string' ? { was: 'text' } : 'retyped';
}

const written = (body: Json): Buffer =>
  Buffer.from(JSON.stringify(body).replaceAll(ENDLESS, '1e999'));

/** The bytes of this body, ruined in one to three places. */
export function mangled(body: Json): fc.Arbitrary<Buffer> {
  const paths = pathsOf(body);
  const place = fc.constantFrom(...paths);
  // In this order: a place that was ruined already does not come under another's path.
  const ruins = ['retype', 'rename', 'drop'] as const;
  const ruin = fc.record({
    kind: fc.constantFrom(...ruins),
    place,
    junk: fc.constantFrom(...JUNK),
  });
  const ruined = fc
    .uniqueArray(ruin, { minLength: 1, maxLength: 3, selector: (one) => one.place.join('/') })
    .map((chosen) => {
      const ordered = ruins.flatMap((kind) => chosen.filter((one) => one.kind === kind));
      return written(
        ordered.reduce(
          (from, one) =>
            changed(from, one.place, (name, old) => {
              if (one.kind === 'drop') return [];
              if (one.kind === 'rename') return [[`${String(name)}_v2`, old]];
              return [[name, otherType(old, one.junk)]];
            }),
          body,
        ),
      );
    });
  const cut = fc
    .nat(Math.max(0, written(body).byteLength - 2))
    .map((bytes) => written(body).subarray(0, bytes));
  const flipped = fc
    .tuple(fc.nat(written(body).byteLength - 1), fc.integer({ min: 128, max: 255 }))
    .map(([index, byte]) => {
      const copy = Buffer.from(written(body));
      copy[index] = byte;
      return copy;
    });
  const deep = fc.nat(20_000).map((depth) => Buffer.from('['.repeat(depth) + ']'.repeat(depth)));
  return fc.oneof({ weight: 6, arbitrary: ruined }, cut, flipped, deep);
}

/** What the profile makes of these bytes with 200, and the JSON they are. */
export function judged(
  profile: ProviderProfile,
  bytes: Buffer,
  endpoint: string,
  at: number,
): { readonly verdict: Verdict; readonly body: Json | undefined } {
  const exchange: Exchange = {
    kind: 'answered',
    status: 200,
    headers: {},
    body: bytes,
    durationMs: 1,
  };
  const body = jsonBody(exchange);
  return { verdict: profile.judge(exchange, body, at, endpoint), body };
}
