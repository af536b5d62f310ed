/**
 * The source `sentiment`: the fear-and-greed index, and news. Free; news needs a key.
 *
 * Its two upstreams stand beside each other: what is wrong with one does not hold up the other. A run
 * fails by what is wrong with the index, but where that would stop the collector (a ban, a wait) while
 * the news go on, it is said and the run goes on.
 */
import { Type, type Static } from '@sinclair/typebox';
import { DAY_MS, MINUTE_MS } from '../kernel/time.js';
import { isOurs, said } from './blame.js';
import type { Pages } from './in-turn.js';
import type { RequestFailure, SourceContext, SourceDefinition } from './port.js';
import { alternativeMeProfile } from './profiles/alternative-me.js';
import { newsapiProfile } from './profiles/newsapi.js';
import { readIndex } from './sentiment-index.js';
import { QUERIES_MAX, QUERY_CHARS_MAX, readNews } from './sentiment-news.js';

const options = Type.Object(
  {
    historyDays: Type.Integer({
      minimum: 0,
      maximum: 10_000,
      default: 365,
      description: 'How many days of the index a new collector reads; 0: all of them.',
    }),
    queries: Type.Array(Type.String({ minLength: 1, maxLength: QUERY_CHARS_MAX, pattern: '\\S' }), {
      maxItems: QUERIES_MAX,
      uniqueItems: true,
      default: ['bitcoin OR cryptocurrency'],
      description:
        'Searches for news, in the words of NewsAPI. Each further one is asked less often.',
    }),
    language: Type.Optional(
      Type.String({ pattern: '^[a-z]{2}$', description: 'Language of the news; absent: any.' }),
    ),
    newsDays: Type.Integer({
      minimum: 1,
      maximum: 28,
      default: 2,
      description: 'How many days back the news of a new query begin.',
    }),
  },
  { additionalProperties: false },
);
export type SentimentOptions = Static<typeof options>;

export const sentiment: SourceDefinition<SentimentOptions> = {
  name: 'sentiment',
  type: 'sentiment',
  description: 'The crypto fear-and-greed index by alternative.me, and news by NewsAPI.',
  options,
  defaults: {
    historyDays: 365,
    queries: ['bitcoin OR cryptocurrency'],
    language: 'en',
    newsDays: 2,
  },
  paid: false,
  intervalMs: 30 * MINUTE_MS,
  upstreams: { alternative_me: alternativeMeProfile, newsapi: newsapiProfile },
  // The index has a value a day; how much is written, nobody can expect.
  expectedEveryMs: () => DAY_MS,
  collect,
};

async function* collect(context: SourceContext<SentimentOptions>): Pages {
  const index = yield* readIndex(context);
  if (index !== undefined && isOurs(index)) return index;
  const news = yield* readNews(context);
  if (news !== undefined && isOurs(news)) return news;
  if (news !== undefined) context.warn(`no news: ${said(news)}`);
  const goesOn = news === undefined && context.options.queries.length > 0;
  if (index === undefined) return news?.outcome === 'client' ? news : undefined;
  if (!goesOn || !stopsCollector(index)) return index;
  context.warn(`no index: ${index.message}`);
  return undefined;
}

/** What suspends a collector or makes it wait, and with it what is well. */
function stopsCollector({ outcome }: RequestFailure): boolean {
  return ['blocked', 'throttled', 'banned', 'quota_exhausted', 'auth'].includes(outcome);
}
