/** What can be asked of a collector. */
import type { DurationMs, EpochMs } from '../../kernel/types.js';
import type { CollectorConfig } from './context.js';

/** Why a run that is due can't begin now. */
export type Obstacle = {
  /** breaker | rate_limit | quota | ban */
  readonly cause: string;
  readonly detail: string;
  readonly until?: EpochMs;
};

/** How a run ended, as its runtime saw it. */
export type RunEnd = {
  /** `ok`, a class of semantics §1, `crashed`, or `blocked` (a gate closed on the way). */
  readonly outcome: string;
  readonly message: string;
  readonly endpoint: string;
  readonly status: number;
  readonly calls: number;
  readonly latencyP95Ms: DurationMs;
  /** When the cause ends, by the upstream's or the limiter's word. */
  readonly until?: EpochMs;
  readonly evidence?: { readonly sha256: string; readonly bytes: number };
  /** For `blocked`: what closed, where nothing else could be asked either. */
  readonly obstacle?: Obstacle;
  /** The further upstream whose call ended it; absent: the primary, or no call did. */
  readonly upstream?: string;
  /** Another upstream can be asked meanwhile: the next run comes as planned. */
  readonly isElsewhereFree?: boolean;
  /** What people should know of it; at most `WARNINGS_MAX`. */
  readonly warnings?: readonly string[];
};

export type Page = {
  readonly series: string;
  readonly cursor: string;
  readonly ordinal: number;
  readonly records: number;
  readonly newRecords: number;
  readonly newestAt?: EpochMs;
  readonly gaps: readonly {
    readonly fromMs: EpochMs;
    readonly toMs: EpochMs;
    readonly missing: number;
  }[];
};

/** What the configuration decides; its revision is counted by the actor. */
export type Settings = Omit<CollectorConfig, 'configRevision'>;

export type CollectorCommand =
  /** First or anew: registers the collector if it is not, and records its configuration if it changed. */
  | ({
      readonly type: 'Configure';
      readonly name: string;
      readonly collectorType: string;
      readonly source: string;
      /** Whether a collector that is registered now starts enabled. */
      readonly enabled: boolean;
      readonly enabledReason: string;
    } & Settings)
  | { readonly type: 'Enable'; readonly reason: string; readonly ttlMs?: DurationMs }
  | {
      readonly type: 'Disable';
      readonly reason: string;
      readonly ttlMs?: DurationMs;
      readonly drainMs: DurationMs;
    }
  | { readonly type: 'Restart'; readonly reason: string; readonly drainMs: DurationMs }
  /** What it was suspended for is over: `operator` or `cause_ended` says by whose word. */
  | { readonly type: 'LiftSuspension'; readonly of: string; readonly cause: string }
  /** The process ends: drain, then stop, keeping the wish. */
  | { readonly type: 'Shutdown'; readonly drainMs: DurationMs }
  /** The session is ready, or its key is missing. */
  | { readonly type: 'Connected' }
  | { readonly type: 'KeyMissing' }
  | {
      readonly type: 'StartRun';
      readonly run: string;
      /** schedule | manual | wake */
      readonly trigger: string;
      readonly priority: string;
      readonly obstacle?: Obstacle;
    }
  | { readonly type: 'Progress'; readonly run: string; readonly page: Page }
  | { readonly type: 'FinishRun'; readonly run: string; readonly end: RunEnd }
  | {
      readonly type: 'SetCursor';
      readonly series: string;
      readonly cursor: string;
      readonly ordinal: number;
      /** operator | sink_behind */
      readonly cause: string;
    };
