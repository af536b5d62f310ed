/**
 * Made-up subreddits: which posts there are at a moment, and what they score.
 *
 * 1. A second has at most one post per subreddit, and which depends on (seed, subreddit, second) alone:
 *    the past never changes but for scores and comments, and new posts come as time passes.
 * 2. Ids grow with time over all subreddits; two share one only where the hashes of their names meet.
 * 3. A listing holds the latest LISTING_MAX posts, as upstream; ranked ones are orders of these.
 */
import { sha256Hex } from '../../kernel/canonical.js';
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from '../../kernel/time.js';
import type { EpochMs, JsonObject } from '../../kernel/types.js';
import { hash32, hashText, unit } from './hash.js';

export const LISTING_MAX = 1000;
/** Ids of one second: this many subreddits differ. */
const PER_SECOND = 36 ** 3;
const FIRST_SECOND = Date.UTC(2005, 0, 1) / SECOND_MS;
const AUTHORS = 512;
/** A post has most of its points after so long. */
const FAME_MS = 6 * HOUR_MS;
/** As upstream: so many seconds of age weigh as much as ten times the points. */
const HOT_SECONDS = 45_000;

const WORDS = [
  'about', 'advice', 'again', 'anyone', 'best', 'chart', 'community', 'daily', 'discussion', 'early',
  'ever', 'fees', 'finally', 'first', 'long', 'market', 'network', 'never', 'news', 'opinion',
  'people', 'price', 'question', 'should', 'still', 'today', 'update', 'wallet', 'week', 'why',
]; // prettier-ignore

const SPANS: Readonly<Record<string, number>> = {
  hour: HOUR_MS,
  day: DAY_MS,
  week: 7 * DAY_MS,
  month: 30 * DAY_MS,
  year: 365 * DAY_MS,
  all: Infinity,
};

export type FakePost = { readonly id: string; readonly second: number };

export type ListingName = 'new' | 'hot' | 'top';

export type FakeSubreddit = {
  /** Its posts in this order at that moment, LISTING_MAX at most. Undefined: no such span. */
  list(
    listing: ListingName,
    span: string,
    from: EpochMs,
    at: EpochMs,
    postsPerHour: number,
  ): readonly FakePost[] | undefined;
  /** A post as it stood at that moment. */
  row(post: FakePost, at: EpochMs): JsonObject;
};

/** The first moment from which there are posts: so many days before the day of the start. */
export function firstMoment(startedAt: EpochMs, historyDays: number): EpochMs {
  return (Math.floor(startedAt / DAY_MS) - historyDays) * DAY_MS;
}

/** `name` as it was asked for: how it is written is kept, what it means is not. */
export function fakeSubreddit(worldSeed: number, name: string): FakeSubreddit {
  const own = hashText(name.toLowerCase());
  const seed = (worldSeed ^ own) >>> 0;
  const scoreOf = ({ second }: FakePost, at: EpochMs): number => {
    const age = Math.floor((at - second * SECOND_MS) / MINUTE_MS) * MINUTE_MS;
    const fame = 10 ** (unit(seed, 3, second) * 4.5);
    return 1 + Math.floor(fame * (1 - Math.exp(-Math.max(0, age) / FAME_MS)));
  };
  const newest = (from: EpochMs, at: EpochMs, postsPerHour: number): FakePost[] => {
    const posts: FakePost[] = [];
    const first = Math.ceil(from / SECOND_MS);
    for (let second = Math.floor(at / SECOND_MS); second >= first; second -= 1) {
      if (posts.length === LISTING_MAX) break;
      if (unit(seed, 1, second) >= postsPerHour / 3600) continue;
      const number = (second - FIRST_SECOND) * PER_SECOND + (own % PER_SECOND);
      posts.push({ id: number.toString(36), second });
    }
    return posts;
  };
  return {
    list(listing, span, from, at, postsPerHour) {
      const length = Object.hasOwn(SPANS, span) ? SPANS[span] : undefined;
      if (length === undefined) return undefined;
      const posts = newest(from, at, postsPerHour);
      if (listing === 'new') return posts;
      const isTop = listing === 'top';
      const valued = posts
        .filter(({ second }) => !isTop || second * SECOND_MS > at - length)
        .map((post) => {
          const score = scoreOf(post, at);
          return { post, value: isTop ? score : Math.log10(score) + post.second / HOT_SECONDS };
        });
      valued.sort((a, b) => b.value - a.value || b.post.second - a.post.second);
      return valued.map(({ post }) => post);
    },
    row: (post, at) => rowOf({ name, own, seed }, post, scoreOf(post, at)),
  };
}

function rowOf(
  { name, own, seed }: { readonly name: string; readonly own: number; readonly seed: number },
  { id, second }: FakePost,
  score: number,
): JsonObject {
  const words = Array.from({ length: 4 + (hash32(seed, 4, second) % 8) }, (_, place) => {
    return WORDS[hash32(seed, 5, second, place) % WORDS.length] ?? 'why';
  });
  const title = words.join(' ');
  const permalink = `/r/${name}/comments/${id}/${words.slice(0, 5).join('_')}/`;
  const isSelf = unit(seed, 6, second) < 0.6;
  const link = `https://example.com/${sha256Hex(`${name}/${id}`).slice(0, 12)}`;
  return {
    approved_at_utc: null,
    subreddit: name,
    selftext: isSelf && unit(seed, 7, second) < 0.5 ? `${title}? ${words.join(', ')}.` : '',
    title,
    subreddit_name_prefixed: `r/${name}`,
    hidden: false,
    downs: 0,
    hide_score: false,
    name: `t3_${id}`,
    quarantine: false,
    upvote_ratio: Math.round(70 + unit(seed, 8, second) * 29) / 100,
    subreddit_type: 'public',
    ups: score,
    link_flair_text: unit(seed, 9, second) < 0.3 ? 'Discussion' : null,
    score,
    is_self: isSelf,
    created: second,
    domain: isSelf ? `self.${name}` : 'example.com',
    archived: false,
    over_18: false,
    spoiler: false,
    locked: false,
    subreddit_id: `t5_${own.toString(36)}`,
    id,
    author: `user_${String(hash32(seed, 2, second) % AUTHORS)}`,
    num_comments: Math.floor(score / 8),
    permalink,
    stickied: false,
    url: isSelf ? `https://www.reddit.com${permalink}` : link,
    created_utc: second,
    is_video: false,
  };
}
