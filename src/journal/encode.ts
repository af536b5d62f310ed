/**
 * New events as text: one serialisation serves hashing and storing. The hash of the stream's previous
 * event is not known yet (the writer knows it), so the metadata is cut where it will stand.
 */
import { canonicalJson } from '../kernel/canonical.js';
import type { EventId, StreamId } from '../kernel/types.js';
import type { EventMetadata, NewEvent } from './port.js';
import { InvalidEvent } from './port.js';
import type { JournalLimits } from './limits.js';
import { DATA_DEPTH_MAX, checkName, checkSizes } from './limits.js';

export type EncodedTexts = {
  readonly type: string;
  /** Canonical JSON. */
  readonly data: string;
  /** Canonical JSON of the metadata up to and after the text of `prevHash`. */
  readonly metadataHead: string;
  readonly metadataTail: string;
};

export type EncodedEvent = EncodedTexts & { readonly eventId: EventId };

export type EncodedBatch = { readonly events: readonly EncodedEvent[]; readonly bytes: number };

/** What is added to each event besides data and metadata: two hashes, numbers, the row. */
const ROW_BYTES = 160;

/**
 * Checks and serialises one append.
 * @throws {InvalidEvent} for what JSON cannot carry back exactly.
 * @throws {EventTooLarge}
 */
export function encodeBatch(
  stream: StreamId,
  events: readonly NewEvent[],
  limits: JournalLimits,
): EncodedBatch {
  checkName('stream', stream);
  if (events.length === 0) throw new InvalidEvent(`an append of no events to ${stream}`);
  const encoded = events.map((event) => encodeEvent(event));
  const sizes = encoded.map(
    ({ data, metadataHead, metadataTail }) =>
      Buffer.byteLength(data) + Buffer.byteLength(metadataHead) + Buffer.byteLength(metadataTail),
  );
  const bytes = checkSizes(stream, sizes, limits) + events.length * ROW_BYTES;
  return { events: encoded, bytes };
}

function encodeEvent(event: NewEvent): EncodedEvent {
  checkName('event type', event.type);
  checkMembers(event.data, 'data', 1);
  const eventId = event.metadata.eventId;
  if (eventId.length === 0) throw new InvalidEvent(`an event ${event.type} without an id`);
  const [metadataHead, metadataTail] = splitMetadata(event.metadata);
  const data = canonicalJson(event.data);
  return { eventId, type: event.type, data, metadataHead, metadataTail };
}

/** Members of the metadata in canonical order, before and after where `prevHash` will stand. */
const BEFORE = [
  'actor',
  'address',
  'causationId',
  'commandHash',
  'commandId',
  'correlationId',
  'epoch',
  'eventId',
  'foldVersion',
  'interface',
  'node',
  'operation',
] as const satisfies readonly (keyof EventMetadata)[];
const AFTER = [
  'reason',
  'recordedAt',
  'schema',
  'stateHash',
] as const satisfies readonly (keyof EventMetadata)[];
const KNOWN: ReadonlySet<string> = new Set<string>([...BEFORE, ...AFTER]);

/** Canonical metadata with a gap for the value of `prevHash`. */
function splitMetadata(metadata: EventMetadata): readonly [string, string] {
  let head = '{';
  for (const name of BEFORE) {
    const value = metadata[name];
    if (value !== undefined) head += `"${name}":${scalar(name, value)},`;
  }
  let tail = '"';
  for (const name of AFTER) {
    const value = metadata[name];
    if (value !== undefined) tail += `,"${name}":${scalar(name, value)}`;
  }
  for (const name in metadata) {
    if (!KNOWN.has(name)) throw new InvalidEvent(`metadata has no member ${JSON.stringify(name)}`);
  }
  return [`${head}"prevHash":"`, `${tail}}`];
}

function scalar(name: string, value: string | number): string {
  if (typeof value !== 'string') checkStorable(value, name, 0);
  return canonicalJson(value);
}

function checkStorable(value: unknown, path: string, depth: number): void {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return;
    case 'number':
      if (Number.isFinite(value) && !Object.is(value, -0)) return;
      throw new InvalidEvent(
        `JSON cannot carry ${Object.is(value, -0) ? '-0' : String(value)} at ${path}`,
      );
    case 'object':
      if (value !== null) checkMembers(value, path, depth + 1);
      return;
    default:
      throw new InvalidEvent(`JSON cannot carry a ${typeof value} at ${path}`);
  }
}

function checkMembers(value: object, path: string, depth: number): void {
  if (depth > DATA_DEPTH_MAX) {
    throw new InvalidEvent(`more than ${String(DATA_DEPTH_MAX)} levels at ${path.slice(0, 80)}`);
  }
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index += 1) checkStorable(value[index], path, depth);
    return;
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) {
    throw new InvalidEvent(`only plain objects can be stored; got something else at ${path}`);
  }
  const record = value as Readonly<Record<string, unknown>>;
  for (const name of Object.keys(record)) {
    const member = record[name];
    // An absent optional member may be spelt `undefined`: it is left out of the store.
    if (member !== undefined) checkStorable(member, name, depth);
  }
}
