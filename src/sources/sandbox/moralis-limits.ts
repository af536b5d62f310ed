/**
 * Moralis' limits, per key: throughput over a rolling window (429), and a plan's compute units per
 * UTC day and month, whose end is a 401 that looks like a bad key and is not one.
 *
 * 1. The plan is charged for what was answered, not for refusals or the server's own failures.
 * 2. Neither refusal has a Retry-After. Coming back within a second after a 429 is a violation, and
 *    so is any request before the plan's period ends.
 */
import { DAY_MS } from '../../kernel/time.js';
import type { EpochMs, JsonObject, MonotonicMs } from '../../kernel/types.js';
import type { MoralisSettings } from './moralis-settings.js';
import { json, type Answer } from './provider.js';
import { rollingWindow, type RollingWindow } from './windows.js';

/** Most keys with counters of their own. */
const SCOPES_MAX = 100;
const HAMMERING_MS = 1000;

type Counters = {
  readonly requests: RollingWindow;
  readonly units: RollingWindow;
  day: number;
  dayUnits: number;
  month: string;
  monthUnits: number;
};

export type MoralisLimits = {
  /** The refusal of a request that would break a limit; else it is counted. */
  admit(scope: string, cost: Cost, at: EpochMs, monotonic: MonotonicMs): Answer | undefined;
  charge(scope: string, units: number, at: EpochMs): void;
  throttled(at: EpochMs): Answer;
  /** The plan is used up until this moment's day is over (the recorded wording is a daily plan's). */
  quotaGone(at: EpochMs): Answer;
  usage(at: EpochMs): JsonObject;
};

export type Cost = { readonly price: number; readonly rateLimitCost: number };

const monthOf = (at: EpochMs): string => new Date(at).toISOString().slice(0, 7);
const nextMonth = (at: EpochMs): EpochMs => {
  const date = new Date(at);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1);
};
const dayOf = (at: EpochMs): number => Math.floor(at / DAY_MS);
const nextDay = (at: EpochMs): EpochMs => (dayOf(at) + 1) * DAY_MS;

function roll(counters: Counters, at: EpochMs): Counters {
  if (counters.day !== dayOf(at)) Object.assign(counters, { day: dayOf(at), dayUnits: 0 });
  if (counters.month !== monthOf(at))
    Object.assign(counters, { month: monthOf(at), monthUnits: 0 });
  return counters;
}

/** The daily wording is recorded; of a monthly plan's only the plan's name is made up. */
function quotaAnswer(plan: 'free-plan-daily' | 'pro-plan-monthly', until: EpochMs): Answer {
  const message =
    `Validation service blocked: Your plan: ${plan} total included usage has been ` +
    'consumed, please upgrade your plan here, https://moralis.io/pricing';
  return json(401, { message }, { forbids: { cause: 'quota', until } });
}

function throttledAnswer(at: EpochMs): Answer {
  const forbids = { cause: 'rate_limit', until: at + HAMMERING_MS } as const;
  return json(429, { message: 'Too Many Requests' }, { forbids });
}

export function moralisLimits(settings: () => MoralisSettings): MoralisLimits {
  const byScope = new Map<string, Counters>();
  const of = (scope: string, at: EpochMs): Counters => {
    const known = byScope.get(scope);
    if (known !== undefined) return roll(known, at);
    const made: Counters = {
      requests: rollingWindow(),
      units: rollingWindow(),
      day: dayOf(at),
      dayUnits: 0,
      month: monthOf(at),
      monthUnits: 0,
    };
    if (byScope.size < SCOPES_MAX) byScope.set(scope, made);
    return made;
  };
  const spent = (counters: Counters, price: number, at: EpochMs): Answer | undefined => {
    const { dailyUnits, monthlyUnits } = settings();
    if (price === 0) return undefined;
    if (monthlyUnits !== null && counters.monthUnits + price > monthlyUnits) {
      return quotaAnswer('pro-plan-monthly', nextMonth(at));
    }
    const overDay = dailyUnits !== null && counters.dayUnits + price > dailyUnits;
    return overDay ? quotaAnswer('free-plan-daily', nextDay(at)) : undefined;
  };
  const isTooFast = (counters: Counters, cost: number, monotonic: MonotonicMs): boolean => {
    const { requestsPerSecond, computeUnitsPerSecond, throughputWindowMs } = settings();
    const seconds = throughputWindowMs / 1000;
    const requests = counters.requests.used(monotonic, throughputWindowMs) + 1;
    const units = counters.units.used(monotonic, throughputWindowMs) + cost;
    return requests > requestsPerSecond * seconds || units > computeUnitsPerSecond * seconds;
  };
  return {
    admit(scope, { price, rateLimitCost }, at, monotonic) {
      const counters = of(scope, at);
      const refused = spent(counters, price, at);
      if (refused !== undefined) return refused;
      if (isTooFast(counters, rateLimitCost, monotonic)) return throttledAnswer(at);
      counters.requests.add(monotonic, 1);
      counters.units.add(monotonic, rateLimitCost);
      return undefined;
    },
    charge(scope, units, at) {
      const counters = of(scope, at);
      counters.dayUnits += units;
      counters.monthUnits += units;
    },
    throttled: throttledAnswer,
    quotaGone: (at) => quotaAnswer('free-plan-daily', nextDay(at)),
    usage: (at) => {
      const keys = [...byScope].map(([scope, counters]) => {
        const { dayUnits, monthUnits } = roll(counters, at);
        return [scope, { dayUnits, monthUnits }] as const;
      });
      return Object.fromEntries(keys);
    },
  };
}
