/** alternative.me's fear-and-greed index: keyless, no limit published, no limit headers. */
import { HOUR_MS, MINUTE_MS } from '../../kernel/time.js';
import type { ProviderProfile } from '../port.js';
import { judging, mayHaveArrived } from '../profile.js';
import { reading } from '../signs.js';

const PROVIDER = 'alternative_me';
const REQUESTS = 'requests';

export const alternativeMeProfile: ProviderProfile = {
  provider: PROVIDER,
  baseUrl: 'https://api.alternative.me',
  scope: 'alternative-me-ip',
  maxRequestsPerSecond: 1,
  recoveryWindowMs: MINUTE_MS,
  tier: 'Free',
  currency: 'USD',
  buckets: [
    {
      name: REQUESTS,
      kind: 'rolling',
      // Repeated by third parties, found in no page of the vendor (LIMITS.md).
      limit: 60,
      windowMs: MINUTE_MS,
      unit: 'request',
      quota: false,
      priceMicros: 0,
    },
  ],
  weights: { fear_and_greed: { [REQUESTS]: 1 } },
  headers: () => ({ accept: 'application/json' }),
  judge: judging({
    provider: PROVIDER,
    charged: mayHaveArrived,
    refine: reading(
      PROVIDER,
      // Without a key there is nothing to authorise: a 403 is the wall in front of it.
      { status: [403], outcome: 'banned', says: 'refused by its firewall', lastsMs: HOUR_MS },
      {
        status: [200],
        member: { path: 'metadata.error', like: /rate|limit|too many/i },
        outcome: 'throttled',
        says: 'the body speaks of a limit',
      },
      {
        status: [200],
        member: { path: 'metadata.error', like: /./ },
        outcome: 'server',
        says: 'the body holds an error',
      },
    ),
  }),
};
