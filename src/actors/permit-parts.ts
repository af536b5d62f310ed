/** The words of permits that are lent to other programs (permits.ts): question, answer, report, limits. */
import type { DurationMs, EpochMs } from '../kernel/types.js';
import type { Observation, Outcome, Units } from '../sources/port.js';
import type { Refusal } from './refusal.js';

export type PermitRequest = {
  readonly collector: string;
  /** Absent: the primary. */
  readonly upstream?: string;
  /** A name of the provider's endpoints; its weights are drawn, unless `units` says otherwise. */
  readonly endpoint: string;
  readonly units?: Units;
  readonly priority?: 'live' | 'backfill';
  /** How long to wait for a turn; at most `PERMIT_LIMITS.waitMaxMs`. Default: `waitMs`. */
  readonly waitMaxMs?: DurationMs;
  /** How long its report may take. Default: the collector's request timeout and some. */
  readonly lastsMs?: DurationMs;
  /** Who may report it. */
  readonly owner: string;
  /** The same key of the same owner gets the same permit while it is open. */
  readonly key?: string;
  readonly signal?: AbortSignal;
};

export type PermitAnswer =
  | { readonly kind: 'granted'; readonly id: string; readonly expiresAt: EpochMs }
  /** It may not go now. `until`: when the same call may, where that is known. */
  | {
      readonly kind: 'refused';
      readonly cause: string;
      readonly detail: string;
      readonly until?: EpochMs;
      readonly bucket?: string;
    }
  /** The question itself is wrong, or the service cannot answer it. */
  | { readonly kind: 'impossible'; readonly refusal: Refusal };

/** What came of the call, as whoever made it saw it. */
export type CallReport = {
  readonly outcome: Outcome;
  /** HTTP status; 0: none came. */
  readonly status: number;
  readonly durationMs: DurationMs;
  /** By the provider's word: not before this moment. */
  readonly retryAt?: EpochMs;
  /** Of a used-up quota. */
  readonly bucket?: string;
  /** What it really drew. */
  readonly units?: Units;
  readonly observations: readonly Observation[];
};

export type Reported =
  | { readonly kind: 'settled'; readonly outcome: string; readonly repeated: boolean }
  | { readonly kind: 'invalid'; readonly field: string; readonly detail: string }
  | { readonly kind: 'not-found' };

export type PermitNumbers = {
  readonly open: number;
  readonly granted: number;
  readonly refused: number;
  /** By outcome; `unknown`: no report came. */
  readonly settled: Readonly<Record<string, number>>;
};

export interface PermitDesk {
  /** Never rejects. */
  acquire(request: PermitRequest): Promise<PermitAnswer>;
  report(id: string, owner: string, report: CallReport): Reported;
  numbers(): PermitNumbers;
  /** Gives no more; what is open is settled as unknown. */
  close(): void;
}

export const PERMIT_LIMITS = {
  openMax: 10_000,
  openPerCollectorMax: 1_000,
  rememberedMax: 10_000,
  /** Long enough for a reservation to become durable. */
  waitMs: 1_000,
  waitMaxMs: 30_000,
  lastsMinMs: 1_000,
  lastsMaxMs: 600_000,
  /** What a report may take beyond the request's own timeout. */
  graceMs: 5_000,
} as const;
