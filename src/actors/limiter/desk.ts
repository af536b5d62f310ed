/** What the parts of the gate share: the words at its door, and the things on its desk. */
import type { Logger } from '../../kernel/observe.js';
import type { Clock } from '../../kernel/time.js';
import type { DurationMs, EpochMs } from '../../kernel/types.js';
import type { Observation, Outcome } from '../../sources/port.js';
import type { SystemContext } from '../handle.js';
import type { LimiterContext } from './context.js';
import type { Lanes, Now, Weights } from './lanes.js';
import type { LimiterHandle } from './block.js';
import type { Ledger } from './ledger.js';
import type { Restrictions } from './restrictions.js';
import type { Counters, Routes } from './routes.js';

export type AcquireRequest = {
  readonly collector: string;
  readonly run: string;
  /** A name of the profile's weights; usage goes by it. */
  readonly endpoint: string;
  /** Units of each bucket the call draws from. */
  readonly weights: Weights;
  readonly priority: 'probe' | 'live' | 'backfill';
  readonly waitMaxMs: DurationMs;
  readonly signal: AbortSignal;
};

export type AcquireFailure = {
  readonly ok: false;
  readonly cause: 'rate_limit' | 'quota' | 'ban' | 'overloaded' | 'cancelled' | 'unavailable';
  /** When the same call may go, if known. */
  readonly until?: EpochMs;
  readonly bucket?: string;
  readonly detail: string;
};

export type Acquired = { readonly ok: true; readonly permit: Permit } | AcquireFailure;

/** Leave to make one call: spent, released, or it lapses with its block. */
export interface Permit {
  /**
   * The last step before the wire: true means the call counts as sent and must be sent. False: its
   * block ended, or a pause, ban or quota block began; permit and unit have gone back.
   */
  spend(): boolean;
  /** It will not be sent: permit and unit go back. Nothing after `spend`, nothing twice. */
  release(): void;
  /** What a spent permit came to. Once. */
  report(report: PermitReport): void;
}

export type PermitReport = {
  readonly outcome: Outcome;
  readonly status: number;
  readonly observations: readonly Observation[];
  /** Whether the provider charges for it. */
  readonly charged: boolean;
  readonly malformedHeaders: number;
  readonly at: EpochMs;
  readonly retryAt?: EpochMs;
  /** Of a used-up quota. */
  readonly bucket?: string;
  /** What the call really drew, where the answer told: replaces what was reserved. */
  readonly units?: Weights;
};

export type Desk = {
  readonly handle: LimiterHandle;
  readonly clock: Clock;
  readonly system: SystemContext;
  readonly log: Logger;
  readonly lanes: Lanes;
  readonly bars: Restrictions;
  readonly ledger: Ledger;
  readonly context: () => LimiterContext;
  readonly now: () => Now;
  /** Reads both clocks into `seen`. */
  readonly read: () => void;
  /** Reads the monotonic clock into it: right, if the wall clock has not jumped since both were read. */
  readonly guess: () => void;
  /** What was read last. The next reading changes it. */
  readonly seen: Now;
  /** All that such a call touches. */
  readonly route: Routes;
  /** Lets go whoever may go now. */
  readonly pump: () => void;
  readonly counters: (collector: string) => Counters;
  isClosed: boolean;
  /** The scope has limits. */
  isConfigured: boolean;
  malformedHeaders: number;
};
