/** What can be asked of a breaker. */
import type { DurationMs } from '../../kernel/types.js';
import type { BreakerPolicy, FinishedCall, Override } from './events.js';

export type BreakerCommand =
  /** Its policy, first or anew. The same one again changes nothing. */
  | {
      readonly type: 'Configure';
      readonly collector: string;
      readonly upstream: string;
      readonly policy: BreakerPolicy;
      /** Expected distance between two calls: settings that could never trip at it are refused. */
      readonly pollIntervalMs: DurationMs;
    }
  /**
   * Settings by an operator: each given one stands over the configuration until it is returned (null). The
   * same ones again change nothing.
   */
  | {
      readonly type: 'SetPolicy';
      readonly change: { readonly [K in keyof BreakerPolicy]?: number | null };
      readonly pollIntervalMs: DurationMs;
    }
  /** Finished calls in the order in which they ended, at most `CALLS_PER_FACT_MAX`. */
  | { readonly type: 'ReportCalls'; readonly calls: readonly FinishedCall[] }
  /** Out of the automatic's hands, until cleared or for `ttlMs`. */
  | {
      readonly type: 'Force';
      readonly override: Override;
      readonly reason: string;
      readonly ttlMs?: DurationMs;
    }
  /** Automatic again, and there. `half_open` only from open. */
  | { readonly type: 'SetState'; readonly state: 'closed' | 'half_open' }
  /** Closed, and every counter, statistic, grown back-off and override gone. */
  | { readonly type: 'Reset'; readonly reason: string }
  /** The half-open state of this generation has lasted too long since its first admission. */
  | { readonly type: 'ProbeDeadline'; readonly generation: number };

/** Calls in one `ReportCalls`, and so in one `CallsRecorded`. */
export const CALLS_PER_FACT_MAX = 100;
/** Characters of an endpoint's name. */
export const ENDPOINT_CHARS_MAX = 200;
/** The longest an override may be set for: ten years, as every edge promises. */
export const OVERRIDE_TTL_MAX_MS = 3_650 * 86_400_000;
