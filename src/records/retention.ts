/** How long what was collected is kept, and how much of it. */
import { DAY_MS } from '../kernel/time.js';
import type { DurationMs } from '../kernel/types.js';

export type Retention = {
  /** Records collected longer ago go. */
  readonly maxAgeMs: DurationMs;
  /** Of each collector the newest so many stay. */
  readonly perCollectorMax: number;
};

/** Bodies that could not be read are kept for a week, each cut to its first bytes. */
export const EVIDENCE_KEPT_MS: DurationMs = 7 * DAY_MS;
export const EVIDENCE_HEAD_CHARS_MAX = 4096;
export const EVIDENCE_ROWS_MAX = 10_000;

/** Most records one query answers with. */
export const QUERY_ROWS_MAX = 10_000;

export type Evidence = {
  readonly sha256: string;
  readonly collector: string;
  readonly endpoint: string;
  readonly bytes: number;
  /** What arrived first, as text. */
  readonly head: string;
  readonly at: number;
};
