/**
 * The source `historical`: Binance klines, live and backfill.
 *
 * Each series is kept from two sides (ranges.ts); its cursor holds open times of bars.
 *
 * H1 Only closed bars become records.
 * H2 A run reads at most LIVE_PAGES_MAX and BACKFILL_PAGES_MAX pages of a series; the next goes on.
 */
import { Type, type Static } from '@sinclair/typebox';
import { MINUTE_MS } from '../kernel/time.js';
import type { EpochMs } from '../kernel/types.js';
import {
  closedKlines,
  impossibleKlines,
  INTERVAL_MS,
  klineGaps,
  klineRecord,
  klinesSchema,
  klineSeries,
  KLINES_PER_PAGE,
  type Interval,
  type Kline,
} from './historical-klines.js';
import { readLimits } from './historical-limits.js';
import { withGaps, type Gap } from './grid.js';
import type { Pages } from './in-turn.js';
import type { SourceContext, SourceDefinition, SourcePage } from './port.js';
import { binanceProfile } from './profiles/binance.js';
import { backfillFromOption, readBothSides, type RangeCursor } from './ranges.js';

export const LIVE_PAGES_MAX = 20;
export const BACKFILL_PAGES_MAX = 20;
/** Without a backfill a new series begins this many bars back. */
export const FIRST_BARS = 100;

const intervals = Object.keys(INTERVAL_MS) as readonly Interval[];

const options = Type.Object(
  {
    symbols: Type.Array(Type.String({ pattern: '^[A-Z0-9]{2,20}$' }), {
      minItems: 1,
      maxItems: 100,
      uniqueItems: true,
      description: 'Symbols as Binance spells them.',
      default: ['BTCUSDT', 'ETHUSDT'],
    }),
    intervals: Type.Array(Type.Union(intervals.map((interval) => Type.Literal(interval))), {
      minItems: 1,
      maxItems: intervals.length,
      uniqueItems: true,
      description: 'Lengths of bars.',
      default: ['1m', '1h'],
    }),
    backfillFrom: Type.Optional(backfillFromOption),
  },
  { additionalProperties: false },
);
export type HistoricalOptions = Static<typeof options>;

export const historical: SourceDefinition<HistoricalOptions> = {
  name: 'historical',
  type: 'market_data',
  description: 'Price bars (klines) of Binance spot, live and backfill.',
  options,
  defaults: { symbols: ['BTCUSDT', 'ETHUSDT'], intervals: ['1m', '1h'] },
  paid: false,
  intervalMs: MINUTE_MS,
  upstreams: { binance: binanceProfile },
  expectedEveryMs: (chosen) =>
    Math.min(...chosen.intervals.map((interval) => INTERVAL_MS[interval])),
  collect,
};

type Series = { readonly symbol: string; readonly interval: Interval };
type Context = SourceContext<HistoricalOptions>;
async function* collect(context: Context): Pages {
  const { symbols, intervals: lengths, backfillFrom } = context.options;
  const unread = yield* readLimits(context, symbols[0] ?? '');
  if (unread !== undefined) return unread;
  return yield* readBothSides<Series, HistoricalOptions>(context, {
    all: symbols.flatMap((symbol) => lengths.map((interval) => ({ symbol, interval }))),
    rangeOf: ({ symbol, interval }) => ({
      name: klineSeries(symbol, interval),
      length: INTERVAL_MS[interval],
      firstPoints: FIRST_BARS,
      backfillFrom,
    }),
    live: readLive,
    backfill: readBackfill,
  });
}

type Moved = (cursor: RangeCursor) => void;

/** From the cursor to now. */
async function* readLive(
  context: Context,
  series: Series,
  start: RangeCursor,
  moved: Moved,
): Pages {
  let cursor = start;
  const length = INTERVAL_MS[series.interval];
  for (let pages = 0; pages < LIVE_PAGES_MAX; pages += 1) {
    const reply = await request(context, series, { from: cursor.next, priority: 'live' });
    if (!reply.ok) return reply;
    const closed = closedKlines(reply.body, series.interval, context.now()); // H1
    const last = closed.at(-1);
    if (last === undefined) return undefined;
    const gaps = klineGaps(closed, { interval: series.interval, from: cursor.next });
    cursor = { ...cursor, next: last[0] + length };
    moved(cursor);
    yield page(series, closed, cursor, gaps);
    if (cursor.next + length > context.now()) return undefined;
  }
  return undefined; // H2
}

/** The range owed, oldest first. What the upstream lacks in it is a gap, and the range goes on. */
async function* readBackfill(
  context: Context,
  series: Series,
  start: RangeCursor,
  moved: Moved,
): Pages {
  let cursor = start;
  const length = INTERVAL_MS[series.interval];
  for (let pages = 0; pages < BACKFILL_PAGES_MAX && cursor.backfill !== undefined; pages += 1) {
    const { next: from, to } = cursor.backfill;
    if (to > context.now()) return undefined; // H1: not history yet
    const reply = await request(context, series, { from, to, priority: 'backfill' });
    if (!reply.ok) return reply;
    const last = reply.body.at(-1);
    // Only an empty answer tells that nothing more is there: a page may be shorter than we asked.
    const next = last === undefined ? to : last[0] + length;
    const gaps = klineGaps(reply.body, { interval: series.interval, from, to: next });
    const { backfill: _done, ...rest } = cursor;
    cursor = next >= to ? rest : { ...rest, backfill: { next, to } };
    moved(cursor);
    yield page(series, reply.body, cursor, gaps);
  }
  return undefined; // H2
}

function request(
  context: Context,
  { symbol, interval }: Series,
  asked: {
    readonly from: EpochMs;
    readonly to?: EpochMs;
    readonly priority: 'live' | 'backfill';
  },
): ReturnType<typeof context.request<typeof klinesSchema>> {
  const { from, to, priority } = asked;
  return context.request('klines', {
    path: '/api/v3/klines',
    query: {
      symbol,
      interval,
      startTime: from,
      // Inclusive at the upstream.
      endTime: to === undefined ? undefined : to - 1,
      limit: KLINES_PER_PAGE,
    },
    schema: klinesSchema,
    check: (rows) =>
      impossibleKlines(rows, {
        interval,
        from,
        ...(to === undefined ? {} : { to }),
        now: context.now(),
      }),
    priority,
  });
}

function page(
  { symbol, interval }: Series,
  rows: readonly Kline[],
  cursor: RangeCursor,
  gaps: readonly Gap[],
): SourcePage {
  return {
    series: klineSeries(symbol, interval),
    records: rows.map((row) => klineRecord(symbol, interval, row)),
    cursor,
    ...withGaps(gaps),
  };
}
