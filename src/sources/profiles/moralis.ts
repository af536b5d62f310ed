/** Moralis: compute units per month, another weight per second, and a 401 that means quota. */
import { DAY_MS, SECOND_MS } from '../../kernel/time.js';
import type { EpochMs, Json } from '../../kernel/types.js';
import type { ProviderProfile } from '../port.js';
import { judging, type Answer, type Meaning } from '../profile.js';

const COMPUTE_UNITS = 'compute_units';
const THROUGHPUT = 'throughput';

const KEY = 'MORALIS_API_KEY';

export const moralisProfile: ProviderProfile = {
  provider: 'moralis',
  baseUrl: 'https://deep-index.moralis.io/api/v2.2',
  scope: 'moralis-account',
  maxRequestsPerSecond: 3,
  recoveryWindowMs: 60 * SECOND_MS,
  tier: 'Pro',
  currency: 'USD',
  buckets: [
    {
      name: COMPUTE_UNITS,
      kind: 'fixed',
      limit: 3_000_000,
      period: 'month',
      zone: 'UTC',
      anchorDay: 1,
      unit: 'compute unit',
      quota: true,
      // 0.00001 a unit.
      priceMicros: 10,
    },
    {
      name: THROUGHPUT,
      kind: 'rolling',
      // Pro: 2000 units a second over a rolling 4 s (docs.moralis.com, older of the two stored pages;
      // the newer one counts requests, 80 a second, which 3 a second never reach).
      limit: 8000,
      windowMs: 4 * SECOND_MS,
      burst: 2000,
      unit: 'throughput unit',
      quota: false,
      priceMicros: 0,
    },
  ],
  weights: {
    // Billed: changelog of 2023-03-28 (10, 5 and 10) on the scale of today's page, where getBlock went
    // from 10 to 100. Throughput: what that page gives its nearest neighbours. Both unverified: an
    // account's own figures are at /info/endpointWeights.
    erc20_transfers: { [COMPUTE_UNITS]: 100, [THROUGHPUT]: 20 },
    wallet_erc20_transfers: { [COMPUTE_UNITS]: 50, [THROUGHPUT]: 20 },
    wallet_erc20_balances: { [COMPUTE_UNITS]: 100, [THROUGHPUT]: 20 },
  },
  keys: [KEY],
  headers: ({ [KEY]: key }) => ({
    accept: 'application/json',
    ...(key === undefined ? {} : { 'x-api-key': key }),
  }),
  judge: judging({ provider: 'moralis', refine }),
};

/** "Your plan: free-plan-daily total included usage has been consumed, please upgrade your plan …" */
const QUOTA_USED_UP =
  /\b(plan|usage|quota|compute units?)\b[^]*\b(consumed|exceeded|exhausted|reached|used up)\b/i;
/** Of an error's message only this much is looked at: a pattern over megabytes would hold the loop. */
const MESSAGE_CHARS_MAX = 1000;
const SUPPORT_BLOCKED = /\bSUPPORT BLOCKED\b/i;

function refine({ status, body, at }: Answer): Meaning | undefined {
  if (status < 400 || status >= 500) return undefined;
  const text = messageText(body).slice(0, MESSAGE_CHARS_MAX);
  // Only a person can lift it, so it is neither a wait nor a quota: the collector is suspended.
  if (SUPPORT_BLOCKED.test(text)) {
    return { outcome: 'auth', message: 'moralis blocked this account: its support must lift it' };
  }
  if (![401, 402, 403, 429].includes(status) || !QUOTA_USED_UP.test(text)) return undefined;
  const daily = /\bdaily\b/i.test(text);
  return {
    outcome: 'quota_exhausted',
    message: `moralis answered ${String(status)}: the plan's ${daily ? 'daily' : 'monthly'} usage is consumed`,
    bucket: COMPUTE_UNITS,
    retryAt: daily ? nextDay(at) : nextMonth(at),
  };
}

/** The daily plan's usage clears at midnight UTC. */
function nextDay(at: EpochMs): EpochMs {
  return (Math.floor(at / DAY_MS) + 1) * DAY_MS;
}

function nextMonth(at: EpochMs): EpochMs {
  const now = new Date(at);
  return Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + 1, 1);
}

/** The `message` of an error body: one line, or the list a validation error carries. */
function messageText(body: Json | undefined): string {
  if (body === null || typeof body !== 'object' || Array.isArray(body)) return '';
  const message = (body as Readonly<Record<string, Json>>)['message'];
  if (typeof message === 'string') return message;
  return Array.isArray(message)
    ? message.filter((line) => typeof line === 'string').join('\n')
    : '';
}
