/** Other people's limiters, in memory, as their own pages say they are used: never exhausted here. */
import { RateLimiter } from 'limiter';
import { RateLimiterMemory, RateLimiterUnion } from 'rate-limiter-flexible';
import { work, type Guard } from './guards.js';

/** More than a round takes, and what both packages still count without loss. */
const POINTS = 1e12;
const KEY = 'bench';
const SECONDS = [1, 60, 3600];

function flexible(duration: number, index: number): RateLimiterMemory {
  return new RateLimiterMemory({ keyPrefix: `window-${String(index)}`, points: POINTS, duration });
}

/** rate-limiter-flexible, one fixed window. */
export function flexibleOne(): Guard {
  const limiter = flexible(1, 0);
  return async () => {
    await limiter.consume(KEY, 1);
    return work();
  };
}

/** rate-limiter-flexible, three windows at once, by its union. */
export function flexibleThree(): Guard {
  const limiter = new RateLimiterUnion(...SECONDS.map(flexible));
  return async () => {
    await limiter.consume(KEY, 1);
    return work();
  };
}

function limiter(interval: 'second' | 'minute' | 'hour'): RateLimiter {
  return new RateLimiter({ tokensPerInterval: POINTS, interval });
}

/** `limiter`, one bucket, asked without waiting: its quickest way. */
export function limiterTry(): Guard {
  const one = limiter('second');
  return async () => {
    if (!one.tryRemoveTokens(1)) throw new Error('the bucket is large enough');
    return work();
  };
}

/** `limiter`, one bucket, by the promise its page shows. */
export function limiterWait(): Guard {
  const one = limiter('second');
  return async () => {
    await one.removeTokens(1);
    return work();
  };
}
