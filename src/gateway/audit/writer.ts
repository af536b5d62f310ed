/**
 * The only writer of this process's audit stream `audit-<node>-<yyyymm>`.
 *
 * W1 One append at a time; what came meanwhile goes together into the next (group commit).
 * W2 Who hands in a fact hears when it is durable, or that it is not.
 * W3 The stream's head is known from the last append; after a race or a failure it is read again. An
 *    append of unknown outcome is looked up before anything is said.
 * W4 At most `pendingMax` facts wait.
 * W5 A fact that the journal will never take fails alone, not those it came together with.
 */
import type { Clock } from '../../kernel/time.js';
import { isoTime } from '../../kernel/time.js';
import type { Position, Revision, StreamId } from '../../kernel/types.js';
import { EventTooLarge, InvalidEvent, JournalUnavailable, NO_STREAM } from '../../journal/port.js';
import type { Journal, NewEvent } from '../../journal/port.js';

/** A fact, and the size of its data's text. */
export type Line = { readonly event: NewEvent; readonly bytes: number };

export const WRITER_LIMITS = { pendingMax: 2_000, groupEventsMax: 128, groupBytesMax: 512 * 1024 };
export type WriterLimits = typeof WRITER_LIMITS;

/** How often an append that lost a race is tried with the new head. */
const TRIES_MAX = 5;

export type AuditWriter = {
  /** W2. @throws {JournalUnavailable} also when too many wait (W4). */
  write(line: Line): Promise<Position>;
  /** Resolves when nothing waits any more. */
  idle(): Promise<void>;
};

export type WriterParts = {
  readonly journal: Pick<Journal, 'append' | 'read' | 'streamHead'>;
  readonly clock: Clock;
  readonly node: string;
};

type Pending = Line & {
  readonly durable: (at: Position) => void;
  readonly failed: (thrown: unknown) => void;
};

/** audit-<node>-<yyyymm>, of the month it is now. */
export function auditStream({ node, clock }: Pick<WriterParts, 'node' | 'clock'>): StreamId {
  return `audit-${node}-${isoTime(clock.now()).slice(0, 7).replace('-', '')}`;
}

export function auditWriter(parts: WriterParts, limits: WriterLimits = WRITER_LIMITS): AuditWriter {
  const pending: Pending[] = [];
  const append = appender(parts);
  let running: Promise<void> | undefined;

  const run = async (): Promise<void> => {
    while (pending.length > 0) {
      await commit(pending.splice(0, groupSize(pending, limits)));
    }
    running = undefined;
  };
  const commit = async (group: readonly Pending[]): Promise<void> => {
    try {
      const at = await append(group.map(({ event }) => event));
      for (const { durable } of group) durable(at);
    } catch (thrown) {
      const isPoison = thrown instanceof InvalidEvent || thrown instanceof EventTooLarge;
      if (isPoison && group.length > 1) for (const each of group) await commit([each]);
      else for (const { failed } of group) failed(thrown);
    }
  };
  return {
    write(line) {
      if (pending.length >= limits.pendingMax) {
        return Promise.reject(new JournalUnavailable('too many audit facts wait to be written'));
      }
      return new Promise((durable, failed) => {
        pending.push({ ...line, durable, failed });
        running ??= run();
      });
    },
    idle: () => running ?? Promise.resolve(),
  };
}

/** W1: how many of those that wait fit into one append. At least one. */
function groupSize(pending: readonly Line[], limits: WriterLimits): number {
  let bytes = 0;
  let count = 0;
  for (const line of pending.slice(0, limits.groupEventsMax)) {
    bytes += line.bytes;
    if (count > 0 && bytes > limits.groupBytesMax) break;
    count += 1;
  }
  return count;
}

/** W3. */
function appender(parts: WriterParts): (events: readonly NewEvent[]) => Promise<Position> {
  const { journal } = parts;
  let known: { readonly stream: StreamId; readonly revision: Revision } | undefined;
  const headOf = async (stream: StreamId): Promise<Revision> => {
    if (known?.stream === stream) return known.revision;
    return (await journal.streamHead(stream))?.revision ?? NO_STREAM;
  };
  return async (events) => {
    const stream = auditStream(parts);
    for (let attempt = 1; attempt <= TRIES_MAX; attempt += 1) {
      const expected = await headOf(stream);
      known = undefined;
      const result = await appendOnce(journal, stream, expected, events);
      if (result.kind === 'conflict') continue;
      known = { stream, revision: result.revision };
      return result.position;
    }
    throw new JournalUnavailable(`${stream} is written by another`);
  };
}

type Appended = Awaited<ReturnType<Journal['append']>>;

async function appendOnce(
  journal: WriterParts['journal'],
  stream: StreamId,
  expected: Revision,
  events: readonly NewEvent[],
): Promise<Appended> {
  try {
    return await journal.append(stream, expected, events);
  } catch (thrown) {
    if (!(thrown instanceof JournalUnavailable) || thrown.outcome !== 'unknown') throw thrown;
    const page = await journal.read(stream, expected + 1, events.length);
    const last = page.events[events.length - 1];
    const isOurs = events.every(
      ({ metadata }, n) => page.events[n]?.metadata.eventId === metadata.eventId,
    );
    if (!isOurs || last === undefined) throw thrown;
    return { kind: 'appended', revision: last.revision, position: last.position };
  }
}
