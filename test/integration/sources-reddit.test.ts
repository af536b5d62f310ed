/** Every recording of Reddit, replayed by a real server through token, profile, schema and source. */
import { beforeEach, describe, expect, it } from 'vitest';
import type { Json } from '../../src/kernel/types.js';
import { reddit, type RedditOptions } from '../../src/sources/reddit.js';
import { collectOnce, world, type World } from '../support/sources-context.js';
import { recordedAt, replayBytes } from '../support/sources-replay.js';
import { recording, recordings, type Recording } from '../support/sources-server.js';
import { wireForFile } from '../support/sources-wire.js';

const wire = wireForFile();
let around: World;
const LATER = Date.UTC(2026, 0, 15, 12);
const TOKEN_PATH = '/api/v1/access_token';
beforeEach(() => {
  around = world(wire.transport, wire.server.url, LATER);
  around.key = 'a-client';
  around.token = 'a-token';
});

const newOnly: RedditOptions = { subreddits: ['askreddit'], listings: ['new'], historyPages: 1 };
const hotOnly: RedditOptions = { ...newOnly, listings: ['hot'], rankedPosts: 100 };
type Body = Readonly<Record<string, Json>>;
type Child = { readonly kind: string; readonly data: Body };
const listingOf = ({ response }: Recording) =>
  (response.body as { readonly data: { children: readonly Child[]; after: string | null } }).data;
const postsIn = (of: Recording): readonly Body[] =>
  listingOf(of).children.flatMap(({ kind, data }) => (kind === 't3' ? [data] : []));

async function replayed(of: Recording, options: RedditOptions) {
  around.now = recordedAt(of, LATER);
  wire.server.answer(replayBytes(of));
  return collectOnce(reddit, options, around);
}

const all = recordings('reddit');
const listings = all.filter(({ response: { body } }) => {
  return typeof body === 'object' && body !== null && 'kind' in body;
});

describe('as a listing', () => {
  it.each(listings)('$name gives each of its posts, and nothing else', async (of) => {
    const rows = postsIn(of);
    const run = await replayed(of, newOnly);
    expect(run.failure).toBeUndefined();
    expect(run.records.map(({ data }) => data['post_id'])).toEqual(rows.map(({ name }) => name));
    expect(run.records.map(({ at }) => at / 1000)).toEqual(rows.map((row) => row['created_utc']));
    expect(run.records.map(({ data }) => [data['title'], data['score'], data['comments']])).toEqual(
      rows.map((row) => [row['title'], row['score'], row['num_comments']]),
    );
    expect(new Set(run.records.map(({ id }) => id)).size).toBe(rows.length);
    const again = await replayed(of, newOnly);
    expect(again.records).toEqual([]);
  });

  it.each(listings)('$name gives the state of each of its posts, once', async (of) => {
    const rows = postsIn(of);
    const run = await replayed(of, hotOnly);
    expect(run.failure).toBeUndefined();
    expect(run.records.map(({ data }) => [data['rank'], data['score'], data['comments']])).toEqual(
      rows.map((row, index) => [index + 1, row['score'], row['num_comments']]),
    );
    expect((await replayed(of, hotOnly)).pages).toEqual([]);
  });
});

describe('as a refusal', () => {
  it.each([
    ['oauth_200_truncated_json', 'bad_data'],
    ['oauth_202_ratelimit_headers', 'bad_data'],
    ['oauth_302_random', 'client'],
    ['oauth_403_insufficient_scope', 'client'],
    ['oauth_404_json', 'client'],
    ['oauth_414_retry_after_0', 'client'],
    ['oauth_429_html_retry_after', 'throttled'],
    ['oauth_451', 'client'],
    ['oauth_500_empty', 'server'],
    ['oauth_502_empty', 'server'],
    ['oauth_503_empty', 'server'],
    ['oauth_504_empty', 'server'],
    ['oauth_522_cloudflare', 'server'],
    ['r_403_quarantined', 'client'],
    ['seq_401_then_retry_2', 'auth'],
  ])('%s is %s', async (name, outcome) => {
    const of = recording('reddit', name);
    for (const options of [newOnly, hotOnly]) {
      around.token = 'a-token';
      around.verdicts.length = 0;
      // What refused the request refuses its token too, once it is renewed: only 401 asks for one.
      const run = await replayed(of, options);
      expect(run.records).toEqual([]);
      expect(run.failure).toMatchObject({ outcome, status: of.response.status });
      expect(around.verdicts.length).toBe(outcome === 'auth' ? 2 : 1);
    }
  });

  it('a 429 in HTML waits as long as its Retry-After says', async () => {
    await replayed(recording('reddit', 'oauth_429_html_retry_after'), newOnly);
    expect(around.verdicts[0]).toMatchObject({ retryAt: around.now + 4000, charged: false });
  });

  it.each(['r_403_quarantined', 'oauth_404_json', 'oauth_451', 'oauth_302_random'])(
    '%s of one subreddit does not stop the others',
    async (name) => {
      const good = replayBytes(recording('reddit', 'r_askreddit_new_100'));
      const bad = replayBytes(recording('reddit', name));
      wire.server.answer((request, response) => {
        ((request.url ?? '').startsWith('/r/closed/') ? bad : good)(request, response);
      });
      const both = { ...newOnly, subreddits: ['closed', 'askreddit'] };
      const run = await collectOnce(reddit, both, around);
      expect(run.failure?.outcome).toBe('client');
      expect(run.records.length).toBe(100);
    },
  );
});

describe('what an answer tells besides', () => {
  it.each(all)('$name: its window, in seconds left', async (of) => {
    const isToken = of.request.url.includes(TOKEN_PATH);
    if (isToken) around.token = undefined;
    await replayed(of, newOnly);
    const { headers } = of.response;
    const used = headers['x-ratelimit-used'];
    const seen = {
      bucket: isToken ? 'tokens' : 'requests',
      used: Number(used),
      remaining: Number(headers['x-ratelimit-remaining']),
      limit: Number(used) + Number(headers['x-ratelimit-remaining']),
      resetAt: around.now + Number(headers['x-ratelimit-reset']) * 1000,
    };
    expect(around.verdicts[0]?.observations).toEqual(used === undefined ? [] : [seen]);
    expect(around.verdicts[0]?.malformedHeaders).toBe(0);
    if (used === undefined) return;
    expect([300, 600, 1000]).toContain(seen.limit);
    // The window is one of the clock's ten minutes: what the profile's bucket says.
    const beside = (seen.resetAt + 1000) % 600_000;
    expect(beside).toBeLessThanOrEqual(2000);
  });
});

describe('the token', () => {
  const listing = replayBytes(recording('reddit', 'r_askreddit_new_100'));
  const answering = (name: string): void => {
    const token = replayBytes(recording('reddit', name));
    wire.server.answer((request, response) => {
      (request.url === TOKEN_PATH ? token : listing)(request, response);
    });
    around.token = undefined;
  };

  it.each(all.filter(({ name }) => /^token_200_(?!error)|^seq.*_[13]$/.test(name)))(
    'of $name opens the listing',
    async (of) => {
      answering(of.name);
      const run = await collectOnce(reddit, newOnly, around);
      expect(run.failure).toBeUndefined();
      expect(run.records.length).toBe(100);
      const token = (of.response.body as Body)['access_token'];
      expect(wire.server.seen.at(-1)?.headers.authorization).toBe(`Bearer ${token as string}`);
      const asked = wire.server.seen.at(-2);
      expect(asked?.url.pathname).toBe(TOKEN_PATH);
      const pair = Buffer.from('a-client:a-client').toString('base64');
      expect(asked?.headers.authorization).toBe(`Basic ${pair}`);
      expect(asked?.headers['content-type']).toBe('application/x-www-form-urlencoded');
      for (const { headers } of wire.server.seen.slice(-2)) {
        expect(headers['user-agent']).toMatch(/headgate/);
      }
      expect(reddit.upstreams['reddit']?.token?.read(of.response.body)).toEqual({
        token,
        lastsMs: 3_600_000,
      });
    },
  );

  it.each([
    ['token_200_error_invalid_grant', 'auth', ', invalid_grant'],
    ['token_200_error_unauthorized_client', 'auth', ', unauthorized_client'],
    ['token_400_error', 'auth', ''],
    ['token_429_json_no_retry_after', 'throttled', 'too many requests'],
  ])('%s is %s, and nothing else is asked', async (name, outcome, says) => {
    answering(name);
    const before = wire.server.seen.length;
    const run = await collectOnce(reddit, { ...newOnly, subreddits: ['a1', 'b1'] }, around);
    expect(run.failure).toMatchObject({ outcome, endpoint: 'access_token' });
    expect(run.failure?.message).toContain(says);
    expect(around.verdicts[0]?.retryAt).toBeUndefined();
    expect(wire.server.seen.length).toBe(before + 1);
  });

  it('that is refused is got once more: the recorded sequence', async () => {
    const steps = [1, 2, 3, 4].map((n) => recording('reddit', `seq_401_then_retry_${String(n)}`));
    const before = wire.server.seen.length;
    wire.server.answer((request, response) => {
      const step = steps[wire.server.seen.length - before - 1];
      if (step === undefined) response.writeHead(404).end();
      else replayBytes(step)(request, response);
    });
    around.token = undefined;
    const run = await collectOnce(reddit, newOnly, around);
    expect(run.failure).toBeUndefined();
    expect(run.records.length).toBe(25);
    expect(wire.server.seen.slice(before).map(({ url }) => url.pathname)).toEqual([
      TOKEN_PATH,
      '/r/askreddit/new',
      TOKEN_PATH,
      '/r/askreddit/new',
    ]);
    expect(around.verdicts.map(({ outcome }) => outcome)).toEqual(['ok', 'auth', 'ok', 'ok']);
  });
});

describe('a recorded walk', () => {
  const walk = (prefix: string): readonly Recording[] =>
    all.filter(({ name }) => name.startsWith(prefix));

  it.each([
    ['user_spez_top_page', 11, 11],
    ['subreddits_new_page', 3, 0],
  ])('of %s is followed over its %i pages', async (prefix, pages, posts) => {
    const recorded = walk(prefix);
    expect(recorded.length).toBe(pages);
    wire.server.answer((request, response) => {
      const after = new URL(request.url ?? '/', 'http://test').searchParams.get('after');
      const place = recorded.findIndex((of) => listingOf(of).after === after);
      const page = recorded[after === null ? 0 : place + 1];
      if (page === undefined) response.writeHead(404).end();
      else replayBytes(page)(request, response);
    });
    const run = await collectOnce(reddit, { ...newOnly, historyPages: pages }, around);
    expect(run.failure).toBeUndefined();
    expect(run.records.map(({ data }) => data['post_id'])).toEqual(
      recorded.flatMap((of) => postsIn(of).map(({ name }) => name)),
    );
    expect(run.records.length).toBe(posts);
    expect(around.asked.map(({ url }) => url.searchParams.get('after'))).toEqual([
      null,
      ...recorded.slice(0, -1).map((of) => listingOf(of).after),
    ]);
  });
});

it('no recording is left out', () => {
  expect(all.length).toBe(46);
  expect(listings.length).toBe(22);
});
