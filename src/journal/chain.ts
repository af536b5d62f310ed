/**
 * The hash chain (J5): what is hashed, how events are sealed, how a stream is checked.
 *
 * hash = SHA-256 over the canonical JSON of {data, metadata without `hash`, revision, stream, type}.
 * The metadata holds `prevHash`, so each hash covers the whole stream up to its event.
 */
import { canonicalJson, sha256Hex } from '../kernel/canonical.js';
import type { Revision, StreamId } from '../kernel/types.js';
import type { EncodedTexts } from './encode.js';
import { encodeBatch } from './encode.js';
import { DEFAULT_LIMITS } from './limits.js';
import type { EventMetadata, NewEvent, StoredEvent } from './port.js';
import { NO_STREAM } from './port.js';

/** `prevHash` of the first event of each stream. */
export const FIRST_PREV_HASH = '0'.repeat(64);

/** The place in a stream after which an event stands. */
export type ChainLink = { readonly revision: Revision; readonly hash: string };

export const CHAIN_START: ChainLink = { revision: NO_STREAM, hash: FIRST_PREV_HASH };

/** An event as the store keeps it: text. */
export type SealedEvent = {
  readonly revision: Revision;
  readonly type: string;
  readonly data: string;
  /** Canonical JSON, `prevHash` included. */
  readonly metadata: string;
  readonly hash: string;
};

/** The text whose SHA-256 is the event's hash. `data` and `metadata` are canonical JSON. */
export function hashedText(
  stream: StreamId,
  revision: Revision,
  type: string,
  data: string,
  metadata: string,
): string {
  const tail = `"revision":${String(revision)},"stream":${canonicalJson(stream)}`;
  return `{"data":${data},"metadata":${metadata},${tail},"type":${canonicalJson(type)}}`;
}

/** Puts one event after `before`. */
export function sealEvent(stream: StreamId, before: ChainLink, event: EncodedTexts): SealedEvent {
  const revision = before.revision + 1;
  const metadata = event.metadataHead + before.hash + event.metadataTail;
  const { type, data } = event;
  const hash = sha256Hex(hashedText(stream, revision, type, data, metadata));
  return { revision, type, data, metadata, hash };
}

/**
 * Seals a whole batch after `expected`, whose hash is `prevHash`.
 * @throws {InvalidEvent} @throws {EventTooLarge}
 */
export function sealEvents(
  stream: StreamId,
  expected: Revision,
  prevHash: string,
  events: readonly NewEvent[],
): readonly SealedEvent[] {
  let link: ChainLink = { revision: expected, hash: prevHash };
  return encodeBatch(stream, events, DEFAULT_LIMITS).events.map((event) => {
    const sealed = sealEvent(stream, link, event);
    link = sealed;
    return sealed;
  });
}

/** What is wrong with an event, in one word and one sentence. */
export type ChainBreak = {
  readonly revision: Revision;
  readonly problem: 'gap' | 'broken-chain' | 'wrong-hash' | 'not-json';
  readonly detail: string;
};

/** Checks that `link` is what stands before `event`; undefined when it is. */
export function breakBetween(
  link: ChainLink,
  event: { readonly revision: Revision; readonly prevHash: string },
): ChainBreak | undefined {
  const { revision } = event;
  if (revision !== link.revision + 1) {
    const due = String(link.revision + 1);
    return {
      revision,
      problem: 'gap',
      detail: `revision ${due} is due, ${String(revision)} is there`,
    };
  }
  if (event.prevHash === link.hash) return undefined;
  const detail = `prevHash is not the hash of revision ${String(link.revision)}`;
  return { revision, problem: 'broken-chain', detail };
}

/** The hash an event must have, computed over the object as it was parsed from the store. */
export function hashOf(event: StoredEvent): string {
  const { hash: _, ...metadata } = event.metadata satisfies EventMetadata;
  const { stream, revision, type } = event;
  return sha256Hex(
    hashedText(stream, revision, type, canonicalJson(event.data), canonicalJson(metadata)),
  );
}

/** The first event that is not what was written, of events of one stream that follow `after`. */
export function verifyEvents(
  after: ChainLink,
  events: readonly StoredEvent[],
): ChainBreak | undefined {
  let link = after;
  for (const event of events) {
    const { prevHash, hash } = event.metadata;
    const found = breakBetween(link, { revision: event.revision, prevHash });
    if (found !== undefined) return found;
    if (hashOf(event) !== hash) {
      const detail = 'the hash is not that of its content';
      return { revision: event.revision, problem: 'wrong-hash', detail };
    }
    link = { revision: event.revision, hash };
  }
  return undefined;
}
