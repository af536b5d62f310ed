/** What a breaker remembers: the chart's context, and how a state is read. */
import { MINUTE_MS, SECOND_MS } from '../../kernel/time.js';
import type { DurationMs, EpochMs } from '../../kernel/types.js';
import type { ActorState } from '../kind.js';
import type {
  BreakerPolicy,
  BreakerSettings,
  Computed,
  Effective,
  FinishedCall,
  Override,
} from './events.js';
import { defaultPolicy } from './policy.js';
import { emptyWindow, type CallWindow } from './window.js';

/** Calls kept for readers of history. */
export const LAST_CALLS = 5;

/**
 * Sixteen fields in a fixed order, plain data: XState slows down beyond, and the state is hashed. The
 * seventeenth is only there where an operator set it.
 */
export type BreakerContext = {
  readonly collector: string;
  readonly upstream: string;
  readonly policy: BreakerPolicy;
  /** 0: not configured yet. */
  readonly configRevision: number;
  /** Goes up with each entry into a state or an override. */
  readonly generation: number;
  /** Calls of current generations since the breaker last closed. */
  readonly window: Readonly<CallWindow>;
  readonly consecutiveFailures: number;
  readonly probeSuccesses: number;
  /**
   * Recoveries that failed by a counted failure since the breaker was last closed: the n of the
   * back-off.
   */
  readonly failedRecoveries: number;
  /** When it left closed. */
  readonly awaySince: EpochMs | null;
  /** While open: when it may be probed, and the delay as it was decided. */
  readonly retry: Retry | null;
  readonly override: OverrideInForce | null;
  /** Oldest first. */
  readonly lastCalls: readonly FinishedCall[];
  readonly lastFailureAt: EpochMs | null;
  readonly lastChangeAt: EpochMs | null;
  readonly statistics: BreakerStatistics;
  /**
   * What an operator holds over the configuration; null: nothing any more. Absent: nothing ever, so that
   * streams from before fold to the state they always had.
   */
  readonly held?: HeldSettings | null;
};

/** Settings of an operator, and the configured policy they stand over. */
export type HeldSettings = {
  readonly settings: BreakerSettings;
  readonly configured: BreakerPolicy;
};

export type Retry = {
  readonly at: EpochMs;
  readonly delayMs: DurationMs;
  readonly generation: number;
};

export type OverrideInForce = {
  readonly state: Override;
  readonly reason: string;
  readonly actor: string;
  readonly since: EpochMs;
  /** null: held until cleared. */
  readonly expiresAt: EpochMs | null;
  readonly generation: number;
};

/** Since the beginning, or the last reset. */
export type BreakerStatistics = {
  readonly totalFailures: number;
  readonly totalSuccesses: number;
  /** Openings; one that outlives a restart counts once. */
  readonly circuitOpens: number;
  /** Closed by its probes. */
  readonly successfulRecoveries: number;
  /** Reopened by a counted failure or at the deadline. */
  readonly failedRecoveries: number;
  /** Finished absences from closed; a running one is added by who shows it. */
  readonly timeInOpenMs: DurationMs;
  readonly lastOpenAt: EpochMs | null;
};

export type BreakerState = ActorState<BreakerContext>;

export type BreakerValue = {
  readonly breaker: 'closed' | 'open' | 'halfOpen';
  readonly override: 'none' | 'held';
};

export const NO_STATISTICS: BreakerStatistics = {
  totalFailures: 0,
  totalSuccesses: 0,
  circuitOpens: 0,
  successfulRecoveries: 0,
  failedRecoveries: 0,
  timeInOpenMs: 0,
  lastOpenAt: null,
};

const UNCONFIGURED = defaultPolicy({
  pollIntervalMs: MINUTE_MS,
  requestTimeoutMs: 10 * SECOND_MS,
  maxWaitMs: 10 * SECOND_MS,
});

export const INITIAL_CONTEXT: BreakerContext = {
  collector: '',
  upstream: '',
  policy: UNCONFIGURED,
  configRevision: 0,
  generation: 0,
  window: emptyWindow(UNCONFIGURED.windowMs),
  consecutiveFailures: 0,
  probeSuccesses: 0,
  failedRecoveries: 0,
  awaySince: null,
  retry: null,
  override: null,
  lastCalls: [],
  lastFailureAt: null,
  lastChangeAt: null,
  statistics: NO_STATISTICS,
};

const COMPUTED = { closed: 'closed', open: 'open', halfOpen: 'half_open' } as const;

/** What the automatic breaker is, whatever overrides it. */
export function computedOf(state: BreakerState): Computed {
  return COMPUTED[(state.value as BreakerValue).breaker];
}

/** What calls meet. */
export function effectiveOf(state: BreakerState): Effective {
  return state.context.override?.state ?? computedOf(state);
}
