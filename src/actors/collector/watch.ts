/**
 * Sees to it that a run ends whatever its source does: that is somebody else's code.
 *
 * W1 A source that for so long neither asks nor yields nor returns is given up.
 * W2 So is one that goes on after its run was aborted and its time to end in order is over.
 * W3 So is one that asks and asks and never yields. From then on nothing answers it: an answer would
 *    let it go on at once, over and over, and nothing else would get its turn.
 */
import { MINUTE_MS, SECOND_MS, type Clock } from '../../kernel/time.js';
import type { DurationMs } from '../../kernel/types.js';

/** A source has nothing to wait for but the door and us. */
export const SILENT_MAX_MS: DurationMs = MINUTE_MS;
/** What a source may still do once its run is aborted, e.g. tidy up. */
export const ABANDON_AFTER_MS: DurationMs = 5 * SECOND_MS;
/** More than any source has series; most yield something each time. */
export const REQUESTS_WITHOUT_PAGE_MAX = 10_000;

export type GivenUp = { readonly givenUp: 'crashed' | 'cancelled'; readonly why: string };

export interface RunWatch {
  /** Resolves when the source is given up. Never rejects. */
  readonly givenUp: Promise<GivenUp>;
  /** A request of the source: while it is under way, nobody waits for the source. */
  request<T>(send: () => Promise<T>): Promise<T>;
  /** Work of ours between two pages. */
  page<T>(store: () => Promise<T>): Promise<T>;
  /** The run is over: lets go of timers, and nothing is asked any more. */
  close(): void;
}

export function runWatch(clock: Clock, signal: AbortSignal): RunWatch {
  let seenAt = clock.monotonic();
  let busy = 0;
  let asked = 0;
  let isOver = false;
  let cancelSilence = (): void => undefined;
  let cancelAbandon = (): void => undefined;
  let resolve: (why: GivenUp) => void = () => undefined;
  const givenUp = new Promise<GivenUp>((done) => {
    resolve = done;
  });
  const close = (): void => {
    isOver = true;
    cancelSilence();
    cancelAbandon();
    signal.removeEventListener('abort', aborted);
  };
  const giveUp = (how: GivenUp['givenUp'], why: string): void => {
    close();
    resolve({ givenUp: how, why });
  };
  const aborted = (): void => {
    cancelAbandon = clock.after(ABANDON_AFTER_MS, () => {
      giveUp('cancelled', 'the run was aborted and its source did not end'); // W2
    });
  };
  const look = (afterMs: DurationMs): void => {
    cancelSilence = clock.after(afterMs, () => {
      const silentMs = busy > 0 ? 0 : clock.monotonic() - seenAt;
      if (silentMs < SILENT_MAX_MS) look(SILENT_MAX_MS - silentMs);
      else giveUp('crashed', `it hangs: no sign of it for ${String(SILENT_MAX_MS / 1000)} s`); // W1
    });
  };
  const during = async <T>(work: () => Promise<T>): Promise<T> => {
    busy += 1;
    try {
      return await work();
    } finally {
      busy -= 1;
      seenAt = clock.monotonic();
    }
  };
  if (signal.aborted) aborted();
  else signal.addEventListener('abort', aborted, { once: true });
  look(SILENT_MAX_MS);
  return {
    givenUp,
    request(send) {
      asked += 1;
      if (!isOver && asked > REQUESTS_WITHOUT_PAGE_MAX) {
        giveUp('crashed', `it asked ${String(asked - 1)} times and yielded nothing`); // W3
      }
      return isOver ? new Promise(() => undefined) : during(send);
    },
    page(store) {
      asked = 0;
      return during(store);
    },
    close,
  };
}
