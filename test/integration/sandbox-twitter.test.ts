/** The fake X against what was recorded, and the source `twitter` against the fake, over HTTP. */
import { describe, expect, it, onTestFinished } from 'vitest';
import { Value } from '@sinclair/typebox/value';
import { DAY_MS, HOUR_MS, MINUTE_MS, systemClock } from '../../src/kernel/time.js';
import type { Json } from '../../src/kernel/types.js';
import { undiciTransport } from '../../src/sources/http.undici.js';
import { SANDBOX_TWITTER_KEY } from '../../src/sources/sandbox/twitter-settings.js';
import { searchSchema, userSchema } from '../../src/sources/twitter-rows.js';
import { PAGES_PER_RUN_MAX } from '../../src/sources/twitter-search.js';
import { twitter, type TwitterOptions } from '../../src/sources/twitter.js';
import {
  NOON,
  recording,
  sandboxKit,
  shapeOf,
  type Got,
  type Kit,
} from '../support/sandbox-kit.js';
import { collectOnce, world, type World } from '../support/sources-context.js';

const SEARCH = '/tweets/search/recent?query=bitcoin';
const FIELDS = '&tweet.fields=created_at,author_id,public_metrics';
type Row = Readonly<Record<string, Json>>;
type Page = { readonly data?: readonly Row[]; readonly meta: Row };

const auth = { authorization: `Bearer ${SANDBOX_TWITTER_KEY}` };
const ask = (kit: Kit, path: string, headers = auth): Promise<Got> =>
  kit.get('twitter', path, headers);
const pageOf = (answer: Got): Page => answer.body as Page;
const violations = (kit: Kit): number => kit.control.counters('twitter').violations;

async function walk(kit: Kit, path: string): Promise<Row[]> {
  const rows: Row[] = [];
  for (let token = ''; ;) {
    const answer = pageOf(await ask(kit, token === '' ? path : `${path}&next_token=${token}`));
    rows.push(...(answer.data ?? []));
    const next = answer.meta['next_token'];
    if (typeof next !== 'string') return rows;
    token = next;
  }
}

describe('fake X: data', () => {
  it('answers in the recorded shapes', async () => {
    const kit = await sandboxKit();
    const plain = await ask(kit, SEARCH);
    expect(shapeOf(plain.body)).toEqual(
      shapeOf(recording('twitter/search_recent_10_sync.json').body),
    );
    expect(Value.Check(searchSchema, plain.body)).toBe(true);
    const named = await ask(kit, '/users/by/username/Twitter');
    expect(shapeOf(named.body)).toEqual(
      shapeOf(recording('twitter/user_by_username_twitter.json').body),
    );
    expect(Value.Check(userSchema, named.body)).toBe(true);
    kit.control.configure('twitter', { postsPerHour: 0, unknownUsers: ['nobody'] });
    const none = recording('twitter/search_all_empty.json').body;
    expect((await ask(kit, SEARCH)).body).toEqual(none);
    const missing = await ask(kit, '/users/by/username/Nobody');
    expect(missing.status).toBe(200);
    expect(shapeOf(missing.body)).toEqual(
      shapeOf(recording('twitter/user_tweets_200_errors_only.json').body),
    );
  });

  it('walks to the last page without losing or repeating a post, newest first', async () => {
    const kit = await sandboxKit();
    const small = await walk(kit, `${SEARCH}&max_results=23${FIELDS}`);
    const large = await walk(kit, `${SEARCH}&max_results=100${FIELDS}`);
    expect(small.length).toBeGreaterThan(1000);
    expect(small).toEqual(large);
    const ids = small.map(({ id }) => BigInt(id as string));
    expect(ids.every((id, at) => at === 0 || id < (ids[at - 1] ?? 0n))).toBe(true);
  });

  it('adds posts as time passes, after a delay, and leaves the old ones as they were', async () => {
    const kit = await sandboxKit();
    const before = await walk(kit, `${SEARCH}&max_results=100`);
    const since = before[0]?.['id'] as string;
    kit.clock.jump(HOUR_MS);
    const fresh = await walk(kit, `${SEARCH}&max_results=100&since_id=${since}${FIELDS}`);
    expect(fresh.length).toBeGreaterThan(50);
    const moments = fresh.map((row) => Date.parse(row['created_at'] as string));
    expect(Math.max(...moments)).toBeLessThanOrEqual(NOON + HOUR_MS - 10_000);
    const all = await walk(kit, `${SEARCH}&max_results=100`);
    expect(all.slice(fresh.length)).toEqual(before);
  });

  it('is the same for the same seed, another for another seed or query', async () => {
    const text = async (seed: number, query: string): Promise<string> =>
      (await ask(await sandboxKit({ seed }), `/tweets/search/recent?query=${query}`)).text;
    const first = await text(4, 'bitcoin');
    expect(await text(4, 'bitcoin')).toBe(first);
    expect(await text(5, 'bitcoin')).not.toBe(first);
    expect(await text(4, 'ether')).not.toBe(first);
  });

  it('forgets what is older than seven days, and takes no since_id from before', async () => {
    const kit = await sandboxKit();
    const [newest] = pageOf(await ask(kit, SEARCH)).data ?? [];
    const since = `${SEARCH}&since_id=${newest?.['id'] as string}`;
    kit.clock.jump(7 * DAY_MS - HOUR_MS);
    expect((await ask(kit, since)).status).toBe(200);
    kit.clock.jump(2 * HOUR_MS);
    const refused = await ask(kit, since);
    expect(refused.status).toBe(400);
    expect(refused.text).toContain('since_id');
  });
});

describe('fake X: refusals', () => {
  it('wants a token it knows, in the recorded words, without limit headers', async () => {
    const kit = await sandboxKit();
    const recorded = recording('twitter/search_all_401_unauthorized.json');
    for (const headers of [{ authorization: '' }, { authorization: 'Bearer nope' }]) {
      const answer = await ask(kit, SEARCH, headers);
      expect([answer.status, answer.body]).toEqual([401, recorded.body]);
      expect(answer.headers.get('x-rate-limit-limit')).toBeNull();
    }
    expect(violations(kit)).toBe(0);
  });

  it.each([
    '/tweets/search/recent',
    `${SEARCH}&max_results=9`,
    `${SEARCH}&max_results=101`,
    `${SEARCH}&since_id=x`,
    `${SEARCH}&next_token=x`,
    '/users/by/username/not-a-name',
  ])('objects to %s in the recorded shape, with limit headers', async (path) => {
    const kit = await sandboxKit();
    const answer = await ask(kit, path);
    expect(answer.status).toBe(400);
    const { errors, ...rest } = answer.body as { readonly errors: readonly Row[] };
    const recorded = recording('twitter/users_400_invalid_id.json').body as Record<string, Json>;
    expect({ ...rest, errors: [] }).toEqual({ ...recorded, errors: [] });
    expect(errors.map((each) => Object.keys(each).sort())).toEqual([['message', 'parameters']]);
    expect(answer.headers.get('x-rate-limit-limit')).not.toBeNull();
  });

  it('a token of one search does not open another', async () => {
    const kit = await sandboxKit();
    const token = pageOf(await ask(kit, SEARCH)).meta['next_token'] as string;
    expect((await ask(kit, `${SEARCH}&next_token=${token}`)).status).toBe(200);
    const other = `/tweets/search/recent?query=ether&next_token=${token}`;
    expect((await ask(kit, other)).status).toBe(400);
  });

  it('knows no other path', async () => {
    expect((await ask(await sandboxKit(), '/tweets/search/all?query=x')).status).toBe(404);
  });
});

describe('fake X: limits', () => {
  it('begins a window with its first request and says its end in epoch seconds', async () => {
    const kit = await sandboxKit({ at: NOON + 123_456 });
    kit.control.configure('twitter', { searchLimit: 2, signalGraceMs: 0 });
    const first = await ask(kit, SEARCH);
    const reset = Math.ceil((NOON + 123_456 + 15 * MINUTE_MS) / 1000);
    expect(first.headers.get('x-rate-limit-limit')).toBe('2');
    expect(first.headers.get('x-rate-limit-remaining')).toBe('1');
    expect(first.headers.get('x-rate-limit-reset')).toBe(String(reset));
    await kit.clock.advance(5 * MINUTE_MS);
    expect((await ask(kit, SEARCH)).headers.get('x-rate-limit-reset')).toBe(String(reset));
    const refused = await ask(kit, SEARCH);
    const recorded = recording('twitter/users_liked_429_text_plain.json');
    expect([refused.status, refused.text]).toEqual([429, recorded.body]);
    for (const name of ['content-type', 'x-rate-limit-remaining']) {
      expect(refused.headers.get(name)).toBe(recorded.headers[name]);
    }
    expect(refused.headers.get('retry-after')).toBeNull();
    // Another endpoint has its own window.
    const user = await ask(kit, '/users/by/username/x');
    expect([user.status, user.headers.get('x-rate-limit-remaining')]).toEqual([200, '299']);
    expect(violations(kit)).toBe(0);
    await kit.clock.advance(reset * 1000 - kit.clock.now() - 1);
    expect((await ask(kit, SEARCH)).status).toBe(200);
    expect(violations(kit)).toBe(1);
    await kit.clock.advance(1);
    expect((await ask(kit, SEARCH)).status).toBe(200);
    expect(violations(kit)).toBe(1);
  });

  it('a throttle that is only pretended says that nothing is left, else its reset means nothing', async () => {
    const kit = await sandboxKit();
    kit.control.setFaults('twitter', [{ kind: 'throttled' }]);
    const refused = await ask(kit, SEARCH);
    expect(refused.status).toBe(429);
    expect(refused.headers.get('x-rate-limit-remaining')).toBe('0');
    expect(Number(refused.headers.get('x-rate-limit-reset')) * 1000).toBe(NOON + 15 * MINUTE_MS);
  });

  it('counts posts read by the month, and at the cap says so in its title', async () => {
    const kit = await sandboxKit();
    kit.control.configure('twitter', { monthlyPosts: 25, signalGraceMs: 0 });
    await ask(kit, `${SEARCH}&max_results=9`);
    const statuses = [];
    for (let n = 0; n < 3; n += 1) statuses.push((await ask(kit, SEARCH)).status);
    expect(statuses).toEqual([200, 200, 200]);
    const refused = await ask(kit, SEARCH);
    const recorded = recording('twitter/doc_429_usage_cap_exceeded.json');
    expect([refused.status, refused.body]).toEqual([429, recorded.body]);
    expect((await ask(kit, '/users/by/username/x')).status).toBe(200);
    const usage = kit.control.snapshot().providers.twitter.usage['monthPosts'] as Row;
    expect(Object.values(usage)).toEqual([30]);
    kit.clock.jump(26 * DAY_MS);
    expect((await ask(kit, SEARCH)).status).toBe(429);
    expect(violations(kit)).toBe(1);
    kit.clock.jump(DAY_MS);
    expect((await ask(kit, SEARCH)).status).toBe(200);
  });
});

describe('the source against it', () => {
  const options: TwitterOptions = {
    queries: ['bitcoin', 'ether'],
    usernames: ['Solana'],
    maxResults: 20,
    historyPages: 3,
  };

  async function opened(): Promise<{ kit: Kit; around: World }> {
    const kit = await sandboxKit();
    const transport = undiciTransport({ clock: systemClock() });
    onTestFinished(() => transport.close());
    const around = world(transport, kit.upstreamUrl('twitter'), kit.clock.now());
    around.key = SANDBOX_TWITTER_KEY;
    return { kit, around };
  }
  const pass = (kit: Kit, around: World, ms: number): void => {
    kit.clock.jump(ms);
    around.now = kit.clock.now();
  };

  it('reads the past once, then only what is new, every post of it', async () => {
    const { kit, around } = await opened();
    const first = await collectOnce(twitter, options, around);
    expect(first.failure).toBeUndefined();
    expect(first.records.length).toBe(2 * 3 * 20 + 1);
    const idle = await collectOnce(twitter, options, around);
    expect(idle).toMatchObject({ pages: [], failure: undefined });
    pass(kit, around, HOUR_MS);
    const second = await collectOnce(twitter, options, around);
    const tweets = second.records.filter(({ kind }) => kind === 'tweet');
    const newest = first.records[0]?.data['tweet_id'] as string;
    const truth = await walk(kit, `${SEARCH}&max_results=100&since_id=${newest}`);
    expect(truth.length).toBeGreaterThan(60);
    const found = tweets.filter(({ series }) => series.startsWith('search/bitcoin'));
    expect(found.map(({ data }) => data['tweet_id'])).toEqual(truth.map(({ id }) => id));
    const ids = [...first.records, ...second.records].map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(violations(kit)).toBe(0);
  });

  it('goes on where a long sweep stopped, and misses nothing that came meanwhile', async () => {
    const { kit, around } = await opened();
    const one: TwitterOptions = { ...options, queries: ['bitcoin'], usernames: [], maxResults: 10 };
    const start = await collectOnce(twitter, one, around);
    const newest = start.records[0]?.data['tweet_id'] as string;
    pass(kit, around, 2 * HOUR_MS);
    const seen: string[] = [];
    const counts: number[] = [];
    for (let run = 0; run < 8; run += 1) {
      const { failure, pages, records } = await collectOnce(twitter, one, around);
      expect(failure).toBeUndefined();
      counts.push(pages.length);
      seen.push(...records.map(({ data }) => data['tweet_id'] as string));
      pass(kit, around, MINUTE_MS);
    }
    expect(counts[0]).toBe(PAGES_PER_RUN_MAX);
    const truth = await walk(kit, `${SEARCH}&max_results=100&since_id=${newest}`);
    const until = seen.reduce((most, id) => (BigInt(id) > BigInt(most) ? id : most), '1');
    const due = truth.map(({ id }) => id as string).filter((id) => BigInt(id) <= BigInt(until));
    expect(new Set(seen)).toEqual(new Set(due));
    expect(seen.length).toBe(due.length);
  });

  it.each([1, 2, 3, 4, 5])('a crash after page %i repeats at most that page', async (crashAt) => {
    const { kit, around } = await opened();
    const whole = await collectOnce(twitter, options, around);
    expect(whole.records.length).toBe(121);
    const crashed = world(around.transport, around.baseUrl, around.now);
    crashed.key = SANDBOX_TWITTER_KEY;
    const cut = await collectOnce(twitter, options, crashed, crashAt);
    const rest = await collectOnce(twitter, options, crashed);
    const ids = [...cut.records, ...rest.records].map(({ id }) => id);
    expect(new Set(ids)).toEqual(new Set(whole.records.map(({ id }) => id)));
    expect(ids.length - new Set(ids).size).toBeLessThanOrEqual(20);
    expect(violations(kit)).toBe(0);
  });

  it('after a week away reads a new beginning, and is not refused', async () => {
    const { kit, around } = await opened();
    const one: TwitterOptions = { ...options, queries: ['bitcoin'], usernames: [] };
    await collectOnce(twitter, one, around);
    pass(kit, around, 8 * DAY_MS);
    const run = await collectOnce(twitter, one, around);
    expect(run.failure).toBeUndefined();
    expect(run.pages.length).toBe(3);
    expect(around.asked.at(-1)?.url.searchParams.has('since_id')).toBe(false);
  });

  it('a user nobody is does not hold up the others', async () => {
    const { kit, around } = await opened();
    kit.control.configure('twitter', { unknownUsers: ['nobody'] });
    const users: TwitterOptions = { queries: [], usernames: ['nobody', 'solana'] };
    const run = await collectOnce(twitter, users, around);
    expect(run.failure).toMatchObject({ outcome: 'client', endpoint: 'users_by_username' });
    expect(run.records.map(({ series }) => series)).toEqual(['users/solana']);
  });

  it('is told of a full window and of a used-up month by class, and asks no more', async () => {
    const { kit, around } = await opened();
    kit.control.configure('twitter', { searchLimit: 2 });
    const run = await collectOnce(twitter, options, around);
    expect(run.failure).toMatchObject({ outcome: 'throttled' });
    expect(around.verdicts.at(-1)).toMatchObject({ retryAt: NOON + 15 * MINUTE_MS });
    expect(around.asked.length).toBe(3);
    pass(kit, around, 15 * MINUTE_MS);
    kit.control.configure('twitter', { searchLimit: 450, monthlyPosts: 50 });
    const next = await collectOnce(twitter, options, around);
    expect(next.failure).toMatchObject({ outcome: 'quota_exhausted' });
    expect(around.verdicts.at(-1)).toMatchObject({ retryAt: Date.UTC(2026, 1, 1) });
  });
});
