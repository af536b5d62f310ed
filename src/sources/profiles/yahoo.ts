/** Yahoo's chart endpoint: keyless, per IP, no limit published; its refusals are plain text. */
import { HOUR_MS, MINUTE_MS } from '../../kernel/time.js';
import type { ProviderProfile } from '../port.js';
import { judging, mayHaveArrived } from '../profile.js';
import { reading } from '../signs.js';

const PROVIDER = 'yahoo';
const REQUESTS = 'requests';
/** A refusal lasts minutes to a day and says nothing of it: asking on makes it longer. */
const REFUSED_MS = 15 * MINUTE_MS;

export const yahooProfile: ProviderProfile = {
  provider: PROVIDER,
  baseUrl: 'https://query1.finance.yahoo.com',
  scope: 'yahoo-ip',
  maxRequestsPerSecond: 1,
  recoveryWindowMs: REFUSED_MS,
  tier: 'Free',
  currency: 'USD',
  buckets: [
    {
      name: REQUESTS,
      kind: 'rolling',
      // Ours: what 1 a second comes to.
      limit: 60,
      windowMs: MINUTE_MS,
      unit: 'request',
      quota: false,
      priceMicros: 0,
    },
  ],
  weights: { chart: { [REQUESTS]: 1 } },
  // Requests without one are refused; it says who we are, not that we were a browser.
  headers: () => ({ accept: 'application/json', 'user-agent': 'Headgate/0.1 (data collector)' }),
  judge: judging({
    provider: PROVIDER,
    charged: mayHaveArrived,
    refine: reading(
      PROVIDER,
      // The edge gives the same words with other statuses, 200 among them.
      {
        text: /^\s*(Edge: )?Too Many Requests/i,
        outcome: 'throttled',
        says: 'too many requests',
        lastsMs: REFUSED_MS,
      },
      {
        status: [429, 999],
        outcome: 'throttled',
        says: 'too many requests',
        lastsMs: REFUSED_MS,
      },
      // Without a key there is nothing to authorise: a 403 is the wall in front of it.
      { status: [403], outcome: 'banned', says: 'refused by its firewall', lastsMs: HOUR_MS },
      {
        status: [200],
        member: { path: 'chart.error.code', like: /too many|rate.?limit/i },
        outcome: 'throttled',
        says: 'the chart speaks of a limit',
        lastsMs: REFUSED_MS,
      },
      {
        status: [200],
        member: { path: 'chart.error.code', like: /not found|bad request|unprocessable|argument/i },
        outcome: 'client',
        says: 'no chart for what was asked',
      },
      {
        status: [200],
        member: { path: 'chart.error.code', like: /unauthorized|forbidden|crumb/i },
        outcome: 'auth',
        says: 'the chart is not for us',
      },
      {
        status: [200],
        member: { path: 'chart.error.code', like: /./ },
        outcome: 'server',
        says: 'the chart holds an error',
      },
    ),
  }),
};
