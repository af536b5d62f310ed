/** Standard limit headers: which bucket they tell of, in which unit, and what of them is no header at all. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DAY_MS, MINUTE_MS, SECOND_MS } from '../../src/kernel/time.js';
import { headerReader, UPSTREAM_WAIT_MAX_MS, type ResetUnit } from '../../src/sources/headers.js';
import type { Exchange, Observation } from '../../src/sources/port.js';
import { judging, type JudgingRules } from '../../src/sources/profile.js';
import {
  FIELD_CHARS_MAX,
  POLICIES_MAX,
  trios,
  type LimitTrio,
  type PolicyBucket,
} from '../../src/sources/rate-limit-fields.js';
import { observing } from '../../src/sources/signs.js';

const at = Date.UTC(2026, 0, 15, 12);
type Headers = Readonly<Record<string, string>>;
type Read = { readonly seen: readonly Observation[]; readonly malformed: number };

function judged(rules: Omit<JudgingRules, 'provider'>, headers: Headers, status = 200): Read {
  const exchange: Exchange = {
    kind: 'answered',
    status,
    headers,
    body: Buffer.alloc(0),
    durationMs: 1,
  };
  const verdict = judging({ provider: 'test', ...rules })(exchange, {}, at, 'search');
  return { seen: verdict.observations, malformed: verdict.malformedHeaders };
}

const ietf = (
  rateLimit: readonly PolicyBucket[],
  limit: string | undefined,
  policy?: string,
  status?: number,
): Read =>
  judged(
    { rateLimit },
    {
      ...(limit !== undefined && { ratelimit: limit }),
      ...(policy !== undefined && { 'ratelimit-policy': policy }),
    },
    status,
  );

const any: readonly PolicyBucket[] = [{ bucket: 'calls' }];

describe('RateLimit', () => {
  it('tells of the bucket that its policy belongs to', () => {
    const two: readonly PolicyBucket[] = [
      { bucket: 'minute', policy: 'burst' },
      { bucket: 'day', policy: 'daily' },
    ];
    const read = ietf(
      two,
      '"burst";r=0;t=17, "daily";r=4000;t=3600',
      '"burst";q=60;w=60,"daily";q=5000;w=86400;pk=:dGVzdA==:',
    );
    expect(read).toEqual({
      seen: [
        { bucket: 'minute', limit: 60, remaining: 0, resetAt: at + 17_000 },
        { bucket: 'day', limit: 5000, remaining: 4000, resetAt: at + 3_600_000 },
      ],
      malformed: 0,
    });
  });

  it('of a policy that no bucket names is of the bucket for any, or of none', () => {
    expect(ietf(any, '"default";r=50;t=30').seen).toEqual([
      { bucket: 'calls', remaining: 50, resetAt: at + 30_000 },
    ]);
    expect(ietf([{ bucket: 'calls', policy: 'other' }], '"default";r=50;t=30')).toEqual({
      seen: [],
      malformed: 0,
    });
    const both: readonly PolicyBucket[] = [{ bucket: 'day', policy: 'daily' }, ...any];
    expect(ietf(both, '"daily";r=9, "x";r=1').seen).toEqual([
      { bucket: 'day', remaining: 9 },
      { bucket: 'calls', remaining: 1 },
    ]);
  });

  it('of several policies of one bucket is the one that binds first', () => {
    const read = ietf(any, '"a";r=100;t=5, "b";r=3;t=60, "c";r=3;t=90', '"a";q=7, "c";q=500');
    expect(read.seen).toEqual([
      { bucket: 'calls', limit: 500, remaining: 3, resetAt: at + 90_000 },
    ]);
  });

  it('over another window, or in another unit, is about something else', () => {
    const minute: readonly PolicyBucket[] = [{ bucket: 'minute', windowMs: MINUTE_MS }];
    const read = ietf(minute, '"s";r=1;t=1, "m";r=50;t=30', '"s";q=5;w=1, "m";q=60;w=60');
    expect(read.seen).toEqual([
      { bucket: 'minute', limit: 60, remaining: 50, resetAt: at + 30_000 },
    ]);
    const bytes = '"b";q=65535;qu="content-bytes";w=10';
    expect(ietf(any, '"b";r=0;t=9', bytes).seen).toEqual([]);
    expect(ietf([{ bucket: 'traffic', unit: 'content-bytes' }], '"b";r=7', bytes).seen).toEqual([
      { bucket: 'traffic', limit: 65535, remaining: 7 },
    ]);
  });

  it('alone states no limit: none is made of what is left and the time that is left', () => {
    for (const { limit } of ietf(any, '"default";r=50;t=10').seen) expect(limit).toBeUndefined();
    expect(ietf(any, undefined, '"default";q=100;w=60').seen).toEqual([
      { bucket: 'calls', limit: 100 },
    ]);
  });

  it('is read whatever the class, and not at all where no bucket is declared', () => {
    expect(ietf(any, '"default";r=0;t=5', undefined, 503).seen).toEqual([
      { bucket: 'calls', remaining: 0, resetAt: at + 5000 },
    ]);
    expect(judged({}, { ratelimit: '"default";r=0;t=5' })).toEqual({ seen: [], malformed: 0 });
    expect(judged({}, { ratelimit: ';;;' })).toEqual({ seen: [], malformed: 0 });
  });

  it('stands beside what the provider has of its own', () => {
    const observe = observing({ bucket: 'own', remaining: 'x-left' });
    const read = judged({ observe, rateLimit: any }, { 'x-left': '4', ratelimit: '"d";r=5' });
    expect(read.seen).toEqual([
      { bucket: 'own', remaining: 4 },
      { bucket: 'calls', remaining: 5 },
    ]);
  });

  it('of the drafts up to 07 is read as well, as are tokens for names', () => {
    expect(ietf(any, 'limit=100, remaining=40, reset=12', '100;w=60;comment="x"').seen).toEqual([
      { bucket: 'calls', limit: 100, remaining: 40, resetAt: at + 12_000 },
    ]);
    expect(ietf(any, 'default;r=1').seen).toEqual([{ bucket: 'calls', remaining: 1 }]);
  });

  it('never pushes further than seven days', () => {
    expect(ietf(any, '"d";r=0;t=999999999999999').seen[0]?.resetAt).toBe(at + UPSTREAM_WAIT_MAX_MS);
  });

  it.each([
    ['', undefined],
    ['default', undefined],
    ['"d";r=-1;t=5', undefined],
    ['"d";r=1.5', undefined],
    ['"d";r="5"', undefined],
    ['"d";r=5;t=-1', undefined],
    ['"d";r=5;t=soon', undefined],
    ['"d";r=9999999999999999', undefined],
    ['"d";r=5,', undefined],
    ['("d" "e");r=5', undefined],
    ['?1;r=5', undefined],
    ['5;r=5', undefined],
    ['limit=100', undefined],
    ['limit=0, remaining=5', undefined],
    ['limit=x, remaining=5', undefined],
    ['NaN', undefined],
    ['{"limit":5}', undefined],
    [`"${'d'.repeat(FIELD_CHARS_MAX)}";r=1`, undefined],
    [
      Array(POLICIES_MAX + 1)
        .fill('"d";r=1')
        .join(','),
      undefined,
    ],
    [undefined, '"d";q=0;w=60'],
    [undefined, '"d";w=60'],
    [undefined, '"d";q=-5'],
    [undefined, '"d";q=5;w=0'],
    [undefined, '"d";q=5;w=1.5'],
    [undefined, '"d";q=5;qu=7'],
    [undefined, '100;w=60;'],
  ])('%j with the policy %j is ignored and counted', (limit, policy) => {
    expect(ietf(any, limit, policy)).toEqual({ seen: [], malformed: 1 });
  });

  it('-0 left is 0 left', () => {
    expect(Object.is(ietf(any, '"d";r=-0').seen[0]?.remaining, 0)).toBe(true);
  });
});

describe('a trio', () => {
  const of = (headers: Headers, rest: Partial<LimitTrio> = {}): Read =>
    judged(
      { observe: trios({ prefix: 'ratelimit', bucket: 'calls', reset: 'seconds_left', ...rest }) },
      headers,
    );

  it('tells limit, remaining and reset in its declared unit', () => {
    const headers = {
      'x-ratelimit-limit': '100',
      'x-ratelimit-remaining': '7',
      'x-ratelimit-reset': String(at / SECOND_MS + 30),
    };
    const seen = [{ bucket: 'calls', limit: 100, remaining: 7, resetAt: at + 30_000 }];
    expect(of(headers, { prefix: 'x-ratelimit', reset: 'epoch_seconds' }).seen).toEqual(seen);
    // The same number as seconds left would be half a century.
    const wrong = of(headers, { prefix: 'x-ratelimit' }).seen[0]?.resetAt;
    expect(wrong).toBe(at + UPSTREAM_WAIT_MAX_MS);
  });

  it.each([
    ['100', undefined, 100],
    ['100, 100;w=60, 5000;w=3600', undefined, 100],
    ['100, 100;w=60, 5000;w=3600', 3600_000, 5000],
    ['100, 100;w=60', 3600_000, 100],
    ['10;w=1;comment="x"', 1000, 10],
  ])('with the limit %j over %j has the limit %i', (limit, windowMs, expected) => {
    const rest = windowMs === undefined ? {} : { windowMs };
    expect(of({ 'ratelimit-limit': limit }, rest).seen).toEqual([
      { bucket: 'calls', limit: expected },
    ]);
  });

  it('tells of the bucket of its endpoint, and of none at another', () => {
    const headers = { 'ratelimit-remaining': '5' };
    expect(of(headers, { bucket: { search: 'searches' } }).seen[0]?.bucket).toBe('searches');
    expect(of(headers, { bucket: { other: 'searches' } }).seen).toEqual([]);
  });

  it('of a reset alone says nothing', () => {
    expect(of({ 'ratelimit-reset': '30' })).toEqual({ seen: [], malformed: 0 });
  });

  it.each(['0', '-1', 'many', '100;;', '1e9', ''])('with the limit %j is counted', (limit) => {
    expect(of({ 'ratelimit-limit': limit })).toEqual({ seen: [], malformed: 1 });
  });
});

describe('a reset', () => {
  const reset = (value: string, unit: ResetUnit, date?: string) => {
    const reader = headerReader({ reset: value, ...(date !== undefined && { date }) });
    return { at: reader.resetAt('reset', unit, at), malformed: reader.malformed() };
  };
  const date = (ms: number): string => new Date(ms).toUTCString();
  const epoch = (ms: number): string => String(ms / SECOND_MS);

  it.each([
    ['60', at + 60_000],
    ['0', at],
    ['814.5', at + 814_500],
    ['2678400', at + UPSTREAM_WAIT_MAX_MS],
  ])('of %s seconds left needs no clock of the upstream', (value, moment) => {
    expect(reset(value, 'seconds_left')).toEqual({ at: moment, malformed: 0 });
    expect(reset(value, 'seconds_left', date(at - DAY_MS)).at).toBe(moment);
  });

  it.each([-3 * DAY_MS, -1000, 0, 90_000, 7 * DAY_MS])(
    'as an epoch second is read by the upstream’s own clock, off by %i ms',
    (skew) => {
      const theirs = at + skew;
      const moment = reset(epoch(theirs + 30_000), 'epoch_seconds', date(theirs));
      expect(moment).toEqual({ at: at + 30_000, malformed: 0 });
    },
  );

  it('without a Date that makes sense is read by ours', () => {
    for (const none of [undefined, '', 'yesterday', '2026-01-15']) {
      expect(reset(epoch(at + 30_000), 'epoch_seconds', none).at).toBe(at + 30_000);
    }
  });

  it('that is past is now', () => {
    expect(reset(epoch(at - DAY_MS), 'epoch_seconds').at).toBe(at);
  });

  it.each(['60', '0', '99999999999', epoch(at + 41 * DAY_MS), String(at + 30_000), '-5', '', 'x'])(
    'of %j is no epoch second: ignored and counted',
    (value) => {
      expect(reset(value, 'epoch_seconds')).toEqual({ at: undefined, malformed: 1 });
    },
  );

  it('Retry-After as a date is read by the upstream’s own clock too', () => {
    const theirs = at - 2 * DAY_MS;
    const headers = { 'retry-after': date(theirs + 30_000), date: date(theirs) };
    expect(headerReader(headers).retryAfter(at)).toBe(at + 30_000);
  });
});

describe('whatever a header says', () => {
  const figure = fc.oneof(fc.integer().map(String), fc.double().map(String), fc.string());
  const almost = fc
    .array(
      fc.tuple(
        fc.constantFrom('"d"', 'd', '5', '("a")', '?1', ':YQ==:', '@5', '%"x"', 'limit=5', ''),
        fc.array(
          fc
            .tuple(fc.constantFrom('q', 'w', 'r', 't', 'qu', 'pk'), figure)
            .map(([name, value]) => `;${name}=${value}`),
          { maxLength: 4 },
        ),
      ),
      { maxLength: 4 },
    )
    .map((members) => members.map(([item, rest]) => item + rest.join('')).join(', '));
  const value = fc.oneof(almost, figure, fc.string({ unit: 'binary' }));
  const names = [
    'ratelimit',
    'ratelimit-policy',
    'ratelimit-limit',
    'ratelimit-remaining',
    'ratelimit-reset',
    'date',
    'retry-after',
  ];
  const headers = fc.dictionary(fc.constantFrom(...names), value);

  it('what is observed is a count and a moment within reach, and nothing throws', () => {
    const rules = {
      observe: trios({ prefix: 'ratelimit', bucket: 'b', reset: 'epoch_seconds' }),
      rateLimit: [{ bucket: 'a', policy: 'd' }, { bucket: 'b' }],
    };
    fc.assert(
      fc.property(headers, (sent) => {
        const { seen, malformed } = judged(rules, sent);
        expect(malformed).toBeLessThanOrEqual(Object.keys(sent).length);
        for (const { bucket, limit, remaining, resetAt, used } of seen) {
          expect(['a', 'b']).toContain(bucket);
          expect(used).toBeUndefined();
          expect(limit ?? 1).toBeGreaterThanOrEqual(1);
          expect(limit ?? 1).toBeLessThan(1e15);
          expect(remaining ?? 0).toBeGreaterThanOrEqual(0);
          expect(remaining ?? 0).toBeLessThan(1e15);
          expect(resetAt ?? at).toBeGreaterThanOrEqual(at);
          expect(resetAt ?? at).toBeLessThanOrEqual(at + UPSTREAM_WAIT_MAX_MS);
          expect(limit ?? remaining).toBeDefined();
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('what makes sense is read as it stands', () => {
    const whole = fc.record({
      q: fc.integer({ min: 1, max: 1e9 }),
      w: fc.integer({ min: 1, max: 1e6 }),
      r: fc.integer({ min: 0, max: 1e9 }),
      t: fc.integer({ min: 0, max: 600_000 }),
    });
    fc.assert(
      fc.property(whole, ({ q, w, r, t }) => {
        const read = ietf(
          any,
          `"p";r=${String(r)};t=${String(t)}`,
          `"p";q=${String(q)};w=${String(w)}`,
        );
        expect(read).toEqual({
          seen: [{ bucket: 'calls', limit: q, remaining: r, resetAt: at + t * SECOND_MS }],
          malformed: 0,
        });
      }),
    );
  });
});
