/** Rate limiters in answers (shapes/limiter.ts makes them). */
import { amount, byName, count, list, moment, named, nullable, object } from './words.js';
import { perhaps, text } from './words.js';

const currentRate = amount('Requests per second in force now.');
const multiplier = amount('What a refusal for too many calls divides the rate by.');
const endpoint = named(
  'Endpoint',
  {
    requests: count('Calls sent to it.'),
    rate_limit: nullable(
      amount('Calls per window by the upstream’s own words; null: it says none.'),
    ),
    remaining: nullable(amount('What was left of them by its last answer; null: unknown.')),
    reset_time: perhaps('When its window begins anew; null: unknown, or it is over.'),
  },
  'One endpoint of an upstream, as its answers tell of it.',
);
const endpoints = byName(endpoint, 'By name of the endpoint.');
const counters = {
  total_requests: count('Calls sent.'),
  total_throttles: count('Calls that had to wait for the limiter.'),
  total_backoffs: count('How often the rate was cut.'),
};
const lastRequest = perhaps('When a call was last sent.');

/** The limiter of a line of `GET /collectors`. */
export const limiterLine = named(
  'LimiterLine',
  {
    current_rate: currentRate,
    backoff_multiplier: multiplier,
    ...counters,
    last_request_time: lastRequest,
    endpoints,
  },
  'A collector’s limiter, in short.',
);

/** Blocks of a collector's scopes. */
export const blocked = list(
  named(
    'Block',
    {
      bucket: nullable(text('The quota that is blocked; null: the whole scope.')),
      cause: text('Why, in a word: `quota`, `banned`, `waf`, …'),
      until: moment('When it ends by itself.'),
    },
    'Something an upstream has barred us from.',
  ),
  'Every block of its scopes; empty: none.',
);

/** The limiter of `GET /collectors/{name}`. */
export const limiter = named(
  'Limiter',
  {
    current_rate: currentRate,
    initial_rate: amount('Requests per second as configured: what it recovers to.'),
    backoff_multiplier: multiplier,
    max_backoff: amount('The rate is never divided by more than this.'),
    current_backoff: amount('What the rate is divided by now; 1: not at all.'),
    statistics: object({
      ...counters,
      total_429_errors: count('Answers that said we ask too often.'),
      total_adjustments: count('How often its settings or its rate were changed.'),
    }),
    last_request_time: lastRequest,
    last_adjustment_time: perhaps('When its settings or its rate last changed.'),
    next_permit_at: perhaps('When the next call may leave; null: at once, or unknown.'),
    binding_bucket: nullable(text('The bucket that holds the next call back; null: none.')),
    endpoint_details: endpoints,
    scope: text('What its calls are counted against.'),
    scopes: list(text('A scope.'), 'Those of all its upstreams, its own first.'),
    shared_with: list(text('A collector.'), 'Other collectors of the scope.'),
    blocked,
    queue: nullable(
      object({
        length: count('Calls that wait for a permit now.'),
        admitted: count('Permits given since the process began.'),
        delayed: count('Those of them that waited.'),
        rejected: count('Calls refused since then.'),
      }),
      'What only memory knows; null for the past.',
    ),
  },
  'A collector’s limiter with all its numbers.',
);

/** `updated_config` of `PUT …/rate-limit`. */
export const rateConfig = nullable(
  named(
    'RateConfig',
    {
      max_requests_per_second: amount('Requests per second.'),
      backoff_multiplier: multiplier,
      max_backoff: amount('The rate is never divided by more than this.'),
    },
    'What a collector’s rate is configured to.',
  ),
  'Null: the read models do not show its limiter yet.',
);
