/** Reddit's listings: the shapes that were recorded, and how their posts become records. */
import { Type, type Static } from '@sinclair/typebox';
import type { CollectedRecord } from '../kernel/record.js';
import { SECOND_MS } from '../kernel/time.js';
import type { EpochMs } from '../kernel/types.js';
import { AHEAD_MAX_MS } from './cursors.js';
import { present } from './rows.js';

/** Most posts a page may be asked for. */
export const ROWS_PER_PAGE = 100;
/** Most things accepted in one answer: pinned posts come on top of what was asked for. */
const ROWS_MAX = 500;

/** Base 36; ten digits fit any number a post will have for centuries. */
const ID = '[1-9a-z][0-9a-z]{0,9}';
const FIRST_SECOND = Date.UTC(2005, 0, 1) / SECOND_MS;
const LAST_SECOND = Date.UTC(2100, 0, 1) / SECOND_MS;

const text = (maxLength: number) => Type.String({ maxLength });
const maybe = (maxLength: number) => Type.Optional(Type.Union([text(maxLength), Type.Null()]));
const flag = Type.Optional(Type.Union([Type.Boolean(), Type.Null()]));
const score = Type.Integer({ minimum: -1e12, maximum: 1e12 });

const post = Type.Object({
  id: Type.String({ pattern: `^${ID}$` }),
  name: Type.String({ pattern: `^t3_${ID}$` }),
  subreddit: Type.String({ pattern: '^[A-Za-z0-9_.-]{1,50}$' }),
  title: text(5000),
  author: text(100),
  created_utc: Type.Number({ minimum: FIRST_SECOND, maximum: LAST_SECOND }),
  score,
  num_comments: Type.Integer({ minimum: 0, maximum: 1e12 }),
  upvote_ratio: Type.Optional(Type.Number({ minimum: 0, maximum: 1 })),
  selftext: maybe(200_000),
  url: maybe(20_000),
  permalink: maybe(2000),
  domain: maybe(500),
  link_flair_text: maybe(500),
  is_self: flag,
  over_18: flag,
  stickied: flag,
});
export type Post = Static<typeof post>;

/** Comments, users, subreddits: what a listing may hold besides posts is left out. */
const other = Type.Object({
  kind: Type.String({ pattern: '^(t[124-6]|more)$' }),
  data: Type.Object({}),
});

export const listingSchema = Type.Object({
  kind: Type.Literal('Listing'),
  data: Type.Object({
    children: Type.Array(
      Type.Union([Type.Object({ kind: Type.Literal('t3'), data: post }), other]),
      { maxItems: ROWS_MAX },
    ),
    after: Type.Optional(Type.Union([Type.String({ pattern: `^t[1-6]_${ID}$` }), Type.Null()])),
  }),
});
export type Listing = Static<typeof listingSchema>;

/** The posts of a page, each once, in its order, and where the next page begins. */
export function postsOf({ data: { children, after } }: Listing): {
  readonly posts: readonly Post[];
  readonly after: string | undefined;
} {
  const byName = new Map<string, Post>();
  for (const child of children) {
    if (isPost(child) && !byName.has(child.data.name)) byName.set(child.data.name, child.data);
  }
  return { posts: [...byName.values()], after: after ?? undefined };
}

type Child = Listing['data']['children'][number];
function isPost(child: Child): child is Extract<Child, { kind: 't3' }> {
  return child.kind === 't3';
}

/** What a schema cannot say of a page; undefined: nothing is wrong with it. */
export function impossiblePosts(posts: readonly Post[], now: EpochMs): string | undefined {
  const odd = posts.findIndex(({ id, name }) => name !== `t3_${id}`);
  if (odd >= 0) return `post ${String(odd)}: name and id differ`;
  const early = posts.findIndex((row) => momentOf(row) > now + AHEAD_MAX_MS);
  return early < 0 ? undefined : `post ${String(early)}: in the future`;
}

/** Orders ids as the numbers they are: a later post has the greater one. */
export function isLater(one: string, another: string): boolean {
  return one.length === another.length ? one > another : one.length > another.length;
}

function momentOf({ created_utc: seconds }: Post): EpochMs {
  return Math.round(seconds * SECOND_MS);
}

/** A post as it was when it was first seen: score and comments are those of that moment. */
export function postRecord(series: string, row: Post): CollectedRecord {
  return {
    id: `reddit_post:${row.name}`,
    kind: 'reddit_post',
    series,
    at: momentOf(row),
    data: {
      post_id: row.name,
      subreddit: row.subreddit,
      title: row.title,
      author: row.author,
      score: row.score,
      comments: row.num_comments,
      ...present('upvote_ratio', row.upvote_ratio),
      ...present('text', row.selftext === '' ? null : row.selftext),
      ...present('url', row.url),
      ...present('permalink', row.permalink),
      ...present('domain', row.domain),
      ...present('flair', row.link_flair_text),
      ...present('is_self', row.is_self),
      ...present('over_18', row.over_18),
    },
  };
}

/** Where a post stood in a ranked listing, and with which score, when that had changed. */
export function rankRecord(
  series: string,
  row: Post,
  seen: { readonly at: EpochMs; readonly rank: number; readonly change: number },
): CollectedRecord {
  const state = `${String(row.score)}.${String(row.num_comments)}`;
  return {
    id: `reddit_rank:${series}:${row.name}:${String(seen.change)}:${state}`,
    kind: 'reddit_rank',
    series,
    at: seen.at,
    data: {
      post_id: row.name,
      subreddit: row.subreddit,
      title: row.title,
      rank: seen.rank,
      score: row.score,
      comments: row.num_comments,
      created_at: momentOf(row),
      ...present('upvote_ratio', row.upvote_ratio),
      ...present('stickied', row.stickied),
    },
  };
}
