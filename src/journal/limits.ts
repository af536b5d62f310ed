/** How much the journal takes at once: every queue, batch, page and name has its maximum here. */
import { EventTooLarge, InvalidEvent } from './port.js';
import type { StreamId } from '../kernel/types.js';

export type JournalLimits = {
  /** One event: its data and metadata as canonical JSON. */
  readonly eventBytesMax: number;
  /** One append. */
  readonly appendEventsMax: number;
  readonly appendBytesMax: number;
  /** One group commit. An append larger than what is left of a group waits for the next. */
  readonly groupEventsMax: number;
  readonly groupBytesMax: number;
  /** Handed in and not yet answered. */
  readonly queueEventsMax: number;
  readonly queueBytesMax: number;
};

export const DEFAULT_LIMITS: JournalLimits = {
  eventBytesMax: 256 * 1024,
  appendEventsMax: 512,
  appendBytesMax: 1024 * 1024,
  groupEventsMax: 512,
  groupBytesMax: 1024 * 1024,
  queueEventsMax: 20_000,
  queueBytesMax: 64 * 1024 * 1024,
};

/** A page holds at most this many events, whatever was asked for. */
export const PAGE_EVENTS_MAX = 1000;
/** A page is cut short once its events' text is this long. */
export const PAGE_BYTES_MAX = 4 * 1024 * 1024;
/** A filtered page looks at this many positions at most: a rare category must not block the thread. */
export const PAGE_SCAN_MAX = 10_000;
/** Levels of nesting in an event's data. */
export const DATA_DEPTH_MAX = 64;
/** UTF-16 units of a stream's name, and of an event type's. */
export const NAME_LENGTH_MAX = 200;

/** Control characters and halves of surrogate pairs: SQLite or a terminal would change them. */
const UNSTORABLE_IN_NAME = /[\p{Cc}\p{Surrogate}]/u;

/** @throws {InvalidEvent} when a stream or a type cannot be called that. */
export function checkName(what: 'stream' | 'event type', name: string): void {
  if (name.length === 0 || name.length > NAME_LENGTH_MAX || UNSTORABLE_IN_NAME.test(name)) {
    const rule = `1 to ${String(NAME_LENGTH_MAX)} characters, none of them a control character`;
    throw new InvalidEvent(`a name of a ${what} has ${rule}; got ${JSON.stringify(name)}`);
  }
}

/** @throws {EventTooLarge} when one append is over its limits. `sizes` are bytes per event. */
export function checkSizes(
  stream: StreamId,
  sizes: readonly number[],
  limits: JournalLimits,
): number {
  if (sizes.length > limits.appendEventsMax) {
    const most = `an append takes at most ${String(limits.appendEventsMax)} events`;
    throw new EventTooLarge(`${most}, got ${String(sizes.length)} for ${stream}`);
  }
  let total = 0;
  for (const bytes of sizes) {
    if (bytes > limits.eventBytesMax) {
      const most = `an event takes at most ${String(limits.eventBytesMax)} bytes`;
      throw new EventTooLarge(`${most}, got ${String(bytes)} for ${stream}`);
    }
    total += bytes;
  }
  if (total > limits.appendBytesMax) {
    const most = `an append takes at most ${String(limits.appendBytesMax)} bytes`;
    throw new EventTooLarge(`${most}, got ${String(total)} for ${stream}`);
  }
  return total;
}

/** A page's size as a whole number from 1 to PAGE_EVENTS_MAX. */
export function pageSize(limit: number): number {
  return Math.max(1, Math.min(PAGE_EVENTS_MAX, Math.floor(limit) || 1));
}
