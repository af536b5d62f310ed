/**
 * What the read models hold, as types: folds of facts, one document per actor, and the questions that
 * can be asked of them. Moments are epoch ms; the gateway renders them.
 */
import type { DurationMs, EpochMs, Position } from '../kernel/types.js';

/** Of a `collector-` stream. */
export type CollectorDoc = {
  readonly name: string;
  readonly type: string;
  readonly source: string;
  readonly registeredAt: EpochMs;
  readonly desired: {
    readonly enabled: boolean;
    readonly reason: string;
    readonly actor: string;
    readonly until: EpochMs | null;
  };
  readonly suspended: {
    readonly cause: string;
    readonly detail: string;
    readonly since: EpochMs;
    readonly nextTry: EpochMs | null;
  } | null;
  /** stopped | starting | idle | collecting | waiting | draining | restarting */
  readonly phase: string;
  readonly phaseSince: EpochMs;
  readonly schedule: {
    readonly intervalMs: DurationMs;
    readonly cron: string;
    readonly zone: string;
    readonly jitter: number;
  };
  readonly scopes: readonly string[];
  readonly upstreams: readonly string[];
  readonly requestTimeoutMs: DurationMs;
  readonly missingKey: string;
  readonly hasApiKey: boolean;
  readonly upstreamMode: string;
  /**
   * How far apart new data is expected: by the source, else the poll interval (cron: the distance
   * between the last two dues).
   */
  readonly expectedEveryMs: DurationMs;
  readonly nextDueAt: EpochMs | null;
  readonly blocked: {
    readonly cause: string;
    readonly detail: string;
    readonly until: EpochMs | null;
  } | null;
  readonly runs: {
    readonly started: number;
    readonly succeeded: number;
    readonly failed: number;
    readonly unknown: number;
    readonly blocked: number;
    readonly skipped: number;
    readonly consecutiveFailures: number;
  };
  readonly records: { readonly collected: number; readonly added: number };
  readonly lastRun: {
    readonly run: string;
    readonly trigger: string;
    readonly startedAt: EpochMs;
    readonly endedAt: EpochMs | null;
    /** null while it runs; ok | a failure class | unknown */
    readonly outcome: string | null;
    readonly message: string;
  } | null;
  /** Last run that succeeded. */
  readonly lastSuccessAt: EpochMs | null;
  /** When something new last arrived. */
  readonly lastNewDataAt: EpochMs | null;
  /** Successful runs in a row that brought nothing new. */
  readonly runsWithoutNews: number;
  readonly cursors: Readonly<
    Record<
      string,
      { readonly cursor: string; readonly ordinal: number; readonly newestAt: EpochMs | null }
    >
  >;
  /** The last ten holes found. */
  readonly gaps: readonly {
    readonly series: string;
    readonly fromMs: EpochMs;
    readonly toMs: EpochMs;
    readonly missing: number;
  }[];
};

export type CallOutcome = {
  readonly at: EpochMs;
  readonly outcome: string;
  readonly durationMs: DurationMs;
  readonly endpoint: string;
};

/** Of a `breaker-` stream. */
export type BreakerDoc = {
  readonly stream: string;
  readonly collector: string;
  readonly upstream: string;
  /** closed | open | half_open: what the automatic breaker is. */
  readonly computed: string;
  readonly override: {
    /** forced_open | metrics_only | disabled */
    readonly state: string;
    readonly reason: string;
    readonly actor: string;
    readonly expiresAt: EpochMs | null;
  } | null;
  readonly generation: number;
  readonly consecutiveFailures: number;
  readonly policy: {
    readonly failureThreshold: number;
    readonly minimumCalls: number;
    readonly failureRate: number;
    readonly slowRate: number;
    readonly slowCallMs: DurationMs;
    readonly windowMs: DurationMs;
    readonly openMs: DurationMs;
    readonly openMultiplier: number;
    readonly openMaxMs: DurationMs;
    readonly halfOpenPermits: number;
    readonly successThreshold: number;
  };
  readonly configRevision: number;
  /** The window as of the last recorded call. */
  readonly window: {
    readonly at: EpochMs;
    readonly calls: number;
    readonly failures: number;
    readonly slow: number;
  };
  readonly openedAt: EpochMs | null;
  readonly retryAt: EpochMs | null;
  readonly openDelayMs: DurationMs | null;
  readonly failedRecoveries: number;
  readonly halfOpen: { readonly attempts: number; readonly successes: number } | null;
  readonly lastFailureAt: EpochMs | null;
  readonly lastChangeAt: EpochMs;
  readonly statistics: {
    readonly totalFailures: number;
    readonly totalSuccesses: number;
    readonly circuitOpens: number;
    readonly successfulRecoveries: number;
    readonly failedRecoveries: number;
    /** Closed periods only; add now - openedAt while away from closed. */
    readonly timeInOpenMs: DurationMs;
    readonly lastOpenAt: EpochMs | null;
  };
  /** The last five, oldest first. */
  readonly lastCalls: readonly CallOutcome[];
};

export type EndpointDoc = {
  readonly requests: number;
  readonly rateLimit: number | null;
  readonly remaining: number | null;
  readonly resetAt: EpochMs | null;
};

/** What one collector used of a scope. */
export type UsageDoc = {
  readonly calls: number;
  readonly throttled: number;
  readonly delayed: number;
  readonly lastRequestAt: EpochMs | null;
  readonly endpoints: Readonly<Record<string, EndpointDoc>>;
};

/** Of a `limiter-` stream. */
export type LimiterDoc = {
  readonly scope: string;
  readonly collectors: readonly string[];
  readonly tier: string;
  readonly currency: string;
  readonly maxRequestsPerSecond: number;
  readonly backoffMultiplier: number;
  readonly maxBackoff: number;
  readonly recoveryWindowMs: DurationMs;
  readonly buckets: readonly {
    readonly name: string;
    readonly kind: string;
    readonly limit: number;
    readonly windowMs: DurationMs;
    readonly period: string;
    readonly zone: string;
    readonly anchorDay: number;
    readonly unit: string;
    readonly priceMicros: number;
    readonly quota: boolean;
  }[];
  /** Each collector's own cap, where an operator set one. */
  readonly caps: Readonly<
    Record<
      string,
      {
        readonly maxRequestsPerSecond: number;
        readonly backoffMultiplier: number;
        readonly maxBackoff: number;
      }
    >
  >;
  readonly episode: {
    readonly backoff: number;
    readonly cuts: number;
    readonly wMax: number;
    readonly pauseUntil: EpochMs;
    readonly lastCutAt: EpochMs;
  } | null;
  readonly blocked: {
    readonly cause: string;
    readonly until: EpochMs;
    readonly detail: string;
  } | null;
  readonly blockedBuckets: Readonly<
    Record<string, { readonly cause: string; readonly until: EpochMs; readonly detail: string }>
  >;
  readonly observed: Readonly<
    Record<
      string,
      {
        readonly at: EpochMs;
        readonly limit: number | null;
        readonly remaining: number | null;
        readonly used: number | null;
        readonly resetAt: EpochMs | null;
      }
    >
  >;
  /** By collector. */
  readonly usage: Readonly<Record<string, UsageDoc>>;
  readonly backoffs: number;
  readonly throttledAnswers: number;
  readonly adjustments: number;
  readonly lastAdjustmentAt: EpochMs | null;
};

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
};

/** The questions. Answers are as of `position()`. */
export interface Views {
  position(): Position;
  /** Resolves true when the views show everything up to `position`, false when `waitMs` passed first. */
  caughtUp(position: Position, waitMs: DurationMs): Promise<boolean>;
  names(): readonly string[];
  docs(name: string): CollectorDocs | undefined;
  /** Goes up whenever anything shown for this collector changed: key of caches. */
  changes(name: string): number;
  health(name: string, now: EpochMs): HealthView | undefined;
  /** Newest first. */
  checks(name: string, since: EpochMs, limit: number): readonly HealthCheck[];
  healthStatistics(name: string, since: EpochMs): HealthStatistics;
  costs(name: string, now: EpochMs): CostView | undefined;
  /** Calls sent since midnight UTC. */
  callsToday(name: string, now: EpochMs): number;
  /**
   * The documents as they were at a moment: folds the streams up to it; needs no read model. Undefined
   * when the collector did not exist then.
   */
  docsAt(name: string, at: EpochMs): Promise<CollectorDocs | undefined>;
}
