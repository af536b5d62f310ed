/**
 * Reads the posts about one symbol in sweeps: each takes what was written from `next` up to a moment that
 * its first page fixes, so that pages do not shift while new posts come.
 *
 * F1 A sweep may take several runs (FEED_PAGES_PER_RUN each); its cursor holds its end and its next page.
 * F2 Posts outside of the sweep belong to another one: some plans do not honour `start` and `end`.
 * F3 A walk ends with a page that is not full, is empty, or brings nothing that the walk had not seen.
 * F4 A sweep that cannot go on where it stands is begun anew (sweeps.ts).
 */
import { Type, type Static } from '@sinclair/typebox';
import { canonicalJson, sha256Hex } from '../kernel/canonical.js';
import type { CollectedRecord } from '../kernel/record.js';
import { HOUR_MS, MINUTE_MS, SECOND_MS } from '../kernel/time.js';
import type { DurationMs, EpochMs } from '../kernel/types.js';
import { AHEAD_MAX_MS, storedCursor } from './cursors.js';
import { floorTo } from './grid.js';
import type { Pages } from './in-turn.js';
import type { SourceContext } from './port.js';
import { present } from './rows.js';
import { leaveSweep } from './sweeps.js';

/** Posts asked for per page and kind of source: a page may hold several times as many. */
export const POSTS_PER_PAGE = 100;
export const FEED_PAGES_PER_RUN = 10;
/** Ends what repeats over runs. */
export const FEED_PAGES_MAX = 1000;
/** A post is listed a little after it was written: the newest are left to the next sweep. */
export const FEED_LAG_MS: DurationMs = 2 * MINUTE_MS;
const POSTS_MAX = 20 * POSTS_PER_PAGE;
const TEXT_CHARS_MAX = 50_000;

const text = Type.Optional(Type.Union([Type.String({ maxLength: TEXT_CHARS_MAX }), Type.Null()]));
const word = Type.Optional(Type.Union([Type.String({ maxLength: 2000 }), Type.Null()]));
const figure = Type.Optional(Type.Union([Type.Number(), Type.Null()]));
const id = Type.Optional(
  Type.Union([Type.String({ minLength: 1, maxLength: 200 }), Type.Integer({ minimum: 0 })]),
);
/** No recording: the names are those of the vendor's description of its feeds. */
const post = Type.Object({
  time: Type.Integer({ minimum: 0, maximum: 8_640_000_000_000 }),
  id,
  type: word,
  symbol: word,
  title: text,
  body: text,
  url: word,
  publisher: word,
  display_name: word,
  twitter_screen_name: word,
  sentiment: figure,
  social_score: figure,
});
type Post = Static<typeof post>;
export const feedSchema = Type.Object({ data: Type.Array(post, { maxItems: POSTS_MAX }) });

const moment = Type.Integer({ minimum: 0 });
const cursorSchema = Type.Object({
  /** Posts written before are done. */
  next: moment,
  /** A sweep that is not done: it goes up to before `end`. */
  sweep: Type.Optional(
    Type.Object({
      end: moment,
      page: Type.Integer({ minimum: 0, maximum: FEED_PAGES_MAX }),
      /** The page it stands at was bad data the last time. */
      failed: Type.Optional(Type.Literal(true)),
    }),
  ),
});
export type FeedCursor = Static<typeof cursorSchema>;

type Context = SourceContext<unknown>;

/** One run's part of a symbol's posts. The first sweep begins `historyHours` back. */
export async function* readFeed(context: Context, symbol: string, historyHours: number): Pages {
  let cursor = stored(context, symbol, historyHours);
  const end = cursor.sweep?.end ?? wholeSecond(context.now() - FEED_LAG_MS);
  if (end <= cursor.next) return undefined;
  const seen = new Set<string>();
  for (let pages = 0; pages < FEED_PAGES_PER_RUN; pages += 1) {
    const page = cursor.sweep?.page ?? 0;
    const reply = await request(context, symbol, cursor.next, end, page);
    if (!reply.ok) {
      const { sweep, ...rest } = cursor;
      if (pages === 0)
        yield* leaveSweep(feedSeries(symbol), sweep, reply, (left) => ({ ...rest, ...left }));
      return reply;
    }
    const { data } = reply.body;
    const all = data.map((row) => postRecord(symbol, row));
    const unseen = all.filter((record) => !seen.has(record.id));
    for (const { id: known } of unseen) seen.add(known);
    const isEnd = data.length < POSTS_PER_PAGE || unseen.length === 0; // F3
    const isLast = isEnd || page + 1 >= FEED_PAGES_MAX;
    if (isLast !== isEnd) context.warn(`lunarcrush has more posts about ${symbol} than are read`);
    const records = distinct(unseen.filter(({ at }) => at >= cursor.next && at < end)); // F2
    cursor = isLast ? { next: end } : { next: cursor.next, sweep: { end, page: page + 1 } };
    yield { series: feedSeries(symbol), records, cursor };
    if (isLast) return undefined;
  }
  return undefined; // F1
}

export function feedSeries(symbol: string): string {
  return `feeds/${symbol}`;
}

function stored(context: Context, symbol: string, historyHours: number): FeedCursor {
  const from = { next: wholeSecond(context.now() - historyHours * HOUR_MS) };
  return storedCursor(context, feedSeries(symbol), cursorSchema, holds(context.now())) ?? from;
}

function holds(now: EpochMs): (cursor: FeedCursor) => boolean {
  return ({ next, sweep }) => {
    const isSound = next % SECOND_MS === 0 && next <= now + AHEAD_MAX_MS;
    if (sweep === undefined) return isSound;
    return isSound && sweep.end % SECOND_MS === 0 && sweep.end > next;
  };
}

function wholeSecond(at: EpochMs): EpochMs {
  return Math.max(0, floorTo(at, SECOND_MS));
}

function request(
  context: Context,
  symbol: string,
  from: EpochMs,
  end: EpochMs,
  page: number,
): ReturnType<typeof context.request<typeof feedSchema>> {
  return context.request('feeds', {
    path: '/v2',
    query: {
      data: 'feeds',
      symbol,
      type: 'chronological',
      limit: POSTS_PER_PAGE,
      page,
      start: from / SECOND_MS,
      // Inclusive at the upstream.
      end: end / SECOND_MS - 1,
    },
    schema: feedSchema,
    check: ({ data }) => impossible(data, symbol, context.now()),
  });
}

function impossible(rows: readonly Post[], symbol: string, now: EpochMs): string | undefined {
  for (const [index, row] of rows.entries()) {
    const where = `row ${String(index)}`;
    if (row.time * SECOND_MS > now + AHEAD_MAX_MS) return `${where}: in the future`;
    // A post may be about several.
    const about = (row.symbol ?? symbol).toUpperCase().split(/[\s,;]+/);
    if (!about.includes(symbol)) return `${where}: about another symbol`;
    if ([row.id, row.url, row.title, row.body].every((part) => part === undefined || part === null))
      return `${where}: nothing to know it by`;
  }
  return undefined;
}

/** The same post twice in a page (as about two symbols) is one record. */
function distinct(records: readonly CollectedRecord[]): readonly CollectedRecord[] {
  return [...new Map(records.map((record) => [record.id, record])).values()];
}

/** One post. It is known by its id; where the upstream gives none, by a digest of what it says. */
function postRecord(symbol: string, row: Post): CollectedRecord {
  const at = row.time * SECOND_MS;
  const type = row.type ?? 'post';
  const name = row.id === undefined ? `~${digest(row)}` : String(row.id);
  return {
    id: `social_post:${symbol}:${type}:${name}`,
    kind: 'social_post',
    series: feedSeries(symbol),
    at,
    data: {
      symbol,
      type,
      time_ms: at,
      ...present('post_id', row.id === undefined ? undefined : String(row.id)),
      ...present('title', row.title),
      ...present('body', row.body),
      ...present('url', row.url),
      ...present('publisher', row.publisher),
      ...present('display_name', row.display_name),
      ...present('screen_name', row.twitter_screen_name),
      ...present('sentiment', row.sentiment),
      ...present('social_score', row.social_score),
    },
  };
}

/** Only what was written goes in: scores change over time. */
function digest({ time, url, title, body, twitter_screen_name: author }: Post): string {
  const content = [time, url ?? '', title ?? '', body ?? '', author ?? ''];
  return sha256Hex(canonicalJson(content)).slice(0, 16);
}
