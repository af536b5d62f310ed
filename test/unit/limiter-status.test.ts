/** What the status tells of an endpoint's window: only of the one that stands. */
import { describe, expect, it } from 'vitest';
import { limiterDetail } from '../../src/gateway/shapes/limiter.js';
import { limiterDocAfter } from '../../src/projections/status-limiter.js';
import type { LimiterDoc } from '../../src/projections/views.js';
import {
  bucket,
  configured,
  HOUR,
  MINUTE,
  NOON,
  reserve,
  SECOND,
  weightPerMinute,
  type Given,
} from '../support/limiter-given.js';
import type { LimiterFact } from '../../src/actors/limiter/index.js';

function docOf(facts: readonly LimiterFact[]): LimiterDoc {
  const doc = facts.reduce<LimiterDoc | undefined>(
    (before, fact) => limiterDocAfter(before, fact, 'limiter-sandbox'),
    undefined,
  );
  if (doc === undefined) throw new Error('no fact');
  return doc;
}

const observe = (given: Given, resetAt?: number) =>
  given.then({
    type: 'ObserveQuota',
    endpoint: 'search',
    observations: [
      { bucket: 'weight', limit: 6000, remaining: 40, ...(resetAt !== undefined && { resetAt }) },
    ],
  });

function shown(doc: LimiterDoc, at: number): unknown {
  return limiterDetail([doc], 'moralis', undefined, at)?.endpoint_details['search'];
}

describe('an endpoint in the status', () => {
  const scope = configured({ buckets: [weightPerMinute] });

  it('shows what is left until its window is over, and then nothing', () => {
    const doc = docOf([...scope.facts, ...observe(scope, NOON + 30 * SECOND).facts]);
    expect(shown(doc, NOON + 29 * SECOND)).toMatchObject({
      rate_limit: 6000,
      remaining: 40,
      reset_time: new Date(NOON + 30 * SECOND).toISOString(),
    });
    expect(shown(doc, NOON + 30 * SECOND)).toMatchObject({
      rate_limit: 6000,
      remaining: null,
      reset_time: null,
    });
  });

  it('takes the end of a clock window where none is told', () => {
    const doc = docOf([...scope.facts, ...observe(scope).facts]);
    expect(shown(doc, NOON + MINUTE - 1)).toMatchObject({ remaining: 40 });
    expect(shown(doc, NOON + MINUTE)).toMatchObject({ remaining: null });
  });

  it('does not guess the end of a window that begins with a call', () => {
    const reset = bucket({ name: 'weight', kind: 'fixed', anchor: 'reset', windowMs: 15 * MINUTE });
    const begun = configured({ buckets: [reset] });
    const held = begun.then(reserve('b1', 1, { weight: 1 }, NOON + 2 * SECOND));
    const doc = docOf([...begun.facts, ...held.facts, ...observe(held).facts]);
    expect(shown(doc, NOON + HOUR)).toMatchObject({ remaining: 40, reset_time: null });
  });
});
