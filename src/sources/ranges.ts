/**
 * Series of points that are kept from two sides, so that new points never wait for old ones: first every
 * series is brought up to now, then a bounded piece of each backfill is read.
 *
 * K1 The cursor says which points of a series are done: all from `from` to before `next`, less the range
 *    still owed in `backfill`.
 * K2 A backfill is added when the options reach further back than the series does, once the one before
 *    is done.
 * K3 A series in which something is wrong on one side is not read on the other in that run.
 */
import { Type, type Static } from '@sinclair/typebox';
import { DAY_MS } from '../kernel/time.js';
import type { DurationMs, EpochMs } from '../kernel/types.js';
import { isOfSeries } from './blame.js';
import { AHEAD_MAX_MS, storedCursor } from './cursors.js';
import { floorTo } from './grid.js';
import { readInTurn, type Pages } from './in-turn.js';
import type { RequestFailure, SourceContext } from './port.js';

/** The option that asks for a backfill. */
export const backfillFromOption = Type.Union(
  [
    Type.String({
      pattern:
        '^\\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\\d|3[01])(T\\d{2}:\\d{2}(:\\d{2}(\\.\\d{1,3})?)?Z)?$',
    }),
    Type.Integer({ minimum: 1, maximum: 10_000 }),
  ],
  { description: 'How far back to read: an ISO date in UTC, or a number of days.' },
);
export type BackfillFrom = Static<typeof backfillFromOption>;

const moment = Type.Integer({ minimum: 0 });
const cursorSchema = Type.Object({
  next: moment,
  from: Type.Optional(moment),
  backfill: Type.Optional(Type.Object({ next: moment, to: moment })),
});
type StoredCursor = Static<typeof cursorSchema>;
/** K1. Moments of points. An operator may set `{next}` alone: `from` is the same then. */
export type RangeCursor = StoredCursor & { readonly from: EpochMs };

export type RangeSeries = {
  readonly name: string;
  /** Between two points; they are aligned to the epoch. */
  readonly length: DurationMs;
  /** Without a backfill a new series begins this many points back. */
  readonly firstPoints: number;
  readonly backfillFrom: BackfillFrom | undefined;
};

/** Where a series stands, with a backfill added when the options reach further back than it does. */
export function startOfRange(
  context: SourceContext<unknown>,
  { name, length, firstPoints, backfillFrom }: RangeSeries,
): RangeCursor {
  const now = context.now();
  const wanted = backfillStart(backfillFrom, now, length);
  const stored = storedCursor(context, name, cursorSchema, (found) => holds(found, length, now));
  if (stored !== undefined) {
    const { from = stored.next } = stored;
    const goesBack = wanted !== undefined && wanted < from && stored.backfill === undefined;
    if (!goesBack) return { ...stored, from };
    return { ...stored, from: wanted, backfill: { next: wanted, to: from } }; // K2
  }
  const next = Math.max(0, floorTo(now, length) - firstPoints * length);
  if (wanted === undefined || wanted >= next) return { next, from: next };
  return { next, from: wanted, backfill: { next: wanted, to: next } };
}

function holds(cursor: StoredCursor, length: DurationMs, now: EpochMs): boolean {
  const { next, from = next, backfill } = cursor;
  const { next: owed, to } = backfill ?? { next: from, to: from };
  const onGrid = [next, from, owed, to].every((at) => at % length === 0);
  const inOrder = from <= owed && owed <= to && to <= next;
  return onGrid && inOrder && next <= now + AHEAD_MAX_MS + length;
}

function backfillStart(
  from: BackfillFrom | undefined,
  now: EpochMs,
  length: DurationMs,
): EpochMs | undefined {
  if (from === undefined) return undefined;
  const at = typeof from === 'number' ? floorTo(now, DAY_MS) - from * DAY_MS : Date.parse(from);
  return Number.isNaN(at) ? undefined : Math.max(0, Math.ceil(at / length) * length);
}

/** Reads one side of a series; `moved` takes the cursor of every page that it yields. */
export type Side<S, O> = (
  context: SourceContext<O>,
  series: S,
  start: RangeCursor,
  moved: (cursor: RangeCursor) => void,
) => Pages;

export type BothSides<S, O> = {
  readonly all: readonly S[];
  readonly rangeOf: (series: S) => RangeSeries;
  readonly live: Side<S, O>;
  readonly backfill: Side<S, O>;
};

/** One run: every series up to now, then what is owed of the past. */
export async function* readBothSides<S, O>(
  context: SourceContext<O>,
  { all, rangeOf, live, backfill }: BothSides<S, O>,
): Pages {
  const cursors = new Map(all.map((series) => [series, startOfRange(context, rangeOf(series))]));
  let first: RequestFailure | undefined;
  const lanes = { live, backfill };
  for (const lane of ['live', 'backfill'] as const) {
    const readers = [...cursors].map(([series, start]) => ({
      name: rangeOf(series).name,
      read: async function* (watched: SourceContext<O>): Pages {
        const moved = (cursor: RangeCursor): unknown => cursors.set(series, cursor);
        const failure = yield* lanes[lane](watched, series, start, moved);
        if (failure !== undefined) cursors.delete(series); // K3
        return failure;
      },
    }));
    const failure = yield* readInTurn(context, lane, readers);
    if (failure !== undefined && !isOfSeries(failure)) return failure;
    first ??= failure;
  }
  return first;
}
