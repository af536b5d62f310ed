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

export type LimiterHandle = ActorHandle<LimiterContext, LimiterCommand, LimiterFact>;

/** A block as its spender holds it. */
export type Block = {
  readonly id: string;
  readonly collector: string;
  readonly run: string;
  readonly expiresWall: EpochMs;
  readonly expiresMono: MonotonicMs;
  calls: number;
  readonly left: Record<string, number>;
  sent: number;
  /** Units of what was sent. */
  readonly sentUnits: Record<string, number>;
  inFlight: number;
  /** Permits that hold a unit and have not left; released when the block ends under them. */
  readonly held: HeldPermit[];
  readonly usage: Usage[];
  lastSentAt: EpochMs | undefined;
  delayed: number;
  isRetired: boolean;
  isSettled: boolean;
  /** Disarms the timer of its end. */
  cancelEnd: Cancel;
};

/** It knows its place among those held, so that to leave is no search. */
export type HeldPermit = { slot: number; release(): void };

export type Usage = {
  readonly endpoint: string;
  readonly outcome: string;
  calls: number;
  readonly charged: Map<string, number>;
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
