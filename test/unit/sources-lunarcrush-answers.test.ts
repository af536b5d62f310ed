/** How LunarCrush's answers are read: ruined bodies are never a wrong record, each refusal has its class. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HOUR_MS, MINUTE_MS } from '../../src/kernel/time.js';
import type { Json } from '../../src/kernel/types.js';
import { lunarcrush, type LunarcrushOptions } from '../../src/sources/lunarcrush.js';
import { OUTCOMES, type Exchange } from '../../src/sources/port.js';
import { lunarcrushProfile, UNTOLD_BAN_MS } from '../../src/sources/profiles/lunarcrush.js';
import { judged, mangled } from '../support/sources-mangle.js';
import { collectFrom } from '../support/sources-script.js';
import { recording } from '../support/sources-server.js';

const now = Date.UTC(2026, 0, 15, 12, 30);
const hour = Date.UTC(2026, 0, 15, 12);
const only = (endpoint: LunarcrushOptions['endpoints'][number]): LunarcrushOptions => ({
  symbols: ['BTC'],
  endpoints: [endpoint],
  bucket: 'hour',
});
type Row = Readonly<Record<string, Json>>;

describe('a ruined body', () => {
  const check = async (
    body: Json,
    options: LunarcrushOptions,
    around: { readonly now: number; readonly cursors: () => Map<string, Json> },
  ): Promise<void> => {
    const [endpoint = ''] = options.endpoints;
    const run = (answer: Json) =>
      collectFrom(lunarcrush, options, () => answer, {
        now: around.now,
        cursors: around.cursors(),
      });
    const whole = new Map((await run(body)).records.map((record) => [record.id, record]));
    expect(whole.size).toBeGreaterThan(0);
    await fc.assert(
      fc.asyncProperty(mangled(body), async (bytes) => {
        const { verdict, body: answer } = judged(lunarcrushProfile, bytes, endpoint, around.now);
        expect(OUTCOMES).toContain(verdict.outcome);
        if (answer === undefined) {
          expect(verdict.outcome).toBe('bad_data');
          return;
        }
        const { records, failure } = await run(answer);
        expect([undefined, 'bad_data']).toContain(failure?.outcome);
        // A post that lost its id is known by what it says.
        for (const { id, data } of records) {
          const { post_id: _id, type: _type, influencer: _who, ...rest } = data;
          const same = whole.get(id)?.data ?? [...whole.values()].map((one) => one.data);
          const found = (Array.isArray(same) ? same : [same]).some((one) => isPart(rest, one));
          expect(found).toBe(true);
        }
      }),
      { numRuns: 300 },
    );
  };
  const isPart = (part: Row, whole: Row): boolean =>
    Object.entries(part).every(([name, value]) => whole[name] === value);

  it.each(['v2_assets_DOGE_5d', 'v2_assets_DOGE_no_series'])(
    'of %s is a class and never a wrong record',
    async (name) => {
      await check(
        recording('lunarcrush', name).response.body,
        { symbols: ['DOGE'], endpoints: ['assets'], bucket: 'day' },
        {
          now: 1_644_624_000_000 + HOUR_MS,
          cursors: () => new Map([['assets/DOGE/day', { next: 1_644_278_400_000 }]]),
        },
      );
    },
  );

  it('of posts and of influencers is a class and never a wrong record', async () => {
    const rows = ['a', 'b', 'c'].map((id, n) => ({
      id,
      type: 'news',
      symbol: 'BTC',
      time: hour / 1000 - 60 * n,
      title: `title ${id}`,
      body: null,
      url: `https://example.com/${id}`,
      sentiment: n,
    }));
    const around = { now, cursors: () => new Map<string, Json>() };
    await check({ config: { data: 'feeds' }, data: rows }, only('feeds'), around);
    const people = ['x', 'y'].map((name, n) => ({
      identifier: n,
      twitter_screen_name: name,
      followers: n,
      engagement: 5,
    }));
    await check({ data: people }, only('influencers'), around);
  });

  it('of enormous length is bad data', async () => {
    const series = Array.from({ length: 2000 }, (_, n) => ({ time: n * 3600 }));
    const rows = { data: [{ symbol: 'BTC', timeSeries: series }] };
    const run = await collectFrom(lunarcrush, only('assets'), () => rows, { now });
    expect(run).toMatchObject({ pages: [], failure: { outcome: 'bad_data' } });
    const crowd = { data: Array.from({ length: 2001 }, () => ({ id: 'a', time: 1 })) };
    for (const endpoint of ['feeds', 'influencers'] as const) {
      const many = await collectFrom(lunarcrush, only(endpoint), () => crowd, { now });
      expect(many).toMatchObject({ pages: [], failure: { outcome: 'bad_data' } });
    }
  });
});

describe('the profile', () => {
  const answer = (status: number, headers = {}, body = ''): Exchange => ({
    kind: 'answered',
    status,
    headers,
    body: Buffer.from(body),
    durationMs: 1,
  });
  const judge = (status: number, body: Json, headers = {}) =>
    lunarcrushProfile.judge(answer(status, headers, JSON.stringify(body)), body, now, 'assets');
  const minuteEnd = now + MINUTE_MS;
  const dayEnd = Date.UTC(2026, 0, 16);
  const told = (minuteLeft: number, dayLeft: number) => ({
    date: new Date(now).toUTCString(),
    'x-rate-limit-minute': '10',
    'x-rate-limit-minute-remaining': String(minuteLeft),
    'x-rate-limit-minute-reset': String(minuteEnd / 1000),
    'x-rate-limit-day': '2000',
    'x-rate-limit-day-remaining': String(dayLeft),
    'x-rate-limit-day-reset': String(dayEnd / 1000),
  });

  it('reads resets as epoch seconds; nothing left with 200 is the last allowed call', () => {
    expect(judge(200, {}, told(0, 1907))).toMatchObject({
      outcome: 'ok',
      malformedHeaders: 0,
      observations: [
        { bucket: 'minute', limit: 10, remaining: 0, resetAt: minuteEnd },
        { bucket: 'day', limit: 2000, remaining: 1907, resetAt: dayEnd },
      ],
    });
  });

  it('reads the headers as they were recorded, without a reset of the day', () => {
    const { 'x-rate-limit-day-reset': _reset, date: _date, ...recorded } = told(0, 1907);
    expect(judge(200, {}, recorded).observations[1]).toEqual({
      bucket: 'day',
      limit: 2000,
      remaining: 1907,
    });
  });

  it('does not mind an upstream whose clock is off', () => {
    const skew = 3 * HOUR_MS;
    const headers = {
      date: new Date(now + skew).toUTCString(),
      'x-rate-limit-minute-remaining': '0',
      'x-rate-limit-minute-reset': String((minuteEnd + skew) / 1000),
    };
    expect(judge(200, {}, headers).observations[0]?.resetAt).toBe(minuteEnd);
  });

  it.each<[number, Json, object, string, number | undefined]>([
    [429, { error: 'Rate limit exceeded (daily)' }, {}, 'quota_exhausted', dayEnd],
    [200, { error: 'Rate limit exceeded (daily)' }, {}, 'quota_exhausted', dayEnd],
    [429, { error: 'Rate limit exceeded' }, told(0, 5), 'throttled', minuteEnd],
    [429, { error: 'Rate limit exceeded' }, { 'retry-after': '7' }, 'throttled', now + 7000],
    [200, { error: 'Rate limit exceeded' }, {}, 'throttled', undefined],
    [429, 'Too many', told(0, 0), 'quota_exhausted', dayEnd],
    [429, 'Too many', told(0, 3), 'throttled', minuteEnd],
    [401, { error: 'Unauthorized' }, {}, 'auth', undefined],
    [403, '<html>Error 1015</html>', {}, 'banned', now + UNTOLD_BAN_MS],
    [402, { error: 'Please upgrade your plan' }, {}, 'client', undefined],
    [404, { error: 'Not found' }, {}, 'client', undefined],
    [500, { error: 'Rate limit exceeded' }, {}, 'server', undefined],
  ])('means by %i %j %j: %s', (status, body, headers, outcome, retryAt) => {
    const verdict = judge(status, body, headers);
    expect([verdict.outcome, verdict.retryAt]).toEqual([outcome, retryAt]);
    if (outcome === 'quota_exhausted') expect(verdict.bucket).toBe('day');
  });

  it('sends its key as a Bearer token', () => {
    const { authorization } = lunarcrushProfile.headers({ LUNARCRUSH_API_KEY: 'k' });
    expect(authorization).toBe('Bearer k');
    expect(lunarcrushProfile.headers({})).not.toHaveProperty('authorization');
    expect(Object.hasOwn(lunarcrushProfile, 'query')).toBe(false);
  });
});
