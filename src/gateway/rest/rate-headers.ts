/** What is left of a caller's own rate, as draft-ietf-httpapi-ratelimit-headers spells it. */
import type { Allowance } from '../auth/principal.js';

/** Structured fields: whole numbers of calls and seconds; a window shorter than a second is one. */
export function rateHeaders({ limit, remaining, windowMs, resetMs }: Allowance): {
  readonly 'ratelimit-policy': string;
  readonly ratelimit: string;
} {
  const window = Math.max(1, Math.ceil(windowMs / 1000));
  const reset = Math.ceil(resetMs / 1000);
  return {
    'ratelimit-policy': `"caller";q=${String(limit)};w=${String(window)}`,
    ratelimit: `"caller";r=${String(remaining)};t=${String(reset)}`,
  };
}
