/**
 * Reads who had most influence on one symbol yesterday: once a day, page by page.
 *
 * I1 The cursor holds the day that is read and, while it is not done, the next page.
 * I2 A walk ends with a page that is not full or brings nobody new: paging is not documented here, and an
 *    upstream without it answers the first page again.
 */
import { Type, type Static } from '@sinclair/typebox';
import type { CollectedRecord } from '../kernel/record.js';
import { DAY_MS } from '../kernel/time.js';
import { storedCursor } from './cursors.js';
import type { Pages } from './in-turn.js';
import type { SourceContext } from './port.js';
import { present } from './rows.js';

export const INFLUENCERS_PER_PAGE = 100;
/** Pages of a symbol and day: who comes later has next to no influence. */
export const INFLUENCER_PAGES_MAX = 5;

const word = Type.Optional(Type.Union([Type.String({ maxLength: 500 }), Type.Null()]));
const figure = Type.Optional(Type.Union([Type.Number({ minimum: 0 }), Type.Null()]));
/** No recording: the names are those of the vendor's description of its influencers. */
const influencer = Type.Object({
  identifier: Type.Optional(
    Type.Union([Type.String({ minLength: 1, maxLength: 200 }), Type.Integer({ minimum: 0 })]),
  ),
  twitter_screen_name: Type.Optional(Type.String({ minLength: 1, maxLength: 100 })),
  display_name: word,
  followers: figure,
  engagement: figure,
  volume: figure,
  influential: figure,
});
type Influencer = Static<typeof influencer>;
export const influencersSchema = Type.Object({
  data: Type.Array(influencer, { maxItems: 10 * INFLUENCERS_PER_PAGE }),
});

const cursorSchema = Type.Object({
  /** Days since the epoch. */
  day: Type.Integer({ minimum: 0 }),
  /** Where that day's walk goes on; absent: it is done. */
  page: Type.Optional(Type.Integer({ minimum: 0, maximum: INFLUENCER_PAGES_MAX })),
});
export type InfluencerCursor = Static<typeof cursorSchema>;

type Context = SourceContext<unknown>;

export async function* readInfluencers(context: Context, symbol: string): Pages {
  const day = Math.floor(context.now() / DAY_MS) - 1;
  const found = storedCursor(context, influencerSeries(symbol), cursorSchema);
  if (found?.day === day && found.page === undefined) return undefined;
  // A walk that was not done yesterday is given up: its pages are another day's by now.
  const first = found?.day === day ? (found.page ?? 0) : 0;
  const seen = new Set<string>();
  for (let page = first; page < INFLUENCER_PAGES_MAX; page += 1) {
    const reply = await request(context, symbol, page);
    if (!reply.ok) return reply;
    const { data } = reply.body;
    const all = data.map((row) => influencerRecord(symbol, day, row));
    const records = all.filter(
      ({ id }, index) => !seen.has(id) && all.findIndex((one) => one.id === id) === index,
    );
    for (const { id } of records) seen.add(id);
    const isLast =
      data.length < INFLUENCERS_PER_PAGE ||
      records.length === 0 ||
      page + 1 >= INFLUENCER_PAGES_MAX;
    const cursor: InfluencerCursor = isLast ? { day } : { day, page: page + 1 };
    yield { series: influencerSeries(symbol), records, cursor };
    if (isLast) return undefined;
  }
  return undefined;
}

export function influencerSeries(symbol: string): string {
  return `influencers/${symbol}`;
}

function request(
  context: Context,
  symbol: string,
  page: number,
): ReturnType<typeof context.request<typeof influencersSchema>> {
  return context.request('influencers', {
    path: '/v2',
    query: {
      data: 'influencers',
      symbol,
      // The one whole day before this one.
      days: 1,
      num_days: 1,
      order_by: 'influential',
      limit: INFLUENCERS_PER_PAGE,
      page,
    },
    schema: influencersSchema,
    check: ({ data }) => {
      const nameless = data.findIndex((row) => nameOf(row) === undefined);
      return nameless < 0 ? undefined : `row ${String(nameless)}: nothing to know it by`;
    },
  });
}

function nameOf({ identifier, twitter_screen_name: screenName }: Influencer): string | undefined {
  return identifier === undefined ? screenName?.toLowerCase() : String(identifier);
}

function influencerRecord(symbol: string, day: number, row: Influencer): CollectedRecord {
  const name = nameOf(row) ?? '';
  return {
    id: `social_influencer:${symbol}:${String(day)}:${name}`,
    kind: 'social_influencer',
    series: influencerSeries(symbol),
    // When the day it is about was over.
    at: (day + 1) * DAY_MS - 1,
    data: {
      symbol,
      day_ms: day * DAY_MS,
      influencer: name,
      ...present('screen_name', row.twitter_screen_name),
      ...present('display_name', row.display_name),
      ...present('followers', row.followers),
      ...present('engagement', row.engagement),
      ...present('posts', row.volume),
      ...present('influence', row.influential),
    },
  };
}
