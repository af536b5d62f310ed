/**
 * The documents of the status read model: what the facts of one actor add up to. Moments are epoch ms.
 */
import type { DurationMs, EpochMs } from '../kernel/types.js';

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
  /** Each of them; absent: told by facts of before there were several. */
  readonly upstreamDetails?: readonly {
    readonly name: string;
    readonly scope: string;
    readonly missingKey: string;
  }[];
  readonly requestTimeoutMs: DurationMs;
  readonly missingKey: string;
  readonly hasApiKey: boolean;
  readonly upstreamMode: string;
  /**
   * How far apart new data is expected: by the source, else the poll interval (cron: the longest
   * distance between a run and its next so far).
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
    /** What people should know of it; absent: nothing, or it runs. */
    readonly warnings?: readonly string[];
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
    readonly openJitter?: number;
    readonly halfOpenDeadlineMs?: DurationMs;
  };
  /** What an operator holds over the configuration; absent: nothing. */
  readonly held?: {
    readonly settings: Readonly<Record<string, number>>;
    readonly configured: BreakerDoc['policy'];
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
  /** Those it was seen to draw from; absent: none yet. */
  readonly buckets?: readonly string[];
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
  /** The lowest rate a cut may leave, requests per second. */
  readonly floorRate: number;
  /** What each was configured to, where several share the scope; absent, empty: the scope's own. */
  readonly rates?: readonly {
    readonly collector: string;
    readonly maxRequestsPerSecond: number;
    readonly backoffMultiplier: number;
    readonly maxBackoff: number;
  }[];
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
    /** By its last cut; the recovery since then is a function of time. */
    readonly backoff: number;
    readonly cuts: number;
    readonly wMax: number;
    readonly pauseUntil: EpochMs;
    readonly lastCutAt: EpochMs;
  } | null;
  /** What an episode taught, while it is below the ceiling: the rate at that moment. */
  readonly learned: { readonly rate: number; readonly since: EpochMs } | null;
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
