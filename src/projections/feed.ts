/**
 * Brings the journal's pages to projectors, and goes on doing so.
 *
 * F1 One subscription feeds all members; each ignores what it has seen. A member that fell behind makes
 *    the feed begin again at the lowest checkpoint.
 * F2 After a failure it pauses, longer each time.
 * F3 A long page is folded a slice at a time, and others have their turn in between.
 * F4 When facts come without end, it takes `PAGES_PER_SECOND` pages, each with all that came since the
 *    last, rather than one per commit of the journal; whoever waits for a position has it at once.
 */
import { messageOf } from '../kernel/errors.js';
import type { Logger } from '../kernel/observe.js';
import { SECOND_MS, wait, type Clock } from '../kernel/time.js';
import type { DurationMs, EpochMs, Position } from '../kernel/types.js';
import { JournalClosed, type Journal, type Page } from '../journal/port.js';
import { incoming } from './facts.js';
import type { Projector } from './projector.js';

const PAUSE_FIRST_MS: DurationMs = 250;
const PAUSE_MAX_MS: DurationMs = 30_000;
const SLICE_EVENTS = 100;
const PAGES_PER_SECOND = 20;
/** Pages taken without a rest after a quiet time. */
const PAGES_AT_ONCE = 5;

export type Feed = {
  /** Resolves when it was stopped, or when no member is left to feed. */
  readonly run: (signal: AbortSignal) => Promise<void>;
  readonly state: () => FeedState;
  /** F4: somebody waits. */
  readonly hurry: () => void;
};

export type FeedState = {
  /** Newest position known to exist in the journal. */
  readonly head: Position;
  /** When the last event given to the members was recorded; undefined before the first. */
  readonly lastRecordedAt: EpochMs | undefined;
  readonly failures: number;
};

export type FeedParts = {
  readonly journal: Journal;
  readonly clock: Clock;
  readonly log: Logger;
  /** Asked for each page: members may be swapped. */
  readonly members: () => readonly Projector[];
  /** After each page. `atEnd`: it was the last there is. */
  readonly onPage: (atEnd: boolean) => void;
  /** Somebody waits for a position to be shown. */
  readonly isAwaited: () => boolean;
};

export function feed(parts: FeedParts): Feed {
  const { journal, clock, log, members, onPage } = parts;
  const pace = pacing(parts);
  let head: Position = 0;
  let lastRecordedAt: EpochMs | undefined;
  let failures = 0;
  let inARow = 0;

  const active = (): readonly Projector[] =>
    members().filter((member) => member.halted() === undefined);

  const deliver = (after: Position, page: Page): boolean => {
    const events = page.events.map(incoming);
    const last = page.events.at(-1);
    const seen = last && {
      position: page.next,
      eventPosition: last.position,
      eventHash: last.metadata.hash,
    };
    const end = { next: page.next, last: seen };
    const applied = active().map((member) => member.apply(after, events, end));
    head = Math.max(head, page.next);
    if (last !== undefined) lastRecordedAt = Date.parse(last.metadata.recordedAt);
    onPage(page.atEnd);
    return !applied.includes('behind');
  };

  /** F1: ends when a member needs earlier pages, or when `signal` aborts. */
  const follow = async (signal: AbortSignal): Promise<void> => {
    let after = Math.min(...active().map((member) => member.position()));
    for await (const page of journal.subscribe(after, {}, signal)) {
      for (const [index, slice] of slicesOf(page).entries()) {
        if (index > 0) await nextTurn();
        if (signal.aborted || !deliver(after, slice)) return;
        after = slice.next;
      }
      inARow = 0;
      if (page.atEnd) await pace.rest(signal);
      else head = Math.max(head, await journal.head());
    }
  };

  const pause = async (thrown: unknown, signal: AbortSignal): Promise<void> => {
    failures += 1;
    const pauseMs = Math.min(PAUSE_FIRST_MS * 2 ** Math.min(inARow, 16), PAUSE_MAX_MS);
    inARow += 1;
    log.error('projections cannot go on, trying again', { error: messageOf(thrown), pauseMs });
    await wait(clock, pauseMs, signal);
    head = Math.max(head, await journal.head().catch(() => head));
  };

  return {
    state: () => ({ head, lastRecordedAt, failures }),
    hurry: pace.hurry,
    async run(signal) {
      while (!signal.aborted && active().length > 0) {
        try {
          await follow(signal);
        } catch (thrown) {
          if (thrown instanceof JournalClosed) return;
          await pause(thrown, signal);
        }
      }
    },
  };
}

/** F3. */
function slicesOf(page: Page): readonly Page[] {
  const { events } = page;
  if (events.length <= SLICE_EVENTS) return [page];
  const slices: Page[] = [];
  for (let start = 0; start < events.length; start += SLICE_EVENTS) {
    const slice = events.slice(start, start + SLICE_EVENTS);
    const isLast = start + SLICE_EVENTS >= events.length;
    const next = isLast ? page.next : (slice.at(-1)?.position ?? page.next);
    slices.push({ events: slice, next, atEnd: isLast && page.atEnd });
  }
  return slices;
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** F4: pages are paid for with what time brings in; the purse holds `PAGES_AT_ONCE`. */
function pacing({ clock, isAwaited }: FeedParts): {
  readonly rest: (signal: AbortSignal) => Promise<void>;
  readonly hurry: () => void;
} {
  let purse = PAGES_AT_ONCE;
  let countedAt = clock.monotonic();
  let resting: AbortController | undefined;
  const hurry = (): void => {
    resting?.abort();
  };
  return {
    hurry,
    async rest(signal) {
      const now = clock.monotonic();
      const earned = ((now - countedAt) * PAGES_PER_SECOND) / SECOND_MS;
      // Never more than one page in debt, however often somebody was in a hurry.
      purse = Math.max(-1, Math.min(PAGES_AT_ONCE, purse + earned) - 1);
      countedAt = now;
      if (purse >= 0 || isAwaited() || signal.aborted) {
        purse = Math.max(0, purse);
        return;
      }
      resting = new AbortController();
      signal.addEventListener('abort', hurry, { once: true });
      await wait(clock, (-purse * SECOND_MS) / PAGES_PER_SECOND, resting.signal);
      signal.removeEventListener('abort', hurry);
      resting = undefined;
    },
  };
}
