/**
 * Read model of usage and money: what each collector, and each scope in all, used per period.
 *
 * C1 The units and the money of a block count from its reservation; settling it corrects them. One that
 *    is never settled, or expires, stays counted whole: usage is never undercounted (P13).
 * C2 Money is integer micro-units, by the price in force when the block was reserved; what is counted
 *    is never priced again.
 * C3 A block belongs to the period of its reservation, also when it is settled in the next.
 * C4 Calls are calls sent: a block's count when it ends, all of them when it was lost. A block covers up
 *    to a second of calls, most of which may never leave: counted before, the number would fall again.
 * C5 What is spent for good (`cost.spent`) only ever grows: metrics are made of it.
 */
import type { BucketConfig, Units } from '../gen/headgate/events/v1/limiter.js';
import type { PeriodRule } from '../kernel/calendar.js';
import { entityOf } from '../kernel/ids.js';
import type { EpochMs } from '../kernel/types.js';
import * as ledgers from './cost-ledgers.js';
import type { Counted, OpenBlock, PeriodFinder, PricedBucket } from './cost-ledgers.js';
import type { LimiterFact } from './facts.js';
import { put } from './projection.js';
import type { Projection, Rows, RowWrite } from './projection.js';

type Of<T extends LimiterFact['type']> = Extract<LimiterFact, { readonly type: T }>;
type PerBucket = Readonly<Record<string, number>>;

function pricedBucket(bucket: BucketConfig): PricedBucket {
  const { name, limit, unit, priceMicros, quota, period, windowMs, zone, anchorDay } = bucket;
  return { name, limit, unit, priceMicros, quota, period, windowMs, zone, anchorDay };
}

/** The cells a block reserved now counts in: the collector's month and day, and those of each quota. */
function countedIn(
  scope: string,
  collector: string,
  buckets: readonly PricedBucket[],
  where: { readonly at: EpochMs; readonly periods: PeriodFinder },
): readonly Counted[] {
  const { at, periods } = where;
  const quotas = buckets.filter((bucket) => bucket.quota);
  const of = (who: string, ledger: string, rule: PeriodRule, burns: boolean) => {
    const { start, end } = periods(rule, at);
    const key = ledgers.cellKey(who, scope, ledger, start);
    return { who, key, burnKey: burns ? ledgers.burnKey(who, scope, ledger) : null, start, end };
  };
  const month = of(collector, ledgers.MONTH_LEDGER, ledgers.MONTHLY, quotas.length === 0);
  const day = of(collector, ledgers.DAY_LEDGER, ledgers.DAILY, false);
  return [
    { ...month, bucket: null },
    { ...day, bucket: null },
    ...quotas.flatMap((bucket) =>
      [collector, ledgers.WHOLE_SCOPE].map((who) => ({
        ...of(who, bucket.name, bucket, true),
        bucket: bucket.name,
      })),
    ),
  ];
}

type Change = {
  /** Calls that left. */
  readonly sent: number;
  /** Calls that may have left: the units of the month and the day. */
  readonly reserved: number;
  readonly units: PerBucket;
};

/** Adds to the cells of a block; a correction is negative. */
function count(block: OpenBlock, change: Change, rows: Rows): readonly RowWrite[] {
  const { at, prices } = block;
  const costs = costsOf(change.units, prices);
  const money = Object.values(costs).reduce((sum, cost) => sum + cost, 0);
  const writes: RowWrite[] = [];
  for (const { who, key, burnKey, start, end, bucket } of block.counted) {
    const used = bucket === null ? change.reserved : (change.units[bucket] ?? 0);
    const cost = bucket === null ? money : (costs[bucket] ?? 0);
    const cell = rows.get(ledgers.CELLS, key) ?? NOTHING;
    const sums = {
      start,
      end,
      calls: cell.calls + change.sent,
      units: cell.units + used,
      costMicros: cell.costMicros + cost,
    };
    writes.push(put(ledgers.CELLS, key, sums, who === ledgers.WHOLE_SCOPE ? [] : [who]));
    if (burnKey === null || used === 0) continue;
    const burn = rows.get(ledgers.BURNS, burnKey) ?? { minutes: [] };
    writes.push(put(ledgers.BURNS, burnKey, ledgers.burnAfter(burn, at, used), []));
  }
  return writes;
}

const NOTHING = { calls: 0, units: 0, costMicros: 0 };

/** Units are whole; a fraction counts as one more: never undercounted. */
function wholeUnits(list: readonly Units[]): PerBucket {
  const units: Record<string, number> = {};
  for (const each of list) units[each.bucket] = (units[each.bucket] ?? 0) + Math.ceil(each.units);
  return units;
}

/** C2: integers all the way. */
function costsOf(units: PerBucket, prices: PerBucket): PerBucket {
  const costs: Record<string, number> = {};
  for (const [bucket, used] of Object.entries(units)) costs[bucket] = used * (prices[bucket] ?? 0);
  return costs;
}

function reserve(
  f: Of<'UnitsReserved'>,
  scope: string,
  rows: Rows,
  periods: PeriodFinder,
): readonly RowWrite[] {
  const buckets = rows.get(ledgers.SCOPES, scope)?.buckets ?? [];
  const block: OpenBlock = {
    collector: f.collector,
    at: f.atMs,
    calls: f.calls,
    units: wholeUnits(f.units),
    prices: Object.fromEntries(buckets.map(({ name, priceMicros }) => [name, priceMicros])),
    counted: countedIn(scope, f.collector, buckets, { at: f.atMs, periods }),
  };
  const opened = put(ledgers.BLOCKS, `${scope}|${f.block}`, block, []);
  return [opened, ...count(block, { sent: 0, reserved: f.calls, units: block.units }, rows)];
}

/** C1: what was counted too much or, where the upstream named a higher weight, too little. */
function settle(f: Of<'UnitsSettled'>, scope: string, rows: Rows): readonly RowWrite[] {
  const key = `${scope}|${f.block}`;
  const block = rows.get(ledgers.BLOCKS, key);
  // A block that is not open any more was counted when it ended.
  if (block === undefined) return [];
  const isLost = f.cause === 'expired';
  const sent = isLost ? block.calls : f.sent;
  const charged = isLost ? block.units : wholeUnits(f.charged);
  const units: Record<string, number> = {};
  for (const bucket of [...Object.keys(charged), ...Object.keys(block.units)]) {
    units[bucket] = (charged[bucket] ?? 0) - (block.units[bucket] ?? 0);
  }
  return [
    { kind: 'remove', table: ledgers.BLOCKS, key },
    ...count(block, { sent, reserved: sent - block.calls, units }, rows),
    spend(block, scope, charged, rows),
  ];
}

/** C5. */
function spend(block: OpenBlock, scope: string, charged: PerBucket, rows: Rows): RowWrite {
  const { collector, prices } = block;
  const key = ledgers.spentKey(collector, scope);
  const before = rows.get(ledgers.SPENT, key) ?? ledgers.NOTHING_SPENT;
  const units: Record<string, number> = { ...before.units };
  for (const [bucket, used] of Object.entries(charged)) {
    units[bucket] = (units[bucket] ?? 0) + used;
  }
  const costs = Object.values(costsOf(charged, prices));
  const costMicros = costs.reduce((sum, cost) => sum + cost, before.costMicros);
  return put(ledgers.SPENT, key, { units, costMicros }, []);
}

/** A fresh projection: it keeps the periods it found. */
export function costsProjection(): Projection {
  const periods = ledgers.periodFinder();
  return {
    name: 'costs',
    version: 2,
    categories: ['limiter'],
    handlers: {
      ScopeConfigured: (f, { stream }) => {
        const buckets = f.buckets.map(pricedBucket);
        const body = { tier: f.tier, currency: f.currency, buckets };
        return [put(ledgers.SCOPES, entityOf(stream), body, f.collectors)];
      },
      UnitsReserved: (f, { stream }, rows) => reserve(f, entityOf(stream), rows, periods),
      UnitsSettled: (f, { stream }, rows) => settle(f, entityOf(stream), rows),
    },
  };
}
