/** What collectors used and what it cost: integer micro-units in, decimals out. */
import type { CostView } from '../../projections/views.js';
import { decimalOf, moment, rounded } from './numbers.js';

/** The quota goes by the name of its period, as clients have always read it. */
function quota(cost: CostView) {
  return cost.period.kind === 'day' ? { daily_quota: cost.quota } : { monthly_quota: cost.quota };
}

function period(cost: CostView) {
  return { start: moment(cost.period.start), end: moment(cost.period.end) };
}

/** One collector of `GET /collectors/costs`. Rates and forecasts are in units; no budgets exist yet. */
export function costLine(cost: CostView) {
  return {
    tier: cost.tier,
    ...quota(cost),
    cost_per_call: decimalOf(cost.pricePerUnitMicros),
    quota_unit: cost.quotaUnit,
    currency: cost.currency,
    current_usage: {
      api_calls: cost.apiCalls,
      estimated_cost: decimalOf(cost.costMicros),
      units: cost.units,
    },
    quota_remaining: cost.quotaRemaining,
    period: period(cost),
    burn_rate: rounded(cost.burnRate),
    forecast_end_of_period: rounded(cost.forecastUnits),
    exhausts_at: moment(cost.exhaustsAt),
    budget: null,
  };
}

/** Summed over integers. Money of several currencies has no sum: it is null then. */
export function costTotals(costs: readonly CostView[]) {
  const currencies = new Set(costs.map((cost) => cost.currency));
  const micros = costs.reduce((total, cost) => total + cost.costMicros, 0);
  return {
    total_api_calls: costs.reduce((total, cost) => total + cost.apiCalls, 0),
    total_estimated_cost: currencies.size > 1 ? null : decimalOf(micros),
    currency: currencies.size === 1 ? ([...currencies][0] ?? null) : null,
  };
}

/** `usage` of `GET /collectors/{name}`. */
export function usage(cost: CostView | undefined, callsToday: number) {
  if (cost === undefined) return { api_calls: 0, calls_today: callsToday, units: 0 };
  return {
    api_calls: cost.apiCalls,
    calls_today: callsToday,
    units: cost.units,
    unit: cost.quotaUnit,
    estimated_cost: decimalOf(cost.costMicros),
    currency: cost.currency,
    ...quota(cost),
    quota_remaining: cost.quotaRemaining,
    period: period(cost),
  };
}
