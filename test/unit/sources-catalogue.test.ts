/** What holds for every source of the catalogue. */
import { describe, expect, it } from 'vitest';
import {
  fitsSchema,
  keyVariablesOf,
  sourceCatalogue,
  sourceNamed,
} from '../../src/sources/index.js';

describe.each(sourceCatalogue.map((source) => [source.name, source] as const))(
  '%s',
  (name, source) => {
    it('is found by its name, which is unique and may stand in a stream', () => {
      expect(sourceNamed(name)).toBe(source);
      expect(sourceCatalogue.filter((other) => other.name === name).length).toBe(1);
      expect(name).toMatch(/^[a-z][a-z0-9_]*$/);
    });

    it('has defaults that fit its options, and options that refuse what they do not know', () => {
      expect(fitsSchema(source.options, source.defaults)).toMatchObject({ ok: true });
      expect(fitsSchema(source.options, { ...source.defaults, unheard_of: 1 }).ok).toBe(false);
    });

    it('names a variable when it is paid', () => {
      const keys = keyVariablesOf(source);
      for (const key of keys) expect(key).toMatch(/^[A-Z][A-Z0-9_]*$/);
      if (source.paid) expect(keys).not.toEqual([]);
      expect(source.expectedEveryMs(source.defaults)).toBeGreaterThan(0);
      expect(source.intervalMs).toBeGreaterThan(0);
    });

    it('has upstreams whose weights name their buckets, over https, with the key in no URL', () => {
      for (const profile of Object.values(source.upstreams)) {
        const buckets = new Set(profile.buckets.map((bucket) => bucket.name));
        for (const weights of Object.values(profile.weights)) {
          for (const [bucket, weight] of Object.entries(weights)) {
            expect(buckets.has(bucket)).toBe(true);
            expect(weight).toBeGreaterThan(0);
          }
        }
        for (const bucket of profile.buckets) {
          expect(Number.isSafeInteger(bucket.priceMicros)).toBe(true);
          expect((bucket.windowMs ?? 0) > 0).toBe(bucket.period === undefined);
        }
        expect(profile.baseUrl).toMatch(/^https:\/\/[^?#@]+[^/]$/);
        expect(profile.headers({})).not.toHaveProperty('x-api-key');
      }
    });
  },
);

it('an unknown name finds nothing', () => {
  expect(sourceNamed('unheard_of')).toBeUndefined();
});
