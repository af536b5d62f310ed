/**
 * What a provider has forbidden, and whether a request that comes now breaks it.
 *
 * 1. A refusal counts from the moment its answer was handed to the network, never from when it was
 *    decided: nobody can obey what they were not told.
 * 2. A request within the grace after that moment has crossed the refusal on the wire: no violation.
 * 3. A later refusal never shortens an earlier one of the same scope.
 */
import type { DurationMs, EpochMs, MonotonicMs } from '../../kernel/types.js';
import type { ForbidCause, Forbids, Standing } from './provider.js';

/** Most scopes remembered; beyond it the oldest is forgotten. */
const SCOPES_MAX = 1000;

/** Forgets the oldest entry of a map that has grown beyond its bound. */
function forgetOldest(map: Map<string, unknown>): void {
  if (map.size <= SCOPES_MAX) return;
  for (const oldest of map.keys()) {
    map.delete(oldest);
    return;
  }
}

type Forbidden = Forbids & { readonly signalledAt: MonotonicMs };

export type StandingOrders = {
  /** 1: to be called when the refusal has left. */
  signal(scope: string, forbids: Forbids, at: EpochMs, monotonic: MonotonicMs): void;
  of(scope: string, at: EpochMs, monotonic: MonotonicMs, graceMs: DurationMs): Standing;
  /** Whether this scope was ever refused, and long enough ago to have heard it. */
  isWarned(scope: string, monotonic: MonotonicMs, graceMs: DurationMs): boolean;
  /** Forgets what was forbidden for this cause (a fault that forbade it was switched off). */
  lift(cause: ForbidCause): void;
  list(at: EpochMs): readonly (Forbids & { readonly scope: string })[];
};

export function standingOrders(): StandingOrders {
  const byScope = new Map<string, Forbidden>();
  const warnedAt = new Map<string, MonotonicMs>();
  return {
    signal(scope, forbids, at, monotonic) {
      if (!warnedAt.has(scope)) warnedAt.set(scope, monotonic);
      forgetOldest(warnedAt);
      const before = byScope.get(scope);
      const stands = before !== undefined && before.until > at;
      if (stands && before.until >= forbids.until) return;
      byScope.delete(scope);
      byScope.set(scope, {
        ...forbids,
        signalledAt: stands ? before.signalledAt : monotonic,
      });
      forgetOldest(byScope);
    },
    of(scope, at, monotonic, graceMs) {
      const forbidden = byScope.get(scope);
      if (forbidden === undefined || forbidden.until <= at) return { kind: 'clear' };
      const crossed = monotonic - forbidden.signalledAt < graceMs;
      return { kind: crossed ? 'crossed' : 'violation', cause: forbidden.cause };
    },
    isWarned(scope, monotonic, graceMs) {
      const first = warnedAt.get(scope);
      return first !== undefined && monotonic - first >= graceMs;
    },
    lift(cause) {
      for (const [scope, forbidden] of byScope) {
        if (forbidden.cause === cause) byScope.delete(scope);
      }
    },
    list: (at) =>
      [...byScope]
        .filter(([, forbidden]) => forbidden.until > at)
        .map(([scope, { cause, until }]) => ({ scope, cause, until })),
  };
}
