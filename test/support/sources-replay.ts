/** Recordings as bytes: replayed by a server, or handed to a source without a wire, spoiled as told. */
import fc from 'fast-check';
import type { EpochMs, Json, JsonObject } from '../../src/kernel/types.js';
import type { Exchange, SourceDefinition, Transport } from '../../src/sources/port.js';
import { collectOnce, world, type RunResult, type World } from './sources-context.js';
import type { Answer, Recording } from './sources-server.js';

/** A recorded text is the body as it came; anything else was JSON. */
export function bytesOf({ response: { body } }: Recording): Buffer {
  return Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
}

/** The answer as it was, to the byte where it was text. */
export function replayBytes(of: Recording): Answer {
  return (_request, response) => {
    response.writeHead(of.response.status, of.response.headers).end(bytesOf(of));
  };
}

/** When it was recorded; where it does not say, the given moment. */
export function recordedAt({ response }: Recording, otherwise: EpochMs): EpochMs {
  const moment = Date.parse(response.headers['date'] ?? '');
  return Number.isNaN(moment) ? otherwise : moment;
}

/** An upstream without a wire: the same exchange for every request. */
export function alwaysAnswering(exchange: Exchange): Transport {
  return { send: () => Promise.resolve(exchange), close: () => Promise.resolve() };
}

export function answeredWith(
  body: Buffer | string,
  status = 200,
  headers: Readonly<Record<string, string>> = {},
): Exchange {
  return { kind: 'answered', status, headers, body: Buffer.from(body), durationMs: 1 };
}

/** One run of a source for which every answer is this one. */
export async function runAgainst<O extends JsonObject>(
  source: SourceDefinition<O>,
  options: O,
  exchange: Exchange,
  now: EpochMs,
): Promise<RunResult & { readonly around: World }> {
  const around = world(alwaysAnswering(exchange), 'http://127.0.0.1:9', now);
  around.key = 'a-key';
  around.token = 'a-token';
  return { ...(await collectOnce(source, options, around)), around };
}

/** Values no upstream should send in place of another. */
const JUNK: fc.Arbitrary<unknown> = fc.oneof(
  fc.jsonValue({ maxDepth: 2 }),
  fc.constantFrom<unknown>(
    null,
    '',
    '0',
    '-1',
    '1e5',
    'NaN',
    '__proto__',
    '2026-02-30T25:00:00Z',
    '2026-04-31T00:00:00Z',
    -1,
    0.5,
    1e308,
    '9'.repeat(400),
    'x'.repeat(100_001),
    '\ud800',
    [],
    {},
    [[[[]]]],
  ),
);

/** Every place in a JSON value, as a path. */
function placesOf(value: Json, path: readonly string[] = []): readonly (readonly string[])[] {
  if (value === null || typeof value !== 'object') return [path];
  const inner = Object.entries(value).flatMap(([name, item]: [string, Json]) =>
    placesOf(item, [...path, name]),
  );
  return [path, ...inner];
}

function replaced(value: Json, path: readonly string[], by: (old: Json) => unknown): unknown {
  const [name, ...rest] = path;
  if (name === undefined) return by(value);
  if (value === null || typeof value !== 'object') return value;
  const entries: (readonly [string, unknown])[] = [];
  for (const [key, item] of Object.entries(value) as readonly (readonly [string, Json])[]) {
    const next = key === name ? replaced(item, rest, by) : item;
    if (next !== GONE) entries.push([key, next]);
  }
  return Array.isArray(value) ? entries.map(([, item]) => item) : Object.fromEntries(entries);
}

const GONE = Symbol('gone');

/** A list of so many times its first item; of anything else, a list with only that in it. */
function repeated(old: Json, times: number): readonly Json[] {
  if (!Array.isArray(old)) return [old];
  const [first = 0] = old as readonly Json[];
  return Array.from({ length: times }, () => first);
}

/** A recorded body, spoiled in one of the ways bodies are: retyped, cut, bits turned, swollen. */
export function spoiled(body: Json): fc.Arbitrary<Buffer> {
  const text = JSON.stringify(body);
  const places = placesOf(body);
  const place = fc.nat({ max: places.length - 1 }).map((at) => places[at] ?? []);
  const rewritten = (by: fc.Arbitrary<(old: Json) => unknown>): fc.Arbitrary<Buffer> =>
    fc.tuple(place, by).map(([path, change]) => {
      const changed = replaced(body, path, change);
      return Buffer.from(changed === GONE ? '' : JSON.stringify(changed));
    });
  return fc.oneof(
    rewritten(JUNK.map((junk) => () => junk)),
    rewritten(fc.constant(() => GONE)),
    rewritten(
      fc.constant((old: Json) =>
        typeof old === 'number' ? String(old) : Number(JSON.stringify(old)),
      ),
    ),
    rewritten(fc.nat({ max: 2000 }).map((times) => (old: Json) => repeated(old, times))),
    fc.nat({ max: text.length }).map((length) => Buffer.from(text.slice(0, length))),
    fc.tuple(fc.nat({ max: text.length - 1 }), fc.nat({ max: 255 })).map(([at, byte]) => {
      const bytes = Buffer.from(text);
      bytes[Math.min(at, bytes.length - 1)] = byte;
      return bytes;
    }),
    fc.jsonValue().map((value) => Buffer.from(JSON.stringify(value))),
    fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
    fc.constant(Buffer.alloc(0)),
  );
}
