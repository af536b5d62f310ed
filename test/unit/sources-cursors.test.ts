/** Cursors that an operator set by hand, or that an upstream made useless: no series is silent for ever. */
import { describe, expect, it } from 'vitest';
import { DAY_MS, HOUR_MS } from '../../src/kernel/time.js';
import type { Json } from '../../src/kernel/types.js';
import { glassnode } from '../../src/sources/glassnode.js';
import { historical } from '../../src/sources/historical.js';
import { FEED_PAGES_MAX, POSTS_PER_PAGE } from '../../src/sources/lunarcrush-feeds.js';
import { lunarcrush } from '../../src/sources/lunarcrush.js';
import { moralis } from '../../src/sources/moralis.js';
import type { RequestFailure, SourceDefinition } from '../../src/sources/port.js';
import { reddit } from '../../src/sources/reddit.js';
import { sentiment } from '../../src/sources/sentiment.js';
import { stockIndex } from '../../src/sources/stock-index.js';
import { sweepAfter } from '../../src/sources/sweeps.js';
import { searchSeries } from '../../src/sources/twitter-search.js';
import { twitter } from '../../src/sources/twitter.js';
import { collectFrom, failing, type ScriptedRun } from '../support/sources-script.js';

const now = Date.UTC(2026, 0, 15, 12);
const FAR = Date.UTC(2036, 0, 1);
const TOKEN = '0x4fabb145d64652a948d72533023f6e7a623c7c53';

/** A source with its defaults but for these options. */
type Subject = {
  readonly source: SourceDefinition;
  readonly options: Readonly<Record<string, Json>>;
};
const subject = (source: unknown, options: Subject['options']): Subject => {
  return { source: source as SourceDefinition, options };
};
const HISTORICAL = subject(historical, { symbols: ['BTCUSDT'], intervals: ['1m'] });
const GLASSNODE = subject(glassnode, { metrics: ['mvrv'], assetDetails: true });
const FIGURES = subject(lunarcrush, { symbols: ['BTC'], endpoints: ['assets'] });
const FEEDS = subject(lunarcrush, { symbols: ['BTC'], endpoints: ['feeds'] });
const SENTIMENT = subject(sentiment, { queries: ['bitcoin'] });
const INDEX = subject(stockIndex, { symbols: ['^GSPC'], funds: {} });
const SEARCH = subject(twitter, { queries: ['bitcoin'], usernames: [] });
const NEW = subject(reddit, { subreddits: ['bitcoin'], listings: ['new'] });
const TRANSFERS = subject(moralis, { tokens: [TOKEN], wallets: [] });

const futureId = String((BigInt(FAR) - 1_288_834_974_657n) << 22n);

describe('a cursor that lies years ahead', () => {
  it.each<[string, Subject, Json]>([
    ['BTCUSDT/1m', HISTORICAL, { next: FAR }],
    ['BTC/mvrv/24h', GLASSNODE, { next: FAR }],
    ['assets', GLASSNODE, { day: FAR / DAY_MS }],
    ['assets/BTC/hour', FIGURES, { next: FAR }],
    ['feeds/BTC', FEEDS, { next: FAR }],
    ['fear_and_greed', SENTIMENT, { latest: FAR, days: 365 }],
    ['news', SENTIMENT, { due: 0, queries: { bitcoin: { newest: FAR } }, seen: [] }],
    ['^GSPC/1d', INDEX, { next: FAR }],
    [searchSeries('bitcoin'), SEARCH, { since_id: futureId }],
  ])('of %s is as good as none', async (series, { source, options }, cursor) => {
    const run = (cursors: Map<string, Json>): Promise<ScriptedRun> =>
      collectFrom(source, { ...source.defaults, ...options }, () => failing('client'), {
        now,
        cursors,
      });
    const without = await run(new Map());
    const ahead = await run(new Map([[series, cursor]]));
    expect(without.asked.length).toBeGreaterThan(0);
    expect(ahead.asked).toEqual(without.asked);
  });
});

it('a sweep that ends before it begins is as good as none', async () => {
  const at = now - HOUR_MS;
  const cursors = new Map<string, Json>([['feeds/BTC', { next: at, sweep: { end: at, page: 1 } }]]);
  const options = { ...FEEDS.source.defaults, ...FEEDS.options };
  const run = await collectFrom(FEEDS.source, options, () => failing('server'), { now, cursors });
  expect(run.asked.map(({ query }) => query['page'])).toEqual([0]);
});

it('a feed that has more pages than are read says so', async () => {
  const data = Array.from({ length: POSTS_PER_PAGE }, (_, n) => ({ time: 1, title: String(n) }));
  const sweep = { end: now - HOUR_MS, page: FEED_PAGES_MAX - 1 };
  const cursors = new Map<string, Json>([['feeds/BTC', { next: now - 3 * HOUR_MS, sweep }]]);
  const options = { ...FEEDS.source.defaults, ...FEEDS.options };
  const run = await collectFrom(FEEDS.source, options, () => ({ data }), { now, cursors });
  expect(run.warnings).toEqual(['lunarcrush has more posts about BTC than are read']);
  expect(cursors.get('feeds/BTC')).toEqual({ next: sweep.end });
});

describe('a sweep whose next page never makes sense', () => {
  it.each<[string, Subject, string, Record<string, Json>]>([
    [
      `transfers/token/${TOKEN}`,
      TRANSFERS,
      'cursor',
      { from_block: 5, sweep: { token: 't', pages: 3 } },
    ],
    [searchSeries('bitcoin'), SEARCH, 'next_token', { sweep: { token: 't', pages: 1 } }],
    [
      'r/bitcoin/new',
      NEW,
      'after',
      { seen: ['abc'], sweep: { after: 't3_abd', seen: ['abe'], pages: 1 } },
    ],
    [
      'feeds/BTC',
      FEEDS,
      'page',
      { next: now - 3 * HOUR_MS, sweep: { end: now - HOUR_MS, page: 2 } },
    ],
  ])('of %s is tried twice, then begun anew', async (series, of, token, cursor) => {
    const cursors = new Map<string, Json>([[series, cursor]]);
    const tokens: unknown[] = [];
    const run = (): Promise<ScriptedRun> =>
      collectFrom(
        of.source,
        { ...of.source.defaults, ...of.options },
        ({ query }) => {
          tokens.push(query[token]);
          return (query[token] ?? 0) === 0 ? failing('server') : 'no such body';
        },
        { now, cursors },
      );
    expect((await run()).failure?.outcome).toBe('bad_data');
    const { sweep, ...rest } = cursor;
    expect(cursors.get(series)).toEqual({ ...rest, sweep: { ...(sweep as object), failed: true } });
    expect((await run()).failure?.outcome).toBe('bad_data');
    expect(cursors.get(series)).toEqual(rest);
    expect((await run()).failure?.outcome).toBe('server');
    expect(tokens[0]).toBe(tokens[1]);
    expect(tokens[2]).not.toBe(tokens[0]);
  });

  it('is kept where the upstream itself is down, and given up where it is refused', () => {
    const sweep = { failed: true } as const;
    const after = (outcome: RequestFailure['outcome']) => sweepAfter(sweep, { outcome });
    expect(after('server')).toBe(sweep);
    expect(after('blocked')).toBe(sweep);
    expect(after('client')).toBeUndefined();
  });
});

describe('a row from the future', () => {
  const created = new Date(FAR).toISOString();
  const post = { id: 'abc', name: 't3_abc', subreddit: 'Bitcoin', title: 't', author: 'a' };
  const kept = { ...post, created_utc: FAR / 1000, score: 1, num_comments: 0 };
  const hash = `0x${'1'.repeat(64)}`;
  const transfer = {
    transaction_hash: hash,
    address: TOKEN,
    block_timestamp: created,
    block_number: '1',
    block_hash: hash,
    from_address: TOKEN,
    to_address: TOKEN,
    value: '1',
  };
  it.each<[string, Subject, Json]>([
    ['twitter', SEARCH, { data: [{ id: futureId, text: 't' }], meta: { result_count: 1 } }],
    [
      'twitter (by its date)',
      SEARCH,
      { data: [{ id: '20', text: 't', created_at: created }], meta: { result_count: 1 } },
    ],
    ['moralis', TRANSFERS, { result: [transfer], cursor: null }],
    ['reddit', NEW, { kind: 'Listing', data: { children: [{ kind: 't3', data: kept }] } }],
  ])('of %s is bad data: it would carry the cursor away', async (_name, of, body) => {
    const options = { ...of.source.defaults, ...of.options };
    const run = await collectFrom(of.source, options, () => body, { now });
    expect(run).toMatchObject({ pages: [], failure: { outcome: 'bad_data' } });
  });
});
