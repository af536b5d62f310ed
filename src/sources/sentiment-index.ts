/**
 * Reads the fear-and-greed index: one value a day, by alternative.me. The past once, then only new days.
 *
 * S1 A day has one record; its id is the day. A value that is changed later the same day is the same
 *    record with other data.
 * S2 The cursor holds the newest day stored, its value, and how many days back were asked for: an
 *    option that reaches further than that reads the past once more.
 */
import { Type, type Static } from '@sinclair/typebox';
import type { CollectedRecord } from '../kernel/record.js';
import { DAY_MS, SECOND_MS } from '../kernel/time.js';
import type { EpochMs } from '../kernel/types.js';
import { AHEAD_MAX_MS, storedCursor } from './cursors.js';
import { floorTo, gapsBetween, withGaps, type Gap } from './grid.js';
import type { Pages } from './in-turn.js';
import type { SourceContext } from './port.js';
import { dateText } from './rows.js';

export const INDEX_SERIES = 'fear_and_greed';
/** 2018-02-01, the first day there is. */
export const FIRST_DAY: EpochMs = Date.UTC(2018, 1, 1);
/** Most rows accepted in one answer: a value a day lasts until 2045. */
const ROWS_MAX = 10_000;

export const indexSchema = Type.Object({
  data: Type.Array(
    Type.Object({
      // Numbers come as text.
      value: Type.String({ pattern: '^(\\d{1,2}|100)$' }),
      value_classification: Type.String({ pattern: '^[A-Z][A-Za-z ]{0,39}$' }),
      timestamp: Type.String({ pattern: '^\\d{9,11}$' }),
      /** Only on the newest row: seconds. */
      time_until_update: Type.Optional(Type.String({ maxLength: 20 })),
    }),
    { maxItems: ROWS_MAX },
  ),
  metadata: Type.Optional(Type.Object({ error: Type.Optional(Type.Null()) })),
});
export type IndexBody = Static<typeof indexSchema>;
type Row = IndexBody['data'][number];

const cursorSchema = Type.Object({
  /** Start of the newest day stored. */
  latest: Type.Integer({ minimum: 0 }),
  value: Type.Optional(Type.String({ maxLength: 3 })),
  days: Type.Optional(Type.Integer({ minimum: 0 })),
});
export type IndexCursor = Static<typeof cursorSchema>;

type Context = SourceContext<{ readonly historyDays: number }>;

export async function* readIndex(context: Context): Pages {
  const cursor = stored(context);
  const { historyDays: wanted } = context.options;
  const isBackfill = cursor === undefined || reaches(wanted) > reaches(cursor.days ?? 1);
  const reply = await context.request('fear_and_greed', {
    path: '/fng/',
    // 0 means all of them.
    query: { limit: isBackfill ? wanted : rowsSince(cursor, context.now()) },
    schema: indexSchema,
    check: (body) => impossibleIndex(body, context.now()),
    priority: isBackfill ? 'backfill' : 'live',
  });
  if (!reply.ok) return reply;
  const rows = [...reply.body.data].sort((a, b) => dayOfRow(a) - dayOfRow(b));
  const fresh = isBackfill ? rows : rows.filter((row) => isNews(row, cursor)); // S1
  if (fresh.length === 0) return undefined;
  const next = { ...moved(cursor, fresh), days: isBackfill ? wanted : (cursor.days ?? 1) };
  const gaps = indexGaps(fresh, isBackfill ? undefined : cursor.latest);
  const records = fresh.map(indexRecord);
  yield { series: INDEX_SERIES, records, cursor: next, ...withGaps(gaps) };
  return undefined;
}

/** How many rows hold every day after the newest stored, and that one. */
function rowsSince({ latest }: IndexCursor, now: EpochMs): number {
  return Math.max(2, daysBetween(latest, floorTo(now, DAY_MS)) + 1);
}

function moved(cursor: IndexCursor | undefined, rows: readonly Row[]): IndexCursor {
  const newest = rows.at(-1);
  if (newest === undefined) return cursor ?? { latest: 0 };
  const latest = dayOfRow(newest);
  // What reads the past once more may begin later than what is stored ends.
  return cursor !== undefined && latest < cursor.latest ? cursor : { latest, value: newest.value };
}

function stored(context: Context): IndexCursor | undefined {
  const soon = context.now() + AHEAD_MAX_MS;
  return storedCursor(
    context,
    INDEX_SERIES,
    cursorSchema,
    ({ latest }) => latest % DAY_MS === 0 && latest <= soon,
  );
}

/** How far back so many days reach; 0 means all of them. */
function reaches(days: number): number {
  return days === 0 ? Infinity : days;
}

function isNews(row: Row, { latest, value }: IndexCursor): boolean {
  const day = dayOfRow(row);
  return day > latest || (day === latest && row.value !== value);
}

/** What makes rows impossible though each has the right shape; undefined when nothing does. */
export function impossibleIndex({ data }: IndexBody, now: EpochMs): string | undefined {
  const days = new Set<EpochMs>();
  for (const [index, row] of data.entries()) {
    const day = dayOfRow(row);
    if (day < FIRST_DAY) return `row ${String(index)}: before the index began`;
    if (day > now + AHEAD_MAX_MS) return `row ${String(index)}: in the future`;
    if (days.has(day)) return `row ${String(index)}: a second value of one day`;
    days.add(day);
  }
  return undefined;
}

export function indexRecord(row: Row): CollectedRecord {
  const day = dayOfRow(row);
  return {
    id: `fear_and_greed:${dateText(day)}`,
    kind: 'fear_and_greed',
    series: INDEX_SERIES,
    at: day,
    data: {
      date: dateText(day),
      value: Number(row.value),
      classification: row.value_classification,
      upstream: 'alternative_me',
    },
  };
}

/** Days without a value between the rows (oldest first), and after the day that was stored last. */
function indexGaps(rows: readonly Row[], latest: EpochMs | undefined): readonly Gap[] {
  const days = rows.map(dayOfRow);
  const from = latest === undefined ? days[0] : latest + DAY_MS;
  return from === undefined ? [] : gapsBetween(days, { from, length: DAY_MS });
}

function dayOfRow({ timestamp }: Row): EpochMs {
  return floorTo(Number(timestamp) * SECOND_MS, DAY_MS);
}

function daysBetween(from: EpochMs, to: EpochMs): number {
  return Math.max(0, (to - from) / DAY_MS);
}
