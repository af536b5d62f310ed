/** The facts of a circuit breaker, the words in them, and how they are stored. */
import * as wire from '../../gen/headgate/events/v1/breaker.js';
import type { DurationMs, EpochMs } from '../../kernel/types.js';
import { factCodec } from '../codec.js';

export type BreakerPolicy = Readonly<wire.BreakerPolicy>;
/** Some settings of a policy. */
export type BreakerSettings = { readonly [K in keyof BreakerPolicy]?: number };
export type BreakerTransition = wire.BreakerTransition;

export type BreakerFact =
  | ({ readonly type: 'BreakerConfigured' } & wire.BreakerConfigured)
  | ({ readonly type: 'CallsRecorded' } & wire.CallsRecorded)
  | ({ readonly type: 'BreakerTripped' } & wire.BreakerTripped)
  | ({ readonly type: 'BreakerProbing' } & wire.BreakerProbing)
  | ({ readonly type: 'BreakerRecovered' } & wire.BreakerRecovered)
  | ({ readonly type: 'BreakerReopened' } & wire.BreakerReopened)
  | ({ readonly type: 'BreakerForced' } & wire.BreakerForced)
  | ({ readonly type: 'BreakerOverrideCleared' } & wire.BreakerOverrideCleared)
  | ({ readonly type: 'BreakerReset' } & wire.BreakerReset);

/** What the automatic breaker is. */
export type Computed = 'closed' | 'open' | 'half_open';

/** What an operator holds it in: nothing passes; all passes and is measured (both others). */
export const OVERRIDES = ['forced_open', 'metrics_only', 'disabled'] as const;
export type Override = (typeof OVERRIDES)[number];

/** What calls meet. */
export type Effective = Computed | Override;

/** Why the automatic breaker changed. */
export type Trigger =
  | 'consecutive_failures'
  | 'failure_rate'
  | 'slow_rate'
  | 'timer'
  | 'probe_failed'
  | 'probes_succeeded'
  | 'deadline'
  | 'restart'
  | 'manual';

/**
 * One finished call. `at` is when it ended; the generation is that of its admission.
 */
export type FinishedCall = {
  readonly at: EpochMs;
  readonly outcome: string;
  readonly durationMs: DurationMs;
  readonly endpoint: string;
  readonly generation: number;
};

/** The only success. */
export function isSuccess(outcome: string): boolean {
  return outcome === 'ok';
}

/** The only failures: the upstream broke, or what it sent was no use. */
export function isFailure(outcome: string): boolean {
  return outcome === 'server' || outcome === 'bad_data';
}

/**
 * Whether a breaker takes notice: 429s, bans, quotas, keys, our own mistakes and aborts are others'
 * business.
 */
export function isCounted(outcome: string): boolean {
  return isSuccess(outcome) || isFailure(outcome);
}

export const breakerCodec = factCodec<BreakerFact>({
  BreakerConfigured: { message: wire.BreakerConfigured },
  CallsRecorded: { message: wire.CallsRecorded },
  BreakerTripped: { message: wire.BreakerTripped },
  BreakerProbing: { message: wire.BreakerProbing },
  BreakerRecovered: { message: wire.BreakerRecovered },
  BreakerReopened: { message: wire.BreakerReopened },
  BreakerForced: { message: wire.BreakerForced },
  BreakerOverrideCleared: { message: wire.BreakerOverrideCleared },
  BreakerReset: { message: wire.BreakerReset },
});
