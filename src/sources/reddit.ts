/** The source `reddit`: new posts of subreddits, each once, and the scores of their ranked listings. */
import { Type, type Static } from '@sinclair/typebox';
import { MINUTE_MS } from '../kernel/time.js';
import { readInTurn, type Pages, type Reader } from './in-turn.js';
import type { SourceContext, SourceDefinition } from './port.js';
import { redditProfile } from './profiles/reddit.js';
import { newSeries, readNew } from './reddit-new.js';
import { rankedSeries, readRanked, SPANS } from './reddit-ranked.js';
import { ROWS_PER_PAGE } from './reddit-rows.js';

const SUBREDDITS = ['CryptoCurrency', 'Bitcoin'];
const LISTINGS = ['new', 'hot', 'top'] as const;
type ListingName = (typeof LISTINGS)[number];
const LISTINGS_DEFAULT: ListingName[] = ['new', 'hot'];

export const HISTORY_PAGES = 2;
export const RANKED_POSTS = 25;

const options = Type.Object(
  {
    subreddits: Type.Array(Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9_]{1,20}$' }), {
      maxItems: 100,
      description: 'Subreddits that are read, without r/.',
      default: [...SUBREDDITS],
    }),
    listings: Type.Array(Type.Union(LISTINGS.map((name) => Type.Literal(name))), {
      minItems: 1,
      maxItems: LISTINGS.length,
      uniqueItems: true,
      description:
        'new: every post once. hot, top: score and comments of a post when they changed.',
      default: [...LISTINGS_DEFAULT],
    }),
    rankedPosts: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: ROWS_PER_PAGE,
        default: RANKED_POSTS,
        description: 'How many posts of hot and top are watched.',
      }),
    ),
    topOf: Type.Optional(
      Type.Union(
        SPANS.map((span) => Type.Literal(span)),
        { default: 'day', description: 'The span whose best posts top shows.' },
      ),
    ),
    historyPages: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 20,
        default: HISTORY_PAGES,
        description: 'How many pages of the past of new a new series reads.',
      }),
    ),
  },
  { additionalProperties: false },
);
export type RedditOptions = Static<typeof options>;

export const reddit: SourceDefinition<RedditOptions> = {
  name: 'reddit',
  type: 'social',
  description: "Posts of subreddits and their scores, by Reddit's OAuth API.",
  options,
  defaults: { subreddits: SUBREDDITS, listings: LISTINGS_DEFAULT },
  paid: false,
  intervalMs: 2 * MINUTE_MS,
  upstreams: { reddit: redditProfile },
  // Whether anybody posts is not the upstream's doing: what counts is that it was asked.
  expectedEveryMs: () => 2 * MINUTE_MS,
  collect,
};

async function* collect(context: SourceContext<RedditOptions>): Pages {
  return yield* readInTurn(context, 'all', readers(context.options));
}

function readers(options: RedditOptions): readonly Reader<RedditOptions>[] {
  const { listings, subreddits, topOf = 'day' } = options;
  const { historyPages = HISTORY_PAGES, rankedPosts = RANKED_POSTS } = options;
  const names = [...new Set(subreddits.map((name) => name.toLowerCase()))];
  return names.flatMap((subreddit) =>
    listings.map((listing) => {
      if (listing === 'new') {
        return {
          name: newSeries(subreddit),
          read: (context) => readNew(context, { subreddit, historyPages }),
        };
      }
      const ranked = { subreddit, listing, topOf, posts: rankedPosts };
      return { name: rankedSeries(ranked), read: (context) => readRanked(context, ranked) };
    }),
  );
}
