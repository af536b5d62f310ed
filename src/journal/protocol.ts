/** What the journal's main side and its writer thread say to each other. Strings and numbers only. */
import type { Position, Revision, StreamId } from '../kernel/types.js';
import type { JournalLimits } from './limits.js';

/** What the worker is started with. */
export type WriterConfig = {
  readonly path: string;
  readonly limits: JournalLimits;
  readonly acceptRegressed: boolean;
  /** A checkpoint is due when the write-ahead log holds this many pages. */
  readonly checkpointPages: number;
  /** Test's hand on a full disk: the file may not grow beyond this many pages. */
  readonly filePagesMax?: number;
};

/** One append: five texts per event (id, type, data, metadata's head and tail), flat. */
export type AppendRequest = {
  readonly id: number;
  readonly stream: StreamId;
  readonly expected: Revision;
  readonly bytes: number;
  readonly texts: readonly string[];
};

export const TEXTS_PER_EVENT = 5;

export type ToWriter =
  | { readonly kind: 'append'; readonly requests: readonly AppendRequest[] }
  | { readonly kind: 'close' };

/** An error on its way through a thread's wall. */
export type WireError = {
  readonly code: string;
  readonly message: string;
  readonly outcome?: 'not-written' | 'unknown';
  readonly stream?: StreamId;
  readonly revision?: Revision;
};

export type Answer =
  | {
      readonly kind: 'appended';
      readonly id: number;
      readonly revision: Revision;
      readonly position: Position;
      readonly isRepeat: boolean;
    }
  | { readonly kind: 'conflict'; readonly id: number; readonly actual: Revision }
  | { readonly kind: 'error'; readonly id: number; readonly error: WireError };

/** What was found when the journal was opened. */
export type Opened = {
  readonly head: Position;
  readonly streams: number;
  /** Sentences worth a warning: no witness, a regression that was accepted. */
  readonly warnings: readonly string[];
};

export type FromWriter =
  | { readonly kind: 'opened'; readonly opened: Opened }
  | { readonly kind: 'failed'; readonly error: WireError }
  /** One group: durable, or refused as a whole. */
  | {
      readonly kind: 'group';
      readonly answers: readonly Answer[];
      readonly head: Position;
      readonly events: number;
      readonly bytes: number;
      readonly commitMs: number;
    }
  | {
      readonly kind: 'checkpoint';
      readonly walPages: number;
      readonly movedPages: number;
      readonly tookMs: number;
      readonly error?: string;
    }
  /** A write failed in a way that leaves the truth on disk unknown: nothing is acknowledged any more. */
  | { readonly kind: 'fatal'; readonly error: WireError }
  | { readonly kind: 'closed' };
