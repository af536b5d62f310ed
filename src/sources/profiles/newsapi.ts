/** NewsAPI on its Developer plan: 100 requests in any 24 h, 50 in any 12 h, nothing of it in headers. */
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../kernel/time.js';
import type { ProviderProfile } from '../port.js';
import { judging, mayHaveArrived } from '../profile.js';
import { reading } from '../signs.js';

const PROVIDER = 'newsapi';
const PER_DAY = 'requests_24h';
const PER_HALF_DAY = 'requests_12h';
const KEY = 'NEWSAPI_API_KEY';

export const newsapiProfile: ProviderProfile = {
  provider: PROVIDER,
  baseUrl: 'https://newsapi.org/v2',
  scope: 'newsapi-key',
  maxRequestsPerSecond: 1,
  recoveryWindowMs: MINUTE_MS,
  tier: 'Developer',
  currency: 'USD',
  buckets: [
    {
      name: PER_DAY,
      kind: 'rolling',
      limit: 100,
      windowMs: DAY_MS,
      unit: 'request',
      quota: true,
      priceMicros: 0,
    },
    {
      name: PER_HALF_DAY,
      kind: 'rolling',
      limit: 50,
      windowMs: 12 * HOUR_MS,
      unit: 'request',
      quota: true,
      priceMicros: 0,
    },
  ],
  weights: { everything: { [PER_DAY]: 1, [PER_HALF_DAY]: 1 } },
  keys: [KEY],
  headers: ({ [KEY]: key }) => ({
    accept: 'application/json',
    ...(key === undefined ? {} : { 'x-api-key': key }),
  }),
  judge: judging({
    provider: PROVIDER,
    // Whether a refused request counts is not known: it does until somebody shows otherwise.
    charged: mayHaveArrived,
    refine: reading(
      PROVIDER,
      // Its own word for a spent plan: not a wrong key, though older answers gave it with a 401.
      {
        member: { path: 'code', is: 'apiKeyExhausted' },
        outcome: 'quota_exhausted',
        says: 'the plan has no more requests',
        bucket: PER_DAY,
        lastsMs: HOUR_MS,
      },
      // The window slides, so a few requests come back each hour; nothing in the answer says when.
      {
        member: { path: 'code', is: 'rateLimited' },
        outcome: 'throttled',
        says: 'too many requests',
        lastsMs: HOUR_MS,
      },
      {
        member: { path: 'code', like: /^apiKey(Invalid|Disabled|Missing)$/ },
        outcome: 'auth',
        says: 'its key is missing, unknown or disabled',
      },
      {
        member: { path: 'code', is: 'maximumResultsReached' },
        outcome: 'client',
        says: 'past the results of the plan',
      },
      {
        member: { path: 'code', like: /^(parameter|source)/ },
        outcome: 'client',
        says: 'a parameter is missing or not allowed',
      },
      { member: { path: 'code', is: 'unexpectedError' }, outcome: 'server', says: 'its own error' },
      {
        status: [200],
        member: { path: 'status', is: 'error' },
        outcome: 'server',
        says: 'the body holds an error',
      },
    ),
  }),
};
