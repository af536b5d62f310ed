/** Whether an append may happen (J1, J2): the one rule that every adapter with its own store shares. */
import type { EventId, Revision, StreamId } from '../kernel/types.js';
import { InvalidEvent, JournalCorrupt, NO_STREAM } from './port.js';

export type Admission =
  | { readonly kind: 'new' }
  /** J2: the batch stands already; its last event is at `revision`. */
  | { readonly kind: 'repeat'; readonly revision: Revision }
  | { readonly kind: 'conflict'; readonly actual: Revision };

/**
 * Decides on a batch for a stream that is at `head`. Its `ids`, and `idsAfter`, those that stand at the
 * revisions after the expected one, are asked for only when the stream is already beyond it.
 * @throws {JournalCorrupt} when some ids match and others do not: no writer of ours does that.
 */
export function admit(
  stream: StreamId,
  expected: Revision,
  head: Revision,
  idsOf: () => readonly EventId[],
  idsAfter: (revision: Revision, limit: number) => readonly EventId[],
): Admission {
  if (expected === head) return { kind: 'new' };
  if (expected > head) return { kind: 'conflict', actual: head };
  const ids = idsOf();
  const stored = idsAfter(expected, ids.length);
  const matches = ids.filter((id, index) => id === stored[index]).length;
  if (matches === 0) return { kind: 'conflict', actual: head };
  if (matches === ids.length) return { kind: 'repeat', revision: expected + ids.length };
  const first = expected + 1 + ids.findIndex((id, index) => id !== stored[index]);
  throw new JournalCorrupt(
    `a repeat matches ${String(matches)} of ${String(ids.length)} ids after ` +
      `${stream}@${String(expected)}; the first that differs is at revision ${String(first)}`,
    { stream, revision: first },
  );
}

/** @throws {InvalidEvent} when it is no revision a stream can have. */
export function checkExpected(expected: Revision): void {
  if (Number.isSafeInteger(expected) && expected >= NO_STREAM) return;
  throw new InvalidEvent(`an expected revision is a whole number from -1, got ${String(expected)}`);
}
