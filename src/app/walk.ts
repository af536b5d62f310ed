/** The walk over the journal that is being served, as the gateway asks for it. */
import type { JournalWalk } from '../gateway/index.js';
import { walkJournal } from '../journal/index.js';
import type { Journal } from '../journal/port.js';

/** A page is hashed in one go on the thread that serves: it must be short. */
const PAGE_EVENTS = 100;

export function walkOver(journal: Journal): JournalWalk {
  return async function* (signal) {
    for await (const step of walkJournal(journal, { pageEvents: PAGE_EVENTS, signal })) {
      const merkleRoot = step.isWhole ? step.verdict().merkleRoot : undefined;
      yield { ...step.progress(), merkleRoot };
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
}
