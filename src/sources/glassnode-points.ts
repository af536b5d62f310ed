/** Glassnode's points: their shape, what makes a page of them impossible, and how they become records. */
import { Type, type Static } from '@sinclair/typebox';
import type { CollectedRecord } from '../kernel/record.js';
import { SECOND_MS } from '../kernel/time.js';
import type { DurationMs, EpochMs, JsonObject } from '../kernel/types.js';
import { AHEAD_MAX_MS } from './cursors.js';
import { METRICS, RESOLUTION_MS, type Metric, type Resolution } from './glassnode-metrics.js';
import { gapsBetween, type Gap } from './grid.js';

/** Points asked for at a time. The upstream has no limit of its own: it gives what the range holds. */
export const POINTS_PER_PAGE = 1000;
/** Members of an object value: the widest known have a dozen. */
const PARTS_MAX = 64;

/** How long after its end a point counts as final: our clocks may differ a little. */
export const CLOSE_GRACE_MS: DurationMs = 2 * SECOND_MS;

const seconds = Type.Integer({ minimum: 0, maximum: 8_640_000_000_000 });
/** Null: the upstream has a row for the moment and no value. */
const figure = Type.Union([Type.Number(), Type.Null()]);

const point = Type.Union([
  Type.Object({ t: seconds, v: figure, computed_at: Type.Optional(seconds) }),
  Type.Object({
    t: seconds,
    o: Type.Record(Type.String({ pattern: '^[A-Za-z0-9_+.-]{1,64}$' }), figure, {
      additionalProperties: false,
      maxProperties: PARTS_MAX,
    }),
    computed_at: Type.Optional(seconds),
  }),
]);
export const pointsSchema = Type.Array(point, { maxItems: 2 * POINTS_PER_PAGE });
export type Point = Static<typeof point>;

export type Series = {
  readonly asset: string;
  readonly metric: Metric;
  readonly resolution: Resolution;
};

/** What was asked for: points with `from <= t < to`, in milliseconds, and when it was asked. */
export type PointRange = { readonly from: EpochMs; readonly to: EpochMs; readonly now: EpochMs };

export function momentOf(row: Point): EpochMs {
  return row.t * SECOND_MS;
}

/** Whether the row has a value at all. */
export function isFilled(row: Point): boolean {
  return 'v' in row ? row.v !== null : Object.values(row.o).every((part) => part !== null);
}

/** What makes rows impossible though each has the right shape; undefined when nothing does. */
export function impossiblePoints(
  rows: readonly Point[],
  series: Series,
  { from, to, now }: PointRange,
): string | undefined {
  const length = RESOLUTION_MS[series.resolution];
  let least = from;
  for (const [index, row] of rows.entries()) {
    const at = momentOf(row);
    const where = `row ${String(index)}`;
    if (at % length !== 0) return `${where}: off the ${series.resolution} grid`;
    // Out of order, or the same moment twice: which of the two is right nobody can tell.
    if (at < least) return `${where}: before ${index === 0 ? 'what was asked' : 'its turn'}`;
    // Whether the upstream means its end inclusively is written nowhere: the end itself is let through.
    if (at > to) return `${where}: after what was asked`;
    if (at > now + AHEAD_MAX_MS) return `${where}: in the future`;
    const wrong = impossibleValue(row, series.metric);
    if (wrong !== undefined) return `${where}: ${wrong}`;
    least = at + length;
  }
  return undefined;
}

function impossibleValue(row: Point, metric: Metric): string | undefined {
  const { shape, signed } = METRICS[metric];
  if ((shape === 'prices') !== 'o' in row) return `not the shape of ${metric}`;
  if (!isFilled(row)) return undefined;
  const parts = 'v' in row ? [row.v] : Object.values(row.o);
  if (!signed && parts.some((part) => part !== null && part < 0)) return 'below 0';
  return 'o' in row && shape === 'prices' && !pricesAgree(row.o)
    ? 'its low and high do not hold its open and close'
    : undefined;
}

function pricesAgree(parts: Readonly<Record<string, number | null>>): boolean {
  const { o, h, l, c } = parts;
  if (![o, h, l, c].every((part) => typeof part === 'number')) return false;
  const [open, high, low, close] = [Number(o), Number(h), Number(l), Number(c)];
  return low <= Math.min(open, close) && high >= Math.max(open, close);
}

/**
 * The rows that are final and lie before the end of what was asked: their period is over by our clock.
 * The running period's row, if the upstream has one, still changes.
 */
export function finalPoints(
  rows: readonly Point[],
  resolution: Resolution,
  { to, now }: Pick<PointRange, 'to' | 'now'>,
): readonly Point[] {
  const length = RESOLUTION_MS[resolution];
  return rows.filter((row) => {
    const at = momentOf(row);
    return at < to && at + length + CLOSE_GRACE_MS <= now;
  });
}

/** One point. Its id is the same whenever it is read again: another value is an update of the record. */
export function pointRecord(series: Series, row: Point): CollectedRecord {
  const { asset, metric, resolution } = series;
  const at = momentOf(row);
  return {
    id: `onchain_metric:${asset}:${metric}:${resolution}:${String(at)}`,
    kind: 'onchain_metric',
    series: pointSeries(series),
    // When it was complete: what a day's value tells is known when the day is over.
    at: at + RESOLUTION_MS[resolution] - 1,
    data: {
      asset,
      metric,
      resolution,
      time_ms: at,
      ...valueOf(row),
      ...(row.computed_at === undefined ? {} : { computed_at_ms: row.computed_at * SECOND_MS }),
    },
  };
}

const PRICE_NAMES: Readonly<Record<string, string>> = {
  o: 'open',
  h: 'high',
  l: 'low',
  c: 'close',
};

function valueOf(row: Point): JsonObject {
  if ('v' in row) return { value: row.v };
  const parts = Object.entries(row.o).map(([name, part]) => [PRICE_NAMES[name] ?? name, part]);
  return { parts: Object.fromEntries(parts) as JsonObject };
}

export function pointSeries({ asset, metric, resolution }: Series): string {
  return `${asset}/${metric}/${resolution}`;
}

/** Points that should be there and are not, in [from, to): see `gapsBetween`. */
export function pointGaps(
  filled: readonly Point[],
  resolution: Resolution,
  { from, to }: Pick<PointRange, 'from' | 'to'>,
): readonly Gap[] {
  return gapsBetween(filled.map(momentOf), { from, to, length: RESOLUTION_MS[resolution] });
}
