/**
 * The read store: rows, checkpoints and parked entities of the projections. Everything in it can be
 * rebuilt from the journal, so it may be deleted at any time.
 *
 * R1 Rows, parked entities and the checkpoint of a projection move in one transaction or not at all.
 * R2 A commit is a compare-and-set on the number of commits before it: of two projectors on one store
 *    only one moves the checkpoint.
 * R3 At most one instance of a projection serves; another may be built beside it.
 */
import { HeadgateError } from '../kernel/errors.js';
import type { JsonObject, Position, Revision, StreamId } from '../kernel/types.js';
import type { RowRange, RowWrite } from './projection.js';

/** One built copy of a projection's rows. */
export type Instance = {
  readonly id: number;
  readonly name: string;
  readonly version: number;
  readonly state: 'serving' | 'building';
  readonly checkpoint: Checkpoint;
  /** Counts its commits: what R2 compares. */
  readonly moves: number;
};

/** How far an instance is. `eventHash` tells whether a journal is the one it was built from. */
export type Checkpoint = {
  readonly position: Position;
  /** The last event looked at; 0 and '' before the first. */
  readonly eventPosition: Position;
  readonly eventHash: string;
};

export const START: Checkpoint = { position: 0, eventPosition: 0, eventHash: '' };

/** An entity (stream) whose facts wait because one of them could not be handled. */
export type Parked = {
  readonly stream: StreamId;
  readonly fromRevision: Revision;
  readonly toRevision: Revision;
  readonly fromPosition: Position;
  readonly events: number;
  readonly error: string;
};

export type Commit = {
  /** The instance's `moves` that the writes were made from. */
  readonly moves: number;
  readonly to: Checkpoint;
  readonly writes: readonly RowWrite[];
  readonly parked: readonly Parked[];
  readonly unparked: readonly StreamId[];
};

export interface ReadStore {
  instances(): readonly Instance[];
  instance(id: number): Instance | undefined;
  create(name: string, version: number, state: Instance['state']): Instance;
  /** R1, R2. False: another projector moved the checkpoint first, and nothing was written. */
  commit(id: number, commit: Commit): boolean;
  row(id: number, table: string, key: string): JsonObject | undefined;
  scan(
    id: number,
    table: string,
    range: RowRange,
  ): readonly { readonly key: string; readonly body: JsonObject }[];
  parked(id: number): readonly Parked[];
  /** R3: the built instance serves from now on; the one that served is dropped. */
  activate(id: number): void;
  drop(id: number): void;
  /** Removes at most `limit` rows of dropped instances; answers how many went. */
  purge(limit: number): number;
  close(): void;
}

/** The read store cannot be read or written now. */
export class ReadStoreUnavailable extends HeadgateError {
  readonly code = 'read_store_unavailable';
  readonly retryable = true;
}

/** A read model knows more than the journal: the journal is an old copy, or another one. */
export class CheckpointPastHead extends HeadgateError {
  readonly code = 'checkpoint_past_head';
  readonly retryable = false;
}
