/** NewsAPI's articles: their shape, which of them are none, and how they become records. */
import { Type, type Static } from '@sinclair/typebox';
import { sha256Hex } from '../kernel/canonical.js';
import type { CollectedRecord } from '../kernel/record.js';
import { HOUR_MS } from '../kernel/time.js';
import type { EpochMs } from '../kernel/types.js';
import { calendarMoment, present } from './rows.js';

export const NEWS_SERIES = 'news';
/** Most articles NewsAPI gives in one answer. */
export const ARTICLES_PER_PAGE = 100;
/** A publisher's clock may be ahead by this much. */
const AHEAD_MAX_MS = HOUR_MS;

const text = Type.Optional(Type.Union([Type.String({ maxLength: 100_000 }), Type.Null()]));

const article = Type.Object({
  source: Type.Object({ id: text, name: text }),
  author: text,
  title: text,
  description: text,
  url: Type.String({ maxLength: 8192 }),
  urlToImage: text,
  publishedAt: Type.String({
    pattern: '^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}(\\.\\d{1,9})?(Z|\\+00:00)$',
  }),
  content: text,
});
export type Article = Static<typeof article>;

export const articlesSchema = Type.Object({
  status: Type.Literal('ok'),
  totalResults: Type.Integer({ minimum: 0 }),
  articles: Type.Array(article, { maxItems: ARTICLES_PER_PAGE }),
});
export type ArticlesBody = Static<typeof articlesSchema>;

export type ReadArticles = {
  /** Each once, in the order they came. */
  readonly records: readonly CollectedRecord[];
  /** Articles that cannot be: no web address, a day no calendar has, out of the future. */
  readonly odd: number;
};

/** The records of a page. Articles that were withdrawn leave a mark behind, which is none. */
export function articleRecords(articles: readonly Article[], now: EpochMs): ReadArticles {
  const records = new Map<string, CollectedRecord>();
  let odd = 0;
  for (const one of articles) {
    if (isWithdrawn(one)) continue;
    const address = addressOf(one.url);
    const at = calendarMoment(one.publishedAt);
    if (address === undefined || Number.isNaN(at) || at > now + AHEAD_MAX_MS) {
      odd += 1;
      continue;
    }
    const record = recordOf(one, address, at);
    if (!records.has(record.id)) records.set(record.id, record);
  }
  return { records: [...records.values()], odd };
}

function isWithdrawn({ title, url }: Article): boolean {
  return title === '[Removed]' || /^https?:\/\/removed\.com\/?$/i.test(url);
}

/** What tells two articles apart: the address without its fragment and without campaign marks. */
function addressOf(link: string): string | undefined {
  if (!URL.canParse(link)) return undefined;
  const url = new URL(link);
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return undefined;
  url.hash = '';
  const marks = [...new Set(url.searchParams.keys())].filter((name) => name.startsWith('utm_'));
  // Deleting writes the whole query anew, so it is left alone where nothing is to be deleted.
  for (const name of marks) url.searchParams.delete(name);
  return url.href;
}

function recordOf(one: Article, address: string, at: EpochMs): CollectedRecord {
  return {
    id: `article:${sha256Hex(address).slice(0, 32)}`,
    kind: 'article',
    series: NEWS_SERIES,
    at,
    data: {
      url: address,
      published_at: new Date(at).toISOString(),
      upstream: 'newsapi',
      ...filled('title', one.title),
      ...filled('description', one.description),
      ...filled('content', one.content),
      ...filled('author', one.author),
      ...filled('source_id', one.source.id),
      ...filled('source_name', one.source.name),
      ...filled('image_url', one.urlToImage),
    },
  };
}

/** It gives an empty text where it has none. */
function filled(name: string, value: string | null | undefined): Record<string, string> {
  return present(name, value === '' ? null : value);
}
