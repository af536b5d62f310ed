/** What a collector cost: its cells of the current periods, read as an answer. */
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../kernel/time.js';
import type { EpochMs } from '../kernel/types.js';
import * as ledgers from './cost-ledgers.js';
import type { Cell, PeriodFinder, PricedBucket, Spent } from './cost-ledgers.js';
import type { HealthInput } from './health.js';
import type { Rows } from './projection.js';
import type { CostView, LimiterDoc } from './views.js';

const NOTHING = { calls: 0, units: 0, costMicros: 0 };

export type CostQuestion = {
  readonly name: string;
  /** The collector's scopes, its primary first. */
  readonly limiters: readonly LimiterDoc[];
  readonly now: EpochMs;
};

export type CostQueries = {
  /** Undefined: the collector has no scope. */
  readonly costs: (question: CostQuestion) => CostView | undefined;
  readonly callsToday: (question: CostQuestion) => number;
  /** What a collector spent in a scope for good: it only ever grows. */
  readonly spent: (name: string, scope: string) => Spent;
};

/** `rows` are those of the costs projection that serves, asked anew for each answer. */
export function costQueries(rows: () => Rows): CostQueries {
  const periods = ledgers.periodFinder();
  const cellOf = (who: string, scope: string, ledger: string, start: EpochMs) =>
    rows().get(ledgers.CELLS, ledgers.cellKey(who, scope, ledger, start)) ?? NOTHING;
  const total = (question: CostQuestion, ledger: string, start: EpochMs) =>
    question.limiters
      .map(({ scope }) => cellOf(question.name, scope, ledger, start))
      .reduce(sumOf, NOTHING);
  return {
    costs(question) {
      const { limiters, name, now } = question;
      const shown = limiters.find(({ scope }) => quotaOf(rows(), scope) !== undefined);
      const limiter = shown ?? limiters[0];
      if (limiter === undefined) return undefined;
      const prices = rows().get(ledgers.SCOPES, limiter.scope);
      const month = periods(ledgers.MONTHLY, now);
      const monthly = total(question, ledgers.MONTH_LEDGER, month.start);
      const bucket = ledgers.quotaBucketOf(prices);
      const base = {
        tier: prices?.tier ?? limiter.tier,
        currency: prices?.currency ?? limiter.currency,
        monthCostMicros: monthly.costMicros,
      };
      if (bucket !== undefined) {
        return { ...base, ...quotaView({ rows: rows(), name, limiter, bucket, periods, now }) };
      }
      const burns = limiters.map(({ scope }) => ledgers.burnKey(name, scope, ledgers.MONTH_LEDGER));
      const used = burns.reduce((sum, key) => sum + lastHour(rows(), key, now, month.start), 0);
      const burnRate = used / hoursSeen(now, month.start);
      return {
        ...base,
        period: { kind: 'month', ...month },
        quota: null,
        quotaUnit: 'calls',
        pricePerUnitMicros: pricePerCall(prices?.buckets ?? []),
        apiCalls: monthly.calls,
        units: monthly.units,
        costMicros: monthly.costMicros,
        quotaRemaining: null,
        burnRate,
        forecastUnits: monthly.units + (burnRate * (month.end - now)) / HOUR_MS,
        exhaustsAt: null,
      };
    },
    callsToday(question) {
      const { start } = periods(ledgers.DAILY, question.now);
      return total(question, ledgers.DAY_LEDGER, start).calls;
    },
    spent: (name, scope) =>
      rows().get(ledgers.SPENT, ledgers.spentKey(name, scope)) ?? ledgers.NOTHING_SPENT,
  };
}

function quotaOf(rows: Rows, scope: string): PricedBucket | undefined {
  return ledgers.quotaBucketOf(rows.get(ledgers.SCOPES, scope));
}

type Sums = Pick<Cell, 'calls' | 'units' | 'costMicros'>;

function sumOf(a: Sums, b: Sums): Sums {
  return {
    calls: a.calls + b.calls,
    units: a.units + b.units,
    costMicros: a.costMicros + b.costMicros,
  };
}

/** Without a quota the only price to show is that of the first bucket that has one. */
function pricePerCall(buckets: readonly PricedBucket[]): number {
  return buckets.find(({ priceMicros }) => priceMicros > 0)?.priceMicros ?? 0;
}

type QuotaQuestion = {
  readonly rows: Rows;
  readonly name: string;
  readonly limiter: LimiterDoc;
  readonly bucket: PricedBucket;
  readonly periods: PeriodFinder;
  readonly now: EpochMs;
};

/** A quota is the scope's: what is left, and when it ends, counts every collector of the scope. */
function quotaView(
  question: QuotaQuestion,
): Omit<CostView, 'tier' | 'currency' | 'monthCostMicros'> {
  const { rows, name, limiter, bucket, periods, now } = question;
  const { scope } = limiter;
  const period = periods(bucket, now);
  const cellOf = (who: string) =>
    rows.get(ledgers.CELLS, ledgers.cellKey(who, scope, bucket.name, period.start)) ?? NOTHING;
  const burnOf = (who: string) =>
    lastHour(rows, ledgers.burnKey(who, scope, bucket.name), now, period.start) /
    hoursSeen(now, period.start);
  const mine = cellOf(name);
  const burnRate = burnOf(name);
  const left = remaining(question, period.start, cellOf(ledgers.WHOLE_SCOPE).units);
  const scopeBurn = burnOf(ledgers.WHOLE_SCOPE);
  const exhaustsAt = scopeBurn > 0 ? now + (left / scopeBurn) * HOUR_MS : Infinity;
  const isDaily = bucket.period === 'day' || (bucket.period === '' && bucket.windowMs <= DAY_MS);
  return {
    period: { kind: isDaily ? 'day' : 'month', ...period },
    quota: bucket.limit,
    quotaUnit: bucket.unit,
    pricePerUnitMicros: bucket.priceMicros,
    apiCalls: mine.calls,
    units: mine.units,
    costMicros: mine.costMicros,
    quotaRemaining: left,
    burnRate,
    forecastUnits: mine.units + (burnRate * (period.end - now)) / HOUR_MS,
    exhaustsAt: exhaustsAt < period.end ? Math.round(exhaustsAt) : null,
  };
}

/** Our own count; what the upstream says of this period may only tighten it. */
function remaining({ limiter, bucket, now }: QuotaQuestion, start: EpochMs, used: number): number {
  const counted = Math.max(0, bucket.limit - used);
  const seen = limiter.observed[bucket.name];
  if (seen === undefined || seen.remaining === null || seen.at < start) return counted;
  if (seen.resetAt !== null && seen.resetAt <= now) return counted;
  return Math.min(counted, Math.max(0, seen.remaining));
}

/** Units of the last hour, to the minute, of this period only. */
function lastHour(rows: Rows, key: string, now: EpochMs, periodStart: EpochMs): number {
  const first = Math.max(
    Math.floor(now / MINUTE_MS) - ledgers.MINUTES_REMEMBERED + 1,
    Math.floor(periodStart / MINUTE_MS),
  );
  const minutes = rows.get(ledgers.BURNS, key)?.minutes ?? [];
  return minutes.reduce((sum, [minute, units]) => sum + (minute >= first ? units : 0), 0);
}

/** At most the last hour; at least a minute, so that a period's first call is no forecast. */
function hoursSeen(now: EpochMs, periodStart: EpochMs): number {
  return Math.min(1, Math.max(MINUTE_MS, now - periodStart) / HOUR_MS);
}

/** What of a quota, and of its period, is left: a part of the health score. Undefined without a quota. */
export function quotaShares(costs: CostView | undefined, now: EpochMs): HealthInput['quota'] {
  if (costs === undefined || costs.quota === null || costs.quotaRemaining === null)
    return undefined;
  if (costs.quota <= 0) return undefined;
  const { start, end } = costs.period;
  return {
    leftShare: costs.quotaRemaining / costs.quota,
    periodLeftShare: (end - now) / (end - start),
  };
}
