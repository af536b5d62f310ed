/** What a limiter can be asked to change. */
import type { DurationMs, EpochMs } from '../../kernel/types.js';
import type { Observation } from '../../sources/port.js';
import type { LimiterConfig } from './context.js';
import type { EndpointUsage, Units } from './events.js';

/** A scope's limits as they shall be; the same again changes nothing. */
export type Configure = { readonly type: 'Configure' } & Omit<LimiterConfig, 'configRevision'>;

/** An operator's change of one collector's own cap: at least one of the three. */
export type SetRate = {
  readonly type: 'SetRate';
  readonly collector: string;
  readonly maxRequestsPerSecond?: number;
  readonly backoffMultiplier?: number;
  readonly maxBackoff?: number;
  readonly reason?: string;
};

/** Leave to spend, for up to `calls` equal calls; fewer are granted when not all fit. */
export type Reserve = {
  readonly type: 'Reserve';
  readonly block: string;
  readonly collector: string;
  readonly run: string;
  readonly calls: number;
  /** For all calls together. */
  readonly units: readonly Units[];
  /** The block ends before it; the windows it counts against are the ones that hold its last moment. */
  readonly expiresAt: EpochMs;
  /** Units drawn beyond other blocks' reservations that no fact holds yet. */
  readonly beyond?: Readonly<Record<string, number>>;
};

export type Settle = {
  readonly type: 'Settle';
  readonly block: string;
  readonly sent: number;
  readonly charged: readonly Units[];
  readonly usage: readonly EndpointUsage[];
  readonly lastSentAt?: EpochMs;
  readonly delayed: number;
};

export type ReportThrottle = {
  readonly type: 'ReportThrottle';
  readonly collector: string;
  readonly endpoint: string;
  readonly status: number;
  readonly retryAt?: EpochMs;
  /** When the throttled call left: calls that left before a cut do not cut again. */
  readonly sentAt?: EpochMs;
  /** The reporter's wall clock; `at` stands still while a clock that jumped is behind. */
  readonly now?: EpochMs;
};

export type ObserveQuota = {
  readonly type: 'ObserveQuota';
  readonly endpoint: string;
  readonly observations: readonly Observation[];
  /** Units of each counted bucket that were really sent in its window; absent: all that is reserved. */
  readonly ours?: Readonly<Record<string, number>>;
  /** Nothing was recorded of this endpoint yet: it is, whatever is known of the bucket. */
  readonly isFirst?: boolean;
  /** When the call that brought it left; absent: it took no time. */
  readonly sentAt?: EpochMs;
};

export type BlockBucket = {
  readonly type: 'BlockBucket';
  readonly bucket: string;
  readonly collector: string;
  readonly detail: string;
  /** Absent: until its period rolls. */
  readonly until?: EpochMs;
  readonly now?: EpochMs;
};

export type BlockScope = {
  readonly type: 'BlockScope';
  readonly cause: 'banned' | 'waf';
  readonly collector: string;
  readonly detail: string;
  readonly until?: EpochMs;
  readonly now?: EpochMs;
};

/** An operator lifts what is blocked. Without `bucket`: all of it, the scope included. */
export type Unblock = { readonly type: 'Unblock'; readonly bucket?: string };

/**
 * An operator says that the plan was upgraded: quotas that are blocked open again, a ban stays. Without
 * `bucket`: all of them.
 */
export type UnblockQuota = { readonly type: 'UnblockQuota'; readonly bucket?: string };

/** The wall clock jumped by `shiftMs` (new minus old) and reads `now`. */
export type ReportClockAnomaly = {
  readonly type: 'ReportClockAnomaly';
  readonly shiftMs: DurationMs;
  readonly now: EpochMs;
};

export type LimiterCommand =
  | Configure
  | SetRate
  | Reserve
  | Settle
  | ReportThrottle
  | ObserveQuota
  | BlockBucket
  | BlockScope
  | Unblock
  | UnblockQuota
  | ReportClockAnomaly;
