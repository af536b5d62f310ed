/** The fake Reddit against what was recorded, and the source `reddit` against the fake, over HTTP. */
import { Value } from '@sinclair/typebox/value';
import { describe, expect, it, onTestFinished } from 'vitest';
import { HOUR_MS, MINUTE_MS, SECOND_MS, systemClock } from '../../src/kernel/time.js';
import type { Json } from '../../src/kernel/types.js';
import { undiciTransport } from '../../src/sources/http.undici.js';
import { isLater, listingSchema } from '../../src/sources/reddit-rows.js';
import { reddit, type RedditOptions } from '../../src/sources/reddit.js';
import { SANDBOX_REDDIT_CLIENT } from '../../src/sources/sandbox/reddit-settings.js';
import {
  got,
  NOON,
  recording,
  sandboxKit,
  shapeOf,
  type Got,
  type Kit,
} from '../support/sandbox-kit.js';
import { collectOnce, world, type World } from '../support/sources-context.js';

const AGENT = 'test:headgate:1 (by a test)';
type Row = Readonly<Record<string, Json>>;
type Listing = {
  readonly after: string | null;
  readonly children: readonly { readonly data: Row }[];
};

const basic = (id: string, secret: string): string =>
  `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`;
const CREDENTIALS = basic(SANDBOX_REDDIT_CLIENT.id, SANDBOX_REDDIT_CLIENT.secret);

function askToken(
  kit: Kit,
  { authorization = CREDENTIALS, agent = AGENT, body = 'grant_type=client_credentials' } = {},
): Promise<Got> {
  return got(`${kit.upstreamUrl('reddit')}/api/v1/access_token`, {
    method: 'POST',
    headers: {
      authorization,
      'user-agent': agent,
      'content-type': 'application/x-www-form-urlencoded',
    },
    body,
  });
}

async function opened(options: { seed?: number; at?: number } = {}) {
  const kit = await sandboxKit(options);
  const token = ((await askToken(kit)).body as Row)['access_token'] as string;
  const headers = { authorization: `Bearer ${token}`, 'user-agent': AGENT };
  return { kit, ask: (path: string) => kit.get('reddit', path, headers), token };
}
const listingOf = (answer: Got): Listing => (answer.body as { readonly data: Listing }).data;
const names = ({ children }: Listing): readonly Json[] =>
  children.map(({ data }) => data['name'] ?? '');
const violations = (kit: Kit): number => kit.control.counters('reddit').violations;

async function walk(ask: (path: string) => Promise<Got>, path: string): Promise<Row[]> {
  const rows: Row[] = [];
  for (let after: string | null = ''; after !== null;) {
    const page = listingOf(await ask(after === '' ? path : `${path}&after=${after}`));
    rows.push(...page.children.map(({ data }) => data));
    after = page.after;
  }
  return rows;
}

describe('fake Reddit: data', () => {
  it('answers listings and posts in the recorded shape', async () => {
    const { ask } = await opened();
    const recorded = recording('reddit/r_popular_hot_100_2026.json').body as unknown as {
      readonly data: Listing;
    };
    for (const listing of ['new', 'hot', 'top']) {
      const answer = await ask(`/r/Bitcoin/${listing}?limit=5&raw_json=1`);
      expect(answer.status).toBe(200);
      expect(Value.Check(listingSchema, answer.body)).toBe(true);
      expect(Object.keys(listingOf(answer)).sort()).toEqual(Object.keys(recorded.data).sort());
      const real = recorded.data.children.map(({ data }) => data);
      for (const { data } of listingOf(answer).children) {
        for (const [name, value] of Object.entries(data)) {
          const shapes = real.map((row) => shapeOf(row[name]));
          expect(shapes).toContainEqual(shapeOf(value));
        }
      }
    }
  });

  it('gives at most a thousand posts, a hundred a page, newest first, none twice', async () => {
    const { ask } = await opened();
    const rows = await walk(ask, '/r/Bitcoin/new?limit=1024');
    const small = await walk(ask, '/r/Bitcoin/new?limit=90');
    expect(rows.length).toBe(1000);
    expect(small).toEqual(rows);
    const ids = rows.map(({ id }) => id as string);
    expect(ids.every((id, at) => at === 0 || isLater(ids[at - 1] ?? '', id))).toBe(true);
    expect(listingOf(await ask('/r/Bitcoin/new')).children.length).toBe(25);
  });

  it('adds posts and points as time passes, and changes nothing else', async () => {
    const { kit, ask } = await opened();
    const before = await walk(ask, '/r/Bitcoin/new?limit=100');
    kit.clock.jump(10 * MINUTE_MS);
    const after = await walk(ask, '/r/Bitcoin/new?limit=100');
    const fresh = after.findIndex(({ id }) => id === before[0]?.['id']);
    expect(fresh).toBeGreaterThan(5);
    const still = ({ score: _s, ups: _u, num_comments: _c, ...rest }: Row): Row => rest;
    expect(after.slice(fresh).map(still)).toEqual(before.slice(0, 1000 - fresh).map(still));
    const points = (rows: readonly Row[]): number =>
      rows.reduce((sum, { score }) => sum + Number(score), 0);
    expect(points(after.slice(fresh))).toBeGreaterThan(points(before.slice(0, 1000 - fresh)));
  });

  it('orders top by score within its span', async () => {
    const { ask } = await opened();
    const rows = listingOf(await ask('/r/Bitcoin/top?t=hour&limit=100')).children;
    const scores = rows.map(({ data }) => Number(data['score']));
    expect(scores).toEqual([...scores].sort((a, b) => b - a));
    const oldest = Math.min(...rows.map(({ data }) => Number(data['created_utc'])));
    expect(oldest).toBeGreaterThan((NOON - HOUR_MS) / 1000);
    expect((await ask('/r/Bitcoin/top?t=era')).status).toBe(400);
  });

  it('is the same for the same seed, another for another seed or subreddit', async () => {
    const list = async (seed: number, name: string) =>
      names(listingOf(await (await opened({ seed })).ask(`/r/${name}/new`)));
    const first = await list(4, 'Bitcoin');
    expect(await list(4, 'bitcoin')).toEqual(first);
    expect(await list(5, 'Bitcoin')).not.toEqual(first);
    expect(await list(4, 'ethereum')).not.toEqual(first);
  });

  it('gives a cached answer again, uncounted and without limit headers', async () => {
    const { kit, ask } = await opened();
    kit.control.configure('reddit', { cacheMs: 5000 });
    const first = await ask('/r/Bitcoin/new');
    kit.clock.jump(4999);
    const again = await ask('/r/Bitcoin/new');
    expect(again.text).toBe(first.text);
    expect(again.headers.get('x-ratelimit-used')).toBeNull();
    kit.clock.jump(1);
    expect((await ask('/r/Bitcoin/new')).headers.get('x-ratelimit-used')).toBe('2');
  });
});

describe('fake Reddit: tokens', () => {
  it('are given for credentials by POST, in the recorded shape, and end', async () => {
    const { kit, ask } = await opened();
    const granted = await askToken(kit);
    const recorded = recording('reddit/token_200_ratelimit_headers.json');
    expect(shapeOf(granted.body)).toEqual(shapeOf(recorded.body));
    for (const name of ['used', 'remaining']) {
      const header = `x-ratelimit-${name}`;
      expect(granted.headers.get(header)).toBe(recorded.headers[header]);
    }
    kit.clock.jump(3600 * SECOND_MS - 1);
    expect((await ask('/r/Bitcoin/new')).status).toBe(200);
    kit.clock.jump(1);
    const ended = await ask('/r/Bitcoin/new');
    const refused = recording('reddit/seq_401_then_retry_2.json');
    expect([ended.status, ended.body]).toEqual([401, refused.body]);
    expect(ended.headers.get('www-authenticate')).toBe(refused.headers['www-authenticate']);
    expect(violations(kit)).toBe(0);
  });

  it.each([
    [
      'an unknown client',
      { authorization: basic('nobody', 'x') },
      401,
      { message: 'Unauthorized', error: 401 },
    ],
    ['no credentials', { authorization: '' }, 401, { message: 'Unauthorized', error: 401 }],
    [
      'a wrong secret',
      { authorization: basic(SANDBOX_REDDIT_CLIENT.id, 'x') },
      200,
      { error: 'invalid_grant' },
    ],
    ['no grant type', { body: '' }, 400, { error: 400 }],
    ['another grant', { body: 'grant_type=password' }, 200, { error: 'unsupported_grant_type' }],
  ])('are refused to %s', async (_what, request, status, body) => {
    const answer = await askToken(await sandboxKit(), request);
    expect([answer.status, answer.body]).toEqual([status, body]);
  });

  it('are not given by GET, and open nothing when they are made up', async () => {
    const { kit } = await opened();
    const get = await kit.get('reddit', '/api/v1/access_token', {
      authorization: CREDENTIALS,
      'user-agent': AGENT,
    });
    expect(get.status).toBe(405);
    const headers = { authorization: 'Bearer -made-up', 'user-agent': AGENT };
    expect((await kit.get('reddit', '/r/Bitcoin/new', headers)).status).toBe(401);
  });
});

describe('fake Reddit: refusals', () => {
  it.each([
    ['quarantined', 403, { message: 'Forbidden', error: 403 }],
    ['private', 403, { reason: 'private', message: 'Forbidden', error: 403 }],
    ['gone', 404, { reason: 'banned', message: 'Not Found', error: 404 }],
    ['blocked', 451, undefined],
  ])('a subreddit that is %s is a %i', async (setting, status, body) => {
    const { kit, ask } = await opened();
    kit.control.configure('reddit', { [setting]: ['closed'] });
    const answer = await ask('/r/Closed/new');
    expect([answer.status, answer.body]).toEqual([status, body]);
    expect((await ask('/r/Bitcoin/new')).status).toBe(200);
  });

  it('r/random leads elsewhere, and other paths nowhere', async () => {
    const { ask } = await opened();
    const away = await ask('/r/random/new');
    const recorded = recording('reddit/oauth_302_random.json');
    expect([away.status, away.headers.get('location')]).toEqual([
      302,
      recorded.headers['location'],
    ]);
    expect((await ask('/r/not%20a%20name/new')).status).toBe(404);
    expect((await ask('/api/v1/me')).status).toBe(404);
  });

  it.each(['', 'python-requests/2.25.1', 'node', 'undici'])(
    'who calls itself %j is refused at once, in the recorded words',
    async (agent) => {
      const { kit, token } = await opened();
      const headers = { authorization: `Bearer ${token}`, 'user-agent': agent };
      const answer = await kit.get('reddit', '/r/Bitcoin/new', headers);
      const recorded = recording('reddit/oauth_429_html_retry_after.json');
      expect(answer.status).toBe(429);
      expect(answer.headers.get('retry-after')).toBe(recorded.headers['retry-after']);
      expect(answer.headers.get('content-type')).toBe(recorded.headers['content-type']);
      expect(answer.text).toContain('whoa there, pardner!');
      const tokenAnswer = await askToken(kit, { agent });
      const json = recording('reddit/token_429_json_no_retry_after.json');
      expect([tokenAnswer.status, tokenAnswer.body]).toEqual([429, json.body]);
      expect(tokenAnswer.headers.get('retry-after')).toBeNull();
    },
  );

  it('counts per window of the clock, says seconds left, and 429s beyond', async () => {
    const { kit, ask } = await opened({ at: NOON + 4 * MINUTE_MS + 500 });
    kit.control.configure('reddit', { requestLimit: 2, signalGraceMs: 0 });
    const told = (answer: Got): readonly (string | null)[] =>
      ['used', 'remaining', 'reset'].map((name) => answer.headers.get(`x-ratelimit-${name}`));
    expect(told(await ask('/r/Bitcoin/new'))).toEqual(['1', '1.0', '360']);
    expect(told(await ask('/r/Bitcoin/hot'))).toEqual(['2', '0.0', '360']);
    const refused = await ask('/r/Bitcoin/new');
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '360']);
    expect(told(refused)).toEqual([null, null, null]);
    expect((await askToken(kit)).status).toBe(200);
    expect(violations(kit)).toBe(0);
    await kit.clock.advance(5 * MINUTE_MS);
    expect((await ask('/r/Bitcoin/new')).status).toBe(429);
    expect(violations(kit)).toBe(1);
    await kit.clock.advance(MINUTE_MS);
    expect((await ask('/r/Bitcoin/new')).status).toBe(200);
    expect(violations(kit)).toBe(1);
  });

  it('has another window for tokens', async () => {
    const { kit, ask } = await opened();
    kit.control.configure('reddit', { tokenLimit: 1 });
    const refused = await askToken(kit);
    const recorded = recording('reddit/token_429_json_no_retry_after.json');
    expect([refused.status, refused.body]).toEqual([429, recorded.body]);
    expect((await ask('/r/Bitcoin/new')).status).toBe(200);
  });
});

describe('the source against it', () => {
  const options: RedditOptions = { subreddits: ['Bitcoin', 'ethereum'], listings: ['new'] };

  async function around(): Promise<{ kit: Kit; here: World }> {
    const kit = await sandboxKit();
    // One word for both: a World has one key for all variables.
    kit.control.configure('reddit', { keys: ['both:both'] });
    const transport = undiciTransport({ clock: systemClock() });
    onTestFinished(() => transport.close());
    const here = world(transport, kit.upstreamUrl('reddit'), kit.clock.now());
    here.key = 'both';
    return { kit, here };
  }
  const pass = (kit: Kit, here: World, ms: number): void => {
    kit.clock.jump(ms);
    here.now = kit.clock.now();
  };
  const counted = (kit: Kit, endpoint: string): number =>
    kit.control.requests().filter((each) => each.endpoint === endpoint).length;

  it('gets one token, reads the past, then only what is new, every post of it', async () => {
    const { kit, here } = await around();
    const first = await collectOnce(reddit, options, here);
    expect(first.failure).toBeUndefined();
    expect(first.records.length).toBe(2 * 2 * 100);
    expect((await collectOnce(reddit, options, here)).pages).toEqual([]);
    pass(kit, here, HOUR_MS / 2);
    const second = await collectOnce(reddit, options, here);
    expect(second.failure).toBeUndefined();
    const ids = [...first.records, ...second.records].map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    const moments = second.records.map(({ at }) => at);
    expect(Math.min(...moments)).toBeGreaterThan(NOON);
    // As many as a walk of our own finds.
    const headers = { authorization: `Bearer ${here.token ?? ''}`, 'user-agent': AGENT };
    const ask = (path: string): Promise<Got> => kit.get('reddit', path, headers);
    for (const name of ['bitcoin', 'ethereum']) {
      const truth = (await walk(ask, `/r/${name}/new?limit=100`))
        .filter((row) => Number(row['created_utc']) * 1000 > NOON)
        .map((row) => row['name']);
      const found = second.records.filter(({ series }) => series === `r/${name}/new`);
      expect(truth.length).toBeGreaterThan(30);
      expect(found.map(({ data }) => data['post_id'])).toEqual(truth);
    }
    expect(counted(kit, 'token')).toBe(1);
    expect(violations(kit)).toBe(0);
  });

  it('gets a new token when the old one ended', async () => {
    const { kit, here } = await around();
    await collectOnce(reddit, options, here);
    pass(kit, here, 2 * HOUR_MS);
    const run = await collectOnce(reddit, options, here);
    expect(run.failure).toBeUndefined();
    expect(run.records.length).toBeGreaterThan(200);
    expect(counted(kit, 'token')).toBe(2);
  });

  it.each([1, 2, 3, 4])('a crash after page %i repeats at most that page', async (crashAt) => {
    const { kit, here } = await around();
    const whole = await collectOnce(reddit, options, here);
    expect(whole.records.length).toBe(400);
    const crashed = world(here.transport, here.baseUrl, here.now);
    crashed.key = 'both';
    const cut = await collectOnce(reddit, options, crashed, crashAt);
    const rest = await collectOnce(reddit, options, crashed);
    const ids = [...cut.records, ...rest.records].map(({ id }) => id);
    expect(new Set(ids)).toEqual(new Set(whole.records.map(({ id }) => id)));
    expect(ids.length - new Set(ids).size).toBeLessThanOrEqual(100);
    expect(violations(kit)).toBe(0);
  });

  it('follows the scores of what is hot and top', async () => {
    const { kit, here } = await around();
    const ranked: RedditOptions = { ...options, listings: ['hot', 'top'], rankedPosts: 10 };
    const first = await collectOnce(reddit, ranked, here);
    expect(first.failure).toBeUndefined();
    expect(first.records.length).toBe(2 * 2 * 10);
    expect((await collectOnce(reddit, ranked, here)).records).toEqual([]);
    pass(kit, here, 10 * MINUTE_MS);
    const second = await collectOnce(reddit, ranked, here);
    expect(second.records.length).toBeGreaterThan(10);
    const ids = [...first.records, ...second.records].map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(new Set(second.records.map(({ at }) => at))).toEqual(new Set([here.now]));
  });

  it('says so when more was posted than a listing holds', async () => {
    const { kit, here } = await around();
    const one: RedditOptions = { ...options, subreddits: ['Bitcoin'] };
    await collectOnce(reddit, one, here);
    pass(kit, here, 12 * HOUR_MS);
    const run = await collectOnce(reddit, one, here);
    expect(run.failure).toBeUndefined();
    expect(run.records.length).toBe(1000);
    expect(here.warnings).toEqual(['r/bitcoin has more new posts than can be read']);
  });

  it('a closed subreddit does not stop the others; wrong credentials stop all at once', async () => {
    const { kit, here } = await around();
    kit.control.configure('reddit', { quarantined: ['bitcoin'] });
    const run = await collectOnce(reddit, options, here);
    expect(run.failure).toMatchObject({ outcome: 'client', status: 403 });
    expect(new Set(run.records.map(({ series }) => series))).toEqual(new Set(['r/ethereum/new']));
    kit.control.configure('reddit', { keys: ['both:another'] });
    here.token = undefined;
    const before = kit.control.requests().length;
    const refused = await collectOnce(reddit, options, here);
    expect(refused.failure).toMatchObject({ outcome: 'auth', endpoint: 'access_token' });
    expect(kit.control.requests().length).toBe(before + 1);
  });
});
