/** The journal's events as they were and as they come, in pages from the store: never buffered. */
import { fail, ok } from '../../kernel/types.js';
import type { Position } from '../../kernel/types.js';
import { readCollectorEventsInput, readEventsInput } from '../history-inputs.js';
import { streamOperation } from '../operation.js';
import type { Opened, Reach, StreamItem } from '../operation.js';
import { collectorNotFound } from '../problems.js';
import { eventLine } from '../shapes/event-line.js';
import { askedOf, unreadable } from './event-filter.js';
import type { EventQuestion } from './event-filter.js';

export const readEvents = streamOperation({
  name: 'readEvents',
  summary: 'Events from a position on, oldest first; with `follow`, also those to come.',
  role: 'viewer',
  input: readEventsInput,
  writes: { none: 'it only reads' },
  grpc: { service: 'HistoryService', method: 'ReadEvents' },
  sse: { besides: 'listEvents', resume: 'after_position', unsaid: { follow: true } },
  open: (input, reach, { role }, signal) => opened({ ...input, reader: role }, reach, signal),
});

/** The same of one collector, where its page of events has a path of its own. */
export const readCollectorEvents = streamOperation({
  name: 'readCollectorEvents',
  summary:
    'Events of one collector, its breakers and limiters, oldest first; with `follow`, and to come.',
  role: 'viewer',
  input: readCollectorEventsInput,
  writes: { none: 'it only reads' },
  sse: { besides: 'listCollectorEvents', resume: 'after_position', unsaid: { follow: true } },
  open: ({ name, ...input }, reach, { role }, signal) =>
    opened({ ...input, collector: name, reader: role }, reach, signal),
});

type Input = EventQuestion & { readonly after_position?: Position; readonly follow?: boolean };

function opened(
  { after_position: after = 0, follow = false, ...question }: Input,
  reach: Reach,
  signal: AbortSignal,
): Opened {
  const { collector } = question;
  const refusal = unreadable(question);
  if (refusal !== undefined) return fail(refusal);
  if (collector !== undefined && !reach.engine.has(collector)) {
    return fail(collectorNotFound(collector));
  }
  return ok(events(reach, question, after, follow, signal));
}

async function* events(
  { journal, views }: Reach,
  question: EventQuestion,
  after: Position,
  follow: boolean,
  signal: AbortSignal,
): AsyncGenerator<StreamItem, void, undefined> {
  // The end is where the journal ended when it was asked: what is written meanwhile has no end.
  const end = follow ? Number.POSITIVE_INFINITY : await journal.head();
  if (after >= end) return;
  const { filter } = askedOf(question, views);
  for await (const page of journal.subscribe(after, filter, signal)) {
    const { fits } = askedOf(question, views);
    for (const event of page.events) {
      if (event.position > end) return;
      if (fits(event)) {
        const id = String(event.position);
        yield { id, kind: event.type, value: eventLine(event) };
      }
    }
    if (page.next >= end) return;
  }
}
