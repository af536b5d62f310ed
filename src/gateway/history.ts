/** The operations about what happened: events, a breaker's past and what it might have been, the chain. */
import { Type } from '@sinclair/typebox';
import { isoTime } from '../kernel/time.js';
import { fail } from '../kernel/types.js';
import type { Position } from '../kernel/types.js';
import { answer } from './answer.js';
import type { Outcome } from './answer.js';
import { BREAKER_PAST } from './breaker-history.js';
import { inSlot } from './breaker-past.js';
import { collectorEventsInput, listEventsInput, stateAtInput } from './history-inputs.js';
import { RESERVED_NAMES, momentOf, nothing } from './inputs.js';
import { operation } from './operation.js';
import type { AnyOperation, Caller, Reach } from './operation.js';
import { collectorNotFound, invalidInput } from './problems.js';
import { MOMENT_RULE, missing } from './questions.js';
import { eventsPage, journalVerdict } from './schemas/history.js';
import { collectorPage } from './schemas/collector.js';
import { collectorThen } from './shapes/collector.js';
import { eventLine } from './shapes/event-line.js';
import { eventsAfter, newestEvents } from './streams/event-pages.js';
import { unreadable } from './streams/event-filter.js';
import type { EventQuestion } from './streams/event-filter.js';

const WRITES_NOTHING = { none: 'it only reads' } as const;
const LIMIT_DEFAULT = 100;
const EVENT_QUERY = [
  'after_position',
  'before_position',
  'last',
  'limit',
  'categories',
  'types',
  'interface',
] as const;

type PageAsked = Omit<EventQuestion, 'reader'> & {
  readonly after_position?: Position;
  readonly before_position?: Position;
  readonly last?: number;
  readonly limit?: number;
};

async function eventsAnswer(
  asked: PageAsked,
  reach: Reach,
  { role }: Caller,
  head: object = {},
): Promise<Outcome> {
  const { after_position: after, before_position: before, last, limit, ...rest } = asked;
  const question = { ...rest, reader: role };
  const refusal = unreadable(question);
  if (refusal !== undefined) return fail(refusal);
  const { collector } = question;
  if (collector !== undefined && reach.views.docs(collector) === undefined) {
    return fail(missing(collector, reach));
  }
  if (last !== undefined && (after ?? before ?? limit) !== undefined) {
    const detail = 'goes without after_position, before_position and limit';
    return fail(invalidInput({ pointer: '/last', detail }));
  }
  const page =
    last === undefined
      ? await eventsAfter(
          reach,
          question,
          after ?? 0,
          before ?? Number.MAX_SAFE_INTEGER,
          limit ?? LIMIT_DEFAULT,
        )
      : await newestEvents(reach, question, last);
  return answer({
    ...head,
    events: page.events.map(eventLine),
    count: page.events.length,
    next_after: page.next,
    at_end: page.atEnd,
    timestamp: isoTime(reach.clock.now()),
  });
}

const listEvents = operation({
  name: 'listEvents',
  summary: 'Events of the journal, oldest first, from a position on; or the newest of them.',
  role: 'viewer',
  input: listEventsInput,
  output: eventsPage,
  writes: WRITES_NOTHING,
  grpc: { service: 'HistoryService', method: 'ListEvents' },
  rest: { method: 'GET', path: '/events', query: ['collector', ...EVENT_QUERY] },
  handler: (asked, reach, caller) => eventsAnswer(asked, reach, caller),
});

const listCollectorEvents = operation({
  name: 'listCollectorEvents',
  summary: 'Events of one collector, its breakers and its limiters, oldest first; or the newest.',
  role: 'viewer',
  input: collectorEventsInput,
  output: Type.Composite([Type.Object({ collector: Type.String() }), eventsPage], {
    additionalProperties: false,
  }),
  writes: WRITES_NOTHING,
  rest: { method: 'GET', path: '/collectors/{name}/events', query: EVENT_QUERY },
  handler: ({ name, ...asked }, reach, caller) =>
    RESERVED_NAMES.includes(name)
      ? fail(collectorNotFound(name))
      : eventsAnswer({ ...asked, collector: name }, reach, caller, { collector: name }),
});

const getStateAt = operation({
  name: 'getStateAt',
  summary: 'One collector as it was at a moment, or when an event was the newest.',
  role: 'viewer',
  input: stateAtInput,
  output: collectorPage,
  writes: WRITES_NOTHING,
  grpc: { service: 'HistoryService', method: 'GetStateAt' },
  rest: { method: 'GET', path: '/collectors/{name}/state', query: ['at', 'position'] },
  async handler({ name, at, position }, reach) {
    if (RESERVED_NAMES.includes(name)) return fail(collectorNotFound(name));
    if ((at === undefined) === (position === undefined)) {
      return fail(invalidInput({ pointer: '/at', detail: 'give either at or position' }));
    }
    return inSlot(reach, () =>
      position === undefined ? stateAt(name, at ?? '', reach) : stateUpTo(name, position, reach),
    );
  },
});

async function stateAt(name: string, text: string, reach: Reach): Promise<Outcome> {
  const at = momentOf(text);
  const now = reach.clock.now();
  if (at === undefined) return fail(invalidInput({ pointer: '/at', detail: MOMENT_RULE }));
  if (at > now) {
    return fail(invalidInput({ pointer: '/at', detail: `must not be after ${isoTime(now)}` }));
  }
  return told(name, at, undefined, reach);
}

/** The moment is that of the event; of the same moment, only what stands before it is shown. */
async function stateUpTo(name: string, position: Position, reach: Reach): Promise<Outcome> {
  const { journal } = reach;
  const [event] = position < 1 ? [] : (await journal.readAll(position - 1, {}, 1)).events;
  if (event?.position !== position) {
    const detail = `must be the position of an event: 1 to ${String(await journal.head())}`;
    return fail(invalidInput({ pointer: '/position', detail }));
  }
  return told(name, Date.parse(event.metadata.recordedAt), position, reach);
}

async function told(
  name: string,
  at: number,
  upTo: Position | undefined,
  reach: Reach,
): Promise<Outcome> {
  const past = await reach.views.past(name, at, upTo);
  if (past !== undefined) return answer({ collector: collectorThen(past, at) });
  const detail = `${name} did not exist at ${isoTime(at)}`;
  const isKnown = reach.views.docs(name) !== undefined;
  return fail(isKnown ? { ...collectorNotFound(name), detail } : collectorNotFound(name));
}

const verifyJournal = operation({
  name: 'verifyJournal',
  summary: 'Walks the whole journal: every hash, every link, every seal; names the first damage.',
  role: 'operator',
  input: nothing,
  output: journalVerdict,
  writes: WRITES_NOTHING,
  grpc: { service: 'HistoryService', method: 'VerifyJournal' },
  rest: { method: 'GET', path: '/audit/verify', query: [], mayTakeLong: true },
  handler: (_input, reach, caller) => verdict(reach, caller),
});

const NEVER = new AbortController().signal;

/** One walk at a time: it reads all there is, between what everybody else does. */
async function verdict(
  { walk, slots, clock }: Reach,
  { signal = NEVER }: Caller,
): Promise<Outcome> {
  if (!slots.walks.enter()) {
    return fail({ code: 'overloaded', detail: 'the journal is being verified already' });
  }
  try {
    for await (const step of walk(signal)) {
      const { ok: valid, events, streams, head, findings, first, merkleRoot } = step;
      if (merkleRoot === undefined) continue;
      const faults =
        first === undefined
          ? []
          : [{ ...first, stream: first.stream ?? null, revision: first.revision ?? null }];
      const timestamp = isoTime(clock.now());
      const root = { merkle_root: merkleRoot, timestamp };
      return answer({ valid, events, streams, head, findings, faults, ...root });
    }
    return fail({ code: 'stopping', detail: 'the walk was given up before the end' });
  } finally {
    slots.walks.leave();
  }
}

export const HISTORY: readonly AnyOperation[] = [
  listEvents,
  listCollectorEvents,
  ...BREAKER_PAST,
  getStateAt,
  verifyJournal,
];
