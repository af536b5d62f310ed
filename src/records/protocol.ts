/** What the sink says to its thread, and hears from it. */
import type { EpochMs } from '../kernel/types.js';
import type { RecordPage, RecordQuery, SeriesPosition, StoredRecord, WriteResult } from './port.js';
import type { Evidence, Retention } from './retention.js';

export type TablesConfig = {
  readonly path: string;
  readonly retention: Retention;
  /** Pages of 4 KiB the file may have; absent: as many as the disk holds. */
  readonly filePagesMax?: number;
};

/** Each call and its answer. */
export type Calls = {
  readonly write: { readonly ask: RecordPage; readonly answer: WriteResult };
  readonly query: { readonly ask: RecordQuery; readonly answer: readonly StoredRecord[] };
  readonly count: { readonly ask: string; readonly answer: number };
  readonly positions: { readonly ask: string; readonly answer: readonly SeriesPosition[] };
  readonly setPosition: {
    readonly ask: { readonly collector: string; readonly position: SeriesPosition };
    readonly answer: null;
  };
  /** One slice; a full one means that there may be more. */
  readonly pruneSlice: { readonly ask: EpochMs; readonly answer: number };
  readonly keep: { readonly ask: Evidence; readonly answer: null };
  readonly evidence: { readonly ask: string; readonly answer: readonly Evidence[] };
  readonly close: { readonly ask: null; readonly answer: null };
};

export type CallName = keyof Calls;

/** Rows a slice of pruning removes at most. */
export const PRUNE_SLICE_ROWS = 5000;

export type Request = {
  readonly [N in CallName]: {
    readonly id: number;
    readonly call: N;
    readonly ask: Calls[N]['ask'];
  };
}[CallName];

export type Reply =
  | { readonly kind: 'ready' }
  | { readonly kind: 'failed'; readonly error: string }
  | { readonly kind: 'answer'; readonly id: number; readonly answer: unknown }
  | { readonly kind: 'error'; readonly id: number; readonly error: string };
