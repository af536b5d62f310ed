/** The source `twitter`: posts that searches find, and the counts of users, by X's API v2. Paid. */
import { Type, type Static } from '@sinclair/typebox';
import { MINUTE_MS } from '../kernel/time.js';
import { readInTurn, type Pages, type Reader } from './in-turn.js';
import type { SourceContext, SourceDefinition } from './port.js';
import { twitterProfile } from './profiles/twitter.js';
import { readSearch, searchSeries } from './twitter-search.js';
import { readUser, userSeries } from './twitter-users.js';

/** Narrow ones: what is watched by default should cost cents. */
const QUERIES = ['from:ethereum -is:retweet', 'from:solana -is:retweet'];
const USERNAMES = ['ethereum', 'solana'];

/** Two new searches may read this many pages of the past each. */
export const HISTORY_PAGES = 2;
/** Posts per answer, reserved before each: most searches of a few minutes find fewer. */
export const MAX_RESULTS = 50;

const options = Type.Object(
  {
    queries: Type.Array(Type.String({ minLength: 1, maxLength: 512, pattern: '\\S' }), {
      maxItems: 50,
      description: "Searches in X's own query language, over the posts of the last seven days.",
      default: [...QUERIES],
    }),
    usernames: Type.Array(Type.String({ pattern: '^[A-Za-z0-9_]{1,15}$' }), {
      maxItems: 100,
      description: 'Users whose profile and counts are watched, without @.',
      default: [...USERNAMES],
    }),
    historyPages: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 100,
        default: HISTORY_PAGES,
        description: 'How many pages of the past a new search reads.',
      }),
    ),
    maxResults: Type.Optional(
      Type.Integer({
        minimum: 10,
        maximum: 100,
        default: MAX_RESULTS,
        description: 'Posts per page: so many are reserved of the quota before each request.',
      }),
    ),
  },
  { additionalProperties: false },
);
export type TwitterOptions = Static<typeof options>;

export const twitter: SourceDefinition<TwitterOptions> = {
  name: 'twitter',
  type: 'social',
  description: 'Posts by search and counts of users, by the X (Twitter) API v2.',
  options,
  defaults: { queries: QUERIES, usernames: USERNAMES },
  paid: true,
  intervalMs: 5 * MINUTE_MS,
  upstreams: { twitter: twitterProfile },
  // Whether anybody writes is not the upstream's doing: what counts is that it was asked.
  expectedEveryMs: () => 5 * MINUTE_MS,
  collect,
};

async function* collect(context: SourceContext<TwitterOptions>): Pages {
  return yield* readInTurn(context, 'all', readers(context.options));
}

function readers(options: TwitterOptions): readonly Reader<TwitterOptions>[] {
  const { historyPages = HISTORY_PAGES, maxResults = MAX_RESULTS } = options;
  const queries = [...new Set(options.queries.map((query) => query.trim()))];
  const names = [...new Set(options.usernames.map((name) => name.toLowerCase()))];
  const searches = queries.map((query) => ({ query, maxResults, historyPages }));
  return [
    ...searches.map((search): Reader<TwitterOptions> => ({
      name: searchSeries(search.query),
      read: (context) => readSearch(context, search),
    })),
    ...names.map((name): Reader<TwitterOptions> => ({
      name: userSeries(name),
      read: (context) => readUser(context, name),
    })),
  ];
}
