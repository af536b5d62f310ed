/** A breaker's settings, all decided: the collector's own, over those of the process. */
import type { DurationMs } from '../kernel/types.js';
import { camel, LENGTH_MAX_MS } from './option.js';
import type { ProcessConfig } from './process.js';
import type { CollectorValues, Wrong } from './values.js';

/** The fields of the breaker's policy (proto/headgate/events/v1/breaker.proto), all decided. */
export type BreakerSettings = { readonly [K in BreakerField]: number };
type BreakerField =
  | 'failureThreshold'
  | 'minimumCalls'
  | 'failureRate'
  | 'slowRate'
  | 'slowCallMs'
  | 'windowMs'
  | 'openMs'
  | 'openMultiplier'
  | 'openMaxMs'
  | 'openJitter'
  | 'halfOpenPermits'
  | 'successThreshold'
  | 'halfOpenDeadlineMs';

export function breakerOf(
  given: CollectorValues,
  process: ProcessConfig,
  requestTimeoutMs: DurationMs,
  cadenceMs: DurationMs,
  wrong: Wrong,
): BreakerSettings {
  const own: Record<string, unknown> = {};
  for (const [key, value] of given) {
    if (key.startsWith('breaker.')) own[camel(key.slice('breaker.'.length))] = value;
  }
  const settings = { ...process.breaker, ...own } as ProcessConfig['breaker'];
  const waitAndTimeoutMs = process.limiter.waitMaxMs + requestTimeoutMs;
  const decided: BreakerSettings = {
    ...settings,
    slowCallMs: settings.slowCallMs ?? requestTimeoutMs / 2,
    windowMs: settings.windowMs ?? Math.min(Math.max(60_000, 20 * cadenceMs), LENGTH_MAX_MS),
    halfOpenDeadlineMs:
      settings.halfOpenDeadlineMs ??
      Math.min(Math.max(2 * cadenceMs, 2 * waitAndTimeoutMs), LENGTH_MAX_MS),
  };
  if (decided.successThreshold > decided.halfOpenPermits) {
    wrong('breaker.success_threshold', 'must not exceed breaker.half_open_permits', {
      value: String(decided.successThreshold),
    });
  }
  if (decided.openMaxMs < decided.openMs) {
    wrong('breaker.open_max_ms', 'must be at least breaker.open_ms', {
      value: String(decided.openMaxMs),
    });
  }
  return decided;
}
