/** Names and ids: how streams are called, and ids that are the same whenever they are computed again. */
import { hash } from 'node:crypto';
import type { CommandId, EventId, StreamId } from './types.js';

/** The namespace of every id Headgate derives (a random UUID, fixed for ever). */
const HEADGATE_NAMESPACE = '7a0f6f1e-3d0c-4c5e-9a3b-0b6f7c1d2e54';

/** RFC 9562 UUIDv5: SHA-1 over namespace and name. The same parts give the same id, always. */
export function uuidV5(namespace: string, name: string): string {
  const space = Buffer.from(namespace.replaceAll('-', ''), 'hex');
  return uuidOf(space, name);
}

const HEADGATE_SPACE = Buffer.from(HEADGATE_NAMESPACE.replaceAll('-', ''), 'hex');

function uuidOf(space: Buffer, name: string): string {
  const hex = hash('sha1', Buffer.concat([space, Buffer.from(name, 'utf8')]), 'hex');
  // Version 5, and the two bits of the variant before what the digest has there.
  const variant = '89ab'[parseInt(hex.charAt(16), 16) & 3] ?? '8';
  const clockField = variant + hex.slice(17, 20);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-5${hex.slice(13, 16)}-${clockField}-${hex.slice(20, 32)}`;
}

/** A4: the id of the n-th event a command appends to a stream. A repeat cannot append twice. */
export function eventIdOf(command: CommandId, stream: StreamId, ordinal: number): EventId {
  return uuidOf(HEADGATE_SPACE, `${command}/${stream}/${String(ordinal)}`);
}

/** An id that stands for these parts, the same in every process. */
export function derivedId(...parts: readonly string[]): string {
  return uuidOf(HEADGATE_SPACE, parts.join('/'));
}

/** What precedes the first `-` of a stream's name. */
export function categoryOf(stream: StreamId): string {
  const dash = stream.indexOf('-');
  return dash < 0 ? stream : stream.slice(0, dash);
}

/** What follows the first `-` of a stream's name. */
export function entityOf(stream: StreamId): string {
  return stream.slice(stream.indexOf('-') + 1);
}

export const PRIMARY_UPSTREAM = 'primary';

export function collectorStream(collector: string): StreamId {
  return `collector-${collector}`;
}

/** `breaker-<collector>` guards the primary upstream, `breaker-<collector>.<upstream>` each further one. */
export function breakerStream(collector: string, upstream: string = PRIMARY_UPSTREAM): StreamId {
  return upstream === PRIMARY_UPSTREAM
    ? `breaker-${collector}`
    : `breaker-${collector}.${upstream}`;
}

export function limiterStream(scope: string): StreamId {
  return `limiter-${scope}`;
}
