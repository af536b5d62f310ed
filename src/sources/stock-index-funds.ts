/**
 * Stand-ins for indices, by Alpha Vantage: daily bars of funds that track them.
 *
 * F1 A fund is not its index: its bars are of another kind, another series and another symbol, and say
 *    which index they stand in for. No record of an index is ever made of one.
 * F2 A fund is read from where its index stands, so that what is stored covers what is missing.
 * F3 All funds together make at most 20 calls a day, 80 % of the free plan: each is asked again after
 *    its share of the day. The cursor remembers when it was asked.
 */
import { Type, type Static } from '@sinclair/typebox';
import type { CollectedRecord } from '../kernel/record.js';
import { DAY_MS, HOUR_MS } from '../kernel/time.js';
import type { DurationMs, EpochMs } from '../kernel/types.js';
import { AHEAD_MAX_MS, storedCursor } from './cursors.js';
import { floorTo } from './grid.js';
import type { RequestFailure, SourceContext, SourcePage } from './port.js';
import { dateText } from './rows.js';
import { agree, type Bar } from './stock-index-bars.js';
import { isZone, localDay } from './stock-index-zones.js';

/** F3. */
export const CALLS_PER_DAY = 20;
const AGAIN_MIN_MS: DurationMs = HOUR_MS;
/** Where nothing is known of the index, a fund begins this far back. */
const FIRST_MS: DurationMs = 30 * DAY_MS;
/** Most days accepted in one answer. */
const DAYS_MAX = 10_000;

const decimal = Type.String({ pattern: '^\\d{1,12}(\\.\\d{1,10})?$' });
const row = Type.Object({
  '1. open': decimal,
  '2. high': decimal,
  '3. low': decimal,
  '4. close': decimal,
  '5. volume': Type.String({ pattern: '^\\d{1,15}$' }),
});

export const dailySchema = Type.Object({
  'Meta Data': Type.Object({
    '2. Symbol': Type.String({ maxLength: 40 }),
    '5. Time Zone': Type.String({ maxLength: 64 }),
  }),
  'Time Series (Daily)': Type.Record(Type.String({ pattern: '^\\d{4}-\\d{2}-\\d{2}$' }), row, {
    additionalProperties: false,
    maxProperties: DAYS_MAX,
  }),
});
export type DailyBody = Static<typeof dailySchema>;

const cursorSchema = Type.Object({
  /** The first day that is not stored. */
  next: Type.Integer({ minimum: 0 }),
  asked: Type.Optional(Type.Integer({ minimum: 0 })),
  /** What was asked then brought nothing. Absent: it did. */
  failed: Type.Optional(Type.Boolean()),
});
export type FundCursor = Static<typeof cursorSchema>;

/** A fund, and the indices it stands in for. */
export type Fund = {
  readonly symbol: string;
  readonly indices: readonly string[];
  /** F2: where they stand; undefined: nowhere yet. */
  readonly from: EpochMs | undefined;
};

type Context = SourceContext<unknown>;

/** It was asked not long ago, brought nothing, and is not asked yet again. */
export const MISSING = 'missing';

/**
 * Reads a fund if it is time; answers what was wrong, if something was, or that it is still missing for
 * what was wrong the last time.
 */
export async function* readFund(
  context: Context,
  fund: Fund,
  funds: number,
): AsyncGenerator<SourcePage, RequestFailure | typeof MISSING | undefined> {
  const series = fundSeries(fund.symbol);
  const stored = cursorOf(context, series);
  const now = context.now();
  // So many rounds fit into a day, its first moment included.
  const rounds = Math.max(1, Math.floor(CALLS_PER_DAY / funds));
  const again = Math.max(AGAIN_MIN_MS, DAY_MS / rounds);
  const waited = now - (stored.asked ?? -Infinity);
  // A clock that was set back does not silence it.
  if (waited >= 0 && waited < again) return stored.failed === true ? MISSING : undefined; // F3
  const reply = await context.request('time_series_daily', {
    path: '/query',
    query: { function: 'TIME_SERIES_DAILY', symbol: fund.symbol, outputsize: 'compact' },
    schema: dailySchema,
    check: (body) => impossibleDays(body, fund.symbol, now),
    upstream: 'alpha_vantage',
  });
  if (!reply.ok) {
    const wasSent = reply.outcome !== 'blocked' && reply.outcome !== 'cancelled';
    // A wait is kept by its limits; what else was wrong will be so in a quarter of an hour, too.
    const counts = wasSent && reply.outcome !== 'throttled' && reply.outcome !== 'quota_exhausted';
    if (counts) yield { series, records: [], cursor: { ...stored, asked: now, failed: true } };
    return reply;
  }
  const from = Math.max(stored.next, floorTo(fund.from ?? now - FIRST_MS, DAY_MS)); // F2
  const bars = closedDays(reply.body, now).filter(({ key }) => key >= from);
  const last = bars.at(-1);
  const next = last === undefined ? stored.next : last.key + DAY_MS;
  yield {
    series,
    records: bars.map((bar) => fundRecord(fund, bar)),
    cursor: { next, asked: now } satisfies FundCursor,
  };
  return undefined;
}

function cursorOf(context: Context, series: string): FundCursor {
  const soon = context.now() + AHEAD_MAX_MS;
  const holds = ({ next }: FundCursor): boolean => next <= soon;
  return storedCursor(context, series, cursorSchema, holds) ?? { next: 0 };
}

/** What makes days impossible though each has the right shape; undefined when nothing does. */
export function impossibleDays(body: DailyBody, symbol: string, now: EpochMs): string | undefined {
  const { '2. Symbol': named, '5. Time Zone': zone } = body['Meta Data'];
  if (named.toUpperCase() !== symbol.toUpperCase()) return 'days of another symbol';
  if (!isZone(zone)) return 'a zone nobody knows';
  for (const bar of barsOf(body)) {
    if (Number.isNaN(bar.key)) return 'a day no calendar has';
    if (bar.key > now + AHEAD_MAX_MS) return 'a day in the future';
    if (!agree(bar)) return 'its lows and highs do not hold its prices';
  }
  return undefined;
}

/** A day is over when the next has begun at its exchange: until then its row may change. */
function closedDays(body: DailyBody, now: EpochMs): readonly Bar[] {
  const today = localDay(body['Meta Data']['5. Time Zone'], now);
  return barsOf(body)
    .filter(({ key }) => key < today)
    .sort((a, b) => a.key - b.key);
}

function barsOf(body: DailyBody): readonly Bar[] {
  return Object.entries(body['Time Series (Daily)']).map(([date, day]) => ({
    key: dayNamed(date),
    open: Number(day['1. open']),
    high: Number(day['2. high']),
    low: Number(day['3. low']),
    close: Number(day['4. close']),
    volume: Number(day['5. volume']),
  }));
}

/** NaN for a day no calendar has. */
function dayNamed(date: string): EpochMs {
  const day = Date.parse(`${date}T00:00:00Z`);
  return Number.isNaN(day) || dateText(day) !== date ? Number.NaN : day;
}

export function fundSeries(symbol: string): string {
  return `alpha_vantage/${symbol}/1d`;
}

function fundRecord({ symbol, indices }: Fund, { key, ...prices }: Bar): CollectedRecord {
  return {
    id: `fund_bar:${symbol}:1d:${dateText(key)}`,
    kind: 'fund_bar',
    series: fundSeries(symbol),
    at: key,
    data: {
      symbol,
      interval: '1d',
      date: dateText(key),
      ...prices,
      stands_in_for: [...indices],
      upstream: 'alpha_vantage',
    },
  };
}
