/** What the gateway may do with the journal: read it, follow it, walk it. */
import type { Journal } from '../journal/port.js';
import type { Position, Revision, StreamId } from '../kernel/types.js';

export type JournalReader = Pick<Journal, 'read' | 'readAll' | 'subscribe' | 'head' | 'streamHead'>;

/** How far a walk over the whole journal is, and the first thing it found wrong. */
export type Walked = {
  readonly ok: boolean;
  readonly events: number;
  readonly streams: number;
  /** Up to where it has looked. */
  readonly head: Position;
  readonly findings: number;
  readonly first: Damage | undefined;
  /** Over all stream heads as walked: compare it with a seal kept elsewhere. Only of a whole walk. */
  readonly merkleRoot: string | undefined;
};

export type Damage = {
  readonly problem: string;
  /** Unknown when the page that holds it cannot be read. */
  readonly stream: StreamId | undefined;
  readonly revision: Revision | undefined;
  readonly position: Position;
  readonly detail: string;
};

/** Walks the whole journal, a page at a time; ends with the whole walk, or early when `signal` aborts. */
export type JournalWalk = (signal: AbortSignal) => AsyncIterable<Walked>;
