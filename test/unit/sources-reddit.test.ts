/** New posts in sweeps, scores by change, what refusals mean, and bodies that cannot be. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Json } from '../../src/kernel/types.js';
import { fitsSchema } from '../../src/sources/exchange.port.js';
import { OUTCOMES } from '../../src/sources/port.js';
import { redditProfile } from '../../src/sources/profiles/reddit.js';
import { SEEN_MAX } from '../../src/sources/reddit-new.js';
import { isLater } from '../../src/sources/reddit-rows.js';
import {
  HISTORY_PAGES,
  RANKED_POSTS,
  reddit,
  type RedditOptions,
} from '../../src/sources/reddit.js';
import { answeredWith, runAgainst, spoiled } from '../support/sources-replay.js';
import { collectFrom, failing, type Asked, type Script } from '../support/sources-script.js';
import { recording } from '../support/sources-server.js';

const now = Date.UTC(2026, 0, 15, 12);
const NEW = 'r/bitcoin/new';
const one: RedditOptions = { subreddits: ['Bitcoin'], listings: ['new'] };
const hot: RedditOptions = { subreddits: ['Bitcoin'], listings: ['hot'] };

const idOf = (n: number): string => (1_000_000_000 + n).toString(36);
const post = (n: number, rest: Readonly<Record<string, Json>> = {}): Json => ({
  kind: 't3',
  data: {
    id: idOf(n),
    name: `t3_${idOf(n)}`,
    subreddit: 'Bitcoin',
    title: `post ${String(n)}`,
    author: 'user_1',
    created_utc: 1_700_000_000 + n,
    score: 1,
    num_comments: 0,
    ...rest,
  },
});
const listing = (children: readonly Json[], after: string | null = null): Json => ({
  kind: 'Listing',
  data: { children, after },
});

/** Posts by number in the order given, in pages of `size`, as the upstream pages them. */
function listed(numbers: () => readonly number[], size = 2): Script {
  return ({ query }: Asked) => {
    const all = numbers();
    const after = query['after'];
    const place = all.findIndex((n) => `t3_${idOf(n)}` === after);
    if (after !== undefined && place < 0) return listing([]);
    const page = all.slice(place + 1, place + 1 + size);
    const last = page.at(-1);
    const isMore = last !== undefined && place + 1 + size < all.length;
    return listing(
      page.map((n) => post(n)),
      isMore ? `t3_${idOf(last)}` : null,
    );
  };
}
const down = (from: number, to: number): readonly number[] =>
  Array.from({ length: from - to + 1 }, (_, at) => from - at);
const idsOf = (records: readonly { readonly id: string }[]): readonly string[] =>
  records.map(({ id }) => id);
const postIds = (...numbers: readonly number[]): readonly string[] =>
  numbers.map((n) => `reddit_post:t3_${idOf(n)}`);

describe('new posts', () => {
  it('N1: are read down to the newest known, each once', async () => {
    const cursors = new Map<string, Json>();
    let posts = down(4, 1);
    const script = listed(() => posts);
    const around = { now, cursors };
    const first = await collectFrom(reddit, one, script, around);
    expect(idsOf(first.records)).toEqual(postIds(4, 3, 2, 1));
    const idle = await collectFrom(reddit, one, script, around);
    expect(idle).toMatchObject({ pages: [], failure: undefined });
    expect(idle.asked.length).toBe(1);
    posts = down(9, 1);
    const next = await collectFrom(reddit, one, script, around);
    expect(idsOf(next.records)).toEqual(postIds(9, 8, 7, 6, 5));
    expect(next.asked.length).toBe(3);
    expect(cursors.get(NEW)).toEqual({ seen: down(9, 1).map(idOf) });
  });

  it('N1: of a new series are few, at low priority after the first page', async () => {
    const run = await collectFrom(
      reddit,
      one,
      listed(() => down(100, 1)),
      { now },
    );
    expect(run.asked.map(({ priority }) => priority)).toEqual([undefined, 'backfill']);
    expect(HISTORY_PAGES).toBe(2);
    expect(run.records.length).toBe(4);
  });

  it('N2: that were let through late are read too, once, but none from before our time', async () => {
    const cursors = new Map<string, Json>();
    let posts: readonly number[] = [10, 8, 7];
    const script = listed(() => posts, 5);
    await collectFrom(reddit, one, script, { now, cursors });
    posts = [11, 10, 9, 8, 7, 3];
    const late = await collectFrom(reddit, one, script, { now, cursors });
    expect(idsOf(late.records)).toEqual(postIds(11, 9));
    posts = [11, 10, 9, 8, 7, 3];
    expect((await collectFrom(reddit, one, script, { now, cursors })).records).toEqual([]);
  });

  it('N3: go on where a sweep was broken off, and anew when that post is gone', async () => {
    const cursors = new Map<string, Json>([[NEW, { seen: [idOf(1)] }]]);
    let posts = down(9, 1);
    let failAt = 3;
    const script: Script = (asked) =>
      (failAt -= 1) === 0 ? failing('throttled') : listed(() => posts)(asked);
    const cut = await collectFrom(reddit, one, script, { now, cursors });
    expect(cut.failure?.outcome).toBe('throttled');
    expect(idsOf(cut.records)).toEqual(postIds(9, 8, 7, 6));
    const kept = new Map(cursors);
    const rest = await collectFrom(reddit, one, script, { now, cursors });
    expect(idsOf(rest.records)).toEqual(postIds(5, 4, 3, 2));
    expect(rest.asked[0]?.query['after']).toBe(`t3_${idOf(6)}`);
    // The same, but post 6 was deleted meanwhile.
    posts = posts.filter((n) => n !== 6);
    const anew = await collectFrom(reddit, one, script, { now, cursors: kept });
    expect(anew.failure).toBeUndefined();
    expect(idsOf(anew.records)).toEqual(postIds(9, 8, 7, 5, 4, 3, 2));
    expect(anew.asked.slice(0, 2).map(({ query }) => query['after'])).toEqual([
      `t3_${idOf(6)}`,
      undefined,
    ]);
    expect(kept.get(NEW)).toEqual(cursors.get(NEW) && { seen: [9, 8, 7, 5, 4, 3, 2, 1].map(idOf) });
  });

  it('N4: end as bad data when the paging token comes back', async () => {
    for (const next of [() => 'a', (used: Json) => (used === 't3_a' ? 'b' : 'a')]) {
      const loop: Script = ({ query }) => listing([post(5)], `t3_${next(query['after'] ?? null)}`);
      const run = await collectFrom(reddit, { ...one, historyPages: 20 }, loop, { now });
      expect(run.failure?.outcome).toBe('bad_data');
      expect(run.asked.length).toBeLessThanOrEqual(3);
    }
  });

  it('keep the cursor bounded and forget the oldest first', async () => {
    const many = down(5 * SEEN_MAX, 1);
    const cursors = new Map<string, Json>();
    const script = listed(() => many, 100);
    await collectFrom(reddit, { ...one, historyPages: 20 }, script, { now, cursors });
    expect(cursors.get(NEW)).toEqual({ seen: many.slice(0, SEEN_MAX).map(idOf) });
    expect((await collectFrom(reddit, one, script, { now, cursors })).records).toEqual([]);
  });

  it('are never lost, however they come, go and are read', async () => {
    const step = fc.record({
      comes: fc.nat({ max: 7 }),
      goes: fc.option(fc.nat({ max: 20 }), { nil: undefined }),
      crash: fc.option(fc.integer({ min: 1, max: 3 }), { nil: undefined }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
        let posts: number[] = [1];
        let last = 1;
        const gone = new Set<number>();
        const cursors = new Map<string, Json>();
        const sunk = new Set<string>();
        const script = listed(() => posts, 3);
        await collectFrom(reddit, one, script, { now, cursors });
        // What came while a broken sweep was open is read by the run after the one that ends it.
        const quiet = { comes: 0, goes: undefined, crash: undefined };
        for (const { comes, goes, crash } of [...steps, quiet, quiet]) {
          for (let n = 0; n < comes; n += 1) posts = [(last += 1), ...posts];
          const victim = goes === undefined ? undefined : posts[goes % Math.max(1, posts.length)];
          if (victim !== undefined && victim !== 1) {
            posts = posts.filter((n) => n !== victim);
            gone.add(victim);
          }
          const around = { now, cursors, ...(crash === undefined ? {} : { pagesMax: crash }) };
          const run = await collectFrom(reddit, one, script, around);
          expect(run.failure).toBeUndefined();
          for (const { id } of run.records) sunk.add(id);
        }
        const due = postIds(...down(last, 2).filter((n) => !gone.has(n)));
        for (const id of due) expect(sunk.has(id)).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  it.each(['x', 3, { seen: ['!'] }, { seen: [], sweep: {} }, { since: 1 }] as Json[])(
    'begin anew when their cursor is %j',
    async (cursor) => {
      const cursors = new Map<string, Json>([[NEW, cursor]]);
      const run = await collectFrom(
        reddit,
        one,
        listed(() => down(3, 1)),
        { now, cursors },
      );
      expect(run.failure).toBeUndefined();
      expect(run.records.length).toBe(3);
    },
  );

  it('of a subreddit that refuses do not hold up the others; credentials that are wrong do', async () => {
    const two = { ...one, subreddits: ['closed', 'bitcoin', 'Bitcoin'] };
    const script: Script = (asked) =>
      asked.path === '/r/closed/new' ? failing('client') : listed(() => [2, 1])(asked);
    const run = await collectFrom(reddit, two, script, { now });
    expect(run.failure?.outcome).toBe('client');
    expect(run.records.length).toBe(2);
    expect(run.asked.length).toBe(2);
    const auth = await collectFrom(reddit, two, () => failing('auth'), { now });
    expect(auth.asked.length).toBe(1);
  });
});

describe('ranked posts', () => {
  const ranked =
    (...states: readonly (readonly [n: number, score: number, comments: number])[]): Script =>
    () =>
      listing(states.map(([n, score, comments]) => post(n, { score, num_comments: comments })));

  it('are one record per change of score or comments, also when an old state returns', async () => {
    const cursors = new Map<string, Json>();
    const seen: (readonly [number, number])[] = [];
    const ids: string[] = [];
    for (const script of [
      ranked([1, 5, 0], [2, 4, 0]),
      ranked([1, 5, 0], [2, 4, 0]),
      // Places change: no news.
      ranked([2, 4, 0], [1, 5, 0]),
      ranked([2, 6, 0], [1, 5, 1]),
      ranked([2, 4, 0], [1, 5, 1]),
    ]) {
      const run = await collectFrom(reddit, hot, script, { now, cursors });
      expect(run.failure).toBeUndefined();
      ids.push(...idsOf(run.records));
      seen.push(
        ...run.records.map(({ data }) => [Number(data['rank']), Number(data['score'])] as const),
      );
    }
    expect(seen).toEqual([
      [1, 5],
      [2, 4],
      [1, 6],
      [2, 5],
      [1, 4],
    ]);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('have the same ids when a crash repeats the run', async () => {
    const script = ranked([1, 5, 0], [2, 4, 0]);
    const cut = await collectFrom(reddit, hot, script, { now, pagesMax: 1 });
    const again = await collectFrom(reddit, hot, script, { now: now + 5000 });
    expect(idsOf(again.records)).toEqual(idsOf(cut.records));
  });

  it('that stand twice in a listing are one; a post that left is forgotten', async () => {
    const cursors = new Map<string, Json>();
    const twice = await collectFrom(reddit, hot, ranked([1, 5, 0], [1, 5, 0]), { now, cursors });
    expect(twice.records.length).toBe(1);
    await collectFrom(reddit, hot, ranked([2, 1, 0]), { now, cursors });
    expect(cursors.get('r/bitcoin/hot')).toEqual({
      changes: 2,
      posts: { [`t3_${idOf(2)}`]: [1, 0] },
    });
    const back = await collectFrom(reddit, hot, ranked([1, 5, 0]), { now, cursors });
    expect(idsOf(back.records)).not.toEqual(idsOf(twice.records));
  });

  it('of top are of a span, in a series of its own', async () => {
    const top: RedditOptions = { ...hot, listings: ['top'], topOf: 'week', rankedPosts: 7 };
    const run = await collectFrom(reddit, top, ranked([1, 5, 0]), { now });
    expect(run.asked[0]).toMatchObject({
      endpoint: 'subreddit_top',
      path: '/r/bitcoin/top',
      query: { limit: 7, raw_json: 1, t: 'week' },
    });
    expect(run.records[0]?.series).toBe('r/bitcoin/top-week');
    const plain = await collectFrom(reddit, hot, ranked(), { now });
    expect(plain.asked[0]?.query).toEqual({ limit: RANKED_POSTS, raw_json: 1 });
  });
});

describe('a refusal', () => {
  const judge = (
    status: number,
    body: Json | undefined,
    { headers = {}, endpoint = 'subreddit_new' } = {},
  ) => redditProfile.judge(answeredWith('', status, headers), body, now, endpoint);
  const token = { endpoint: 'access_token' };

  it('403 in JSON is about the subreddit, in HTML about us; 401 is about the token', () => {
    expect(judge(403, { message: 'Forbidden', error: 403 }).outcome).toBe('client');
    const closed = judge(403, { reason: 'private', message: 'Forbidden', error: 403 });
    expect(closed.message).toBe('reddit answered 403: this may not be read (private)');
    const odd = judge(403, { reason: 'a\nlong story', error: 403 });
    expect(odd.message).toBe('reddit answered 403: this may not be read');
    expect(judge(403, undefined).outcome).toBe('auth');
    expect(judge(403, { error: 'other' }).outcome).toBe('auth');
    expect(judge(401, { error: 401 }).outcome).toBe('auth');
  });

  it.each([
    [200, { error: 'invalid_grant' }, 'auth'],
    [200, { error: 401 }, 'auth'],
    [200, { error: null, access_token: 'x' }, 'ok'],
    [400, { error: 400 }, 'auth'],
    [401, undefined, 'auth'],
    [403, { error: 403 }, 'auth'],
    [404, undefined, 'client'],
    [302, undefined, 'client'],
    [408, undefined, 'server'],
    [429, { error: 429 }, 'throttled'],
    [500, undefined, 'server'],
    [200, undefined, 'bad_data'],
  ] as const)('of a token, %i with %j is %s', (status, body, outcome) => {
    expect(judge(status, body as Json | undefined, token).outcome).toBe(outcome);
  });

  it('of a token quotes known words only', () => {
    expect(judge(200, { error: 'invalid_grant' }, token).message).toContain('invalid_grant');
    expect(judge(200, { error: 'the secret was x' }, token).message).not.toContain('secret');
  });

  it.each([
    [{ 'retry-after': '4' }, now + 4000],
    [{ 'x-ratelimit-remaining': '0.0', 'x-ratelimit-reset': '77' }, now + 77_000],
    [{ 'x-ratelimit-remaining': '12.0', 'x-ratelimit-reset': '77' }, undefined],
    [{ 'x-ratelimit-reset': '77' }, undefined],
    [{}, undefined],
  ])('429 with %j waits until %s', (headers, until) => {
    const verdict = judge(429, undefined, { headers });
    expect(verdict.outcome).toBe('throttled');
    expect(verdict.retryAt).toBe(until);
  });

  it('has decimals among what remains, and nothing at all from the cache', () => {
    const headers = {
      'x-ratelimit-used': '4',
      'x-ratelimit-remaining': '995.5',
      'x-ratelimit-reset': '15',
    };
    expect(judge(200, {}, { headers }).observations).toEqual([
      { bucket: 'requests', used: 4, remaining: 995.5, limit: 999.5, resetAt: now + 15_000 },
    ]);
    expect(judge(200, {}, { headers, ...token }).observations[0]?.bucket).toBe('tokens');
    expect(judge(200, {}).observations).toEqual([]);
    const odd = { ...headers, 'x-ratelimit-remaining': 'many' };
    expect(judge(200, {}, { headers: odd })).toMatchObject({
      malformedHeaders: 1,
      observations: [{ bucket: 'requests', used: 4 }],
    });
  });
});

describe('a token', () => {
  const read = (body: Json) => redditProfile.token?.read(body);

  it('is read with its life, bounded to a day', () => {
    expect(read({ access_token: '-abc', expires_in: 3600 })).toEqual({
      token: '-abc',
      lastsMs: 3_600_000,
    });
    expect(read({ access_token: 'x', expires_in: 1e12 })?.lastsMs).toBe(86_400_000);
  });

  it('is none when anything is odd about it', () => {
    for (const access_token of ['', 'a b', 'a\r\nb: c', 'é', 5, null, 'x'.repeat(5000)]) {
      expect(read({ access_token, expires_in: 60 })).toBeUndefined();
    }
    for (const expires_in of [0, -1, '3600', null]) {
      expect(read({ access_token: 'x', expires_in })).toBeUndefined();
    }
    fc.assert(
      fc.property(fc.jsonValue(), (body) => {
        const found = read(body as Json);
        return found === undefined || (/^[!-~]+$/.test(found.token) && found.lastsMs > 0);
      }),
    );
  });

  it('is asked for with the credentials in their header and a name, as the listings are', () => {
    const keys = {
      REDDIT_CLIENT_ID: 'id',
      REDDIT_CLIENT_SECRET: 's:é',
      REDDIT_USER_AGENT: 'linux:mine:2',
    };
    const asked = redditProfile.token?.request(keys);
    expect(asked?.headers).toMatchObject({
      authorization: `Basic ${Buffer.from('id:s:é').toString('base64')}`,
      'user-agent': 'linux:mine:2',
    });
    expect(asked?.body).toBe('grant_type=client_credentials');
    expect(redditProfile.headers(keys, 'tok')).toMatchObject({
      authorization: 'Bearer tok',
      'user-agent': 'linux:mine:2',
    });
    expect(redditProfile.headers({})).toMatchObject({
      'user-agent': expect.stringContaining('headgate') as string,
    });
    expect(redditProfile.headers({})).not.toHaveProperty('authorization');
  });
});

describe('bodies', () => {
  const short = recording('reddit', 'r_all_search_100').response.body;
  const status = fc.constantFrom(200, 200, 200, 202, 302, 400, 401, 403, 404, 429, 451, 500, 503);
  const headers = fc.dictionary(
    fc.constantFrom(
      'x-ratelimit-used',
      'x-ratelimit-remaining',
      'x-ratelimit-reset',
      'retry-after',
    ),
    fc.oneof(fc.string(), fc.integer().map(String)),
  );
  const both: RedditOptions = { subreddits: ['x1'], listings: ['new', 'hot'] };

  it.each([
    ['a listing', short],
    [
      'a page of comments and a post',
      listing([{ kind: 't1', data: {} }, post(3), post(2)], 't3_a'),
    ],
    ['a refusal', recording('reddit', 'r_403_quarantined').response.body],
    ['a token', recording('reddit', 'token_200_client_credentials').response.body],
  ])('of %s, spoiled in any way, are a class and never a wrong record', async (_what, body) => {
    await fc.assert(
      fc.asyncProperty(spoiled(body), status, headers, async (bytes, code, told) => {
        const run = await runAgainst(reddit, both, answeredWith(bytes, code, told), now);
        for (const { outcome, message, retryAt } of run.around.verdicts) {
          expect(OUTCOMES).toContain(outcome);
          expect(message).toMatch(/^[^\n]{1,250}$/);
          expect(retryAt ?? now).toBeGreaterThanOrEqual(now);
        }
        if (code >= 300) expect(run).toMatchObject({ records: [], failure: {} });
        for (const { id, at, kind, data } of run.records) {
          expect(Number.isSafeInteger(at)).toBe(true);
          expect(data['post_id']).toMatch(/^t3_[0-9a-z]{1,10}$/);
          expect(id).toContain(data['post_id']);
          expect(Number.isSafeInteger(data['score'])).toBe(true);
          expect(Number(data['comments'])).toBeGreaterThanOrEqual(0);
          expect(typeof data['title']).toBe('string');
          if (kind === 'reddit_post') expect(new Date(at).getUTCFullYear()).toBeGreaterThan(2004);
        }
      }),
      { numRuns: 120 },
    );
  });

  it.each([
    ['whose name and id differ', listing([post(1, { name: 't3_zz' })])],
    ['with a text for a score', listing([post(1, { score: '5' })])],
    ['of a year nobody posted in', listing([post(1, { created_utc: 0 })])],
    ['of a thousand things', listing(down(600, 1).map((n) => post(n)))],
    ['of an unknown kind', listing([{ kind: 't9', data: {} }])],
    ['that leads nowhere', listing([post(1)], 'page two')],
  ])('%s are bad data', async (_what, body) => {
    for (const options of [one, hot]) {
      const run = await collectFrom(reddit, options, () => body, { now });
      expect(run).toMatchObject({ records: [], failure: { outcome: 'bad_data' } });
    }
  });
});

describe('options and ids', () => {
  const accepts = (options: Json): boolean => fitsSchema(reddit.options, options).ok;

  it('are checked', () => {
    expect(accepts(reddit.defaults)).toBe(true);
    expect(accepts({ ...reddit.defaults, topOf: 'all', rankedPosts: 100, historyPages: 20 })).toBe(
      true,
    );
    for (const name of ['', 'x', 'r/x', '../x', 'a b', '_x', 'x'.repeat(22)]) {
      expect(accepts({ ...reddit.defaults, subreddits: [name] })).toBe(false);
    }
    for (const listings of [[], ['new', 'new'], ['rising']]) {
      expect(accepts({ ...reddit.defaults, listings })).toBe(false);
    }
  });

  it('are ordered as the numbers they are', () => {
    const number = fc.integer({ min: 1, max: 36 ** 10 - 1 });
    fc.assert(
      fc.property(number, number, (a, b) => isLater(a.toString(36), b.toString(36)) === a > b),
    );
  });
});
