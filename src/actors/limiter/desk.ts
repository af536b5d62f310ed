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

export type Counters = {
  admitted: number;
  delayed: number;
  rejected: number;
  /** The last weights asked for: what the next permit is computed for. */
  weights: Weights;
  /** The last weights found to fit into every window, and in which state: not looked at again. */
  fits: Weights | undefined;
  fitsIn: LimiterContext | undefined;
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
  /** The same for half the price, if the wall clock has not jumped since `now` was last asked. */
  readonly guess: () => Now;
  /** Lets go whoever may go now. */
  readonly pump: () => void;
  readonly counters: (collector: string) => Counters;
  isClosed: boolean;
  malformedHeaders: number;
};
