/**
 * Reads the figures of one asset, or of the whole market: closed buckets as points, the running one as a
 * snapshot that is replaced until it is closed.
 *
 * L1 Only closed buckets become points. The cursor's `next` is the first that is not stored yet.
 * L2 A snapshot is yielded when its figures are not those seen last (the cursor holds their digest).
 * L3 Buckets missing between others, or a whole page back, are gaps; what is missing at the end may come.
 * L4 Points before what was asked were read earlier: some plans do not honour `start`.
 */
import { Type, type Static } from '@sinclair/typebox';
import { canonicalJson, sha256Hex } from '../kernel/canonical.js';
import type { CollectedRecord } from '../kernel/record.js';
import { SECOND_MS } from '../kernel/time.js';
import type { DurationMs, EpochMs } from '../kernel/types.js';
import {
  BUCKET_MS,
  figuresSchema,
  momentOf,
  pointRecord,
  POINTS_PER_PAGE,
  snapshotRecord,
  subjectSeries,
  type Point,
  type Row,
  type Subject,
} from './lunarcrush-figures.js';
import { AHEAD_MAX_MS, storedCursor } from './cursors.js';
import { floorTo, gapsBetween, withGaps } from './grid.js';
import type { Pages } from './in-turn.js';
import type { SourceContext } from './port.js';

/** Pages of one series in a run. */
export const SERIES_PAGES_MAX = 5;
/** How long after its end a bucket counts as closed: our clocks may differ a little. */
const CLOSE_GRACE_MS: DurationMs = 2 * SECOND_MS;

const cursorSchema = Type.Object({
  next: Type.Integer({ minimum: 0 }),
  snapshot: Type.Optional(Type.String({ maxLength: 64 })),
});
/** L1, L2. Milliseconds. */
export type SeriesCursor = Static<typeof cursorSchema>;

type Context = SourceContext<unknown>;

/** One run's part of a series. A new one begins `historyPoints` buckets back. */
export async function* readSeries(
  context: Context,
  subject: Subject,
  historyPoints: number,
): Pages {
  const length = BUCKET_MS[subject.bucket];
  let cursor = stored(context, subject, historyPoints);
  for (let pages = 0; pages < SERIES_PAGES_MAX; pages += 1) {
    const from = cursor.next;
    const due = Math.ceil((context.now() - from) / length);
    const points = Math.min(POINTS_PER_PAGE, Math.max(1, due));
    const reply = await request(context, subject, from, points);
    if (!reply.ok) return reply;
    const [row] = reply.body.data;
    if (row === undefined) {
      context.warn(`lunarcrush knows nothing of ${subject.symbol ?? 'the market'}`);
      return undefined;
    }
    const now = context.now();
    const to = from + points * length;
    const closed = (row.timeSeries ?? []).filter((point) => isClosed(point, length, now, from));
    const fresh = closed.filter((point) => momentOf(point) < to);
    const next = nextOf(fresh, { from, to, length, now });
    const snapshot = snapshotOf(subject, row, now);
    const changed = snapshot !== undefined && snapshot.digest !== cursor.snapshot;
    cursor = { next, ...(snapshot === undefined ? {} : { snapshot: snapshot.digest }) };
    if (next > from || changed) {
      const records = fresh.map((point) => pointRecord(subject, point));
      const gaps = gapsBetween(fresh.map(momentOf), { from, to: next, length });
      yield {
        series: subjectSeries(subject),
        records: changed ? [...records, snapshot.record] : records,
        cursor,
        ...withGaps(gaps),
      };
    }
    if (next === from || next + length > now) return undefined;
  }
  return undefined;
}

function stored(context: Context, subject: Subject, historyPoints: number): SeriesCursor {
  const length = BUCKET_MS[subject.bucket];
  const series = subjectSeries(subject);
  const holds = ({ next }: SeriesCursor): boolean =>
    next % length === 0 && next <= context.now() + AHEAD_MAX_MS + length;
  const next = floorTo(context.now(), length) - historyPoints * length;
  return storedCursor(context, series, cursorSchema, holds) ?? { next };
}

function request(
  context: Context,
  { symbol, bucket }: Subject,
  from: EpochMs,
  points: number,
): ReturnType<typeof context.request<typeof figuresSchema>> {
  return context.request(symbol === undefined ? 'global' : 'assets', {
    path: '/v2',
    query: {
      data: symbol === undefined ? 'global' : 'assets',
      symbol,
      interval: bucket,
      data_points: points,
      start: from / SECOND_MS,
    },
    schema: figuresSchema,
    check: ({ data: [row] }) =>
      row === undefined ? undefined : impossible(row, { symbol, bucket }, context.now()),
  });
}

/** What makes a row impossible though it has the right shape; undefined when nothing does. */
function impossible(row: Row, { symbol, bucket }: Subject, now: EpochMs): string | undefined {
  if (symbol !== undefined && row.symbol?.toUpperCase() !== symbol)
    return 'the figures of another symbol';
  if (row.time !== undefined && momentOf({ time: row.time }) > now + AHEAD_MAX_MS)
    return 'a snapshot of the future';
  let least = 0;
  for (const [index, point] of (row.timeSeries ?? []).entries()) {
    const at = momentOf(point);
    const where = `point ${String(index)}`;
    if (at % BUCKET_MS[bucket] !== 0) return `${where}: off the ${bucket} grid`;
    if (at < least) return `${where}: before its turn`;
    if (at > now + AHEAD_MAX_MS) return `${where}: in the future`;
    if (point.asset_id !== undefined && row.id !== undefined && point.asset_id !== row.id)
      return `${where}: of another asset`;
    least = at + BUCKET_MS[bucket];
  }
  return undefined;
}

function isClosed(point: Point, length: DurationMs, now: EpochMs, from: EpochMs): boolean {
  const at = momentOf(point);
  return at >= from && at + length + CLOSE_GRACE_MS <= now; // L4, L1
}

type Range = { readonly from: EpochMs; readonly to: EpochMs; readonly length: DurationMs };

function nextOf(
  fresh: readonly Point[],
  { from, to, length, now }: Range & { readonly now: EpochMs },
): EpochMs {
  const last = fresh.at(-1);
  if (last !== undefined) return momentOf(last) + length;
  return to + length + CLOSE_GRACE_MS <= now ? to : from; // L3
}

function snapshotOf(
  subject: Subject,
  row: Row,
  now: EpochMs,
): { readonly record: CollectedRecord; readonly digest: string } | undefined {
  if (row.time === undefined) return undefined;
  const at = momentOf({ time: row.time });
  if (at > now) return undefined;
  const record = snapshotRecord(subject, row, at);
  return { record, digest: sha256Hex(canonicalJson(record.data)).slice(0, 32) };
}
