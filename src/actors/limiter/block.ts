/** A reservation block as its spender holds it, and what opens and settles one. */
import type { Logger } from '../../kernel/observe.js';
import type { Random } from '../../kernel/random.js';
import type { Cancel, Clock } from '../../kernel/time.js';
import type { EpochMs, MonotonicMs } from '../../kernel/types.js';
import type { ActorHandle, SystemContext } from '../handle.js';
import type { Refusal } from '../refusal.js';
import type { LimiterCommand } from './commands.js';
import type { LimiterContext } from './context.js';
import type { LimiterFact } from './events.js';
import type { Tally, Usage } from './usage.js';

export type LimiterHandle = ActorHandle<LimiterContext, LimiterCommand, LimiterFact>;

/** A block as its spender holds it. */
export type Block = {
  readonly id: string;
  readonly collector: string;
  readonly run: string;
  readonly expiresWall: EpochMs;
  readonly expiresMono: MonotonicMs;
  calls: number;
  /** Of each bucket it reserved units of, and of those that only an answer named. */
  readonly columns: Column[];
  sent: number;
  inFlight: number;
  /** Permits that hold a unit and have not left; released when the block ends under them. */
  readonly held: HeldPermit[];
  readonly usage: Usage[];
  /** Of `usage`, what has yet to be counted into it. */
  readonly tallies: Tally[];
  lastSentAt: EpochMs | undefined;
  delayed: number;
  isRetired: boolean;
  isSettled: boolean;
  /** Disarms the timer of its end. */
  cancelEnd: Cancel;
};

/** It knows its place among those held, so that to leave is no search. */
export type HeldPermit = { slot: number; release(): void };

/** A block's units of one bucket. */
export type Column = {
  readonly name: string;
  /** Below zero: answers told of more than was reserved. */
  left: number;
  /** Units of what was sent. */
  sent: number;
};

export type Reserved =
  | { readonly ok: true }
  | { readonly ok: false; readonly refusal: Refusal; readonly bucket?: string };

export type LedgerDeps = {
  readonly handle: LimiterHandle;
  readonly clock: Clock;
  readonly random: Random;
  readonly system: SystemContext;
  readonly log: Logger;
  readonly context: () => LimiterContext;
};
