/** Alpha Vantage, free: 25 requests a day, about one a second; every refusal is a 200 with a sentence. */
import { DAY_MS, MINUTE_MS, SECOND_MS } from '../../kernel/time.js';
import type { EpochMs } from '../../kernel/types.js';
import type { ProviderProfile } from '../port.js';
import { judging, mayHaveArrived } from '../profile.js';
import { reading, type Sign } from '../signs.js';

const PROVIDER = 'alpha_vantage';
const PER_DAY = 'requests_per_day';
const SPACING = 'spacing';
const KEY = 'ALPHA_VANTAGE_API_KEY';

/** Both words are used for the same things, at different times. */
const says = (like: RegExp, sign: Omit<Sign, 'member' | 'status'>): readonly Sign[] =>
  ['Information', 'Note'].map((path) => ({ status: [200], member: { path, like }, ...sign }));

export const alphaVantageProfile: ProviderProfile = {
  provider: PROVIDER,
  baseUrl: 'https://www.alphavantage.co',
  scope: 'alpha-vantage-key',
  maxRequestsPerSecond: 1,
  recoveryWindowMs: MINUTE_MS,
  tier: 'Free',
  currency: 'USD',
  buckets: [
    {
      name: PER_DAY,
      kind: 'fixed',
      limit: 25,
      period: 'day',
      // Where its day begins is not documented: its own word (below) holds when it differs.
      zone: 'UTC',
      unit: 'request',
      quota: true,
      priceMicros: 0,
    },
    {
      name: SPACING,
      kind: 'rolling',
      // About 1 a second is allowed; with half a second to spare, for the network brings them together.
      limit: 1,
      windowMs: 1500,
      unit: 'request',
      quota: false,
      priceMicros: 0,
    },
  ],
  weights: { time_series_daily: { [PER_DAY]: 1, [SPACING]: 1 } },
  keys: [KEY],
  headers: () => ({ accept: 'application/json' }),
  query: ({ [KEY]: key }): Record<string, string> => (key === undefined ? {} : { apikey: key }),
  judge: judging({
    provider: PROVIDER,
    charged: mayHaveArrived,
    refine: reading(
      PROVIDER,
      // First: this sentence names the daily limit too, though it is not about it.
      ...says(/spreading out/i, {
        outcome: 'throttled',
        says: 'requests follow too closely',
        lastsMs: 2 * SECOND_MS,
      }),
      ...says(/per minute|per second/i, {
        outcome: 'throttled',
        says: 'too many requests a minute',
        lastsMs: MINUTE_MS,
      }),
      ...says(/per day|daily/i, {
        outcome: 'quota_exhausted',
        says: 'the requests of the day are used up',
        bucket: PER_DAY,
        until: ({ at }) => nextDay(at),
      }),
      ...says(/premium (endpoint|feature|function)/i, {
        outcome: 'client',
        says: 'only for paid plans',
      }),
      ...says(/api ?key/i, { outcome: 'auth', says: 'its key is missing or unknown' }),
      ...says(/./, {
        outcome: 'throttled',
        says: 'a sentence in place of data',
        lastsMs: MINUTE_MS,
      }),
      {
        status: [200],
        member: { path: 'Error Message', like: /api ?key/i },
        outcome: 'auth',
        says: 'its key is missing or unknown',
      },
      {
        status: [200],
        member: { path: 'Error Message', like: /./ },
        outcome: 'client',
        says: 'it does not know what was asked for',
      },
    ),
  }),
};

function nextDay(at: EpochMs): EpochMs {
  return (Math.floor(at / DAY_MS) + 1) * DAY_MS;
}
