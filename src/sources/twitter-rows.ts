/** X's posts and users: the shapes that were recorded, and how they become records. */
import { Type, type Static } from '@sinclair/typebox';
import type { CollectedRecord } from '../kernel/record.js';
import type { EpochMs, JsonObject } from '../kernel/types.js';
import { calendarMoment, isoMoment, present } from './rows.js';

/** Most posts accepted in one answer: what the largest search endpoint gives. */
const POSTS_MAX = 500;

const id = Type.String({ pattern: '^[1-9]\\d{0,18}$' });
const count = Type.Optional(Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }));

const post = Type.Object({
  id,
  text: Type.String({ maxLength: 100_000 }),
  // Only what was asked for comes; without it an id says when.
  created_at: Type.Optional(isoMoment),
  author_id: Type.Optional(id),
  conversation_id: Type.Optional(id),
  in_reply_to_user_id: Type.Optional(id),
  lang: Type.Optional(Type.String({ maxLength: 20 })),
  possibly_sensitive: Type.Optional(Type.Boolean()),
  public_metrics: Type.Optional(
    Type.Object({
      like_count: count,
      retweet_count: count,
      reply_count: count,
      quote_count: count,
      bookmark_count: count,
      impression_count: count,
    }),
  ),
  referenced_tweets: Type.Optional(
    Type.Array(Type.Object({ type: Type.String({ maxLength: 40 }), id }), { maxItems: 20 }),
  ),
});
export type Post = Static<typeof post>;

/** What of a post is asked for. */
export const POST_FIELDS =
  'author_id,conversation_id,created_at,in_reply_to_user_id,lang,possibly_sensitive,' +
  'public_metrics,referenced_tweets';
export const USER_FIELDS = 'created_at,protected,public_metrics,verified';

/** Longest paging token that is believed: they have about 45 characters. */
export const TOKEN_CHARS_MAX = 512;

/** No result is only `meta.result_count` 0, without `data`. */
export const searchSchema = Type.Object({
  data: Type.Optional(Type.Array(post, { maxItems: POSTS_MAX })),
  meta: Type.Object({
    result_count: Type.Integer({ minimum: 0, maximum: POSTS_MAX }),
    next_token: Type.Optional(Type.String({ minLength: 1, maxLength: TOKEN_CHARS_MAX })),
  }),
});
export type SearchBody = Static<typeof searchSchema>;

const user = Type.Object({
  id,
  name: Type.String({ maxLength: 500 }),
  username: Type.String({ pattern: '^[A-Za-z0-9_]{1,50}$' }),
  created_at: Type.Optional(isoMoment),
  protected: Type.Optional(Type.Boolean()),
  verified: Type.Optional(Type.Boolean()),
  public_metrics: Type.Optional(
    Type.Object({
      followers_count: count,
      following_count: count,
      tweet_count: count,
      listed_count: count,
    }),
  ),
});
export type User = Static<typeof user>;
export const userSchema = Type.Object({ data: user });

/** Orders ids as the numbers they are: the shorter is the smaller. */
export function isAbove(one: string, other: string): boolean {
  return one.length === other.length ? one > other : one.length > other.length;
}

/** The first moment ids count from, and the first of them (before 2010-11 they were a plain count). */
const EPOCH_MS = 1_288_834_974_657;
const FIRST_TIMED_ID = '29700859247';

/** When an id was given out; undefined: one of the old ones, which do not say. */
export function momentOfId(text: string): EpochMs | undefined {
  if (!isAbove(text, FIRST_TIMED_ID)) return undefined;
  return Number(BigInt(text) >> 22n) + EPOCH_MS;
}

/** When it was written; NaN for a day no calendar has, and where nothing says. */
export function momentOf({ id: number, created_at: text }: Post): EpochMs {
  if (text === undefined) return momentOfId(number) ?? Number.NaN;
  return calendarMoment(text);
}

/**
 * One post, known by its own id: the same post found by two searches is one record. Its counts are
 * those of the moment it was found; an edited post is another post, with another id.
 */
export function postRecord(series: string, row: Post): CollectedRecord {
  const metrics = row.public_metrics ?? {};
  const references = row.referenced_tweets ?? [];
  return {
    id: `tweet:${row.id}`,
    kind: 'tweet',
    series,
    at: momentOf(row),
    data: {
      tweet_id: row.id,
      text: row.text,
      ...present('author_id', row.author_id),
      ...present('conversation_id', row.conversation_id),
      ...present('reply_to_user_id', row.in_reply_to_user_id),
      ...present('lang', row.lang),
      ...present('possibly_sensitive', row.possibly_sensitive),
      ...present('likes', metrics.like_count),
      ...present('reposts', metrics.retweet_count),
      ...present('replies', metrics.reply_count),
      ...present('quotes', metrics.quote_count),
      ...present('bookmarks', metrics.bookmark_count),
      ...present('impressions', metrics.impression_count),
      ...(references.length === 0
        ? {}
        : { references: references.map(({ type, id: of }) => ({ type, id: of })) }),
    },
  };
}

/** What of a user is recorded, and watched for change. */
export function userFacts(row: User): JsonObject {
  const metrics = row.public_metrics ?? {};
  return {
    user_id: row.id,
    username: row.username,
    name: row.name,
    ...present('created_at', row.created_at),
    ...present('protected', row.protected),
    ...present('verified', row.verified),
    ...present('followers', metrics.followers_count),
    ...present('following', metrics.following_count),
    ...present('tweets', metrics.tweet_count),
    ...present('listed', metrics.listed_count),
  };
}
