/** Usage and money in answers (shapes/costs.ts makes them). */
import { Type } from '@sinclair/typebox';
import { amount, byName, count, moment, named, nullable, number, object } from './words.js';
import { optional, perhaps, text } from './words.js';

const period = named(
  'Period',
  { start: moment('Its first moment.'), end: moment('The first moment after it.') },
  'The period of a quota.',
);
const quotaAmount = (of: string) =>
  optional(
    nullable(amount(`Units per ${of}; there when the quota is of a ${of}; null: no quota.`)),
  );
const quota = { daily_quota: quotaAmount('day'), monthly_quota: quotaAmount('month') };
const remaining = nullable(number('Units left of the quota; null: no quota.'));
const currency = text('What money is told in, e.g. `USD`.');

const costLine = named(
  'CostLine',
  {
    tier: text('The plan at the provider.'),
    ...quota,
    cost_per_call: amount('Price of a unit, in the currency.'),
    quota_unit: text('What is counted, e.g. `compute unit`.'),
    currency,
    current_usage: object(
      {
        api_calls: count('Calls sent.'),
        estimated_cost: amount('In the currency; reserved units included.'),
        units: amount('Units used or reserved.'),
      },
      'Of the current period.',
    ),
    quota_remaining: remaining,
    period,
    burn_rate: amount('Units per hour over the last hour.'),
    forecast_end_of_period: amount('Units at the period’s end if that goes on.'),
    exhausts_at: perhaps('When the quota would be used up; null: not in this period.'),
    budget: Type.Null({ description: 'Nothing sets one yet.' }),
  },
  'What a collector used of its quota, and what that cost.',
);

/** `GET /collectors/costs`. */
export const costsOfAll = object({
  collectors: byName(costLine, 'By name of the collector.'),
  totals: object({
    total_api_calls: count('Calls sent by all.'),
    total_estimated_cost: nullable(amount('Money of all; null: there are several currencies.')),
    currency: nullable(text('Of the total; null: there are several, or none.')),
  }),
  timestamp: moment('As of.'),
});

/** `usage` of `GET /collectors/{name}`. */
export const usage = named(
  'Usage',
  {
    api_calls: count('Calls sent in the period.'),
    calls_today: count('Calls sent since midnight UTC; it never falls within a day.'),
    units: amount('Units used or reserved in the period.'),
    unit: optional(text('What is counted.')),
    estimated_cost: optional(amount('In the currency.')),
    currency: optional(currency),
    ...quota,
    quota_remaining: optional(remaining),
    period: optional(period),
  },
  'What a collector used in the current period; a collector without a scope has no units.',
);
