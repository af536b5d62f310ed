/**
 * Brings the journal's pages to projectors, and goes on doing so.
 *
 * F1 One subscription feeds all members; each ignores what it has seen. A member that fell behind makes
 *    the feed begin again at the lowest checkpoint.
 * F2 It waits for events, never for time; only after a failure it pauses, longer each time.
 */
import { messageOf } from '../kernel/errors.js';
import type { Logger } from '../kernel/observe.js';
import { wait, type Clock } from '../kernel/time.js';
import type { DurationMs, EpochMs, Position } from '../kernel/types.js';
import { JournalClosed, type Journal, type Page } from '../journal/port.js';
import { incoming } from './facts.js';
import type { Projector } from './projector.js';

const PAUSE_FIRST_MS: DurationMs = 250;
const PAUSE_MAX_MS: DurationMs = 30_000;

export type Feed = {
  /** Resolves when it was stopped, or when no member is left to feed. */
  readonly run: (signal: AbortSignal) => Promise<void>;
  readonly state: () => FeedState;
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
};

export function feed({ journal, clock, log, members, onPage }: FeedParts): Feed {
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
      if (signal.aborted || !deliver(after, page)) return;
      after = page.next;
      inARow = 0;
      if (!page.atEnd) head = Math.max(head, await journal.head());
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
