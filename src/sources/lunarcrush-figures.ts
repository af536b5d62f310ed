/** LunarCrush's figures: which are kept of an asset or the whole market, and what they may be. */
import { Type, type Static } from '@sinclair/typebox';
import type { CollectedRecord } from '../kernel/record.js';
import { DAY_MS, HOUR_MS, SECOND_MS } from '../kernel/time.js';
import type { DurationMs, EpochMs, JsonObject } from '../kernel/types.js';

/** Most points it gives in one answer (its clients' documentation). */
export const POINTS_PER_PAGE = 720;

/** Lengths of its time-series buckets; aligned to the epoch. */
export const BUCKET_MS = { hour: HOUR_MS, day: DAY_MS } as const satisfies Readonly<
  Record<string, DurationMs>
>;
export type Bucket = keyof typeof BUCKET_MS;

const amount = () => Type.Optional(Type.Union([Type.Number({ minimum: 0 }), Type.Null()]));
const signed = () => Type.Optional(Type.Union([Type.Number(), Type.Null()]));
const upTo = (maximum: number) =>
  Type.Optional(Type.Union([Type.Number({ minimum: 0, maximum }), Type.Null()]));

/** As recorded, but for what only repeats another figure. */
const FIGURES = {
  open: amount(),
  high: amount(),
  low: amount(),
  close: amount(),
  volume: amount(),
  market_cap: amount(),
  market_cap_global: amount(),
  market_cap_rank: amount(),
  market_dominance: amount(),
  price_btc: amount(),
  percent_change_24h: signed(),
  volatility: amount(),
  // Shares of 5, 100 and so on.
  average_sentiment: upTo(5),
  sentiment_relative: upTo(100),
  sentiment_absolute: upTo(5),
  galaxy_score: upTo(100),
  price_score: upTo(100),
  social_impact_score: upTo(100),
  correlation_rank: upTo(100),
  social_dominance: upTo(100),
  alt_rank: amount(),
  alt_rank_30d: amount(),
  social_score: amount(),
  social_volume: amount(),
  social_volume_global: amount(),
  social_contributors: amount(),
  tweets: amount(),
  tweet_spam: amount(),
  tweet_followers: amount(),
  tweet_quotes: amount(),
  tweet_retweets: amount(),
  tweet_replies: amount(),
  tweet_favorites: amount(),
  reddit_posts: amount(),
  reddit_posts_score: amount(),
  reddit_comments: amount(),
  reddit_comments_score: amount(),
  url_shares: amount(),
  unique_url_shares: amount(),
  news: amount(),
  medium: amount(),
  youtube: amount(),
};
const NAMES = Object.keys(FIGURES);
/** Of the row above the series only. */
const SNAPSHOT_FIGURES = {
  price: amount(),
  volume_24h: amount(),
  percent_change_7d: signed(),
  percent_change_30d: signed(),
};
const SNAPSHOT_NAMES = Object.keys(SNAPSHOT_FIGURES);

const seconds = Type.Integer({ minimum: 0, maximum: 8_640_000_000_000 });
const id = Type.Optional(Type.Integer({ minimum: 0 }));

const point = Type.Object({ ...FIGURES, time: seconds, asset_id: id });
export type Point = Static<typeof point>;

const row = Type.Object({
  ...FIGURES,
  ...SNAPSHOT_FIGURES,
  id,
  /** Of the market as a whole: none. */
  symbol: Type.Optional(Type.String({ minLength: 1, maxLength: 100 })),
  name: Type.Optional(Type.String({ maxLength: 200 })),
  time: Type.Optional(seconds),
  timeSeries: Type.Optional(
    Type.Union([Type.Array(point, { maxItems: 2 * POINTS_PER_PAGE }), Type.Null()]),
  ),
});
export type Row = Static<typeof row>;

export const figuresSchema = Type.Object({ data: Type.Array(row, { maxItems: 1 }) });

export function momentOf({ time }: { readonly time: number }): EpochMs {
  return time * SECOND_MS;
}

/** Whose figures: an asset's, or the market's. */
export type Subject = { readonly symbol: string | undefined; readonly bucket: Bucket };

/** The name in series and ids. An asset cannot have it: symbols are upper case. */
const MARKET = 'market';

export function subjectSeries({ symbol, bucket }: Subject): string {
  return symbol === undefined ? `${MARKET}/${bucket}` : `assets/${symbol}/${bucket}`;
}

/** One closed bucket. Its id is the same whenever it is read again: other figures are an update. */
export function pointRecord(subject: Subject, of: Point): CollectedRecord {
  return {
    ...recordOf('social_metrics', subject, momentOf(of)),
    // When it was complete.
    at: momentOf(of) + BUCKET_MS[subject.bucket] - 1,
    data: { ...headOf(subject, momentOf(of)), ...present(of, NAMES) },
  };
}

/** How things stand in the running bucket: replaced until the bucket is closed. */
export function snapshotRecord(subject: Subject, of: Row, at: EpochMs): CollectedRecord {
  return {
    ...recordOf('social_snapshot', subject, at),
    at,
    data: {
      ...headOf(subject, at),
      ...(of.name === undefined ? {} : { name: of.name }),
      ...present(of, NAMES),
      ...present(of, SNAPSHOT_NAMES),
    },
  };
}

function recordOf(
  kind: string,
  subject: Subject,
  at: EpochMs,
): Pick<CollectedRecord, 'id' | 'kind' | 'series'> {
  const { symbol = MARKET, bucket } = subject;
  return {
    id: `${kind}:${symbol}:${bucket}:${String(at)}`,
    kind,
    series: subjectSeries(subject),
  };
}

function headOf({ symbol, bucket }: Subject, at: EpochMs): JsonObject {
  return { ...(symbol === undefined ? {} : { symbol }), bucket, time_ms: at };
}

function present(of: Readonly<Record<string, unknown>>, names: readonly string[]): JsonObject {
  const told = names.flatMap((name) => {
    const value = of[name];
    return typeof value === 'number' ? [[name, value] as const] : [];
  });
  return Object.fromEntries(told);
}
