/** The chance that a recorded delay was drawn with, so that the same policy draws the same delay again. */
import type { BreakerFact } from './breaker/events.js';

const EVEN = 0.5;

/** In [0, 1]; 0.5 (no jitter) for facts without a delay that chance had a part in. */
export function jitterOf(fact: BreakerFact): number {
  if (fact.type !== 'BreakerTripped' && fact.type !== 'BreakerReopened') return EVEN;
  const policy = fact.transition?.policy;
  if (policy === undefined || policy.openJitter <= 0 || fact.delayMs <= 0) return EVEN;
  // It was cut to the longest: any larger chance is cut to it again.
  if (fact.delayMs >= policy.openMaxMs) return 1;
  const failedRecoveries = fact.type === 'BreakerReopened' ? fact.failedRecoveries : 0;
  const grown = policy.openMs * policy.openMultiplier ** failedRecoveries;
  const chance = ((fact.delayMs / grown - 1) / policy.openJitter + 1) / 2;
  return Math.min(1, Math.max(0, chance));
}
