/**
 * Reads the bars of one symbol by Yahoo, oldest first, in ranges.
 *
 * Y1 Only bars that are over become records.
 * Y2 The cursor says before which moment (of daily bars: date) all there is was stored. A range that is
 *    long past moves it to its end, with or without bars; the newest only past its last bar.
 * Y3 A run reads at most RANGES_PER_RUN_MAX ranges of a symbol; the next goes on.
 */
import { Type, type Static } from '@sinclair/typebox';
import { DAY_MS } from '../kernel/time.js';
import type { EpochMs } from '../kernel/types.js';
import { AHEAD_MAX_MS, storedCursor } from './cursors.js';
import { floorTo } from './grid.js';
import type { Pages } from './in-turn.js';
import type { SourceContext } from './port.js';
import {
  barRecord,
  barSeries,
  chartSchema,
  closedBars,
  impossibleChart,
  INTERVALS,
  type Interval,
} from './stock-index-bars.js';

export const RANGES_PER_RUN_MAX = 20;
/** A range that ended this long ago gets no more bars. */
const SETTLED_MS = 4 * DAY_MS;

export const barCursorSchema = Type.Object({ next: Type.Integer({ minimum: 0 }) });
export type BarCursor = Static<typeof barCursorSchema>;

type Context = SourceContext<{ readonly interval: Interval; readonly historyDays: number }>;

export async function* readSymbol(context: Context, symbol: string): Pages {
  const { interval } = context.options;
  const { length, chunk } = INTERVALS[interval];
  const series = barSeries(symbol, interval);
  let next = startOf(context, series);
  for (let ranges = 0; ranges < RANGES_PER_RUN_MAX; ranges += 1) {
    const now = context.now();
    const isSettled = next + chunk < now - SETTLED_MS;
    const to = isSettled ? next + chunk : now;
    const reply = await request(context, symbol, { from: next, to, isSettled });
    if (!reply.ok) return reply;
    const { bars, odd, currency } = closedBars(reply.body, { symbol, interval, now });
    if (odd > 0) context.warn(`yahoo: ${String(odd)} bars of ${symbol} left out: they cannot be`);
    const fresh = bars.filter(({ key }) => key >= next && (!isSettled || key < to));
    const last = fresh.at(-1);
    const reached = isSettled ? to : last === undefined ? next : last.key + length;
    if (reached > next) {
      const records = fresh.map((bar) => barRecord(symbol, interval, bar, currency));
      yield { series, records, cursor: { next: reached } satisfies BarCursor };
    }
    next = reached;
    if (!isSettled) return undefined;
  }
  return undefined; // Y3
}

/** Where a series stands; a new one begins so many days back, as far as the upstream reaches. */
function startOf(context: Context, series: string): EpochMs {
  const { interval, historyDays } = context.options;
  const { length, reach } = INTERVALS[interval];
  const grid = interval === '1d' ? DAY_MS : 1;
  const now = context.now();
  const stored = storedCursor(
    context,
    series,
    barCursorSchema,
    ({ next }) => next <= now + AHEAD_MAX_MS,
  );
  const from = stored?.next ?? now - historyDays * DAY_MS;
  const oldest = Math.max(0, now - reach + length);
  return floorTo(Math.max(from, oldest), grid);
}

function request(
  context: Context,
  symbol: string,
  asked: { readonly from: EpochMs; readonly to: EpochMs; readonly isSettled: boolean },
): ReturnType<typeof context.request<typeof chartSchema>> {
  const { interval } = context.options;
  const { from, to, isSettled } = asked;
  // A day's bar carries a moment of its session, which in some zones is on the UTC day before or after.
  const margin = interval === '1d' ? DAY_MS : 0;
  return context.request('chart', {
    path: `/v8/finance/chart/${encodeURIComponent(symbol)}`,
    query: {
      interval,
      period1: Math.max(0, Math.floor((from - margin) / 1000)),
      period2: Math.ceil((isSettled ? to + margin : to) / 1000),
      includePrePost: 'false',
    },
    schema: chartSchema,
    check: (body) => impossibleChart(body, { symbol, interval, now: context.now() }),
    priority: isSettled ? 'backfill' : 'live',
  });
}
