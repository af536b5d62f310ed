/**
 * A caller's own rate: the generic cell rate algorithm, one number per caller.
 *
 * R1 A caller may make `burst` calls at once and `perSecond` on average; time alone gives calls back.
 * R2 At most `callersMax` callers are remembered. One whose calls are all back is forgotten without loss;
 *    where all are busy the one seen first is, which can only be to its advantage.
 */
import type { DurationMs, MonotonicMs } from '../../kernel/types.js';

export type RateRule = { readonly perSecond: number; readonly burst: number };

export type Taken = {
  readonly isAllowed: boolean;
  readonly remaining: number;
  /** Until all calls are back. */
  readonly resetMs: DurationMs;
  /** Until one more call is allowed; 0: at once. */
  readonly waitMs: DurationMs;
};

export type CallerRate = {
  readonly windowMs: DurationMs;
  /** Counts one call, if it is allowed. */
  take(key: string, now: MonotonicMs): Taken;
  /** How many callers are remembered. */
  size(): number;
};

export const CALLERS_MAX = 10_000;
/** How many are looked at for one to forget: a full map costs every new caller no more than this. */
const LOOKS_MAX = 32;

export function callerRate(rule: RateRule, callersMax: number = CALLERS_MAX): CallerRate {
  const intervalMs = 1000 / rule.perSecond;
  const windowMs = intervalMs * rule.burst;
  /** When all of a caller's calls are back. */
  const backAt = new Map<string, MonotonicMs>();

  const makeRoom = (now: MonotonicMs): void => {
    let looks = 0;
    for (const [key, at] of backAt) {
      if (at <= now) backAt.delete(key);
      looks += 1;
      if (looks >= LOOKS_MAX) break;
    }
    if (backAt.size < callersMax) return;
    for (const key of backAt.keys()) {
      backAt.delete(key);
      return;
    }
  };

  return {
    windowMs,
    size: () => backAt.size,
    take(key, now) {
      const known = backAt.get(key);
      const from = Math.max(now, known ?? 0);
      const next = from + intervalMs;
      // A hair of slack: sums of fractions may miss the bound by one part in 10^15.
      const isAllowed = next - now <= windowMs + 1e-6;
      if (isAllowed) {
        if (known === undefined && backAt.size >= callersMax) makeRoom(now);
        backAt.set(key, next);
      }
      const resetMs = (isAllowed ? next : from) - now;
      const remaining = Math.max(0, Math.floor((windowMs - resetMs) / intervalMs + 1e-6));
      return { isAllowed, remaining, resetMs, waitMs: isAllowed ? 0 : next - now - windowMs };
    },
  };
}
