/**
 * The questions that can be asked of the read models, and the answers' shapes. Moments are epoch ms; the
 * gateway renders them.
 */
import type { Cancel } from '../kernel/time.js';
import type { DurationMs, EpochMs, Position } from '../kernel/types.js';
import type { AuditDoc, CommandDoc } from './audit-docs.js';
import type { BreakerDoc, CollectorDoc, LimiterDoc } from './docs.js';

export type { AuditDoc, AuditFact } from './audit-docs.js';
export type {
  BreakerDoc,
  CallOutcome,
  CollectorDoc,
  EndpointDoc,
  LimiterDoc,
  UsageDoc,
} from './docs.js';

/** One check per finished or blocked run. */
export type HealthCheck = {
  readonly at: EpochMs;
  /** healthy | degraded | failed | circuit_open | disabled */
  readonly health: string;
  readonly run: string | null;
  readonly outcome: string;
  readonly message: string;
  readonly durationMs: DurationMs | null;
  readonly records: number;
  readonly newRecords: number;
  readonly latencyP95Ms: DurationMs | null;
};

export type HealthView = {
  /** healthy | degraded | failed | circuit_open | disabled */
  readonly health: string;
  /** 0..1, or null when disabled. Parts that do not exist are left out. */
  readonly score: number | null;
  readonly parts: {
    readonly successRatio?: number;
    readonly freshness?: number;
    readonly latency?: number;
    readonly quotaHeadroom?: number;
  };
  readonly stale: boolean;
  readonly stalled: boolean;
};

export type HealthStatistics = {
  readonly totalChecks: number;
  readonly healthy: number;
  readonly failed: number;
  readonly degraded: number;
};

/** Usage and money of one collector in the current period of its quota bucket. */
export type CostView = {
  readonly tier: string;
  readonly currency: string;
  readonly period: {
    readonly kind: 'day' | 'month';
    readonly start: EpochMs;
    readonly end: EpochMs;
  };
  /** null: no quota. */
  readonly quota: number | null;
  readonly quotaUnit: string;
  readonly pricePerUnitMicros: number;
  /** Calls sent. Those of a reservation that is still open are not known yet; lost ones count whole. */
  readonly apiCalls: number;
  /** Units charged, reserved-but-unsettled ones included. */
  readonly units: number;
  readonly costMicros: number;
  /** Money of the calendar month so far (UTC), whatever the quota's period. */
  readonly monthCostMicros: number;
  readonly quotaRemaining: number | null;
  /** Units per hour over the last hour (or since the period began). */
  readonly burnRate: number;
  readonly forecastUnits: number;
  readonly exhaustsAt: EpochMs | null;
};

/** All documents that make one collector's status. */
export type CollectorDocs = {
  readonly collector: CollectorDoc;
  /** The primary first. */
  readonly breakers: readonly BreakerDoc[];
  readonly limiters: readonly LimiterDoc[];
  /** Of the newest event of the collector's own stream. */
  readonly revision: number;
  /**
   * Command revisions "c.b.l" of what these documents show, never newer: what a conditional command takes.
   * While a read model of an older version serves, too old rather than wrong.
   */
  readonly etag: string;
};

/** All that can be told of one collector at a past moment. What only memory knew is not in it. */
export type PastView = {
  readonly docs: CollectorDocs;
  readonly health: HealthView;
  /** Of the day before, newest first. */
  readonly checks: readonly HealthCheck[];
  /** Of the day before. */
  readonly healthStatistics: HealthStatistics;
  readonly costs: CostView | undefined;
  readonly callsToday: number;
  /** The etag then. */
  readonly revision: string;
};

/** Filters are exact. From `since` on, up to before `until`. */
export type AuditQuestion = {
  /** What the commands were about. */
  readonly collector?: string;
  readonly actor?: string;
  readonly operation?: string;
  readonly outcome?: string;
  readonly since?: EpochMs;
  readonly until?: EpochMs;
  /** `next` of the page before. */
  readonly before?: string;
  readonly limit: number;
};

export type AuditPage = {
  /** Newest first. */
  readonly entries: readonly AuditDoc[];
  /** Where the next page begins; undefined: there is none. A page may be empty and not the last. */
  readonly next: string | undefined;
};

/** What is remembered of a command for a day, by its id. */
export type KnownCommand = Pick<CommandDoc, 'at' | 'hash' | 'answer' | 'streams'>;

/** The questions. Answers are as of `position()`. */
export interface Views {
  position(): Position;
  /** Resolves true when the views show everything up to `position`, false when `waitMs` passed first. */
  caughtUp(position: Position, waitMs: DurationMs): Promise<boolean>;
  names(): readonly string[];
  docs(name: string): CollectorDocs | undefined;
  /** Goes up whenever anything shown for this collector changed: key of caches. */
  changes(name: string): number;
  /**
   * Calls back right after a commit changed what is shown, with the names of the collectors whose answers
   * may be different now; undefined: everything may be. It must neither throw nor take long.
   */
  watch(listener: (names: readonly string[] | undefined) => void): Cancel;
  health(name: string, now: EpochMs): HealthView | undefined;
  /** Newest first. */
  checks(name: string, since: EpochMs, limit: number): readonly HealthCheck[];
  healthStatistics(name: string, since: EpochMs): HealthStatistics;
  costs(name: string, now: EpochMs): CostView | undefined;
  /** Calls sent since midnight UTC: as `apiCalls`, it never goes down within a day. */
  callsToday(name: string, now: EpochMs): number;
  /**
   * What the other questions would have answered at a moment: folds the streams up to it; needs no read
   * model. Undefined when the collector did not exist then. With `upTo`: of that moment only what stands
   * at or before this position.
   */
  past(name: string, at: EpochMs, upTo?: Position): Promise<PastView | undefined>;
  /** What was done, tried and refused, newest first. */
  audit(question: AuditQuestion): AuditPage;
  /** A command by its id, for a day after it. */
  command(id: string, now: EpochMs): KnownCommand | undefined;
}
