/** What a definition of a source must keep, and how it is told what it does not. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { COLLECTOR_NAME, RESERVED_NAMES } from '../../src/config/options-collector.js';
import { defineProfile, defineSource, SourceInvalid, Type } from '../../src/public.js';
import {
  isDefinedSource,
  RESERVED_SOURCE_NAMES,
  sourceProblems,
} from '../../src/sources/define.js';
import { sourceCatalogue } from '../../src/sources/index.js';

const options = Type.Object(
  { coin: Type.String({ default: 'bitcoin', minLength: 1 }) },
  { additionalProperties: false },
);

const profile = {
  provider: 'acme',
  baseUrl: 'https://api.acme.example/v1',
  maxRequestsPerSecond: 2,
  buckets: [{ name: 'day', kind: 'fixed', limit: 100, period: 'day' }],
  weights: { prices: { day: 1 } },
};

const draft = {
  name: 'acme',
  type: 'market_data',
  description: 'Prices of a coin.',
  options,
  intervalMs: 60_000,
  upstreams: { main: profile },
  async *collect() {
    await Promise.resolve();
    yield { series: 's', records: [], cursor: 1 };
    return undefined;
  },
};

/** As plain JavaScript would call it: nothing is checked before. */
function define(changes: object): ReturnType<typeof defineSource> {
  return defineSource({ ...draft, ...changes } as unknown as Parameters<typeof defineSource>[0]);
}

function problems(changes: object): readonly string[] {
  try {
    define(changes);
  } catch (thrown) {
    if (thrown instanceof SourceInvalid) return thrown.lines;
    throw thrown;
  }
  return [];
}

const inProfile = (changes: object): object => ({
  upstreams: { main: { ...profile, ...changes } },
});
const inBucket = (changes: object): object =>
  inProfile({ buckets: [{ ...profile.buckets[0], ...changes }] });

describe('a definition', () => {
  it('is made whole: what is usual need not be written', () => {
    const source = define({});
    expect(source).toMatchObject({ paid: false, defaults: { coin: 'bitcoin' } });
    expect(source.expectedEveryMs({})).toBe(60_000);
    expect(source.upstreams['main']).toMatchObject({
      scope: 'acme',
      tier: 'Free',
      currency: 'USD',
      recoveryWindowMs: 60_000,
      buckets: [{ name: 'day', unit: 'request', quota: false, priceMicros: 0 }],
    });
    expect(source.upstreams['main']?.headers({})).toEqual({ accept: 'application/json' });
  });

  it('is known as one, and nothing else is', () => {
    expect(isDefinedSource(define({}))).toBe(true);
    expect([draft, {}, null, undefined, 'x', []].filter(isDefinedSource)).toEqual([]);
  });

  it('infers the type of its options from their schema', () => {
    const source = defineSource({
      ...draft,
      type: 'market_data',
      upstreams: {},
      ...({ upstreams: { main: profile } } as object),
      async *collect(context) {
        await Promise.resolve();
        const text: string = context.options.coin;
        yield { series: text, records: [], cursor: context.now() };
        return undefined;
      },
    });
    expect(source.name).toBe('acme');
  });

  it('tells everything that is wrong at once, each by field, value and rule', () => {
    const told = problems({ name: 'Acme', intervalMs: 0, ...inProfile({ baseUrl: 'ftp://x' }) });
    expect(told).toEqual([
      'name: must begin with a letter, then at most 62 of a-z, 0-9, - and _, got "Acme"',
      'intervalMs: must be whole milliseconds, 10 to a year, got 0',
      'upstreams.main.baseUrl: must be https://…, or http:// on loopback, without user, query or fragment, got "ftp://x"',
    ]);
  });

  it.each([
    ['a reserved name', { name: 'health' }, 'name: must not be a reserved word'],
    ['a type there is not', { type: 'weather' }, 'type: must be one of onchain'],
    ['no description', { description: '' }, 'description: must be one line'],
    ['options that are no schema', { options: {} }, 'options: must be a TypeBox object'],
    [
      'defaults that do not fit',
      { defaults: { coin: 7 } },
      'defaults.coin: expected string, got 7',
    ],
    ['paid as a word', { paid: 'yes' }, 'paid: must be true or false, got "yes"'],
    ['an interval as text', { intervalMs: '60s' }, 'intervalMs: must be whole milliseconds'],
    ['a member there is not', { intervalMS: 5 }, 'intervalMS: is not a member; there are name,'],
    ['no upstream', { upstreams: {} }, 'upstreams: must have a profile'],
    ['an upstream that is none', { upstreams: { main: 7 } }, 'upstreams.main: must be a profile'],
    ['an odd upstream name', { upstreams: { 'a.b': profile } }, 'upstreams.a.b: must be named'],
    [
      'a second one called primary',
      { upstreams: { main: profile, primary: profile } },
      'upstreams.primary: only the first',
    ],
    ['collect without the star', { collect: async () => Promise.resolve() }, 'with the star'],
    ['no collect', { collect: undefined }, 'collect: must be an async generator'],
    [
      'an expectation that throws',
      {
        expectedEveryMs: () => {
          throw new Error('no');
        },
      },
      'expectedEveryMs: must not throw; it threw: no',
    ],
    ['an expectation of nothing', { expectedEveryMs: () => 0 }, 'must give milliseconds above 0'],
    ['http over the network', inProfile({ baseUrl: 'http://api.acme.example' }), 'baseUrl: must'],
    ['a password in the URL', inProfile({ baseUrl: 'https://a:b@acme.example' }), 'baseUrl: must'],
    ['no rate', inProfile({ maxRequestsPerSecond: 0 }), 'must be a number above 0'],
    ['no weights', inProfile({ weights: {} }), 'weights: must have a member for each endpoint'],
    [
      'a weight in no bucket',
      inProfile({ weights: { prices: { day: 1, hour: 1 } } }),
      'weights.prices.hour: is no bucket; there are day',
    ],
    [
      'a weight of nothing',
      inProfile({ weights: { prices: { day: 0 } } }),
      'weights.prices.day: must be a number above 0, got 0',
    ],
    [
      'a weight that never fits',
      inProfile({ weights: { prices: { day: 101 } } }),
      'weights.prices.day: must be at most the limit, 100, got 101',
    ],
    [
      'a bucket nobody draws from',
      inProfile({ weights: { prices: {} } }),
      'buckets: no endpoint draws from day',
    ],
    ['an odd endpoint', inProfile({ weights: { '/p': { day: 1 } } }), 'an endpoint must be named'],
    ['a bucket without window', inBucket({ period: undefined }), 'either windowMs or period'],
    ['a bucket with two windows', inBucket({ windowMs: 5 }), 'either windowMs or period'],
    ['a bucket of no kind', inBucket({ kind: 'leaky' }), 'must be "rolling" or "fixed"'],
    ['a zone there is not', inBucket({ zone: 'Mars/Base' }), 'must be an IANA zone'],
    ['a burst over the limit', inBucket({ kind: 'rolling', burst: 101 }), 'at most the limit'],
    ['a rolling day', inBucket({ kind: 'rolling' }), 'belongs to a fixed bucket'],
    [
      'two buckets of one name',
      inProfile({ buckets: [profile.buckets[0], profile.buckets[0]] }),
      'buckets[1].name: must be the only one',
    ],
    ['a key in small letters', inProfile({ keys: ['acme_key'] }), 'names of variables'],
    ['a key named twice', inProfile({ keys: ['K'], optionalKeys: ['K'] }), 'name each variable'],
    ['headers that are no function', inProfile({ headers: {} }), 'must be a function of the keys'],
    [
      'headers that split the request',
      inProfile({ headers: () => ({ 'x-a': 'b\r\nc: d' }) }),
      'must give visible text for x-a',
    ],
    [
      'headers that throw',
      inProfile({ headers: ({ K }: { K: string }) => ({ 'x-a': K.trim() }) }),
      'headers: must not throw',
    ],
    ['query of numbers', inProfile({ query: () => ({ n: 1 }) }), 'query: must give text for n'],
    [
      'a token from no endpoint',
      inProfile({ token: { endpoint: 'token', baseUrl: 'https://a.example' } }),
      'token.endpoint: must be one of the weights',
    ],
    ['redirects anywhere', inProfile({ redirects: 'all' }), 'must be "same-origin"'],
  ])('is refused for %s', (_what, changes, rule) => {
    expect(problems(changes).join('\n')).toContain(rule);
  });

  it('may be on loopback without TLS', () => {
    expect(problems(inProfile({ baseUrl: 'http://127.0.0.1:8080/x' }))).toEqual([]);
  });

  it('names with its rules whatever is put in any place, and never fails otherwise', () => {
    const places = fc.constantFrom(...Object.keys(draft), 'paid', 'defaults', 'expectedEveryMs');
    const value = fc.anything();
    fc.assert(
      fc.property(places, value, (place, put) => {
        expect(Array.isArray(problems({ [place]: put }))).toBe(true);
      }),
    );
    const mute = { toString: '' }; // has no text at all: String() of it throws
    for (const keys of [[mute], ['A', mute]]) expect(problems(inProfile({ keys }))).not.toEqual([]);
    expect(problems({ name: mute })).not.toEqual([]);
    expect(problems(inProfile({ buckets: [{ name: mute }] }))).not.toEqual([]);
    const inner = fc.constantFrom(...Object.keys(profile), 'keys', 'headers', 'token', 'judge');
    fc.assert(
      fc.property(inner, value, (place, put) => {
        expect(Array.isArray(problems(inProfile({ [place]: put })))).toBe(true);
      }),
    );
  });
});

it('reserves the words that configuration reserves, and takes the names it takes', () => {
  expect(RESERVED_SOURCE_NAMES).toEqual(RESERVED_NAMES);
  for (const name of ['a', 'a-b', 'a_1', 'a'.repeat(63), 'a'.repeat(64), 'A', '1a', 'a.b', '']) {
    expect(problems({ name }).length === 0).toBe(COLLECTOR_NAME.test(name));
  }
});

it.each(sourceCatalogue.map((source) => [source.name, source] as const))(
  '%s of the catalogue keeps the same rules',
  (_name, source) => {
    expect(sourceProblems(source)).toEqual([]);
  },
);

it('a profile alone is checked too', () => {
  const made = defineProfile({ ...profile, buckets: [], weights: { prices: {} } });
  expect(made).toMatchObject({ scope: 'acme', buckets: [] });
  expect(() => defineProfile({ ...made, scope: 'A B' })).toThrow(/profile "acme": scope: must be/);
});
