/** What stands in the way of a run before it begins: asked of every upstream that can be asked at all. */
import type { DurationMs } from '../kernel/types.js';
import type { ProviderProfile } from '../sources/port.js';
import type { BreakerGate } from './breaker/index.js';
import type { Obstacle } from './collector/index.js';
import type { LimiterGate } from './limiter/index.js';

export type Guarded = {
  readonly profile: Pick<ProviderProfile, 'weights' | 'token'>;
  readonly breaker: Pick<BreakerGate, 'peek'>;
  readonly limiter: Pick<LimiterGate, 'inTheWay'>;
  readonly missingKeys: readonly string[];
};

/**
 * What stands in the way of all of them, as the one says it that ends first (of those that do not say
 * when, the first); undefined: one is free, and that is enough for a run. One without its key is never
 * asked, so it neither blocks nor frees anybody.
 */
export function obstacleOf(
  collector: string,
  upstreams: readonly Guarded[],
  waitMaxMs: DurationMs,
): Obstacle | undefined {
  let soonest: Obstacle | undefined;
  for (const upstream of upstreams) {
    if (upstream.missingKeys.length > 0) continue;
    const found = inTheWayOf(collector, upstream, waitMaxMs);
    if (found === undefined) return undefined;
    if (soonest === undefined || endOf(found) < endOf(soonest)) soonest = found;
  }
  return soonest;
}

function endOf({ until }: Obstacle): number {
  return until ?? Infinity;
}

function inTheWayOf(
  collector: string,
  { profile, breaker, limiter }: Guarded,
  waitMaxMs: DurationMs,
): Obstacle | undefined {
  const closed = breaker.peek();
  if (closed !== undefined) {
    const { reason, retryAt } = closed;
    const detail = `the breaker is ${reason}`;
    return { cause: 'breaker', detail, ...(retryAt !== undefined && { until: retryAt }) };
  }
  const bar = limiter.inTheWay(collector, drawsOf(profile), waitMaxMs);
  if (bar === undefined) return undefined;
  const { cause, detail, until, bucket } = bar;
  // A used-up quota's own words name it already.
  const isNamed = bucket === undefined || cause !== 'rate_limit';
  return { cause, detail: isNamed ? detail : `${detail} (${bucket})`, until };
}

/** One way for each endpoint that data comes from: a token alone brings nothing. */
function drawsOf({
  weights,
  token,
}: Guarded['profile']): readonly Readonly<Record<string, number>>[] {
  const draws = Object.entries(weights)
    .filter(([endpoint]) => endpoint !== token?.endpoint)
    .map(([, draw]) => draw);
  return draws.length === 0 ? [{}] : draws;
}
