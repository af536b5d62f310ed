/**
 * Where collected records go.
 *
 * K1 `write` resolves only when the page is durable; only then may the collector's cursor move.
 * K2 Records, and the cursor of the page they came with, are stored together or not at all.
 * K3 The SQLite sink keeps one row per record id; others deliver at least once.
 */
import { HeadgateError } from '../kernel/errors.js';
import type { CollectedRecord } from '../kernel/record.js';
import type { EpochMs } from '../kernel/types.js';

export type RecordPage = {
  readonly collector: string;
  readonly run: string;
  readonly series: string;
  readonly records: readonly CollectedRecord[];
  /** Canonical JSON of where the next page starts. */
  readonly cursor: string;
  /** Counts the pages of this series since ever. */
  readonly ordinal: number;
  readonly collectedAt: EpochMs;
};

export type WriteResult = {
  /** Records whose id was not there before. */
  readonly added: number;
  /** Records whose id was there with other content: the newer content is kept. */
  readonly changed: number;
};

export type StoredRecord = CollectedRecord & {
  readonly collector: string;
  readonly collectedAt: EpochMs;
  /** Grows with each record stored; a reader goes on after the last it saw. */
  readonly sequence: number;
};

export type RecordQuery = {
  readonly collector: string;
  /** Only records stored after this sequence. */
  readonly after?: number;
  /** Only records collected at or after this moment. */
  readonly since?: EpochMs;
  readonly series?: string;
  readonly limit: number;
  /** Oldest first (with `after`), else newest first. */
  readonly order: 'oldest' | 'newest';
};

export type SeriesPosition = {
  readonly series: string;
  readonly cursor: string;
  readonly ordinal: number;
};

export interface RecordSink {
  /** @throws {SinkUnavailable} nothing of the page is stored; the run fails and the cursor stays. */
  write(page: RecordPage): Promise<WriteResult>;
  query(query: RecordQuery): Promise<readonly StoredRecord[]>;
  count(collector: string): Promise<number>;
  /** How far the sink is, per series: a sink behind the journal's cursor rewinds it. */
  positions(collector: string): Promise<readonly SeriesPosition[]>;
  /** Tells the sink that a cursor was set by hand or rewound, so that both agree again. */
  setPosition(collector: string, position: SeriesPosition): Promise<void>;
  /** Removes what is older than its retention; answers how many rows went. */
  prune(now: EpochMs): Promise<number>;
  close(): Promise<void>;
}

export class SinkUnavailable extends HeadgateError {
  readonly code = 'sink_unavailable';
  readonly retryable = true;
}

/** First bytes of bodies that could not be read: kept for seven days, never in the journal. */
export interface EvidenceStore {
  keep(evidence: {
    readonly sha256: string;
    readonly collector: string;
    readonly endpoint: string;
    readonly bytes: number;
    readonly head: string;
    readonly at: EpochMs;
  }): Promise<void>;
}
