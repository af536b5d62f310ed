/** LunarCrush: a minute and a day per key, epoch seconds in its headers. Evidence: LIMITS.md. */
import { DAY_MS, MINUTE_MS } from '../../kernel/time.js';
import type { EpochMs } from '../../kernel/types.js';
import type { ProviderProfile } from '../port.js';
import { judging, type Answer, type Meaning } from '../profile.js';
import { observing, reading } from '../signs.js';

const MINUTE = 'minute';
const DAY = 'day';

const KEY = 'LUNARCRUSH_API_KEY';

/** How long we stay away when its firewall (not the API: that answers JSON) sends us off. */
export const UNTOLD_BAN_MS = 15 * MINUTE_MS;

const call = { [MINUTE]: 1, [DAY]: 1 };

export const lunarcrushProfile: ProviderProfile = {
  provider: 'lunarcrush',
  baseUrl: 'https://api.lunarcrush.com',
  scope: 'lunarcrush-key',
  maxRequestsPerSecond: 0.2,
  recoveryWindowMs: MINUTE_MS,
  tier: 'Pro',
  currency: 'USD',
  buckets: [
    {
      name: MINUTE,
      // "The next whole minute" is when it resets (recorded).
      kind: 'fixed',
      // The dearer plan's; the cheaper one's 10 is told by the first answer's headers.
      limit: 100,
      windowMs: MINUTE_MS,
      unit: 'request',
      quota: false,
      priceMicros: 0,
    },
    {
      name: DAY,
      kind: 'fixed',
      limit: 10_000,
      period: 'day',
      zone: 'UTC',
      unit: 'request',
      quota: true,
      // 0.0005 a request.
      priceMicros: 500,
    },
  ],
  weights: { assets: call, global: call, feeds: call, influencers: call },
  keys: [KEY],
  // As a Bearer token: v2 took a `key` parameter too, but keys in addresses end up in logs, and today's
  // service answers that, and `x-api-key`, with 401 (LIMITS.md).
  headers: ({ [KEY]: key }) => ({
    accept: 'application/json',
    ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
  }),
  judge: judging({
    provider: 'lunarcrush',
    observe: observing(
      {
        bucket: MINUTE,
        limit: 'x-rate-limit-minute',
        remaining: 'x-rate-limit-minute-remaining',
        reset: { header: 'x-rate-limit-minute-reset', unit: 'epoch_seconds' },
      },
      {
        bucket: DAY,
        limit: 'x-rate-limit-day',
        remaining: 'x-rate-limit-day-remaining',
        reset: { header: 'x-rate-limit-day-reset', unit: 'epoch_seconds' },
      },
    ),
    refine,
  }),
};

const signs = reading(
  'lunarcrush',
  {
    // {"error":"Rate limit exceeded (daily)"}: its status was not reported, so any will do.
    member: { path: 'error', like: /rate limit.*\b(daily|day)\b|\b(daily|day)\b.*limit/i },
    outcome: 'quota_exhausted',
    says: "the day's requests are used up",
    bucket: DAY,
    until: dayEnd,
  },
  {
    member: { path: 'error', like: /rate limit|too many requests/i },
    outcome: 'throttled',
    says: 'too many requests',
    until: minuteEnd,
  },
  { status: [429], outcome: 'throttled', says: 'too many requests', until: minuteEnd },
  {
    status: [403],
    text: /<html|<!doctype|cloudflare/i,
    outcome: 'banned',
    says: 'refused by the firewall',
    lastsMs: UNTOLD_BAN_MS,
  },
  {
    // One endpoint that the plan lacks is a mistake in the options, not a bad key.
    status: [402, 403],
    member: { path: 'error', like: /\b(plan|subscription|upgrade)\b/i },
    outcome: 'client',
    says: 'the plan does not include this endpoint',
  },
);

/** Remaining 0 with 200 is the last allowed call and no refusal (recorded); with 429 it says which. */
function refine(answer: Answer): Meaning | undefined {
  const { headers, status } = answer;
  if (status === 429 && headers.decimal('x-rate-limit-day-remaining') === 0) {
    const message = `lunarcrush answered 429: the day's requests are used up`;
    return { outcome: 'quota_exhausted', message, bucket: DAY, retryAt: dayEnd(answer) };
  }
  // An error of its own is the server's, whatever its words.
  return status >= 500 ? undefined : signs(answer);
}

function minuteEnd({ headers, at }: Answer): EpochMs | undefined {
  return headers.resetAt('x-rate-limit-minute-reset', 'epoch_seconds', at);
}

function dayEnd({ headers, at }: Answer): EpochMs {
  const told = headers.resetAt('x-rate-limit-day-reset', 'epoch_seconds', at);
  return told ?? (Math.floor(at / DAY_MS) + 1) * DAY_MS;
}
