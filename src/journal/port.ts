/**
 * The journal: the append-only log of everything that happened, whatever stores it.
 *
 * J1 Revisions of a stream are contiguous from 0; an append names the exact revision it expects and
 *    either all of its events are stored or none.
 * J2 A batch whose ids already stand at the revisions after the expected one is a repeat: it answers
 *    `appended` again and stores nothing. The same ids anywhere else are not recognised.
 * J3 `append` resolves only when the events survive the death of the process and of the machine.
 * J4 Positions grow in the order of commit; a reader that has seen a position has seen all before it.
 * J5 Each event carries `prevHash` (the hash of the stream's previous event) and its own `hash`,
 *    computed by the adapter over the object as it is stored (chain.ts).
 * J6 Nothing stored is ever changed or removed.
 */
import type { EventId, JsonObject, Position, Revision, StreamId } from '../kernel/types.js';
import { HeadgateError } from '../kernel/errors.js';

/** Who, why and by which door: carried by every event. Absent members are left out of the store. */
export type EventMetadata = {
  readonly eventId: EventId;
  readonly commandId: string;
  readonly correlationId: string;
  readonly causationId?: string;
  /** The principal, or `system`. */
  readonly actor: string;
  /** rest | grpc | cli | ui | system */
  readonly interface: string;
  /** Where the command came from. Absent: from this program, or before it was recorded. */
  readonly address?: string;
  /** The operation that was called, e.g. `disableCollector`. Absent: none was. */
  readonly operation?: string;
  /** Of a command with an idempotency key: the hash of what was asked. */
  readonly commandHash?: string;
  readonly reason?: string;
  /** ISO 8601, from the injected clock. */
  readonly recordedAt: string;
  /** Version of the event type's schema, from 1. */
  readonly schema: number;
  /** The writer's fencing number. */
  readonly epoch: number;
  readonly node: string;
  /** On the last event of a batch: the hash of the actor's state after it, and the fold that made it. */
  readonly stateHash?: string;
  readonly foldVersion?: number;
};

export type NewEvent = {
  /** Name of the fact, e.g. `BreakerTripped`. */
  readonly type: string;
  /** proto3 JSON. */
  readonly data: JsonObject;
  readonly metadata: EventMetadata;
};

/** An event as parsed from the store: never re-encoded through generated types. */
export type StoredEvent = {
  readonly stream: StreamId;
  readonly revision: Revision;
  readonly position: Position;
  readonly type: string;
  readonly data: JsonObject;
  readonly metadata: EventMetadata & { readonly prevHash: string; readonly hash: string };
};

/** The revision the stream must have; `NO_STREAM` when it must not exist. There is no "any". */
export const NO_STREAM: Revision = -1;

export type AppendResult =
  | { readonly kind: 'appended'; readonly revision: Revision; readonly position: Position }
  /** Another writer was first: the stream is at `actual` (NO_STREAM: it does not exist). */
  | { readonly kind: 'conflict'; readonly actual: Revision };

export type EventFilter = {
  /** Only streams of these categories; absent: all. */
  readonly categories?: readonly string[];
};

/** One page of events, oldest first. `next` is where to go on; it is past every event looked at. */
export type Page = {
  readonly events: readonly StoredEvent[];
  readonly next: Position;
  /** Nothing more was there when the page was read. */
  readonly atEnd: boolean;
};

export type StreamPage = { readonly events: readonly StoredEvent[]; readonly atEnd: boolean };

export type StreamHead = {
  readonly stream: StreamId;
  readonly revision: Revision;
  readonly hash: string;
};

export interface Journal {
  /**
   * Appends all events or none.
   * @throws {JournalUnavailable} the store cannot write now (disk full, read-only); nothing is stored,
   *   or, with `outcome: 'unknown'`, the caller must read the stream back before it concludes anything.
   * @throws {EventTooLarge} an event or the batch is over its limit; nothing is stored.
   * @throws {InvalidEvent} it holds what JSON cannot carry back exactly (NaN, -0, a class, 65 levels),
   *   or the stream's name is malformed; nothing is stored.
   * @throws {JournalCorrupt} some ids of the batch stand where they would as a repeat, others do not.
   */
  append(stream: StreamId, expected: Revision, events: readonly NewEvent[]): Promise<AppendResult>;
  /**
   * One page of a stream from a revision on, at most `limit` events. A stream that is not there is empty.
   * @throws {JournalCorrupt} names the first event that is not what was written.
   */
  read(stream: StreamId, from: Revision, limit: number): Promise<StreamPage>;
  /**
   * One page of the whole journal: events with position > `after`. A page may be empty and not the last.
   * @throws {JournalCorrupt} the next event is bad; reading goes on after the error's `position`.
   */
  readAll(after: Position, filter: EventFilter, limit: number): Promise<Page>;
  /**
   * Everything after a position, then everything new, in pages, without polling; ends when `signal`
   * aborts. A slow reader is not buffered for: it is given what it missed from the store. A page
   * without events tells that `next` was reached and nothing up to it passed the filter.
   */
  subscribe(after: Position, filter: EventFilter, signal: AbortSignal): AsyncIterable<Page>;
  /** The newest position; 0 when empty. */
  head(): Promise<Position>;
  /** The newest revision and hash of a stream; undefined when it does not exist. */
  streamHead(stream: StreamId): Promise<StreamHead | undefined>;
  /** Names and heads of all streams of a category (or of all), by name, after `afterStream`, paged. */
  streams(
    category: string | undefined,
    afterStream: StreamId | undefined,
    limit: number,
  ): Promise<readonly StreamHead[]>;
  /** Waits for what was handed in, then lets go of the store. Later calls throw `JournalClosed`. */
  close(): Promise<void>;
}

/** Snapshots are a cache beside the journal (A9): two kept per stream; losing them costs only time. */
export type Snapshot = {
  readonly stream: StreamId;
  readonly revision: Revision;
  /** Hash of the event at `revision`: a snapshot of another history is not believed. */
  readonly eventHash: string;
  readonly foldVersion: number;
  readonly stateHash: string;
  readonly state: JsonObject;
};

export const SNAPSHOTS_PER_STREAM = 2;

export interface SnapshotStore {
  /** Newest first, at most two; what cannot be parsed is left out. */
  load(stream: StreamId): Promise<readonly Snapshot[]>;
  /** Best effort: a failure is logged by the store and changes nothing. */
  save(snapshot: Snapshot): Promise<void>;
}

/** The store cannot take the write now. */
export class JournalUnavailable extends HeadgateError {
  readonly code = 'journal_unavailable';
  readonly retryable = true;
  /** `unknown`: the write may have happened; read back before concluding. */
  readonly outcome: 'not-written' | 'unknown';

  constructor(
    message: string,
    options: { readonly outcome?: 'not-written' | 'unknown'; readonly cause?: unknown } = {},
  ) {
    super(message, options);
    this.outcome = options.outcome ?? 'not-written';
  }
}

export class JournalClosed extends HeadgateError {
  readonly code = 'journal_closed';
  readonly retryable = false;
}

export class EventTooLarge extends HeadgateError {
  readonly code = 'event_too_large';
  readonly retryable = false;
}

/** An event no journal may hold: what would be read back is not what was appended. */
export class InvalidEvent extends HeadgateError {
  readonly code = 'invalid_event';
  readonly retryable = false;
}

/** Another process has the journal. */
export class JournalLocked extends HeadgateError {
  readonly code = 'journal_locked';
  readonly retryable = true;
}

/** What is stored cannot be what was written: a flipped byte, a gap, a missing tail. */
export class JournalCorrupt extends HeadgateError {
  readonly code = 'journal_corrupt';
  readonly retryable = false;
  readonly stream: StreamId;
  readonly revision: Revision;
  /** Where the bad event lies in the whole journal, when that is known. */
  readonly position: Position | undefined;

  constructor(
    message: string,
    where: {
      readonly stream: StreamId;
      readonly revision: Revision;
      readonly position?: Position | undefined;
    },
  ) {
    super(message);
    this.stream = where.stream;
    this.revision = where.revision;
    this.position = where.position;
  }
}

/** The journal ends before what its witness saw: an old file, or a lost tail. */
export class JournalRegressed extends HeadgateError {
  readonly code = 'journal_regressed';
  readonly retryable = false;
}
