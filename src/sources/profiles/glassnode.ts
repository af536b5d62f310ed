/** Glassnode: requests a minute and key, metadata apart, seconds left in its headers. Evidence: LIMITS.md. */
import { DAY_MS, MINUTE_MS } from '../../kernel/time.js';
import type { EpochMs } from '../../kernel/types.js';
import { METRIC_NAMES } from '../glassnode-metrics.js';
import type { BucketProfile, ProviderProfile } from '../port.js';
import { judging, type Answer } from '../profile.js';
import { observing, reading } from '../signs.js';

const CALLS = 'calls';
const REQUESTS = 'requests';
const METADATA = 'metadata';

const KEY = 'GLASSNODE_API_KEY';

/** How long we stay away when its firewall (not the API: that answers JSON) sends us off. */
export const UNTOLD_BAN_MS = 15 * MINUTE_MS;

/** Documented as "600" left "599", resetting in "60": a minute that begins with its first call. */
const minute = (name: string, limit: number): BucketProfile => ({
  name,
  kind: 'fixed',
  limit,
  windowMs: MINUTE_MS,
  anchor: 'reset',
  unit: 'request',
  quota: false,
  priceMicros: 0,
});

const metrics = Object.fromEntries(
  METRIC_NAMES.map((metric) => [metric, { [CALLS]: 1, [REQUESTS]: 1 }] as const),
);

export const glassnodeProfile: ProviderProfile = {
  provider: 'glassnode',
  baseUrl: 'https://api.glassnode.com/v1',
  scope: 'glassnode-key',
  maxRequestsPerSecond: 1,
  recoveryWindowMs: MINUTE_MS,
  tier: 'Professional',
  currency: 'USD',
  buckets: [
    {
      name: CALLS,
      kind: 'fixed',
      limit: 10_000,
      period: 'day',
      zone: 'UTC',
      unit: 'call',
      quota: true,
      // 0.001 a call.
      priceMicros: 1000,
    },
    minute(REQUESTS, 600),
    // "Fully isolated": neither the minute of the metrics nor, so we read it, the plan's calls.
    minute(METADATA, 1200),
  ],
  weights: { ...metrics, assets: { [METADATA]: 1 } },
  keys: [KEY],
  headers: ({ [KEY]: key }) => ({
    accept: 'application/json',
    ...(key === undefined ? {} : { 'x-api-key': key }),
  }),
  judge: judging({
    provider: 'glassnode',
    observe: observing({
      bucket: {
        ...Object.fromEntries(METRIC_NAMES.map((metric) => [metric, REQUESTS])),
        assets: METADATA,
      },
      limit: 'x-rate-limit-limit',
      remaining: 'x-rate-limit-remaining',
      reset: { header: 'x-rate-limit-reset', unit: 'seconds_left' },
    }),
    refine: reading(
      'glassnode',
      {
        // No recording: the plans that count calls a day or credits a month say so in words like these.
        status: [402, 403, 429],
        text: /\b(credits?|quota|allowance|daily|per day|month(ly)?)\b[^]*\b(exceeded|exhausted|reached|consumed|used up|limit)\b/i,
        outcome: 'quota_exhausted',
        says: "the plan's calls are used up",
        bucket: CALLS,
        until: periodEnd,
      },
      { status: [429], outcome: 'throttled', says: 'too many requests', until: windowEnd },
      {
        status: [403],
        text: /<html|<!doctype|cloudflare/i,
        outcome: 'banned',
        says: 'refused by the firewall',
        lastsMs: UNTOLD_BAN_MS,
      },
      {
        // One metric that the plan lacks is a mistake in the options, not a bad key.
        status: [403],
        text: /\b(tier|plan|subscription|upgrade)\b/i,
        outcome: 'client',
        says: 'the plan does not include this metric',
      },
    ),
  }),
};

/** A 429 has no Retry-After; what it has is the seconds left of the window. */
function windowEnd({ headers, at }: Answer): EpochMs | undefined {
  return headers.resetAt('x-rate-limit-reset', 'seconds_left', at);
}

function periodEnd({ at, text }: Answer): EpochMs {
  const now = new Date(at);
  return /\bmonth/i.test(text)
    ? Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + 1, 1)
    : (Math.floor(at / DAY_MS) + 1) * DAY_MS;
}
