/**
 * Reads the new posts of one subreddit, each once. The listing is newest first and holds about a
 * thousand, so it is read in sweeps: from its top down to the newest post of the sweep before.
 *
 * N1 A sweep ends with the page whose last post is not later than that one, with the listing, or, the
 *    first of a series, after `historyPages`.
 * N2 A post that is not later is taken all the same if it is later than the oldest of the posts
 *    remembered and not one of them: moderators let posts through late.
 * N3 A sweep that was broken off goes on at its `after`. A page that is empty there may mean that the
 *    post it names is gone: the sweep begins anew from the top, once a run, and gives nothing twice.
 * N4 An `after` seen twice ends the run as bad data; SWEEP_PAGES_MAX ends what repeats over runs.
 * N5 A sweep that cannot go on where it stands is begun anew (sweeps.ts).
 */
import { Type, type Static } from '@sinclair/typebox';
import { storedCursor } from './cursors.js';
import type { Pages } from './in-turn.js';
import type { SourceContext } from './port.js';
import {
  impossiblePosts,
  isLater,
  listingSchema,
  postRecord,
  postsOf,
  ROWS_PER_PAGE,
  type Listing,
  type Post,
} from './reddit-rows.js';
import { leaveSweep } from './sweeps.js';

export const PAGES_PER_RUN_MAX = 20;
export const SWEEP_PAGES_MAX = 100;
/** So many of the latest posts are remembered (N2). */
export const SEEN_MAX = 200;
/** A listing that ends after so many pages was cut by the upstream, not at its first post. */
const LISTING_PAGES = 10;

const id = Type.String({ pattern: '^[1-9a-z][0-9a-z]{0,9}$' });
const ids = Type.Array(id, { maxItems: SEEN_MAX });

const cursorSchema = Type.Object({
  /** The latest posts stored, latest first; the sweep goes down to the first of them. */
  seen: ids,
  /** A sweep that is not done. */
  sweep: Type.Optional(
    Type.Object({
      after: Type.String({ pattern: '^t[1-6]_[1-9a-z][0-9a-z]{0,9}$' }),
      /** The latest posts of the sweep so far. */
      seen: ids,
      pages: Type.Integer({ minimum: 1 }),
      /** The page it stands at was bad data the last time. */
      failed: Type.Optional(Type.Literal(true)),
    }),
  ),
});
export type NewCursor = Static<typeof cursorSchema>;

export type NewPosts = { readonly subreddit: string; readonly historyPages: number };

type Context = SourceContext<unknown>;

/** `subreddit` in lower case. */
export async function* readNew(context: Context, asked: NewPosts): Pages {
  const series = newSeries(asked.subreddit);
  let cursor: NewCursor = storedCursor(context, series, cursorSchema) ?? { seen: [] };
  let tokens = new Set<string>();
  const given = new Set<string>();
  let isAnew = false;
  for (let page = 0; page < PAGES_PER_RUN_MAX; page += 1) {
    const after = cursor.sweep?.after;
    if (after !== undefined) tokens.add(after);
    const reply = await request(context, asked, cursor, tokens);
    if (!reply.ok) {
      const { sweep, ...rest } = cursor;
      if (page === 0) yield* leaveSweep(series, sweep, reply, (left) => ({ ...rest, ...left }));
      return reply;
    }
    const { posts, after: next } = postsOf(reply.body);
    if (!isAnew && isGone(cursor, reply.body)) {
      isAnew = true; // N3
      tokens = new Set();
      cursor = { seen: cursor.seen };
      continue;
    }
    const fresh = posts.filter((post) => isFresh(cursor, post) && !given.has(post.id));
    for (const post of fresh) given.add(post.id);
    const before = cursor;
    const step = advanced(asked, cursor, posts, next);
    cursor = step.cursor;
    if (step.isCut) context.warn(`r/${asked.subreddit} has more new posts than can be read`);
    if (fresh.length > 0 || JSON.stringify(cursor) !== JSON.stringify(before)) {
      yield { series, records: fresh.map((post) => postRecord(series, post)), cursor };
    }
    if (cursor.sweep === undefined) return undefined;
  }
  return undefined;
}

/** Whether a page that was to go on is empty. */
function isGone({ sweep }: NewCursor, { data }: Listing): boolean {
  return sweep !== undefined && data.children.length === 0;
}

/** `subreddit` in lower case. */
export function newSeries(subreddit: string): string {
  return `r/${subreddit}/new`;
}

function request(
  context: Context,
  { subreddit }: NewPosts,
  { seen, sweep }: NewCursor,
  tokens: ReadonlySet<string>,
): ReturnType<typeof context.request<typeof listingSchema>> {
  return context.request('subreddit_new', {
    path: `/r/${subreddit}/new`,
    query: { limit: ROWS_PER_PAGE, raw_json: 1, after: sweep?.after },
    schema: listingSchema,
    check: (body) => {
      const { posts, after } = postsOf(body);
      if (after !== undefined && tokens.has(after)) return 'the paging token comes back'; // N4
      return impossiblePosts(posts, context.now());
    },
    // The past of a new series may wait for what happens now.
    ...(seen.length === 0 && sweep !== undefined ? { priority: 'backfill' as const } : {}),
  });
}

function isFresh({ seen }: NewCursor, { id: own }: Post): boolean {
  const newest = seen[0];
  const oldest = seen.at(-1);
  if (newest === undefined || oldest === undefined || isLater(own, newest)) return true;
  return isLater(own, oldest) && !seen.includes(own); // N2
}

type Step = { readonly cursor: NewCursor; readonly isCut: boolean };

/** The cursor after a page: the sweep goes on, or ends and leaves where the next ends. */
function advanced(
  { historyPages }: NewPosts,
  { seen, sweep }: NewCursor,
  posts: readonly Post[],
  after: string | undefined,
): Step {
  const pages = (sweep?.pages ?? 0) + 1;
  const here = latest([...(sweep?.seen ?? []), ...posts.map((post) => post.id)]);
  const newest = seen[0];
  const last = posts.at(-1)?.id;
  const isDown = newest !== undefined && last !== undefined && !isLater(last, newest);
  const pagesMax = newest === undefined ? historyPages : SWEEP_PAGES_MAX;
  if (after !== undefined && !isDown && pages < pagesMax) {
    return { cursor: { seen, sweep: { after, seen: here, pages } }, isCut: false };
  }
  const isCut = newest !== undefined && !isDown && pages >= LISTING_PAGES;
  return { cursor: { seen: latest([...here, ...seen]) }, isCut };
}

/** The latest ids among these, latest first. */
function latest(all: readonly string[]): string[] {
  const sorted = [...new Set(all)].sort((a, b) => (isLater(a, b) ? -1 : 1));
  return sorted.slice(0, SEEN_MAX);
}
