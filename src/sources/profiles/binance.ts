/** Binance spot: weight per minute and IP, bans that grow, no key. Evidence: recordings/LIMITS.md. */
import { MINUTE_MS } from '../../kernel/time.js';
import type { EpochMs, Json } from '../../kernel/types.js';
import { boundedMoment } from '../headers.js';
import type { Observation, ProviderProfile } from '../port.js';
import { judging, mayHaveArrived, type Answer, type Meaning } from '../profile.js';

const WEIGHT = 'weight';

/** How long a ban lasts of which nothing was told: going on during a ban makes it longer. */
export const UNTOLD_BAN_MS = 15 * MINUTE_MS;

/** Codes that mean too many requests, whatever the status (binance-spot-api-docs, errors.md). */
const THROTTLE_CODES: ReadonlySet<number> = new Set([-1003, -1015]);

/** Codes worth naming to people; the answer's own text is not repeated. */
const CODES: Readonly<Record<number, string>> = {
  [-1100]: 'illegal characters in a parameter',
  [-1101]: 'too many parameters',
  [-1102]: 'a mandatory parameter is missing',
  [-1105]: 'a parameter is empty',
  [-1120]: 'invalid interval',
  [-1121]: 'invalid symbol',
  [-1127]: 'the time range is too long',
  [-4088]: 'the time range is too long',
};

export const binanceProfile: ProviderProfile = {
  provider: 'binance',
  baseUrl: 'https://api.binance.com',
  scope: 'binance-ip',
  maxRequestsPerSecond: 10,
  recoveryWindowMs: MINUTE_MS,
  tier: 'Free',
  currency: 'USD',
  buckets: [
    {
      name: WEIGHT,
      kind: 'fixed',
      // exchangeInfo as recorded: REQUEST_WEIGHT 6000 per MINUTE, by the clock.
      limit: 6000,
      windowMs: MINUTE_MS,
      unit: 'weight',
      quota: false,
      priceMicros: 0,
    },
  ],
  weights: {
    // Published figures of today; not in any page that was read here (LIMITS.md).
    klines: { [WEIGHT]: 2 },
    exchange_info: { [WEIGHT]: 20 },
  },
  headers: () => ({ accept: 'application/json' }),
  // Weight is used up by every request that arrives, a refused one too; none of it costs money.
  judge: judging({ provider: 'binance', observe, refine, charged: mayHaveArrived }),
};

function observe({ headers, body }: Answer): readonly Observation[] {
  const used = headers.count('x-mbx-used-weight-1m');
  const limit = weightLimit(body);
  if (used === undefined && limit === undefined) return [];
  return [
    {
      bucket: WEIGHT,
      ...(used === undefined ? {} : { used }),
      ...(limit === undefined ? {} : { limit }),
    },
  ];
}

/** The weight per minute that `exchangeInfo` states, where the body is one. */
function weightLimit(body: Json | undefined): number | undefined {
  const stated = member(body, 'rateLimits');
  if (!Array.isArray(stated)) return undefined;
  const rule = (stated as readonly Json[]).find(
    (limit) =>
      member(limit, 'rateLimitType') === 'REQUEST_WEIGHT' &&
      member(limit, 'interval') === 'MINUTE' &&
      member(limit, 'intervalNum') === 1,
  );
  const limit = member(rule, 'limit');
  return typeof limit === 'number' && Number.isSafeInteger(limit) && limit > 0 ? limit : undefined;
}

function refine(answer: Answer): Meaning | undefined {
  const { status, headers, body, at } = answer;
  const code = member(body, 'code');
  const said = `binance answered ${String(status)}${typeof code === 'number' ? `, code ${String(code)}` : ''}`;
  if (status === 418 || status === 403) {
    const until = headers.retryAfter(at) ?? bannedUntil(body, at) ?? at + UNTOLD_BAN_MS;
    const why = status === 418 ? 'this IP is banned' : 'refused by the firewall';
    return { outcome: 'banned', message: `${said}: ${why}`, retryAt: until };
  }
  if (status < 400 || status >= 500 || typeof code !== 'number') return undefined;
  if (THROTTLE_CODES.has(code)) {
    const retryAt = headers.retryAfter(at);
    const message = `${said}: too many requests`;
    return { outcome: 'throttled', message, ...(retryAt === undefined ? {} : { retryAt }) };
  }
  const known = CODES[code];
  if (known === undefined || status === 401 || status === 429) return undefined;
  return { outcome: 'client', message: `${said}: ${known}` };
}

/** "… IP banned until 1787546698129." A moment already past tells nothing. */
function bannedUntil(body: Json | undefined, at: EpochMs): EpochMs | undefined {
  const text = member(body, 'msg');
  const found = typeof text === 'string' ? /banned until (\d{13})\b/.exec(text)?.[1] : undefined;
  const moment = found === undefined ? undefined : Number(found);
  return moment === undefined || moment <= at ? undefined : boundedMoment(moment, at);
}

function member(value: Json | undefined, name: string): Json | undefined {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return undefined;
  return Object.hasOwn(value, name) ? (value as Readonly<Record<string, Json>>)[name] : undefined;
}
