/**
 * A made-up world of news: which articles are published when, and which of them a query finds.
 *
 * 1. An article depends on (seed, slot) alone: the past never changes, time brings new ones.
 * 2. A query is words joined by OR and AND (white space is AND); all are looked for in title and
 *    description, whatever their case.
 */
import { HOUR_MS, MINUTE_MS } from '../../kernel/time.js';
import type { EpochMs, JsonObject } from '../../kernel/types.js';
import { hash32, unit } from './hash.js';

const SLOT_MS = 10 * MINUTE_MS;
const SUBJECTS = [
  'Bitcoin',
  'Ethereum',
  'cryptocurrency markets',
  'the Federal Reserve',
  'stocks',
  'inflation',
  'oil',
  'chip makers',
];
const VERBS = ['rallies on', 'slips after news of', 'shrugs off', 'waits for', 'weighs on'];
const SOURCES: readonly (readonly [string | null, string])[] = [
  ['example-wire', 'Example Wire'],
  [null, 'The Sample Post'],
  ['specimen-daily', 'Specimen Daily'],
  [null, 'Placeholder Markets'],
];
/** Share of articles that were withdrawn and left a mark. */
const WITHDRAWN = 0.02;

export type WorldArticle = {
  readonly at: EpochMs;
  /** What queries look into; undefined: withdrawn. */
  readonly text: string | undefined;
  readonly row: JsonObject;
};

const choose = <T>(list: readonly [T, ...T[]] | readonly T[], hash: number): T =>
  list[hash % list.length] as T;

function articleOf(seed: number, slot: number): WorldArticle {
  const at = slot * SLOT_MS + (hash32(seed, 2, slot) % (SLOT_MS / 1000)) * 1000;
  const publishedAt = new Date(at).toISOString().replace('.000Z', 'Z');
  if (unit(seed, 3, slot) < WITHDRAWN) {
    const gone = '[Removed]';
    const source = { id: null, name: gone };
    const url = 'https://removed.com';
    return {
      at,
      text: undefined,
      row: {
        source,
        author: null,
        title: gone,
        description: gone,
        url,
        urlToImage: null,
        publishedAt,
        content: gone,
      },
    };
  }
  const [id, name] = choose(SOURCES, hash32(seed, 4, slot));
  const subject = choose(SUBJECTS, hash32(seed, 5, slot));
  const other = choose(SUBJECTS, hash32(seed, 6, slot));
  const title = `${subject.charAt(0).toUpperCase()}${subject.slice(1)} ${choose(VERBS, hash32(seed, 7, slot))} ${other}`;
  const address = `https://news.example/${publishedAt.slice(0, 10)}/${hash32(seed, 8, slot).toString(16)}${String(slot)}`;
  const description = `What ${subject} means for ${other}.`;
  const row = {
    source: { id, name },
    author: unit(seed, 9, slot) < 0.3 ? null : `Writer ${String(hash32(seed, 10, slot) % 40)}`,
    title,
    description,
    url: address,
    urlToImage: `${address}.jpg`,
    publishedAt,
    content: `${title}, people familiar with the matter said… [+${String(hash32(seed, 11, slot) % 5000)} chars]`,
  };
  return { at, text: `${title} ${description}`.toLowerCase(), row };
}

/** Articles published in [from, to], newest first. */
export function articlesBetween(
  seed: number,
  from: EpochMs,
  to: EpochMs,
  perHour: number,
): readonly WorldArticle[] {
  const found: WorldArticle[] = [];
  const chance = (perHour * SLOT_MS) / HOUR_MS;
  for (let slot = Math.floor(to / SLOT_MS); slot >= Math.floor(from / SLOT_MS); slot -= 1) {
    if (unit(seed, 1, slot) >= chance) continue;
    const article = articleOf(seed, slot);
    if (article.at >= from && article.at <= to) found.push(article);
  }
  return found;
}

/** 2: whether a query finds an article. Withdrawn ones are found by everything. */
export function finds(query: string, { text }: WorldArticle): boolean {
  if (text === undefined) return true;
  return query
    .replace(/[()]/g, ' ')
    .split(/\bOR\b/)
    .some((words) => termsOf(words).every((term) => text.includes(term)));
}

function termsOf(words: string): readonly string[] {
  const terms = words.match(/"[^"]*"|\S+/g) ?? [];
  return terms
    .filter((term) => term !== 'AND')
    .map((term) => term.replace(/^[+"]+|"$/g, '').toLowerCase());
}
