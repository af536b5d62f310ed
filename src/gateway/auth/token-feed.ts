/** Keeps a book of tokens at the journal's head: facts of another writer count within moments (T1). */
import type { Journal } from '../../journal/port.js';
import { JournalClosed } from '../../journal/port.js';
import { messageOf } from '../../kernel/errors.js';
import type { Logger } from '../../kernel/observe.js';
import { wait } from '../../kernel/time.js';
import type { Clock } from '../../kernel/time.js';
import type { Position } from '../../kernel/types.js';
import type { TokenBook } from './token-book.js';

const RETRY_MS = 1_000;

/** Follows from a position on, until the function it answers is called; that resolves when it has ended. */
export function followTokens(
  book: TokenBook,
  from: Position,
  deps: { readonly journal: Journal; readonly clock: Clock; readonly log: Logger },
): () => Promise<void> {
  const stop = new AbortController();
  const ended = follow(book, from, deps, stop.signal);
  return () => {
    stop.abort();
    return ended;
  };
}

async function follow(
  book: TokenBook,
  from: Position,
  { journal, clock, log }: Parameters<typeof followTokens>[2],
  signal: AbortSignal,
): Promise<void> {
  let after = from;
  while (!signal.aborted) {
    try {
      for await (const page of journal.subscribe(after, { categories: ['settings'] }, signal)) {
        if (page.events.length > 0) await book.catchUp();
        after = page.next;
      }
    } catch (thrown) {
      if (thrown instanceof JournalClosed) return;
      // What is known stays in force; a revocation by another writer is seen once it can be read.
      log.error('tokens of another writer cannot be read; trying again', {
        error: messageOf(thrown),
      });
      await wait(clock, RETRY_MS, signal);
    }
  }
}
