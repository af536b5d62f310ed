/**
 * Reads the top of a ranked listing of one subreddit (`hot`, `top`): a record per post whose score or
 * comments are not those seen last, with the place it has. What merely moved to another place is not
 * news: every new post moves all others.
 *
 * The cursor holds the state of the posts that stood there last and how many pages had changes, which
 * goes into the ids, so that a post that returns to an old score is a new record.
 */
import { Type, type Static } from '@sinclair/typebox';
import { storedCursor } from './cursors.js';
import type { Pages } from './in-turn.js';
import type { SourceContext } from './port.js';
import {
  impossiblePosts,
  listingSchema,
  postsOf,
  rankRecord,
  ROWS_PER_PAGE,
  type Post,
} from './reddit-rows.js';

/** Posts whose state is remembered: a page, and what may be pinned above it. */
export const REMEMBERED_MAX = 2 * ROWS_PER_PAGE;

export const SPANS = ['hour', 'day', 'week', 'month', 'year', 'all'] as const;

const cursorSchema = Type.Object({
  changes: Type.Integer({ minimum: 0 }),
  /** By post: its score and number of comments. */
  posts: Type.Record(
    Type.String({ pattern: '^t3_[0-9a-z]{1,10}$' }),
    Type.Tuple([Type.Integer(), Type.Integer({ minimum: 0 })]),
  ),
});
export type RankedCursor = Static<typeof cursorSchema>;

export type RankedListing = {
  /** In lower case. */
  readonly subreddit: string;
  readonly listing: 'hot' | 'top';
  /** Of `top`: the span whose best posts these are. */
  readonly topOf: (typeof SPANS)[number];
  readonly posts: number;
};

export async function* readRanked(context: SourceContext<unknown>, asked: RankedListing): Pages {
  const { subreddit, listing, topOf, posts: limit } = asked;
  const series = rankedSeries(asked);
  const reply = await context.request(`subreddit_${listing}`, {
    path: `/r/${subreddit}/${listing}`,
    query: { limit, raw_json: 1, ...(listing === 'top' ? { t: topOf } : {}) },
    schema: listingSchema,
    check: (body) => impossiblePosts(postsOf(body).posts, context.now()),
  });
  if (!reply.ok) return reply;
  const before = storedCursor(context, series, cursorSchema) ?? { changes: 0, posts: {} };
  const posts = postsOf(reply.body).posts.slice(0, REMEMBERED_MAX);
  const change = before.changes + 1;
  const at = context.now();
  const records = posts.flatMap((post, index) =>
    isSame(before, post) ? [] : [rankRecord(series, post, { at, rank: index + 1, change })],
  );
  if (records.length === 0) return undefined;
  const states = posts.map((post) => [post.name, [post.score, post.num_comments]] as const);
  yield { series, records, cursor: { changes: change, posts: Object.fromEntries(states) } };
  return undefined;
}

export function rankedSeries({ subreddit, listing, topOf }: RankedListing): string {
  return `r/${subreddit}/${listing === 'top' ? `top-${topOf}` : listing}`;
}

function isSame({ posts }: RankedCursor, post: Post): boolean {
  const [score, comments] = posts[post.name] ?? [];
  return score === post.score && comments === post.num_comments;
}
