/** Every recording of X, replayed by a real server through transport, profile, schema and source. */
import { beforeEach, describe, expect, it } from 'vitest';
import type { Json } from '../../src/kernel/types.js';
import { momentOfId } from '../../src/sources/twitter-rows.js';
import { twitter, type TwitterOptions } from '../../src/sources/twitter.js';
import { collectOnce, world, type World } from '../support/sources-context.js';
import { recordedAt, replayBytes } from '../support/sources-replay.js';
import { recording, recordings, sendJson, type Recording } from '../support/sources-server.js';
import { wireForFile } from '../support/sources-wire.js';

const wire = wireForFile();
let around: World;
const LATER = Date.UTC(2026, 0, 15, 12);
beforeEach(() => {
  around = world(wire.transport, wire.server.url, LATER);
  around.key = 'a-bearer-token';
});

const search: TwitterOptions = { queries: ['Tweepy'], usernames: [], historyPages: 1 };
const user: TwitterOptions = { queries: [], usernames: ['Twitter'] };
type Body = Readonly<Record<string, Json>>;
const textAt = (row: Body, name: string): string => {
  const value = row[name];
  return typeof value === 'string' ? value : '';
};

async function replayed(of: Recording, options: TwitterOptions) {
  around.now = recordedAt(of, LATER);
  wire.server.answer(replayBytes(of));
  return collectOnce(twitter, options, around);
}

describe('as the answer to a search', () => {
  it.each([
    ['search_all_10_sync', 10],
    ['search_all_commtwitter_163', 163],
    ['search_all_empty', 0],
    ['search_all_from_kfc_4', 4],
    ['search_all_from_kfc_4_fewer_fields', 4],
    ['search_all_retweets_of_kfc_20', 20],
    ['search_recent_10_async', 10],
    ['search_recent_10_sync', 10],
    ['retweeted_by_page3', 0],
  ])('%s gives its %i posts', async (name, count) => {
    const of = recording('twitter', name);
    const run = await replayed(of, search);
    expect(run.failure).toBeUndefined();
    const rows = ((of.response.body as Body)['data'] ?? []) as readonly Body[];
    expect(run.records.map(({ id }) => id)).toEqual(
      rows.map((row) => `tweet:${textAt(row, 'id')}`),
    );
    expect(run.records.map(({ data }) => data['text'])).toEqual(rows.map(({ text }) => text));
    expect(run.records.length).toBe(count);
    for (const [index, { at, data }] of run.records.entries()) {
      const created = rows[index]?.['created_at'];
      if (typeof created === 'string') expect(at).toBe(Date.parse(created));
      // An id tells the moment too, to less than a second.
      expect(Math.abs(at - (momentOfId(textAt(data, 'tweet_id')) ?? 0))).toBeLessThan(1000);
    }
    expect(around.verdicts[0]).toMatchObject({ outcome: 'ok', units: { posts: count } });
    expect(around.warnings).toEqual([]);
  });

  it.each([
    ['search_all_400_invalid_request', 'client', { posts: 0 }],
    ['search_all_401_unauthorized', 'auth', { posts: 0 }],
    ['users_400_invalid_id', 'client', { posts: 0 }],
    ['users_liked_429_text_plain', 'throttled', { posts: 0 }],
    ['doc_429_too_many_requests_json', 'throttled', { posts: 0 }],
    ['doc_429_usage_cap_exceeded', 'quota_exhausted', { posts: 0 }],
    ['user_tweets_200_errors_only', 'client', { posts: 0 }],
    // Not posts, however well they were answered; what was read is read.
    ['counts_recent', 'bad_data', { posts: 169 }],
    ['retweeted_by_page1', 'bad_data', { posts: 93 }],
    ['retweeted_by_page2', 'bad_data', { posts: 56 }],
    ['tweets_lookup_200_partial_errors', 'bad_data', { posts: 3 }],
    ['users_by_200_partial_errors', 'bad_data', { posts: 4 }],
    ['users_by_usernames', 'bad_data', { posts: 2 }],
    ['users_lookup_200', 'bad_data', { posts: 3 }],
    ['user_by_username_twitter', 'bad_data', undefined],
  ])('%s is %s', async (name, outcome, units) => {
    const of = recording('twitter', name);
    const run = await replayed(of, search);
    expect(run.failure).toMatchObject({ outcome, status: of.response.status });
    expect(run.records).toEqual([]);
    expect(around.verdicts[0]?.units).toEqual(units);
  });
});

describe('as the answer about a user', () => {
  it('user_by_username_twitter is one record, once', async () => {
    const of = recording('twitter', 'user_by_username_twitter');
    const run = await replayed(of, user);
    expect(run.failure).toBeUndefined();
    expect(run.records).toMatchObject([
      {
        kind: 'twitter_user',
        series: 'users/twitter',
        data: { user_id: '783214', username: 'Twitter', name: 'Twitter' },
      },
    ]);
    expect((await replayed(of, user)).pages).toEqual([]);
  });

  it.each([
    ['users_by_usernames', 'bad_data'],
    ['users_lookup_200', 'bad_data'],
    ['users_by_200_partial_errors', 'bad_data'],
    ['user_tweets_200_errors_only', 'client'],
    ['search_all_401_unauthorized', 'auth'],
    ['users_400_invalid_id', 'client'],
    ['users_liked_429_text_plain', 'throttled'],
  ])('%s is %s', async (name, outcome) => {
    const run = await replayed(recording('twitter', name), user);
    expect(run.failure?.outcome).toBe(outcome);
    expect(run.records).toEqual([]);
    expect(around.verdicts[0]?.units).toBeUndefined();
  });
});

describe('what an answer tells besides', () => {
  it.each(recordings('twitter'))('$name: its window, and that it is well formed', async (of) => {
    await replayed(of, search);
    const { headers } = of.response;
    const limit = headers['x-rate-limit-limit'];
    const seen = {
      bucket: 'search_recent',
      limit: Number(limit),
      remaining: Number(headers['x-rate-limit-remaining']),
      resetAt: Number(headers['x-rate-limit-reset']) * 1000,
    };
    expect(around.verdicts[0]?.observations).toEqual(limit === undefined ? [] : [seen]);
    expect(around.verdicts[0]?.malformedHeaders).toBe(0);
  });

  it('a plain 429 says until when by its reset, read against its own clock', async () => {
    const of = recording('twitter', 'users_liked_429_text_plain');
    const reset = Number(of.response.headers['x-rate-limit-reset']) * 1000;
    await replayed(of, search);
    expect(around.verdicts.at(-1)).toMatchObject({ outcome: 'throttled', retryAt: reset });
    expect(reset - around.now).toBe(614_000);
    // Our clock is an hour behind theirs: the wait is as long.
    around.now -= 3_600_000;
    await collectOnce(twitter, search, around);
    expect(around.verdicts.at(-1)).toMatchObject({ retryAt: around.now + 614_000 });
  });

  it('the monthly cap ends with the month, not with the window', async () => {
    await replayed(recording('twitter', 'doc_429_usage_cap_exceeded'), search);
    expect(around.verdicts[0]).toMatchObject({
      outcome: 'quota_exhausted',
      bucket: 'posts',
      retryAt: Date.UTC(2026, 1, 1),
    });
  });

  it.each([
    ['tweets_lookup_200_partial_errors', 12],
    ['users_by_200_partial_errors', 1],
  ])('%s: %i errors beside the data are a warning that quotes nothing', async (name, count) => {
    await replayed(recording('twitter', name), search);
    const said = `${String(count)} error(s) (resource-not-found)`;
    const warning = `twitter answered with ${said} beside the data`;
    expect(around.verdicts[0]).toMatchObject({ outcome: 'ok', warning });
    expect(around.warnings).toEqual([warning]);
  });

  it('errors beside posts leave the posts and say so once', async () => {
    const { errors } = recording('twitter', 'users_by_200_partial_errors').response.body as Body;
    const posts = recording('twitter', 'search_recent_10_sync').response.body as Body;
    wire.server.answer(sendJson({ ...posts, errors } as Json));
    const run = await collectOnce(twitter, search, around);
    expect(run).toMatchObject({ failure: undefined });
    expect(run.records.length).toBe(10);
    expect(around.warnings.length).toBe(1);
  });
});

describe('the recorded walk of tokens (93, 56, 0)', () => {
  const names = ['retweeted_by_page1', 'retweeted_by_page2', 'retweeted_by_page3'];
  const pages = names.map((name) => recording('twitter', name).response.body as Body);

  /** The pages as they were, their users' ids in the place of posts. */
  function serveWalk(): void {
    wire.server.answer((request, response) => {
      const asked = new URL(request.url ?? '/', 'http://test').searchParams.get('next_token');
      const before = pages.findIndex(({ meta }) => (meta as Body)['next_token'] === asked);
      const { data = [], ...page } = pages[asked === null ? 0 : before + 1] ?? {};
      const users = data as readonly Body[];
      const created_at = '2022-02-01T00:00:00.000Z';
      const posts = users.map(({ id = '' }) => ({ id, text: 'a post', created_at }));
      sendJson({ ...page, ...(posts.length > 0 && { data: posts }) })(request, response);
    });
  }

  it('is followed to its end', async () => {
    serveWalk();
    const run = await collectOnce(twitter, { ...search, historyPages: 100 }, around);
    expect(run.failure).toBeUndefined();
    expect(run.pages.map(({ records }) => records.length)).toEqual([93, 56, 0]);
    expect(new Set(run.records.map(({ id }) => id)).size).toBe(149);
    const tokens = pages.map(({ meta }) => (meta as Body)['next_token'] ?? null);
    expect(around.asked.map(({ url }) => url.searchParams.get('next_token'))).toEqual([
      null,
      ...tokens.slice(0, 2),
    ]);
    expect(around.asked.map(({ priority }) => priority)).toEqual([
      undefined,
      'backfill',
      'backfill',
    ]);
  });
});

it('the key goes in its header and nowhere else, and units are reserved for a whole page', async () => {
  wire.server.answer(sendJson({ meta: { result_count: 0 } }));
  await collectOnce(twitter, { ...search, maxResults: 30 }, around);
  const seen = wire.server.seen.at(-1);
  expect(seen?.headers.authorization).toBe('Bearer a-bearer-token');
  expect(seen?.url.pathname).toBe('/2/tweets/search/recent');
  expect(seen?.url.href).not.toContain('a-bearer-token');
  expect(seen?.url.searchParams.get('max_results')).toBe('30');
  expect(around.asked[0]?.units).toEqual({ search_recent: 1, posts: 30 });
});

it('no recording is left out', () => {
  expect(recordings('twitter').length).toBe(24);
});
