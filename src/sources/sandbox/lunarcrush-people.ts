/**
 * What is written about an asset, and who has influence on it.
 *
 * 1. A post depends on (seed, symbol, kind of source, slot of time) alone: the past never changes, and new
 *    slots bring new posts as time passes.
 * 2. Who had influence depends on the day.
 */
import { HOUR_MS, MINUTE_MS } from '../../kernel/time.js';
import type { EpochMs, JsonObject } from '../../kernel/types.js';
import { hash32, hashText, unit } from './hash.js';

export const SOURCES = ['twitter', 'reddit', 'news', 'urls'] as const;
export type FeedSource = (typeof SOURCES)[number];

/** In each minute a kind of source has at most one post about a symbol. */
const SLOT_MS = MINUTE_MS;
/** Where a range is left open, posts reach this far back. */
export const FEED_HISTORY_MS = 7 * 24 * HOUR_MS;

function postAt(
  seed: number,
  symbol: string,
  source: FeedSource,
  slot: number,
  postsPerHour: number,
): (JsonObject & { readonly time: number }) | undefined {
  const own = (seed ^ hashText(`${symbol}/${source}`)) >>> 0;
  if (unit(own, 1, slot) >= (postsPerHour * SLOT_MS) / HOUR_MS) return undefined;
  const id = String(hash32(own, 2, slot)).padStart(10, '0');
  return {
    id,
    type: source,
    asset_id: 1 + (hashText(symbol) % 5000),
    symbol,
    name: symbol,
    time: (slot * SLOT_MS) / 1000 + (hash32(own, 3, slot) % 60),
    title: `${symbol} ${source} ${id}`,
    body: `What somebody wrote about ${symbol}, number ${id}.`,
    url: `https://example.com/${source}/${id}`,
    publisher: source === 'news' ? 'example.com' : null,
    display_name: `Author ${String(hash32(own, 4, slot) % 500)}`,
    twitter_screen_name:
      source === 'twitter' ? `author${String(hash32(own, 4, slot) % 500)}` : null,
    sentiment: 1 + (hash32(own, 5, slot) % 5),
    social_score: hash32(own, 6, slot) % 100_000,
  };
}

export type FeedQuery = {
  readonly symbol: string;
  readonly sources: readonly FeedSource[];
  /** Both inclusive. */
  readonly from: EpochMs;
  readonly to: EpochMs;
  /** Per kind of source. */
  readonly limit: number;
  readonly page: number;
};

/** A page of posts, newest first: of each kind of source its own page. */
export function readPosts(
  seed: number,
  { symbol, sources, from, to, limit, page }: FeedQuery,
  postsPerHour: number,
): readonly JsonObject[] {
  const first = Math.floor(Math.max(from, to - FEED_HISTORY_MS) / SLOT_MS);
  const found = sources.flatMap((source) => {
    const posts: (JsonObject & { readonly time: number })[] = [];
    for (let slot = Math.floor(to / SLOT_MS); slot >= first; slot -= 1) {
      const post = postAt(seed, symbol, source, slot, postsPerHour);
      if (post === undefined || post.time * 1000 > to || post.time * 1000 < from) continue;
      posts.push(post);
      if (posts.length >= (page + 1) * limit) break;
    }
    return posts.slice(page * limit);
  });
  return found.toSorted((a, b) => b.time - a.time);
}

/** Most influential first. */
export function readInfluencers(
  seed: number,
  symbol: string,
  day: number,
  { limit, page, count }: { readonly limit: number; readonly page: number; readonly count: number },
): readonly JsonObject[] {
  const own = (seed ^ hashText(`influencers/${symbol}`)) >>> 0;
  const rows: JsonObject[] = [];
  for (let rank = page * limit; rank < Math.min(count, (page + 1) * limit); rank += 1) {
    const who = hash32(own, 1, rank);
    rows.push({
      identifier: String(who),
      twitter_screen_name: `author${String(who)}`,
      display_name: `Author ${String(who)}`,
      profile_image: `https://example.com/${String(who)}.png`,
      followers: 1000 + (hash32(own, 2, rank) % 1_000_000),
      engagement: hash32(own, 3, rank, day) % 50_000,
      volume: 1 + (hash32(own, 4, rank, day) % 40),
      influential: count - rank,
    });
  }
  return rows;
}
