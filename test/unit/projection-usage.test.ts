/** What an upstream tells of a bucket is shown at every endpoint that draws from it. */
import { describe, expect, it } from 'vitest';
import { limiterCodec, type LimiterFact } from '../../src/actors/limiter/index.js';
import type { JsonObject } from '../../src/kernel/types.js';
import { limiterDocAfter } from '../../src/projections/status-limiter.js';
import type { LimiterDoc } from '../../src/projections/views.js';

const fact = (type: string, data: JsonObject): LimiterFact => limiterCodec.decode(type, 1, data);

const bucket = { name: 'weight', kind: 'fixed', limit: 6000, windowMs: 60_000, unit: 'weight' };
const scope = fact('ScopeConfigured', { scope: 's', collectors: ['a', 'b'], buckets: [bucket] });

function settled(collector: string, endpoint: string, weight: number): LimiterFact {
  const charged = [{ bucket: 'weight', units: weight }];
  const usage = [{ endpoint, outcome: 'ok', calls: 1, charged }];
  return fact('UnitsSettled', { collector, sent: 1, charged, usage });
}

const told = (used: number): LimiterFact =>
  fact('QuotaObserved', { bucket: 'weight', limit: 6000, used, endpoint: 'info', atMs: 61_000 });

function usageOf(...list: readonly LimiterFact[]): LimiterDoc['usage'] {
  const doc = list.reduce<LimiterDoc | undefined>(
    (before, one) => limiterDocAfter(before, one, 'limiter-s'),
    undefined,
  );
  return doc?.usage ?? {};
}

const WINDOW = { rateLimit: 6000, remaining: 5970, resetAt: 120_000 };

describe('what was told of a bucket', () => {
  it('is shown at endpoints that are asked later, and at those of other collectors', () => {
    const usage = usageOf(
      scope,
      settled('a', 'info', 20),
      told(30),
      settled('a', 'bars', 2),
      settled('b', 'bars', 2),
    );
    expect(usage['a']?.endpoints['info']).toMatchObject({ requests: 1, ...WINDOW });
    expect(usage['a']?.endpoints['bars']).toMatchObject({ requests: 1, ...WINDOW });
    expect(usage['b']?.endpoints['bars']).toMatchObject({ requests: 1, ...WINDOW });
  });

  it('is told anew at all of them', () => {
    const usage = usageOf(scope, settled('a', 'bars', 2), settled('b', 'bars', 2), told(30));
    for (const name of ['a', 'b']) expect(usage[name]?.endpoints['bars']).toMatchObject(WINDOW);
    expect(usage['a']?.endpoints).not.toHaveProperty('info');
  });

  it('is not shown where another bucket is drawn from', () => {
    const charged = [{ bucket: 'other', units: 1 }];
    const usage = [{ endpoint: 'apart', outcome: 'ok', calls: 1, charged }];
    const apart = fact('UnitsSettled', { collector: 'a', sent: 1, charged, usage });
    expect(usageOf(scope, apart, told(30))['a']?.endpoints['apart']).toMatchObject({
      rateLimit: null,
    });
  });
});
