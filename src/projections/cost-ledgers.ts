/** The rows of the cost read model: what is counted where, per period. */
import { periodOf } from '../kernel/calendar.js';
import type { Period, PeriodRule } from '../kernel/calendar.js';
import { MINUTE_MS } from '../kernel/time.js';
import type { EpochMs } from '../kernel/types.js';
import { sortable, table } from './projection.js';

/** A quota bucket's name is its ledger; these two every collector has (UTC). */
export const MONTH_LEDGER = '~month';
export const DAY_LEDGER = '~day';
/** Who a cell of a whole scope belongs to. */
export const WHOLE_SCOPE = '*';
/** How many minutes of use are remembered, for the burn rate. */
export const MINUTES_REMEMBERED = 60;

export const MONTHLY: PeriodRule = { period: 'month', windowMs: 0, zone: '', anchorDay: 1 };
export const DAILY: PeriodRule = { period: 'day', windowMs: 0, zone: '', anchorDay: 1 };

export type PricedBucket = PeriodRule & {
  readonly name: string;
  readonly limit: number;
  readonly unit: string;
  readonly priceMicros: number;
  readonly quota: boolean;
};

/** What is in force in a scope. */
export type ScopePrices = {
  readonly tier: string;
  readonly currency: string;
  readonly buckets: readonly PricedBucket[];
};

/** Use of one ledger in one period. */
export type Cell = {
  readonly start: EpochMs;
  readonly end: EpochMs;
  /** Sent; those of open blocks are not known yet. */
  readonly calls: number;
  /** Charged, open blocks whole. Of the month and day ledgers: calls that were or may be sent. */
  readonly units: number;
  readonly costMicros: number;
};

/** The last hour's units of a ledger, by minute since the epoch, oldest first. */
export type Burn = { readonly minutes: readonly (readonly [minute: number, units: number])[] };

/** Where a block is counted. Without a bucket: calls, and the money of all buckets. */
export type Counted = {
  readonly who: string;
  /** Of its cell, and of its burn when it has one. */
  readonly key: string;
  readonly burnKey: string | null;
  readonly start: EpochMs;
  readonly end: EpochMs;
  readonly bucket: string | null;
};

/** An open block: what it is counted with, where, and at which prices. */
export type OpenBlock = {
  readonly collector: string;
  readonly at: EpochMs;
  readonly calls: number;
  readonly units: Readonly<Record<string, number>>;
  readonly prices: Readonly<Record<string, number>>;
  readonly counted: readonly Counted[];
};

/** What a collector spent in a scope since its first block; open blocks come when they end. */
export type Spent = {
  /** By bucket. */
  readonly units: Readonly<Record<string, number>>;
  readonly costMicros: number;
};

export const NOTHING_SPENT: Spent = { units: {}, costMicros: 0 };

export const SCOPES = table<ScopePrices>('cost.scope');
export const CELLS = table<Cell>('cost.cell');
export const BURNS = table<Burn>('cost.burn');
export const BLOCKS = table<OpenBlock>('cost.block');
export const SPENT = table<Spent>('cost.spent');

export function cellKey(who: string, scope: string, ledger: string, start: EpochMs): string {
  return `${who}|${scope}|${ledger}|${sortable(start)}`;
}

export function spentKey(collector: string, scope: string): string {
  return `${collector}|${scope}`;
}

export function burnKey(who: string, scope: string, ledger: string): string {
  return `${who}|${scope}|${ledger}`;
}

/** The quota a scope is shown with: its first quota bucket. */
export function quotaBucketOf(scope: ScopePrices | undefined): PricedBucket | undefined {
  return scope?.buckets.find((bucket) => bucket.quota);
}

export type PeriodFinder = (rule: PeriodRule, at: EpochMs) => Period;
const PERIODS_KEPT_MAX = 256;

/** Calendar arithmetic asks the zone database: a period, once known, is kept while it lasts. */
export function periodFinder(): PeriodFinder {
  const known = new Map<string, Period>();
  return (rule, at) => {
    const { period, windowMs, zone, anchorDay } = rule;
    const key = `${period}|${String(windowMs)}|${zone}|${String(anchorDay)}`;
    const last = known.get(key);
    if (last !== undefined && last.start <= at && at < last.end) return last;
    // A quota that names no period is shown per month.
    const found = periodOf(period === '' && !(windowMs > 0) ? MONTHLY : rule, at);
    if (known.size >= PERIODS_KEPT_MAX) known.clear();
    known.set(key, found);
    return found;
  };
}

export function burnAfter(before: Burn, at: EpochMs, used: number): Burn {
  const minute = Math.floor(at / MINUTE_MS);
  const index = before.minutes.findLastIndex(([known]) => known === minute);
  if (index >= 0) {
    return { minutes: before.minutes.map((m, i) => (i === index ? [m[0], m[1] + used] : m)) };
  }
  // A correction of a minute that is forgotten changes nothing that is still asked for.
  const newest = before.minutes.at(-1)?.[0] ?? minute;
  if (minute < newest) return before;
  const kept = before.minutes.filter(([known]) => known > minute - MINUTES_REMEMBERED);
  return { minutes: [...kept, [minute, used]] };
}
