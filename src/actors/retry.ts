/**
 * How often a failed call may be tried again: full jitter, and a budget that a bad upstream drains and
 * a good one refills, so that retries never multiply an outage. (The budget is the AWS SDKs' standard
 * mode: 500 tokens, 5 per retry, 10 per retry after a timeout, 1 back per clean success.)
 */
import type { DurationMs } from '../kernel/types.js';

export type RetryLimits = {
  /** Attempts in all, the first included. */
  readonly attemptsMax: number;
  readonly baseMs: DurationMs;
  readonly capMs: DurationMs;
  /** What the budget holds when it is full. */
  readonly budgetTokens: number;
};

export const RETRY_LIMITS: RetryLimits = {
  attemptsMax: 3,
  baseMs: 500,
  capMs: 20_000,
  budgetTokens: 500,
};

const COST = 5;
const COST_TIMEOUT = 10;

export interface RetryBudget {
  /** Takes the price of one retry; false: there is not enough left. */
  take(afterTimeout: boolean): boolean;
  /** A first attempt that went well. */
  succeeded(): void;
  left(): number;
}

export function retryBudget({ budgetTokens }: Pick<RetryLimits, 'budgetTokens'>): RetryBudget {
  let left = budgetTokens;
  return {
    take(afterTimeout) {
      const cost = afterTimeout ? COST_TIMEOUT : COST;
      if (left < cost) return false;
      left -= cost;
      return true;
    },
    succeeded() {
      left = Math.min(budgetTokens, left + 1);
    },
    left: () => left,
  };
}

/** The pause before attempt n + 1 (n from 1): uniform in [0, min(cap, base·2^(n-1))). */
export function retryPauseMs(limits: RetryLimits, attempt: number, chance: number): DurationMs {
  return Math.min(limits.capMs, limits.baseMs * 2 ** (attempt - 1)) * chance;
}
