/** The thresholds and delays of a breaker: where they come from, and which ones make sense. */
import { DAY_MS, MINUTE_MS } from '../../kernel/time.js';
import type { DurationMs } from '../../kernel/types.js';
import type { Refusal } from '../refusal.js';
import type { BreakerPolicy } from './events.js';

/** What the defaults depend on. All lengths in ms. */
export type Cadence = {
  /** Expected distance between two runs. */
  readonly pollIntervalMs: DurationMs;
  readonly requestTimeoutMs: DurationMs;
  /** Longest wait for a permit of the limiter. */
  readonly maxWaitMs: DurationMs;
};

/** No length of a policy is longer. */
const LENGTH_MAX_MS = 366 * DAY_MS;

/** The policy of a breaker nobody configured otherwise. It can trip at any cadence. */
export function defaultPolicy(cadence: Cadence): BreakerPolicy {
  const { pollIntervalMs, requestTimeoutMs, maxWaitMs } = cadence;
  const deadlineMs = Math.max(2 * pollIntervalMs, 2 * (maxWaitMs + requestTimeoutMs));
  return {
    failureThreshold: 5,
    minimumCalls: 10,
    failureRate: 0.5,
    slowRate: 1,
    slowCallMs: requestTimeoutMs / 2,
    windowMs: Math.min(Math.max(MINUTE_MS, 20 * pollIntervalMs), LENGTH_MAX_MS),
    openMs: 300_000,
    openMultiplier: 1.5,
    openMaxMs: 3_600_000,
    openJitter: 0.1,
    halfOpenPermits: 3,
    successThreshold: 2,
    halfOpenDeadlineMs: Math.min(deadlineMs, LENGTH_MAX_MS),
  };
}

type Rule = { readonly min: number; readonly max: number; readonly integer?: true };

/** A share of nothing would trip on the first call: 1 in 10 000 is the least. */
const SHARE: Rule = { min: 0.0001, max: 1 };
const LENGTH: Rule = { min: 1, max: LENGTH_MAX_MS };

/** The range of each setting. `failureThreshold` 0 switches that rule off. */
export const POLICY_RULES = {
  failureThreshold: { min: 0, max: 1000, integer: true },
  minimumCalls: { min: 1, max: 10_000, integer: true },
  failureRate: SHARE,
  slowRate: SHARE,
  slowCallMs: LENGTH,
  windowMs: { min: 1000, max: LENGTH_MAX_MS },
  openMs: LENGTH,
  openMultiplier: { min: 1, max: 10 },
  openMaxMs: LENGTH,
  openJitter: { min: 0, max: 0.5 },
  halfOpenPermits: { min: 1, max: 100, integer: true },
  successThreshold: { min: 1, max: 100, integer: true },
  halfOpenDeadlineMs: LENGTH,
} satisfies Record<keyof BreakerPolicy, Rule>;

export const POLICY_FIELDS = Object.keys(POLICY_RULES) as readonly (keyof BreakerPolicy)[];

/** What is wrong with a policy at one call per poll interval; undefined when it may be used. */
export function policyRefusal(
  policy: BreakerPolicy,
  pollIntervalMs: DurationMs,
): Refusal | undefined {
  for (const field of POLICY_FIELDS) {
    const detail = brokenRule(POLICY_RULES[field], policy[field]);
    if (detail !== undefined) return invalid(field, detail);
  }
  if (policy.openMaxMs < policy.openMs) {
    const got = `got ${String(policy.openMaxMs)} < ${String(policy.openMs)}`;
    return invalid('openMaxMs', `must be >= open_ms, ${got}`);
  }
  if (policy.successThreshold > policy.halfOpenPermits) {
    const got = `got ${String(policy.successThreshold)} > ${String(policy.halfOpenPermits)}`;
    return invalid('successThreshold', `must be <= half_open_permits, ${got}`);
  }
  if (!(pollIntervalMs > 0) || !Number.isFinite(pollIntervalMs)) {
    const detail = `must be > 0, got ${String(pollIntervalMs)}`;
    return { kind: 'invalid', field: '/poll_interval_ms', detail };
  }
  return neverTrips(policy, pollIntervalMs);
}

/**
 * Popular defaults never trip at one call a minute. A rule is within reach when its window holds the
 * calls it needs, or when the failures in a row it needs fit into a day or into twenty polls.
 */
function neverTrips(policy: BreakerPolicy, pollIntervalMs: DurationMs): Refusal | undefined {
  const held = Math.floor(policy.windowMs / pollIntervalMs);
  if (held >= policy.minimumCalls) return undefined;
  const { failureThreshold } = policy;
  const patienceMs = Math.max(DAY_MS, 20 * pollIntervalMs);
  if (failureThreshold > 0 && failureThreshold * pollIntervalMs <= patienceMs) return undefined;
  const { windowMs, minimumCalls } = policy;
  const every = `one call every ${String(pollIntervalMs)} ms`;
  const window = `a window of ${String(windowMs)} ms holds ${String(held)} calls`;
  const rates = `${window} at ${every}, and minimum_calls is ${String(minimumCalls)}`;
  const count =
    failureThreshold === 0
      ? 'failure_threshold is 0 (off)'
      : `failure_threshold ${String(failureThreshold)} takes over a day, and over 20 polls, of nothing but failure`;
  return { kind: 'would-never-trip', detail: `it could never trip: ${rates}; ${count}` };
}

/** Same settings, one by one. */
export function samePolicy(a: BreakerPolicy, b: BreakerPolicy): boolean {
  return POLICY_FIELDS.every((field) => a[field] === b[field]);
}

/**
 * How long the breaker stays open: open_ms · multiplier^n, jittered uniformly, then capped.
 * `failedRecoveries` is n; `chance` is uniform in [0, 1). Whole ms.
 */
export function openDelayMs(
  policy: BreakerPolicy,
  failedRecoveries: number,
  chance: number,
): DurationMs {
  const grown = policy.openMs * policy.openMultiplier ** failedRecoveries;
  const jittered = grown * (1 + policy.openJitter * (2 * chance - 1));
  return Math.round(Math.min(jittered, policy.openMaxMs));
}

function brokenRule(rule: Rule, value: number): string | undefined {
  if (!Number.isFinite(value)) return `must be a number, got ${String(value)}`;
  if (value < rule.min) return `must be >= ${String(rule.min)}, got ${String(value)}`;
  if (value > rule.max) return `must be <= ${String(rule.max)}, got ${String(value)}`;
  if (rule.integer === true && !Number.isInteger(value)) {
    return `must be a whole number, got ${String(value)}`;
  }
  return undefined;
}

function invalid(field: keyof BreakerPolicy, detail: string): Refusal {
  const name = field.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  return { kind: 'invalid', field: `/policy/${name}`, detail };
}
