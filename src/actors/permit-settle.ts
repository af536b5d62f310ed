/** What a lent permit's report, or the lack of one, means to limiter and breaker (permits.ts L2). */
import type { EpochMs } from '../kernel/types.js';
import type { Granted } from './permit-grant.js';
import type { CallReport } from './permit-parts.js';

/** Reports in the door's order (door.ts D4): the limiter first, then the breaker. */
export function settle(granted: Granted, report: CallReport | undefined, at: EpochMs): void {
  const { permit, upstream, generation, endpoint } = granted;
  if (report === undefined) {
    // Unknown: the provider may have charged for it, so it did.
    const nothing = { observations: [], malformedHeaders: 0, status: 0, at } as const;
    permit.report({ outcome: 'cancelled', charged: true, ...nothing });
    upstream.gate.cancel(generation);
    return;
  }
  const { outcome, status, durationMs, observations, retryAt, bucket, units } = report;
  permit.report({
    outcome,
    status,
    observations,
    charged: isCharged(report),
    malformedHeaders: 0,
    at,
    ...(retryAt !== undefined && { retryAt }),
    ...(bucket !== undefined && { bucket }),
    ...(units !== undefined && { units }),
  });
  upstream.gate.report({ generation, outcome, durationMs, endpoint, at });
}

/** What providers charge for, where nothing else is known (semantics §6): 2xx, 3xx and 4xx but 429. */
function isCharged({ outcome, status, units }: CallReport): boolean {
  if (outcome === 'cancelled') return false;
  if (status === 0) return outcome === 'ok' || units !== undefined;
  return status < 500 && status !== 429;
}
