/**
 * A live subscription over any paged log: read to the end, then wait until a newer position is told.
 * Nothing is buffered: a slow reader reads what it missed from the store.
 */
import type { Position } from '../kernel/types.js';
import { PAGE_EVENTS_MAX } from './limits.js';
import type { EventFilter, Page } from './port.js';

/** Tells waiting readers that the log grew, or that it is closed. */
export type Bell = {
  readonly latest: () => Position;
  readonly ring: (position: Position) => void;
  /** Wakes all readers for good; each then fails with what `failure` makes. */
  readonly close: (failure: () => Error) => void;
  /** Resolves when the log is past `position` or `signal` aborts. */
  readonly past: (position: Position, signal: AbortSignal) => Promise<void>;
};

export function bell(start: Position): Bell {
  let latest = start;
  let closed: (() => Error) | undefined;
  const waiting = new Set<() => void>();
  const wakeAll = (): void => {
    for (const wake of [...waiting]) wake();
  };
  return {
    latest: () => latest,
    ring(position) {
      if (position <= latest) return;
      latest = position;
      wakeAll();
    },
    close(failure) {
      closed ??= failure;
      wakeAll();
    },
    past(position, signal) {
      return new Promise((resolve, reject) => {
        const check = (): void => {
          if (closed === undefined && latest <= position && !signal.aborted) return;
          waiting.delete(check);
          signal.removeEventListener('abort', check);
          if (closed !== undefined && !signal.aborted) reject(closed());
          else resolve();
        };
        waiting.add(check);
        signal.addEventListener('abort', check);
        check();
      });
    },
  };
}

/** Lets the event loop go round once. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** The pages of a subscription; see `Journal.subscribe`. */
export async function* livePages(
  log: {
    readonly readAll: (after: Position, filter: EventFilter, limit: number) => Promise<Page>;
    readonly bell: Bell;
  },
  after: Position,
  filter: EventFilter,
  signal: AbortSignal,
): AsyncGenerator<Page, void, undefined> {
  let from = after;
  while (!signal.aborted) {
    const page = await log.readAll(from, filter, PAGE_EVENTS_MAX);
    if (page.next > from) {
      from = page.next;
      yield page;
    }
    if (page.atEnd) await log.bell.past(from, signal);
    // Reading is synchronous underneath: a long catch-up must let timers and sockets have their turn.
    else await nextTurn();
  }
}
