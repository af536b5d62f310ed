/** What stands in the way of a run, over several upstreams. */
import { describe, expect, it } from 'vitest';
import { obstacleOf, type Guarded } from '../../src/actors/obstacle.js';

const profile: Guarded['profile'] = { weights: { data: { requests: 1 } } };
const free: Guarded = {
  profile,
  breaker: { peek: () => undefined },
  limiter: { inTheWay: () => undefined },
  missingKeys: [],
};
const broken = (retryAt?: number): Guarded => ({
  ...free,
  breaker: {
    peek: () => ({ ok: false, reason: 'open', ...(retryAt !== undefined && { retryAt }) }),
  },
});
const slow = (until: number): Guarded => ({
  ...free,
  limiter: { inTheWay: () => ({ cause: 'rate_limit', detail: 'not yet', until }) },
});

describe('the obstacle of a run', () => {
  it('is none while one upstream is free', () => {
    expect(obstacleOf('c', [broken(9000), free], 0)).toBeUndefined();
  });

  it('is the one that ends first, so that a run begins when the first of them can be asked', () => {
    const found = obstacleOf('c', [broken(9000), slow(1000)], 0);
    expect(found).toMatchObject({ cause: 'rate_limit', until: 1000 });
    expect(obstacleOf('c', [slow(9000), broken(1000)], 0)).toMatchObject({ cause: 'breaker' });
    expect(obstacleOf('c', [broken(), slow(9000)], 0)).toMatchObject({ until: 9000 });
  });

  it('is the first one where none says when it ends', () => {
    expect(obstacleOf('c', [broken(), broken()], 0)).toEqual({
      cause: 'breaker',
      detail: 'the breaker is open',
    });
  });

  it('is never that of an upstream without its key, free or not', () => {
    const keyless = { ...free, missingKeys: ['A_KEY'] };
    expect(obstacleOf('c', [broken(9000), keyless], 0)).toMatchObject({ cause: 'breaker' });
  });
});
