/**
 * A made-up X: which posts a search finds, and what a user looks like.
 *
 * 1. A second has at most one post per search, and which it is depends on (seed, query, second) alone:
 *    the past never changes, and new posts come as time passes.
 * 2. Ids are made of the moment, as the real ones are: a later post has a greater id.
 * 3. Counts grow with the age of a post, and a user's by the hour.
 */
import { sha256Hex } from '../../kernel/canonical.js';
import { DAY_MS, HOUR_MS, isoTime, SECOND_MS } from '../../kernel/time.js';
import type { EpochMs, JsonObject } from '../../kernel/types.js';
import { hash32, hashText, unit } from './hash.js';

/** The moment ids count from, and how many of an id's bits are not the moment. */
const EPOCH_MS = 1_288_834_974_657;
const SEQUENCE_BITS = 22n;
const AUTHORS = 512;
/** A post has most of its likes after so long. */
const FAME_MS = 6 * HOUR_MS;

const WORDS = [
  'about', 'again', 'block', 'breaking', 'chart', 'community', 'data', 'developers', 'early', 'fees',
  'growth', 'launch', 'liquidity', 'long', 'market', 'mainnet', 'network', 'new', 'now', 'price',
  'record', 'release', 'research', 'soon', 'stake', 'thread', 'today', 'update', 'volume', 'week',
]; // prettier-ignore

export type FakePost = {
  readonly id: bigint;
  readonly at: EpochMs;
  readonly second: number;
};

export type FakeSearch = {
  /** The newest posts below `belowId` (or all) and above `aboveId`, newest first, at most so many. */
  find(range: {
    readonly from: EpochMs;
    readonly to: EpochMs;
    readonly belowId: bigint | undefined;
    readonly aboveId: bigint | undefined;
    readonly max: number;
    readonly postsPerHour: number;
  }): readonly FakePost[];
  /** A post with the fields that were asked for. */
  row(post: FakePost, fields: ReadonlySet<string>, at: EpochMs): JsonObject;
};

/** When an id was given out. */
export function momentOfId(id: bigint): EpochMs {
  return Number(id >> SEQUENCE_BITS) + EPOCH_MS;
}

/** The first moment from which there are posts: so many days before the day of the start. */
export function firstMoment(startedAt: EpochMs, historyDays: number): EpochMs {
  return (Math.floor(startedAt / DAY_MS) - historyDays) * DAY_MS;
}

function idAt(seed: number, at: EpochMs, second: number): bigint {
  const sequence = BigInt(hash32(seed, 2, second) & 0x3fffff);
  return (BigInt(at - EPOCH_MS) << SEQUENCE_BITS) | sequence;
}

function userId(seed: number, name: string): string {
  return String(1_000_000_000 + (hashText(`${String(seed)}/${name}`) % 3_000_000_000));
}

/** Who writes: whoever the search names, else one of a crowd. */
function authorOf(seed: number, query: string, second: number): string {
  const named = /\bfrom:([A-Za-z0-9_]{1,15})\b/.exec(query)?.[1];
  return named?.toLowerCase() ?? `user_${String(hash32(seed, 3, second) % AUTHORS)}`;
}

function textOf(seed: number, query: string, second: number): string {
  const count = 6 + (hash32(seed, 4, second) % 12);
  const words = Array.from({ length: count }, (_, place) => {
    return WORDS[hash32(seed, 5, second, place) % WORDS.length] ?? 'now';
  });
  const term = /[\p{L}\p{N}_#$]{2,40}/u.exec(query.replace(/-?\b\w+:\S+/g, ''))?.[0];
  return [...(term === undefined ? [] : [term]), ...words].join(' ');
}

/** What one query finds. */
export function fakeSearch(worldSeed: number, query: string): FakeSearch {
  const seed = (worldSeed ^ hashText(query)) >>> 0;
  const metrics = (second: number, age: number): JsonObject => {
    const fame = 10 ** (unit(seed, 6, second) * 4) * (1 - Math.exp(-Math.max(0, age) / FAME_MS));
    return {
      retweet_count: Math.floor(fame / 8),
      reply_count: Math.floor(fame / 20),
      like_count: Math.floor(fame),
      quote_count: Math.floor(fame / 60),
    };
  };
  return {
    find({ from, to, belowId, aboveId, max, postsPerHour }) {
      const posts: FakePost[] = [];
      const newest = belowId === undefined ? to : Math.min(to, momentOfId(belowId));
      const oldest = aboveId === undefined ? from : Math.max(from, momentOfId(aboveId));
      for (let second = Math.floor(newest / SECOND_MS); posts.length < max; second -= 1) {
        if ((second + 1) * SECOND_MS <= oldest) break;
        if (unit(seed, 1, second) >= postsPerHour / 3600) continue;
        const at = second * SECOND_MS + (hash32(seed, 7, second) % SECOND_MS);
        const id = idAt(seed, at, second);
        if (at > to || at < from) continue;
        if ((belowId !== undefined && id >= belowId) || (aboveId !== undefined && id <= aboveId))
          continue;
        posts.push({ id, at, second });
      }
      return posts;
    },
    row({ id, at: writtenAt, second }, fields, at) {
      const text = String(id);
      const extra: JsonObject = {
        author_id: userId(worldSeed, authorOf(seed, query, second)),
        conversation_id: text,
        created_at: isoTime(Math.floor(writtenAt / SECOND_MS) * SECOND_MS),
        lang: 'en',
        possibly_sensitive: false,
        public_metrics: metrics(second, at - writtenAt),
      };
      const asked = Object.entries(extra).filter(([name]) => fields.has(name));
      return {
        edit_history_tweet_ids: [text],
        id: text,
        text: textOf(seed, query, second),
        ...Object.fromEntries(asked),
      };
    },
  };
}

/** A user as asked for, with the fields that were asked for. */
export function fakeUser(
  seed: number,
  username: string,
  fields: ReadonlySet<string>,
  at: EpochMs,
): JsonObject {
  const name = username.toLowerCase();
  const own = hashText(`${String(seed)}/user/${name}`);
  const hours = Math.floor(at / HOUR_MS);
  const day = hash32(own, 1) % 4000;
  const extra: JsonObject = {
    created_at: isoTime(Date.UTC(2010, 0, 1) + day * DAY_MS),
    protected: false,
    verified: hash32(own, 2) % 2 === 0,
    public_metrics: {
      followers_count: (hash32(own, 3) % 1_000_000) + Math.floor(hours * unit(own, 4) * 5),
      following_count: hash32(own, 5) % 2000,
      tweet_count: (hash32(own, 6) % 10_000) + Math.floor(hours / 3),
      listed_count: hash32(own, 7) % 5000,
    },
  };
  const asked = Object.entries(extra).filter(([field]) => fields.has(field));
  return {
    id: userId(seed, name),
    name: `Name ${sha256Hex(name).slice(0, 8)}`,
    username,
    ...Object.fromEntries(asked),
  };
}
