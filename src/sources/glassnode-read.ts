/** Reads the two sides of one of Glassnode's series, page by page. G1 to G3 are those of glassnode.ts. */
import type { EpochMs } from '../kernel/types.js';
import { SECOND_MS } from '../kernel/time.js';
import { METRICS, RESOLUTION_MS } from './glassnode-metrics.js';
import {
  CLOSE_GRACE_MS,
  finalPoints,
  impossiblePoints,
  isFilled,
  momentOf,
  pointGaps,
  pointRecord,
  pointSeries,
  pointsSchema,
  POINTS_PER_PAGE,
  type Point,
  type Series,
} from './glassnode-points.js';
import { withGaps, type Gap } from './grid.js';
import type { Pages } from './in-turn.js';
import type { SourceContext, SourcePage } from './port.js';
import type { RangeCursor } from './ranges.js';

export const LIVE_PAGES_MAX = 10;
export const BACKFILL_PAGES_MAX = 10;

type Context = SourceContext<unknown>;
type Moved = (cursor: RangeCursor) => void;

/** From the cursor to now; the last `recheck` points before it are read again. */
export async function* readLive(
  context: Context,
  series: Series,
  start: RangeCursor,
  moved: Moved,
  recheck: number,
): Pages {
  let cursor = start;
  const length = RESOLUTION_MS[series.resolution];
  for (let pages = 0; pages < LIVE_PAGES_MAX; pages += 1) {
    const back = pages === 0 ? recheck * length : 0;
    const from = Math.max(Math.min(cursor.from, cursor.next), cursor.next - back);
    const to = cursor.next + POINTS_PER_PAGE * length;
    const reply = await request(context, series, { from, to, priority: 'live' });
    if (!reply.ok) return reply;
    const now = context.now();
    const rows = finalPoints(reply.body, series.resolution, { to, now });
    const next = nextOf(rows, { from: cursor.next, to, length, now });
    const filled = rows.filter(isFilled);
    if (next === cursor.next && filled.length === 0) return undefined;
    const fresh = filled.filter((row) => momentOf(row) >= cursor.next);
    const gaps = pointGaps(
      fresh.filter((row) => momentOf(row) < next),
      series.resolution,
      { from: cursor.next, to: next },
    );
    const isTip = next === cursor.next || next + length > now;
    cursor = { ...cursor, next };
    moved(cursor);
    yield page(series, filled, cursor, gaps);
    if (isTip) return undefined;
  }
  return undefined; // G3
}

/** The range owed, oldest first. What the upstream lacks in it is a gap, and the range goes on. */
export async function* readBackfill(
  context: Context,
  series: Series,
  start: RangeCursor,
  moved: Moved,
): Pages {
  let cursor = start;
  const length = RESOLUTION_MS[series.resolution];
  for (let pages = 0; pages < BACKFILL_PAGES_MAX && cursor.backfill !== undefined; pages += 1) {
    const { next: from, to: end } = cursor.backfill;
    const now = context.now();
    if (end + CLOSE_GRACE_MS > now) return undefined; // G1: not history yet
    const to = Math.min(end, from + POINTS_PER_PAGE * length);
    const reply = await request(context, series, { from, to, priority: 'backfill' });
    if (!reply.ok) return reply;
    const rows = finalPoints(reply.body, series.resolution, { to, now });
    const last = rows.at(-1);
    const next = last === undefined ? to : momentOf(last) + length;
    const filled = rows.filter(isFilled);
    const gaps = pointGaps(filled, series.resolution, { from, to: next });
    const { backfill: _done, ...rest } = cursor;
    cursor = next >= end ? rest : { ...rest, backfill: { next, to: end } };
    moved(cursor);
    yield page(series, filled, cursor, gaps);
  }
  return undefined; // G3
}

/** Where the series goes on after these rows of [from, to). */
function nextOf(
  rows: readonly Point[],
  {
    from,
    to,
    length,
    now,
  }: {
    readonly from: EpochMs;
    readonly to: EpochMs;
    readonly length: number;
    readonly now: EpochMs;
  },
): EpochMs {
  const isPast = to + length + CLOSE_GRACE_MS <= now;
  // A row without a value at the very end may get one yet (G2); a page back it will not.
  const last = isPast ? rows.at(-1) : rows.findLast(isFilled);
  // Only an empty answer tells that a page back nothing more is there: one may be shorter than asked.
  if (last === undefined || momentOf(last) < from) return isPast ? to : from;
  return momentOf(last) + length;
}

function request(
  context: Context,
  series: Series,
  asked: {
    readonly from: EpochMs;
    readonly to: EpochMs;
    readonly priority: 'live' | 'backfill';
  },
): ReturnType<typeof context.request<typeof pointsSchema>> {
  const { from, to, priority } = asked;
  return context.request(series.metric, {
    path: `/metrics${METRICS[series.metric].path}`,
    query: {
      a: series.asset,
      i: series.resolution,
      s: from / SECOND_MS,
      u: to / SECOND_MS,
      f: 'json',
    },
    schema: pointsSchema,
    check: (rows) => impossiblePoints(rows, series, { from, to, now: context.now() }),
    priority,
  });
}

function page(
  series: Series,
  rows: readonly Point[],
  cursor: RangeCursor,
  gaps: readonly Gap[],
): SourcePage {
  return {
    series: pointSeries(series),
    records: rows.map((row) => pointRecord(series, row)),
    cursor,
    ...withGaps(gaps),
  };
}
