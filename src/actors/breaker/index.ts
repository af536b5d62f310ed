/** The circuit breaker: what others may see. */
import type { DurationMs, EpochMs } from '../../kernel/types.js';
import type { ActorKind } from '../kind.js';
import type { BreakerCommand } from './commands.js';
import { decideBreaker } from './decide.js';
import { breakerCodec, type BreakerFact, type Computed, type Effective } from './events.js';
import { breakerMachine } from './machine.js';
import { breakerOutstanding } from './outstanding.js';
import { computedOf, effectiveOf } from './state.js';
import type { BreakerContext, BreakerState, OverrideInForce } from './state.js';

export type { BreakerCommand } from './commands.js';
export { CALLS_PER_FACT_MAX } from './commands.js';
export {
  breakerCodec,
  isCounted,
  OVERRIDES,
  type BreakerFact,
  type BreakerPolicy,
  type Computed,
  type Effective,
  type FinishedCall,
  type Override,
  type Trigger,
} from './events.js';
export { breakerGate, type BreakerGate } from './gate.js';
export type { Admitted, BreakerHandle, GateParts, NotAdmitted } from './gate-core.js';
export { defaultPolicy, POLICY_RULES, policyRefusal, type Cadence } from './policy.js';
export { computedOf, effectiveOf } from './state.js';
export type { BreakerContext, BreakerState, BreakerStatistics } from './state.js';
export { windowSummary, type WindowSummary } from './window.js';

export const breakerKind: ActorKind<BreakerContext, BreakerCommand, BreakerFact> = {
  category: 'breaker',
  machine: breakerMachine,
  foldVersion: 1,
  codec: breakerCodec,
  decide: decideBreaker,
  outstanding: breakerOutstanding,
  restricts,
};

/** A2: what closes the gate before it is durable. */
function restricts(fact: BreakerFact): boolean {
  if (fact.type === 'BreakerForced') return fact.override === 'forced_open';
  return fact.type === 'BreakerTripped' || fact.type === 'BreakerReopened';
}

export type BreakerView = {
  readonly collector: string;
  readonly upstream: string;
  readonly computed: Computed;
  readonly override: OverrideInForce | null;
  readonly effective: Effective;
  readonly generation: number;
  readonly consecutiveFailures: number;
  /** While open. */
  readonly retryAt: EpochMs | null;
  readonly openDelayMs: DurationMs | null;
};

/** Computed, override and effective, apart. */
export function breakerView(state: BreakerState): BreakerView {
  const { collector, upstream, override, generation, consecutiveFailures, retry } = state.context;
  return {
    collector,
    upstream,
    computed: computedOf(state),
    override,
    effective: effectiveOf(state),
    generation,
    consecutiveFailures,
    retryAt: retry?.at ?? null,
    openDelayMs: retry?.delayMs ?? null,
  };
}
