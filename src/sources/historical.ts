/**
 * The source `historical`: Binance klines, live and backfill.
 *
 * Each series is kept from two sides, so that new bars never wait for old ones: first every series is
 * brought up to now, then a bounded piece of each backfill is read.
 *
 * H1 Only closed bars become records.
 * H2 The cursor says which bars of a series are stored: all from `from` to before `next`, less the range
 *    still owed in `backfill`.
 * H3 A run reads at most LIVE_PAGES_MAX and BACKFILL_PAGES_MAX pages of a series; the next goes on.
 * H4 What is wrong with one series (a symbol that is gone, bars that cannot be) does not hold up the
 *    others; what is wrong with the upstream ends the run.
 * H5 A run that is cut short goes on, the next time, with the series whose turn it was.
 */
import { Type, type Static } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { DAY_MS, MINUTE_MS } from '../kernel/time.js';
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
import type { RequestFailure, SourceContext, SourceDefinition, SourcePage } from './port.js';
import { binanceProfile } from './profiles/binance.js';
import { nextTurn, rotated } from './rotation.js';

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
    backfillFrom: Type.Optional(
      Type.Union(
        [
          Type.String({
            pattern:
              '^\\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\\d|3[01])(T\\d{2}:\\d{2}(:\\d{2}(\\.\\d{1,3})?)?Z)?$',
          }),
          Type.Integer({ minimum: 1, maximum: 10_000 }),
        ],
        { description: 'How far back to read: an ISO date in UTC, or a number of days.' },
      ),
    ),
  },
  { additionalProperties: false },
);
export type HistoricalOptions = Static<typeof options>;

const range = Type.Object({ next: Type.Integer({ minimum: 0 }), to: Type.Integer({ minimum: 0 }) });
const cursorSchema = Type.Object({
  next: Type.Integer({ minimum: 0 }),
  from: Type.Optional(Type.Integer({ minimum: 0 })),
  backfill: Type.Optional(range),
});
type StoredCursor = Static<typeof cursorSchema>;
/** H2. Open times. An operator may set `{next}` alone: `from` is the same then. */
export type KlineCursor = StoredCursor & { readonly from: EpochMs };

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
type Pages = AsyncGenerator<SourcePage, RequestFailure | undefined>;

async function* collect(context: Context): Pages {
  const { symbols, intervals: lengths } = context.options;
  const all = symbols.flatMap((symbol) => lengths.map((interval) => ({ symbol, interval })));
  const cursors = new Map<Series, KlineCursor>();
  for (const series of all) cursors.set(series, startOf(context, series));
  const unread = yield* readLimits(context, symbols[0] ?? '');
  if (unread !== undefined) return unread;
  let first: RequestFailure | undefined;
  for (const [lane, read] of LANES) {
    const turns = rotated([...cursors.keys()], nameOf, context, lane); // H5
    for (const series of turns) {
      const cursor = cursors.get(series);
      if (cursor === undefined) continue;
      const failure = yield* read(context, series, cursor, (moved) => cursors.set(series, moved));
      if (failure === undefined) continue;
      if (!isOfSeries(failure)) {
        const cut = { at: nameOf(series), hadTurn: cursors.get(series) !== cursor, failure };
        yield* nextTurn(turns.map(nameOf), lane, cut);
        return failure;
      }
      cursors.delete(series); // H4
      first ??= failure;
    }
  }
  return first;
}

function nameOf({ symbol, interval }: Series): string {
  return klineSeries(symbol, interval);
}

/** First every series up to now, then what is owed of the past. */
const LANES = [
  ['live', readLive],
  ['backfill', readBackfill],
] as const;

function isOfSeries(failure: RequestFailure): boolean {
  return failure.outcome === 'client' || failure.outcome === 'bad_data';
}

/** Where a series stands, with a backfill added when the options reach further back than it does. */
function startOf(context: Context, series: Series): KlineCursor {
  const length = INTERVAL_MS[series.interval];
  const name = klineSeries(series.symbol, series.interval);
  const stored = context.cursor(name);
  const now = context.now();
  const wanted = backfillStart(context.options.backfillFrom, now, length);
  if (stored !== undefined && Value.Check(cursorSchema, stored) && holds(stored, length)) {
    const { from = stored.next } = stored;
    const goesBack = wanted !== undefined && wanted < from && stored.backfill === undefined;
    if (!goesBack) return { ...stored, from };
    return { ...stored, from: wanted, backfill: { next: wanted, to: from } };
  }
  if (stored !== undefined)
    context.log.warn('a cursor that cannot be is ignored', { series: name });
  const next = Math.max(0, floorTo(now, length) - FIRST_BARS * length);
  if (wanted === undefined || wanted >= next) return { next, from: next };
  return { next, from: wanted, backfill: { next: wanted, to: next } };
}

function holds({ next, from = next, backfill }: StoredCursor, length: number): boolean {
  const { next: owed, to } = backfill ?? { next: from, to: from };
  const onGrid = [next, from, owed, to].every((open) => open % length === 0);
  return onGrid && from <= owed && owed <= to && to <= next;
}

function backfillStart(
  from: HistoricalOptions['backfillFrom'],
  now: EpochMs,
  length: number,
): EpochMs | undefined {
  if (from === undefined) return undefined;
  const moment = typeof from === 'number' ? floorTo(now, DAY_MS) - from * DAY_MS : Date.parse(from);
  return Number.isNaN(moment) ? undefined : Math.max(0, Math.ceil(moment / length) * length);
}

function floorTo(moment: EpochMs, length: number): EpochMs {
  return Math.floor(moment / length) * length;
}

type Moved = (cursor: KlineCursor) => void;

/** From the cursor to now. */
async function* readLive(
  context: Context,
  series: Series,
  start: KlineCursor,
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
  return undefined; // H3
}

/** The range owed, oldest first. What the upstream lacks in it is a gap, and the range goes on. */
async function* readBackfill(
  context: Context,
  series: Series,
  start: KlineCursor,
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
  return undefined; // H3
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
  cursor: KlineCursor,
  gaps: SourcePage['gaps'] & object,
): SourcePage {
  return {
    series: klineSeries(symbol, interval),
    records: rows.map((row) => klineRecord(symbol, interval, row)),
    cursor,
    ...(gaps.length === 0 ? {} : { gaps }),
  };
}
