/** What an operator's word that a plan was upgraded opens, and what it leaves closed. */
import { describe, expect, it } from 'vitest';
import {
  bucket,
  configured,
  dailyQuota,
  HOUR,
  MINUTE,
  NOON,
  reserve,
  settleBlock,
} from '../support/limiter-given.js';

const units = { ...dailyQuota, name: 'units' };
const minute = bucket({ name: 'minute', kind: 'fixed', limit: 10, windowMs: 5 * MINUTE });
const unblock = { type: 'UnblockQuota' } as const;
const spent = (name: string) =>
  ({ type: 'BlockBucket', bucket: name, collector: 'moralis', detail: '' }) as const;
const told = (name: string, more: object) =>
  ({
    type: 'ObserveQuota',
    endpoint: 'transfers',
    observations: [{ bucket: name, ...more }],
  }) as const;
const ban = { type: 'BlockScope', cause: 'banned', collector: 'moralis', detail: '' } as const;
const scope = configured({ buckets: [units, dailyQuota, minute] });

describe('a plan that was upgraded', () => {
  it('opens every quota that is blocked, or the one that is named', () => {
    const both = scope.then(spent('units')).then(spent('daily'));
    expect(both.then(unblock).context.blockedBuckets).toEqual({});
    const one = both.then({ ...unblock, bucket: 'daily' });
    expect(Object.keys(one.context.blockedBuckets)).toEqual(['units']);
    expect(one.facts).toMatchObject([
      { type: 'Unblocked', bucket: 'daily', cause: 'operator', forgets: true },
    ]);
  });

  it('changes nothing where nothing is blocked', () => {
    expect(scope.when(unblock)).toEqual({ ok: true, facts: [] });
    const other = scope.then(spent('units')).when({ ...unblock, bucket: 'daily' });
    expect(other).toEqual({ ok: true, facts: [] });
  });

  it('leaves a ban, and the window of a rate, as they are', () => {
    const observed = told('minute', { limit: 10, remaining: 0, resetAt: NOON + 4 * MINUTE });
    const closed = scope.then({ ...ban, until: NOON + HOUR }).then(observed);
    expect(closed.context.blockedBuckets).toHaveProperty('minute');
    expect(closed.when(unblock)).toEqual({ ok: true, facts: [] });
  });

  it('makes the limit forgotten that the upstream had told, and keeps what was counted', () => {
    const small = scope
      .then(reserve('b1', 20, { units: 20 }, NOON + 2000))
      .then(settleBlock('b1', 20, { units: 20 }))
      .then(told('units', { limit: 20, remaining: 0, resetAt: NOON + 11 * HOUR }));
    expect(small.context.blockedBuckets).toHaveProperty('units');
    const larger = small.then(unblock);
    expect(larger.context.observed).not.toHaveProperty('units');
    expect(larger.context.windows['units']).toEqual(small.context.windows['units']);
    const all = larger.then(reserve('b2', 80, { units: 80 }, NOON + 4000));
    expect(all.facts.at(-1)).toMatchObject({ type: 'UnitsReserved', calls: 80 });
    const used = all.then(settleBlock('b2', 80, { units: 80 }));
    const more = used.then(reserve('b3', 1, { units: 1 }, NOON + 6000));
    expect(more.facts.map(({ type }) => type)).not.toContain('UnitsReserved');
  });

  it('is no new budget: what is full by our own count stays closed, and it says what opens it', () => {
    const full = scope
      .then(reserve('b1', 100, { units: 100 }, NOON + 2000))
      .then(settleBlock('b1', 100, { units: 100 }))
      .then(reserve('b2', 1, { units: 1 }, NOON + 4000));
    expect(full.context.blockedBuckets['units']).toMatchObject({ cause: 'local_quota' });
    const refused = full.when(unblock);
    expect(refused).toMatchObject({ ok: false, refusal: { kind: 'illegal-state' } });
    expect(refused.ok ? '' : refused.refusal).toMatchObject({
      detail:
        'units is full by our own count, and its limit here is 100: only a larger one in its ' +
        'profile, or its next period (2026-01-06T00:00:00.000Z), opens it',
    });
    // What can be opened beside it is.
    const beside = full.then(spent('daily')).then(unblock);
    expect(beside.facts.map(({ type }) => type)).toEqual(['Unblocked']);
    expect(Object.keys(beside.context.blockedBuckets)).toEqual(['units']);
  });

  it('a block lifted before there were plans to forget leaves what was told', () => {
    const small = scope.then(told('units', { limit: 20, remaining: 0, resetAt: NOON + HOUR }));
    const lifted = small.then({ type: 'Unblock', bucket: 'units' });
    expect(lifted.context.observed).toHaveProperty('units');
  });
});
