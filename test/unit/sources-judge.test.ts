/** How answers are read: headers with their units, classes, and what each profile adds. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DAY_MS } from '../../src/kernel/time.js';
import type { Json } from '../../src/kernel/types.js';
import { headerReader, UPSTREAM_WAIT_MAX_MS } from '../../src/sources/headers.js';
import { OUTCOMES, type Exchange, type ProviderProfile } from '../../src/sources/port.js';
import { withBaseUrl } from '../../src/sources/profile.js';
import { binanceProfile, UNTOLD_BAN_MS } from '../../src/sources/profiles/binance.js';
import { moralisProfile } from '../../src/sources/profiles/moralis.js';

const at = Date.UTC(2026, 0, 15, 12);
const profiles = [binanceProfile, moralisProfile];

function answered(status: number, headers: Readonly<Record<string, string>> = {}): Exchange {
  return { kind: 'answered', status, headers, body: Buffer.alloc(0), durationMs: 1 };
}

function failed(cause: Extract<Exchange, { kind: 'failed' }>['cause'], rest = {}): Exchange {
  return { kind: 'failed', cause, message: 'why', durationMs: 1, ...rest };
}

describe('Retry-After', () => {
  const read = (value: string): { at: number | undefined; malformed: number } => {
    const reader = headerReader({ 'retry-after': value });
    return { at: reader.retryAfter(at), malformed: reader.malformed() };
  };

  it.each([
    ['0', at],
    ['30', at + 30_000],
    [' 7 ', at + 7000],
    ['Thu, 15 Jan 2026 12:00:30 GMT', at + 30_000],
    ['Thursday, 15-Jan-26 12:00:30 GMT', at + 30_000],
    ['Thu Jan 15 12:00:30 2026', at + 30_000],
    ['Thu, 01 Jan 1970 00:00:00 GMT', at],
  ])('%s is a moment', (value, moment) => {
    expect(read(value)).toEqual({ at: moment, malformed: 0 });
  });

  it.each(['315360000', '9'.repeat(400), 'Tue, 15 Jan 2036 12:00:00 GMT'])(
    '%s is cut to seven days',
    (value) => {
      expect(read(value)).toEqual({ at: at + 7 * DAY_MS, malformed: 0 });
    },
  );

  it.each([
    '',
    'soon',
    '-5',
    '1e3',
    '0x10',
    '30, 60',
    'garbage 5',
    '2026-01-15',
    'Thu, 15 Foo 2026',
  ])('%j is ignored and counted', (value) => {
    expect(read(value)).toEqual({ at: undefined, malformed: 1 });
  });

  it('is absent without being malformed', () => {
    const reader = headerReader({});
    expect(reader.retryAfter(at)).toBeUndefined();
    expect(reader.malformed()).toBe(0);
  });

  it('is never in the past nor beyond the maximum, whatever it says', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.nat().map(String), fc.date().map(String)), (value) => {
        const moment = read(value).at;
        return moment === undefined || (moment >= at && moment <= at + UPSTREAM_WAIT_MAX_MS);
      }),
    );
  });
});

describe('a class', () => {
  it.each([
    [200, {}, { ok: true }, 'ok'],
    [204, {}, undefined, 'bad_data'],
    [200, {}, undefined, 'bad_data'],
    [302, { location: 'http://169.254.169.254/' }, undefined, 'client'],
    [304, {}, undefined, 'client'],
    [400, {}, undefined, 'client'],
    [404, {}, {}, 'client'],
    [408, {}, undefined, 'server'],
    [429, {}, undefined, 'throttled'],
    [500, {}, undefined, 'server'],
    [503, {}, undefined, 'server'],
    [503, { 'retry-after': 'whenever' }, undefined, 'server'],
    [503, { 'retry-after': '5' }, undefined, 'throttled'],
    [599, {}, undefined, 'server'],
    [401, {}, undefined, 'auth'],
  ] as const)('of %i with %j and %j is %s … %s', (status, headers, body, outcome) => {
    for (const profile of profiles) {
      const exchange = answered(status, headers);
      expect(profile.judge(exchange, body as Json | undefined, at, '').outcome).toBe(outcome);
    }
  });

  it.each([
    ['timeout', 'server'],
    ['reset', 'server'],
    ['refused', 'server'],
    ['dns', 'server'],
    ['tls', 'server'],
    ['other', 'server'],
    ['too_large', 'bad_data'],
    ['truncated', 'bad_data'],
    ['redirect_refused', 'client'],
    ['address_refused', 'client'],
    ['aborted', 'cancelled'],
  ] as const)('of a failure by %s is %s', (cause, outcome) => {
    for (const profile of profiles) {
      expect(profile.judge(failed(cause), undefined, at, '').outcome).toBe(outcome);
    }
  });

  it('of an error whose page was cut is by its status', () => {
    const exchange = failed('too_large', { status: 429, headers: { 'retry-after': '9' } });
    const verdict = moralisProfile.judge(exchange, undefined, at, '');
    expect(verdict).toMatchObject({ outcome: 'throttled', retryAt: at + 9000 });
    const cut = failed('truncated', { status: 200, headers: {} });
    expect(moralisProfile.judge(cut, undefined, at, '').outcome).toBe('bad_data');
  });

  it('is one of the known words, and messages are one short line, for anything at all', () => {
    const exchange: fc.Arbitrary<Exchange> = fc.oneof(
      fc
        .tuple(fc.integer({ min: 0, max: 999 }), fc.dictionary(fc.string(), fc.string()))
        .map(([status, headers]) => answered(status, headers)),
      fc
        .constantFrom('timeout', 'aborted', 'too_large', 'other', 'truncated')
        .map((cause) => failed(cause as 'timeout')),
    );
    fc.assert(
      fc.property(exchange, fc.option(fc.jsonValue(), { nil: undefined }), (sent, body) => {
        for (const profile of profiles) {
          const verdict = profile.judge(sent, body as Json | undefined, at, '');
          expect(OUTCOMES).toContain(verdict.outcome);
          expect(verdict.message).toMatch(/^[^\n]{1,250}$/);
          expect(verdict.retryAt ?? at).toBeGreaterThanOrEqual(at);
        }
      }),
    );
  });
});

describe('the charge', () => {
  const charged = (profile: ProviderProfile, exchange: Exchange): boolean =>
    profile.judge(exchange, undefined, at, '').charged;

  it('of moralis is for 2xx to 4xx but 429, and for what may have arrived', () => {
    const statuses = [200, 302, 400, 401, 429, 500, 503];
    expect(statuses.filter((status) => charged(moralisProfile, answered(status)))).toEqual([
      200, 302, 400, 401,
    ]);
    expect(charged(moralisProfile, failed('timeout', { sent: true }))).toBe(true);
    expect(charged(moralisProfile, failed('timeout', { sent: false }))).toBe(false);
    expect(charged(moralisProfile, failed('refused'))).toBe(false);
  });

  it('of binance is weight for every request that arrived', () => {
    for (const status of [200, 429, 418, 500]) {
      expect(charged(binanceProfile, answered(status))).toBe(true);
    }
    expect(charged(binanceProfile, failed('dns', { sent: false }))).toBe(false);
    expect(binanceProfile.buckets.map(({ priceMicros }) => priceMicros)).toEqual([0]);
  });
});

describe('binance', () => {
  const judge = (status: number, body?: Json, headers = {}): ReturnType<ProviderProfile['judge']> =>
    binanceProfile.judge(answered(status, headers), body, at, '');

  it.each([
    [418, { code: -1003, msg: `IP banned until ${String(at + 60_000)}.` }, {}, at + 60_000],
    [418, { code: -1003, msg: 'IP banned until 9999999999999.' }, {}, at + 7 * DAY_MS],
    [418, { code: -1003, msg: `IP banned until ${String(at - 1)}.` }, {}, at + UNTOLD_BAN_MS],
    [418, { code: -1003, msg: 'x' }, { 'retry-after': '120' }, at + 120_000],
    [418, undefined, { 'retry-after': '99999999' }, at + 7 * DAY_MS],
    [418, undefined, {}, at + UNTOLD_BAN_MS],
    [403, undefined, {}, at + UNTOLD_BAN_MS],
    [403, undefined, { 'retry-after': '3' }, at + 3000],
  ])('bans on %i with %j and %j until %i', (status, body, headers, until) => {
    expect(judge(status, body, headers)).toMatchObject({ outcome: 'banned', retryAt: until });
  });

  it('reads its codes whatever the status', () => {
    expect(judge(400, { code: -1003, msg: '' }).outcome).toBe('throttled');
    expect(judge(400, { code: -1121, msg: 'secret text' })).toMatchObject({
      outcome: 'client',
      message: 'binance answered 400, code -1121: invalid symbol',
    });
  });

  it.each(['', 'many', '-1', '1.5', '99999999999999999999'])(
    'ignores and counts a used weight of %j',
    (used) => {
      const verdict = judge(200, [], { 'x-mbx-used-weight-1m': used });
      expect(verdict).toMatchObject({ outcome: 'ok', observations: [], malformedHeaders: 1 });
    },
  );

  it('observes whatever the class', () => {
    const verdict = judge(500, undefined, { 'x-mbx-used-weight-1m': '5999' });
    expect(verdict).toMatchObject({ outcome: 'server', observations: [{ used: 5999 }] });
  });
});

describe('moralis', () => {
  const judge = (status: number, message: Json): ReturnType<ProviderProfile['judge']> =>
    moralisProfile.judge(answered(status), { message }, at, '');
  const consumed = 'Your plan: pro total included usage has been consumed, please upgrade';

  it.each([401, 402, 403, 429])('knows used-up quota by the body of a %i', (status) => {
    expect(judge(status, consumed)).toMatchObject({
      outcome: 'quota_exhausted',
      bucket: 'compute_units',
      retryAt: Date.UTC(2026, 1, 1),
    });
    expect(judge(status, consumed.replace('pro', 'free-plan-daily')).retryAt).toBe(
      Date.UTC(2026, 0, 16),
    );
  });

  it('tells a bad key and a blocked account from quota', () => {
    expect(judge(401, 'Invalid key').outcome).toBe('auth');
    expect(judge(401, 'no plan').outcome).toBe('auth');
    for (const status of [400, 401, 403, 429]) {
      const verdict = judge(status, 'SUPPORT BLOCKED: Please contact support@moralis.io');
      expect(verdict.outcome).toBe('auth');
    }
    expect(judge(500, consumed).outcome).toBe('server');
  });

  it('is not held up by a message of megabytes', () => {
    expect(judge(401, 'plan '.repeat(1_000_000)).outcome).toBe('auth');
  });

  it('has weights in both of its buckets for every endpoint', () => {
    const buckets = moralisProfile.buckets.map(({ name }) => name).sort();
    for (const weights of Object.values(moralisProfile.weights)) {
      expect(Object.keys(weights).sort()).toEqual(buckets);
    }
  });
});

describe('another base', () => {
  it.each([
    ['http://127.0.0.1:9', 'http://127.0.0.1:9/api/v2.2'],
    ['http://127.0.0.1:9/', 'http://127.0.0.1:9/api/v2.2'],
    ['http://127.0.0.1:9/moralis', 'http://127.0.0.1:9/moralis/api/v2.2'],
    ['http://127.0.0.1:9/moralis/api/v2.2', 'http://127.0.0.1:9/moralis/api/v2.2'],
  ])('of %s keeps the path of the profile', (url, base) => {
    expect(withBaseUrl(moralisProfile, url).baseUrl).toBe(base);
    expect(withBaseUrl(binanceProfile, 'http://127.0.0.1:9/b/').baseUrl).toBe(
      'http://127.0.0.1:9/b',
    );
  });
});
