/** Journals for projection tests: events without ceremony, and pages of any size. */
import { memoryJournal } from '../../src/journal/index.js';
import { NO_STREAM, type Journal, type NewEvent } from '../../src/journal/port.js';
import { derivedId } from '../../src/kernel/ids.js';
import type { JsonObject } from '../../src/kernel/types.js';

/** A fact as it is stored: proto3 JSON leaves out what is zero or empty. */
export type Told = {
  readonly stream: string;
  readonly type: string;
  readonly data: JsonObject & { readonly atMs: number };
};

/** What nothing but a principal's command writes. */
const COMMANDED = /Forced|OverrideCleared|Reset|Enabled|Disabled|RateLimitConfigured/;

function newEvent({ stream, type, data }: Told, revision: number, schema = 1): NewEvent {
  const eventId = derivedId(stream, String(revision));
  const door = COMMANDED.test(type) ? 'rest' : 'system';
  const who = { actor: 'system', interface: door, epoch: 1, node: 'test' };
  const ids = { eventId, commandId: eventId, correlationId: eventId };
  const recordedAt = new Date(data.atMs).toISOString();
  return { type, data, metadata: { ...ids, ...who, recordedAt, schema } };
}

/** Appends one after the other, in the order told. Answers the last position. */
export async function tell(journal: Journal, told: readonly Told[], schema = 1): Promise<number> {
  let position = 0;
  for (const each of told) {
    const revision = (await journal.streamHead(each.stream))?.revision ?? NO_STREAM;
    const event = newEvent(each, revision + 1, schema);
    const result = await journal.append(each.stream, revision, [event]);
    if (result.kind === 'conflict') throw new Error(`conflict in ${each.stream}`);
    position = result.position;
  }
  return position;
}

export async function journalOf(told: readonly Told[]): Promise<Journal> {
  const { journal } = memoryJournal();
  await tell(journal, told);
  return journal;
}

/** The same journal, told in pages of at most `events`. */
export function inPagesOf(journal: Journal, events: number): Journal {
  return {
    ...journal,
    async *subscribe(after, filter, signal) {
      for await (const page of journal.subscribe(after, filter, signal)) {
        for (let from = 0; from < page.events.length; from += events) {
          const some = page.events.slice(from, from + events);
          const isLast = from + events >= page.events.length;
          const next = isLast ? page.next : (some.at(-1)?.position ?? page.next);
          yield { events: some, next, atEnd: isLast && page.atEnd };
          if (signal.aborted) return;
        }
      }
    },
  };
}
