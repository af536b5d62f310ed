/** Searches in sweeps, users by change, what refusals mean, and bodies that cannot be. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DAY_MS, HOUR_MS } from '../../src/kernel/time.js';
import type { Json } from '../../src/kernel/types.js';
import { fitsSchema } from '../../src/sources/exchange.port.js';
import { OUTCOMES } from '../../src/sources/port.js';
import { twitterProfile } from '../../src/sources/profiles/twitter.js';
import { isAbove, momentOfId } from '../../src/sources/twitter-rows.js';
import {
  PAGES_PER_RUN_MAX,
  searchSeries,
  SWEEP_PAGES_MAX,
} from '../../src/sources/twitter-search.js';
import { HISTORY_PAGES, twitter, type TwitterOptions } from '../../src/sources/twitter.js';
import { answeredWith, runAgainst, spoiled } from '../support/sources-replay.js';
import { collectFrom, failing, type Asked, type Script } from '../support/sources-script.js';
import { recording } from '../support/sources-server.js';

const now = Date.UTC(2026, 0, 15, 12);
const SERIES = searchSeries('bitcoin');
const one: TwitterOptions = { queries: ['bitcoin'], usernames: [], maxResults: 10 };

/** The id a post of that second before `now` has. */
const idAt = (secondsAgo: number): string =>
  String((BigInt(now - secondsAgo * 1000) - 1_288_834_974_657n) << 22n);
const post = (secondsAgo: number): Json => ({
  id: idAt(secondsAgo),
  text: `a post of ${String(secondsAgo)} s ago`,
  created_at: new Date(now - secondsAgo * 1000).toISOString(),
});

/** Posts of so many seconds ago, newest first, in pages of `size`; a page's token is where it begins. */
function found(ages: () => readonly number[], size = 2): Script {
  return ({ query }: Asked) => {
    const since = query['since_id'];
    const all = ages().filter((age) => since === undefined || isAbove(idAt(age), String(since)));
    const start = Number(query['next_token'] ?? 0);
    const page = all.slice(start, start + size);
    if (page.length === 0) return { meta: { result_count: 0 } };
    const next = start + size < all.length ? { next_token: String(start + size) } : {};
    return { data: page.map(post), meta: { result_count: page.length, ...next } };
  };
}
const ages = (from: number, to: number): readonly number[] =>
  Array.from({ length: to - from + 1 }, (_, n) => from + n);
const idsOf = (records: readonly { readonly id: string }[]): readonly string[] =>
  records.map(({ id }) => id);

describe('a search', () => {
  it('T1: asks only for what is newer than the newest it has', async () => {
    const cursors = new Map<string, Json>();
    const around = { now, cursors };
    const script = found(() => ages(10, 13));
    const first = await collectFrom(twitter, one, script, around);
    expect(first.records.length).toBe(4);
    expect(cursors.get(SERIES)).toEqual({ since_id: idAt(10) });
    const idle = await collectFrom(twitter, one, script, around);
    expect(idle).toMatchObject({ pages: [], failure: undefined });
    expect(idle.asked.map(({ query }) => query['since_id'])).toEqual([idAt(10)]);
    const next = await collectFrom(
      twitter,
      one,
      found(() => ages(7, 13)),
      around,
    );
    expect(idsOf(next.records)).toEqual([7, 8, 9].map((age) => `tweet:${idAt(age)}`));
  });

  it('T1: leaves out what the upstream gives below since_id, and stops there', async () => {
    const cursors = new Map<string, Json>([[SERIES, { since_id: idAt(12) }]]);
    const careless: Script = (asked) =>
      found(() => ages(10, 30))({ ...asked, query: { next_token: asked.query['next_token'] } });
    const run = await collectFrom(twitter, one, careless, { now, cursors });
    expect(idsOf(run.records)).toEqual([10, 11].map((age) => `tweet:${idAt(age)}`));
    expect(run.asked.length).toBe(2);
    expect(cursors.get(SERIES)).toEqual({ since_id: idAt(10) });
  });

  it('T2: takes several runs when there is much, and loses none that came meanwhile', async () => {
    const cursors = new Map<string, Json>([[SERIES, { since_id: idAt(1000) }]]);
    let from = 900;
    const script = found(() => ages(from, 999));
    const around = { now, cursors };
    const start = await collectFrom(twitter, one, script, around);
    expect(start.asked.length).toBe(PAGES_PER_RUN_MAX);
    expect(start.asked.every(({ query }) => query['since_id'] === idAt(1000))).toBe(true);
    const ids = [...idsOf(start.records)];
    for (let run = 0; run < 5; run += 1) {
      ids.push(...idsOf((await collectFrom(twitter, one, script, around)).records));
    }
    expect(cursors.get(SERIES)).toEqual({ since_id: idAt(900) });
    from = 850;
    for (let run = 0; run < 3; run += 1) {
      ids.push(...idsOf((await collectFrom(twitter, one, script, around)).records));
    }
    expect(ids.length).toBe(150);
    expect(new Set(ids).size).toBe(150);
    expect(cursors.get(SERIES)).toEqual({ since_id: idAt(850) });
  });

  it('T3: that is new reads little of the past, at low priority after the first page', async () => {
    const run = await collectFrom(
      twitter,
      one,
      found(() => ages(1, 100)),
      { now },
    );
    expect(run.asked.map(({ priority }) => priority)).toEqual([undefined, 'backfill']);
    expect(HISTORY_PAGES).toBe(2);
    expect(run.cursors.get(SERIES)).toEqual({ since_id: idAt(1) });
  });

  it.each([
    [7 * DAY_MS - 2 * HOUR_MS, true],
    [7 * DAY_MS, false],
    [30 * DAY_MS, false],
  ])('T3: after %i ms without a post its since_id is used: %s', async (away, isUsed) => {
    const since = idAt(away / 1000);
    const cursors = new Map<string, Json>([[SERIES, { since_id: since }]]);
    const run = await collectFrom(
      twitter,
      one,
      found(() => []),
      { now, cursors },
    );
    expect(run.asked.map(({ query }) => query['since_id'])).toEqual([isUsed ? since : undefined]);
    expect(cursors.get(SERIES)).toEqual({ since_id: since });
  });

  it('T4: ends as bad data when a paging token comes back', async () => {
    for (const next of [() => 'again', (used: Json) => (used === 'a' ? 'b' : 'a')]) {
      const loop: Script = ({ query }) => ({
        data: [post(5)],
        meta: { result_count: 1, next_token: next(query['next_token'] ?? null) },
      });
      const run = await collectFrom(twitter, { ...one, historyPages: 50 }, loop, { now });
      expect(run.failure?.outcome).toBe('bad_data');
      expect(run.asked.length).toBeLessThanOrEqual(3);
    }
  });

  it('T4: that never ends is ended, and its newest post kept', async () => {
    const sweep = { token: 'x', newest: idAt(5), pages: SWEEP_PAGES_MAX - 1 };
    const cursors = new Map<string, Json>([[SERIES, { since_id: idAt(9000), sweep }]]);
    const endless: Script = () => ({
      data: [post(8)],
      meta: { result_count: 1, next_token: 'y' },
    });
    const run = await collectFrom(twitter, one, endless, { now, cursors });
    expect(run.asked.length).toBe(1);
    expect(cursors.get(SERIES)).toEqual({ since_id: idAt(5) });
  });

  it('begins a sweep anew when its old token is no longer known', async () => {
    const sweep = { token: 'old', newest: idAt(5), pages: 3 };
    const cursors = new Map<string, Json>([[SERIES, { since_id: idAt(100), sweep }]]);
    const script: Script = (asked) =>
      asked.query['next_token'] === 'old' ? failing('client') : found(() => ages(5, 9))(asked);
    const run = await collectFrom(twitter, one, script, { now, cursors });
    expect(run.failure?.outcome).toBe('client');
    expect(cursors.get(SERIES)).toEqual({ since_id: idAt(100) });
    const next = await collectFrom(twitter, one, script, { now, cursors });
    expect(next.records.length).toBe(5);
  });

  it.each(['x', 3, { since_id: -1 }, { since_id: '0' }, { sweep: {} }] as Json[])(
    'begins anew when its cursor is %j',
    async (cursor) => {
      const cursors = new Map<string, Json>([[SERIES, cursor]]);
      const run = await collectFrom(
        twitter,
        one,
        found(() => ages(1, 3)),
        { now, cursors },
      );
      expect(run.failure).toBeUndefined();
      expect(run.records.length).toBe(3);
    },
  );

  it('that the upstream does not understand does not hold up the others; a quota does', async () => {
    const two = { ...one, queries: ['(', 'bitcoin', 'bitcoin '] };
    const script: Script = (asked) =>
      asked.query['query'] === '(' ? failing('client') : found(() => ages(1, 2))(asked);
    const run = await collectFrom(twitter, two, script, { now });
    expect(run.failure?.outcome).toBe('client');
    expect(run.records.length).toBe(2);
    expect(run.asked.length).toBe(2);
    const quota = await collectFrom(twitter, two, () => failing('quota_exhausted'), { now });
    expect(quota.asked.length).toBe(1);
  });

  it('has a series of its own, however alike two queries are', () => {
    expect(searchSeries('from:a -is:retweet')).toMatch(/^search\/from-a-is-retweet~[0-9a-f]{8}$/);
    expect(searchSeries('#bitcoin')).not.toBe(searchSeries('$bitcoin'));
    expect(searchSeries('比特币 🚀'.repeat(100)).length).toBeLessThan(60);
  });
});

describe('ids', () => {
  it('are ordered as the numbers they are, and tell their moment', () => {
    const id = fc.bigInt({ min: 1n, max: 10n ** 18n });
    fc.assert(fc.property(id, id, (a, b) => isAbove(String(a), String(b)) === a > b));
    expect(momentOfId('1400942130898554891')).toBe(Date.UTC(2021, 5, 4, 22, 26, 46, 909));
    expect(momentOfId('20')).toBeUndefined();
  });
});

describe('a user', () => {
  const watched: TwitterOptions = { queries: [], usernames: ['Solana', 'solana'] };
  const answer =
    (followers: number, username = 'solana'): Script =>
    () => ({
      data: { id: '5', name: 'S', username, public_metrics: { followers_count: followers } },
    });

  it('is one record per change, also when an old state returns', async () => {
    const cursors = new Map<string, Json>();
    const ids: string[] = [];
    for (const followers of [1, 1, 2, 1, 1]) {
      const run = await collectFrom(twitter, watched, answer(followers), { now, cursors });
      expect(run.asked.length).toBe(1);
      ids.push(...idsOf(run.records));
    }
    expect(ids.length).toBe(3);
    expect(new Set(ids).size).toBe(3);
  });

  it('has the same id when a crash repeats the run', async () => {
    const cut = await collectFrom(twitter, watched, answer(1), { now, pagesMax: 1 });
    const again = await collectFrom(twitter, watched, answer(1), { now: now + 5000 });
    expect(idsOf(again.records)).toEqual(idsOf(cut.records));
  });

  it('that is somebody else is bad data', async () => {
    const run = await collectFrom(twitter, watched, answer(1, 'another'), { now });
    expect(run).toMatchObject({ records: [], failure: { outcome: 'bad_data' } });
  });
});

describe('a refusal', () => {
  const judge = (status: number, body: Json | undefined, headers = {}) =>
    twitterProfile.judge(answeredWith('', status, headers), body, now, 'search_recent');
  const cap = recording('twitter', 'doc_429_usage_cap_exceeded').response.body as {
    readonly title: string;
  };
  const reset = String(now / 1000 + 300);

  it.each([402, 403, 429])('titled UsageCapExceeded is the month, with a %i', (status) => {
    const headers = { 'x-rate-limit-remaining': '0', 'x-rate-limit-reset': reset };
    expect(judge(status, cap, headers)).toMatchObject({
      outcome: 'quota_exhausted',
      bucket: 'posts',
      retryAt: Date.UTC(2026, 1, 1),
      units: { posts: 0 },
    });
    const { title: _title, ...untitled } = cap;
    expect(judge(status, untitled).outcome).toBe('quota_exhausted');
  });

  it('by a daily period ends with the day; any 402 is quota; a 403 without the title is not', () => {
    expect(judge(429, { ...cap, period: 'Daily' }).retryAt).toBe(Date.UTC(2026, 0, 16));
    expect(judge(402, { title: 'CreditsDepleted' }).outcome).toBe('quota_exhausted');
    expect(judge(402, undefined).outcome).toBe('quota_exhausted');
    expect(judge(403, { title: 'Client Forbidden' }).outcome).toBe('auth');
    expect(judge(500, cap).outcome).toBe('server');
  });

  it.each([
    [{ 'x-rate-limit-remaining': '0', 'x-rate-limit-reset': reset }, now + 300_000],
    [{ 'x-rate-limit-reset': reset }, now + 300_000],
    // Some of the window is left: another limit refused, whose end nobody names.
    [{ 'x-rate-limit-remaining': '400', 'x-rate-limit-reset': reset }, undefined],
    [{ 'retry-after': '7', 'x-rate-limit-reset': reset }, now + 7000],
    [{}, undefined],
    [{ 'x-rate-limit-reset': '60' }, undefined],
  ])('429 with %j waits until %s', (headers, until) => {
    const verdict = judge(429, undefined, headers);
    expect(verdict.outcome).toBe('throttled');
    expect(verdict.retryAt).toBe(until);
  });

  it('has its window among the observations of its own endpoint only', () => {
    const headers = { 'x-rate-limit-remaining': '3', 'x-rate-limit-reset': reset };
    const of = (endpoint: string) =>
      twitterProfile.judge(answeredWith('{}', 200, headers), {}, now, endpoint).observations;
    expect(of('search_recent')).toMatchObject([{ bucket: 'search_recent', remaining: 3 }]);
    expect(of('users_by_username')).toMatchObject([{ bucket: 'users_by_username' }]);
    expect(of('another')).toEqual([]);
  });

  it('as a 200 with errors alone is ours when all are about the question, else no answer', () => {
    const error = (type: string): Json => ({ type: `https://api.twitter.com/2/problems/${type}` });
    const of = (...types: readonly string[]) => judge(200, { errors: types.map(error) });
    expect(of('resource-not-found').outcome).toBe('client');
    expect(of('not-authorized-for-resource', 'resource-not-found').outcome).toBe('client');
    expect(of('resource-not-found', 'operational-disconnect').outcome).toBe('bad_data');
    expect(judge(200, { errors: ['x', null, 3] }).outcome).toBe('bad_data');
    expect(judge(200, { errors: [] }).outcome).toBe('ok');
    expect(judge(200, { errors: 'x' }).outcome).toBe('ok');
  });
});

describe('bodies', () => {
  const { body: search } = recording('twitter', 'search_all_from_kfc_4_fewer_fields').response;
  const { body: partial } = recording('twitter', 'users_by_200_partial_errors').response;
  const { body: problem } = recording('twitter', 'doc_429_usage_cap_exceeded').response;
  const status = fc.constantFrom(200, 200, 200, 202, 400, 401, 402, 403, 404, 429, 500, 503);
  const headers = fc.dictionary(
    fc.constantFrom('x-rate-limit-limit', 'x-rate-limit-remaining', 'x-rate-limit-reset', 'date'),
    fc.oneof(fc.string(), fc.integer().map(String)),
  );
  const both: TwitterOptions = { queries: ['x'], usernames: ['Twitter'], historyPages: 3 };

  it.each([
    ['a search', search],
    ['a user', recording('twitter', 'user_by_username_twitter').response.body],
    ['errors beside data', partial],
    ['a problem', problem],
  ])('of %s, spoiled in any way, are a class and never a wrong record', async (_what, body) => {
    await fc.assert(
      fc.asyncProperty(spoiled(body), status, headers, async (bytes, code, told) => {
        const run = await runAgainst(twitter, both, answeredWith(bytes, code, told), now);
        for (const { outcome, message } of run.around.verdicts) {
          expect(OUTCOMES).toContain(outcome);
          expect(message).toMatch(/^[^\n]{1,250}$/);
        }
        if (code >= 300) expect(run).toMatchObject({ records: [], failure: {} });
        for (const { id, at, kind, data } of run.records) {
          expect(Number.isSafeInteger(at)).toBe(true);
          const own = kind === 'tweet' ? data['tweet_id'] : data['user_id'];
          expect(own).toMatch(/^[1-9]\d{0,18}$/);
          expect(id).toContain(own);
          if (kind === 'tweet') expect(typeof data['text']).toBe('string');
          else expect(data['username']).toMatch(/^twitter$/i);
          for (const name of ['likes', 'reposts', 'followers']) {
            expect(Number.isSafeInteger(data[name] ?? 0) && Number(data[name] ?? 0) >= 0).toBe(
              true,
            );
          }
        }
      }),
      { numRuns: 150 },
    );
  });

  it('with a moment no calendar has, or results that are counted and not there, are bad data', async () => {
    const bad: Json[] = [
      {
        data: [{ id: idAt(1), text: 'x', created_at: '2026-04-31T00:00:00.000Z' }],
        meta: { result_count: 1 },
      },
      { data: [{ id: '20', text: 'just setting up' }], meta: { result_count: 1 } },
      { meta: { result_count: 10, next_token: 'x' } },
    ];
    for (const body of bad) {
      const run = await collectFrom(twitter, one, () => body, { now });
      expect(run).toMatchObject({ records: [], failure: { outcome: 'bad_data' } });
    }
  });
});

describe('options', () => {
  const accepts = (options: Json): boolean => fitsSchema(twitter.options, options).ok;

  it('are checked', () => {
    expect(accepts(twitter.defaults)).toBe(true);
    expect(accepts({ ...twitter.defaults, maxResults: 100, historyPages: 1 })).toBe(true);
    for (const query of ['', '  ', 'x'.repeat(513)]) {
      expect(accepts({ ...twitter.defaults, queries: [query] })).toBe(false);
    }
    for (const name of ['', '@x', 'a-b', '../x', 'x'.repeat(16)]) {
      expect(accepts({ ...twitter.defaults, usernames: [name] })).toBe(false);
    }
    expect(accepts({ ...twitter.defaults, maxResults: 9 })).toBe(false);
  });
});
