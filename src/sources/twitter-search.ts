/**
 * Reads what one search finds among the posts of the last seven days. The upstream answers newest
 * first, so a search is read in sweeps: from the newest post down to the newest of the sweep before.
 *
 * T1 A sweep asks for what is newer than the newest post seen before (`since_id`), so nothing is paid
 *    for twice. The upstream itself holds back the last seconds, which are not indexed yet.
 * T2 A sweep may take several runs (PAGES_PER_RUN_MAX each); its cursor holds where it goes on.
 * T3 The first sweep of a search stops after `historyPages`. So does the one after a week without a
 *    post: the upstream refuses a `since_id` older than its index.
 * T4 A paging token seen twice ends the run as bad data; SWEEP_PAGES_MAX ends what repeats over runs,
 *    and what it leaves unread is said.
 * T5 A sweep that cannot go on where it stands is begun anew (sweeps.ts).
 */
import { Type, type Static } from '@sinclair/typebox';
import { sha256Hex } from '../kernel/canonical.js';
import { DAY_MS, HOUR_MS } from '../kernel/time.js';
import type { EpochMs } from '../kernel/types.js';
import { AHEAD_MAX_MS, storedCursor } from './cursors.js';
import type { Pages } from './in-turn.js';
import type { SourceContext } from './port.js';
import { POSTS, twitterProfile } from './profiles/twitter.js';
import { leaveSweep } from './sweeps.js';
import {
  isAbove,
  momentOf,
  momentOfId,
  postRecord,
  POST_FIELDS,
  searchSchema,
  TOKEN_CHARS_MAX,
  type Post,
  type SearchBody,
} from './twitter-rows.js';

export const PAGES_PER_RUN_MAX = 10;
export const SWEEP_PAGES_MAX = 200;
/** How far back `since_id` may reach: the index's seven days, less what clocks and queues may be off. */
export const INDEX_MS = 7 * DAY_MS - HOUR_MS;

const postId = Type.String({ pattern: '^[1-9]\\d{0,18}$' });

const cursorSchema = Type.Object({
  /** The newest post of the last sweep that was finished. */
  since_id: Type.Optional(postId),
  /** A sweep that is not done. */
  sweep: Type.Optional(
    Type.Object({
      token: Type.String({ minLength: 1, maxLength: TOKEN_CHARS_MAX }),
      /** The newest post of the sweep: `since_id` of the next. */
      newest: Type.Optional(postId),
      pages: Type.Integer({ minimum: 1 }),
      /** The page it stands at was bad data the last time. */
      failed: Type.Optional(Type.Literal(true)),
    }),
  ),
});
export type SearchCursor = Static<typeof cursorSchema>;

export type Search = {
  readonly query: string;
  readonly maxResults: number;
  readonly historyPages: number;
};

type Context = SourceContext<unknown>;

/** A name people recognise, and a digest, for two queries may differ in their signs only. */
export function searchSeries(query: string): string {
  const words = query
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, 40)
    .replace(/^-+|-+$/g, '');
  return `search/${words}~${sha256Hex(query).slice(0, 8)}`;
}

/** One run's part of a search: the sweep that is open, or a new one. */
export async function* readSearch(context: Context, search: Search): Pages {
  const series = searchSeries(search.query);
  let cursor: SearchCursor = storedCursor(context, series, cursorSchema) ?? {};
  const tokens = new Set<string>();
  for (let page = 0; page < PAGES_PER_RUN_MAX; page += 1) {
    const token = cursor.sweep?.token;
    if (token !== undefined) tokens.add(token);
    const since = sinceOf(cursor, context.now());
    const reply = await request(context, search, cursor, since, tokens);
    if (!reply.ok) {
      const { sweep, ...rest } = cursor;
      if (page === 0) yield* leaveSweep(series, sweep, reply, (left) => ({ ...rest, ...left }));
      return reply;
    }
    const rows = reply.body.data ?? [];
    const fresh = rows.filter((row) => since === undefined || isAbove(row.id, since)); // T1
    const before = cursor;
    const step = { since, body: reply.body, pastEnd: fresh.length < rows.length };
    const next = advanced(search, cursor, step);
    cursor = next.cursor;
    if (next.isCut) context.warn(`the search ${series} finds more than is read`);
    if (fresh.length > 0 || JSON.stringify(cursor) !== JSON.stringify(before)) {
      yield { series, records: fresh.map((row) => postRecord(series, row)), cursor };
    }
    if (cursor.sweep === undefined) return undefined;
  }
  return undefined; // T2
}

/** The post to go on from; undefined: there is none that the upstream still accepts (T3). */
function sinceOf({ since_id: since }: SearchCursor, now: EpochMs): string | undefined {
  if (since === undefined) return undefined;
  const moment = momentOfId(since);
  if (moment === undefined || moment > now + AHEAD_MAX_MS) return undefined;
  return moment > now - INDEX_MS ? since : undefined;
}

function request(
  context: Context,
  { query, maxResults }: Search,
  { sweep }: SearchCursor,
  since: string | undefined,
  tokens: ReadonlySet<string>,
): ReturnType<typeof context.request<typeof searchSchema>> {
  return context.request('search_recent', {
    path: '/tweets/search/recent',
    query: {
      query,
      max_results: maxResults,
      'tweet.fields': POST_FIELDS,
      since_id: since,
      next_token: sweep?.token,
    },
    schema: searchSchema,
    check: (body) => objection(body, tokens, context.now()),
    units: { ...twitterProfile.weights['search_recent'], [POSTS]: maxResults },
    // The past of a new search may wait for what happens now.
    ...(since === undefined && sweep !== undefined ? { priority: 'backfill' as const } : {}),
  });
}

function objection(
  { data, meta }: SearchBody,
  tokens: ReadonlySet<string>,
  now: EpochMs,
): string | undefined {
  if (meta.next_token !== undefined && tokens.has(meta.next_token)) {
    return 'the paging token comes back'; // T4
  }
  if (data === undefined && meta.result_count > 0) return 'results are counted and none is there';
  const odd = (data ?? []).findIndex((row) => Number.isNaN(momentOf(row)));
  if (odd >= 0) return `data/${String(odd)}: a moment no calendar has`;
  const soon = now + AHEAD_MAX_MS;
  const early = (data ?? []).findIndex((row) => (momentOfId(row.id) ?? momentOf(row)) > soon);
  return early < 0 ? undefined : `data/${String(early)}: in the future`;
}

type Step = {
  readonly since: string | undefined;
  readonly body: SearchBody;
  /** Posts came that are older than `since`: what was asked for is read. */
  readonly pastEnd: boolean;
};

/** The cursor after a page: the sweep goes on, or ends and leaves where the next begins. */
function advanced(
  { historyPages }: Search,
  cursor: SearchCursor,
  { since, body: { data = [], meta }, pastEnd }: Step,
): { readonly cursor: SearchCursor; readonly isCut: boolean } {
  const pages = (cursor.sweep?.pages ?? 0) + 1;
  const newest = newestOf(data, cursor.sweep?.newest);
  const token = pastEnd ? undefined : meta.next_token;
  const pagesMax = since === undefined ? historyPages : SWEEP_PAGES_MAX; // T3, T4
  if (token !== undefined && pages < pagesMax) {
    const sweep = { token, ...(newest === undefined ? {} : { newest }), pages };
    return { cursor: { ...withoutSweep(cursor), sweep }, isCut: false };
  }
  const end = newest ?? cursor.since_id;
  return {
    cursor: end === undefined ? {} : { since_id: end },
    isCut: token !== undefined && since !== undefined,
  };
}

function newestOf(rows: readonly Post[], before: string | undefined): string | undefined {
  return rows.reduce<string | undefined>(
    (most, { id }) => (most === undefined || isAbove(id, most) ? id : most),
    before,
  );
}

function withoutSweep({ since_id: since }: SearchCursor): SearchCursor {
  return since === undefined ? {} : { since_id: since };
}
