/** Names and ids: how streams are called, and ids that are the same whenever they are computed again. */
import { createHash } from 'node:crypto';
import type { CommandId, EventId, StreamId } from './types.js';

/** The namespace of every id Headgate derives (a random UUID, fixed for ever). */
const HEADGATE_NAMESPACE = '7a0f6f1e-3d0c-4c5e-9a3b-0b6f7c1d2e54';

/** RFC 9562 UUIDv5: SHA-1 over namespace and name. The same parts give the same id, always. */
export function uuidV5(namespace: string, name: string): string {
  const digest = createHash('sha1')
    .update(Buffer.from(namespace.replaceAll('-', ''), 'hex'))
    .update(name, 'utf8')
    .digest();
  digest[6] = ((digest[6] ?? 0) & 0x0f) | 0x50;
  digest[8] = ((digest[8] ?? 0) & 0x3f) | 0x80;
  const hex = digest.toString('hex', 0, 16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** A4: the id of the n-th event a command appends to a stream. A repeat cannot append twice. */
export function eventIdOf(command: CommandId, stream: StreamId, ordinal: number): EventId {
  return uuidV5(HEADGATE_NAMESPACE, `${command}/${stream}/${String(ordinal)}`);
}

/** An id that stands for these parts, the same in every process. */
export function derivedId(...parts: readonly string[]): string {
  return uuidV5(HEADGATE_NAMESPACE, parts.join('/'));
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
