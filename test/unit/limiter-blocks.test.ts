/** Bans, quota blocks, told limits and live changes: what restricts, until when, and across restarts. */
import { afterEach, describe, expect, it } from 'vitest';
import { effectiveLimit } from '../../src/actors/limiter/buckets.js';
import {
  bucket,
  configure,
  configured,
  dailyQuota,
  HOUR,
  lapse,
  MINUTE,
  NOON,
  reserve,
  SECOND,
  settleBlock,
  weightPerMinute,
  type Given,
} from '../support/limiter-given.js';
import { ask, bench, call, permitOf, restart, type Bench } from '../support/limiter-gate.js';

const DAY_END = Date.UTC(2026, 0, 6);
const RING = bucket({ name: 'units', limit: 100, windowMs: HOUR });
const RESET = bucket({
  name: 'units',
  kind: 'fixed',
  limit: 100,
  windowMs: 15 * MINUTE,
  anchor: 'reset',
});
const CLOCK = bucket({ name: 'units', kind: 'fixed', limit: 100, windowMs: MINUTE });
const DAY = { ...dailyQuota, name: 'units' };
const PACED = bucket({ name: 'units', limit: 100, windowMs: 10 * SECOND });

const open: Bench[] = [];
const keep = (made: Bench): Bench => {
  open.push(made);
  return made;
};
afterEach(() => {
  for (const { gate, actor } of open.splice(0)) {
    gate.close();
    actor.kill();
  }
});

describe('a ban', () => {
  const scope = configured({ buckets: [DAY] });
  const ban = (until?: number) =>
    ({
      type: 'BlockScope',
      cause: 'banned',
      collector: 'moralis',
      detail: '418',
      ...(until !== undefined && { until }),
    }) as const;

  it.each([
    ['in the past', NOON - HOUR, NOON + 15 * MINUTE],
    ['now', NOON, NOON + 15 * MINUTE],
    ['no number', NaN, NOON + 15 * MINUTE],
    ['untold', undefined, NOON + 15 * MINUTE],
    ['in a thousand years', NOON + 3e13, NOON + 7 * 24 * HOUR],
    ['never', Infinity, NOON + 7 * 24 * HOUR],
    ['in an hour', NOON + HOUR, NOON + HOUR],
  ])('whose end is %s', (_what, until, end) => {
    expect(scope.then(ban(until)).context.blocked?.until).toBe(end);
  });

  it('holds across a restart to its last millisecond, and ends if it passed meanwhile', async () => {
    let made = keep(await bench({ buckets: [DAY] }));
    await made.clock.advance(MINUTE);
    const retryAt = made.clock.now() + 10 * MINUTE;
    await call(made, { weights: { units: 1 } }, { outcome: 'banned', status: 418, retryAt });
    made = keep(await restart(made));
    await made.clock.advance(10 * MINUTE - 1);
    const barred = { ok: false, cause: 'ban', until: retryAt };
    expect(await ask(made.gate, { waitMaxMs: 0 })).toMatchObject(barred);
    made.actor.kill();
    await made.clock.advance(1);
    made = keep(await restart(made));
    await made.clock.advance(SECOND);
    permitOf(await ask(made.gate));
    expect(made.actor.state().context.blocked).toBeNull();
  });
});

describe('a quota block', () => {
  const exhausted = (until?: number) =>
    ({
      type: 'BlockBucket',
      bucket: 'units',
      collector: 'moralis',
      detail: '',
      ...(until !== undefined && { until }),
    }) as const;

  it.each([
    ['untold', undefined, DAY_END],
    ['in the past', NOON - 1, DAY_END],
    ['no number', NaN, DAY_END],
    ['in an hour', NOON + HOUR, NOON + HOUR],
    ['in a thousand years', NOON + 3e13, NOON + (31 * 24 + 1) * HOUR],
  ])('whose end is %s', (_what, until, end) => {
    const given = configured({ buckets: [DAY] }).then(exhausted(until));
    expect(given.context.blockedBuckets['units']?.until).toBe(end);
  });

  it('of one bucket leaves the others alone, holds across a restart, and is lifted by an operator', async () => {
    const other = { ...dailyQuota, name: 'other' };
    let made = keep(await bench({ buckets: [DAY, other] }));
    await made.clock.advance(MINUTE);
    await call(
      made,
      { weights: { units: 1 } },
      { outcome: 'quota_exhausted', status: 429, bucket: 'units' },
    );
    made = keep(await restart(made));
    await made.clock.advance(3 * SECOND);
    const closed = { ok: false, cause: 'quota', until: DAY_END };
    expect(await ask(made.gate, { weights: { units: 1 } })).toMatchObject(closed);
    await call(made, { weights: { other: 1 } });
    await made.actor.send({ type: 'Unblock', bucket: 'units' });
    await made.clock.advance(SECOND);
    permitOf(await ask(made.gate, { weights: { units: 1 } }));
  });

  it.each([
    ['ring', RING, NOON + HOUR],
    ['reset window', RESET, NOON + 16 * MINUTE],
  ])('of an unused %s lasts one window', (_what, each, until) => {
    const given = configured({ buckets: [each] }).then(exhausted());
    expect(given.context.blockedBuckets['units']?.until).toBe(until);
  });
});

describe('a told limit', () => {
  const observe = (given: Given, more: object, at = NOON): Given =>
    given.then(
      { type: 'ObserveQuota', endpoint: 'klines', observations: [{ bucket: 'units', ...more }] },
      at,
    );
  const granted = (given: Given, at: number): number => {
    const decision = given.when(reserve('probe', 200, { units: 200 }, at + 2000), at);
    const fact = decision.ok
      ? decision.facts.find(({ type }) => type === 'UnitsReserved')
      : undefined;
    return fact?.type === 'UnitsReserved' ? fact.calls : 0;
  };

  it.each([
    ['ring', RING],
    ['reset', RESET],
    ['clock', CLOCK],
    ['day', DAY],
  ])('lower than ours is taken, a higher one is not: %s', (_what, each) => {
    const scope = configured({ buckets: [each] });
    const low = observe(scope, { limit: 40, remaining: 40 });
    expect(granted(low, NOON + SECOND)).toBe(40);
    const silent = observe(low, { used: 0 }, NOON + 2 * MINUTE);
    expect(granted(silent, NOON + 2 * MINUTE)).toBe(40);
    const high = observe(silent, { limit: 5000, remaining: 5000 }, NOON + 3 * MINUTE);
    expect(granted(high, NOON + 3 * MINUTE)).toBe(100);
  });

  it('and what is left of it never become a rate', () => {
    const scope = configured({ buckets: [CLOCK] });
    const told = observe(scope, { limit: 100, remaining: 1, resetAt: NOON + 50 * SECOND });
    expect(told.context.episode).toBeNull();
    expect(told.context.learned).toBeNull();
    expect(granted(told, NOON + SECOND)).toBe(1);
    expect(granted(told, NOON + MINUTE)).toBe(100);
  });
});

describe('a bucket that is counted in another way from now on', () => {
  const at = NOON + 2 * SECOND;
  const used = (each: typeof RING): Given =>
    configured({ buckets: [each] })
      .then(reserve('b1', 80, { units: 80 }, NOON + 2000))
      .then(settleBlock('b1', 80, { units: 80 }), NOON + SECOND);
  const until = (given: Given): number => given.context.blockedBuckets['units']?.until ?? 0;

  it.each([
    ['ring to reset', RING, RESET, NOON + HOUR],
    ['ring to paced', RING, PACED, NOON + HOUR],
    ['reset to ring', RESET, RING, NOON + 15 * MINUTE],
    ['reset to day', RESET, DAY, NOON + 15 * MINUTE],
    ['day to ring', DAY, RING, DAY_END],
    ['clock to reset', CLOCK, RESET, NOON + MINUTE],
    ['paced to ring', PACED, RING, at + 10 * SECOND],
  ])('%s: gives nothing for one old window', (_what, from, to, end) => {
    const changed = used(from).then(configure({ buckets: [to] }), at);
    expect(changed.facts.find(({ type }) => type === 'BucketBlocked')).toMatchObject({
      cause: 'reconfigured',
    });
    expect(until(changed)).toBeGreaterThanOrEqual(end);
    expect(changed.when(reserve('b2', 1, { units: 1 }, at + 1000), at).ok).toBe(false);
    const later = lapse(changed, until(changed));
    const next = reserve('b2', 1, { units: 1 }, until(changed) + 1000);
    expect(later.when(next, until(changed)).ok).toBe(true);
  });

  it('goes on at once when nothing of it was used', () => {
    const unused = configured({ buckets: [DAY] }).then(configure({ buckets: [RING] }), at);
    expect(unused.context.blockedBuckets).toEqual({});
  });

  it.each([
    ['ring', RING],
    ['reset', RESET],
    ['clock', CLOCK],
    ['day', DAY],
  ])('keeps its usage while it is counted alike: %s', (_what, each) => {
    const tight = used(each).then(configure({ buckets: [{ ...each, limit: 90 }] }), at);
    expect(tight.context.blockedBuckets).toEqual({});
    const asked = tight.then(reserve('b2', 50, { units: 50 }, at + 1000), at);
    expect(asked.facts.find(({ type }) => type === 'UnitsReserved')).toMatchObject({ calls: 10 });
  });
});

describe('the margin', () => {
  it('is 5 % of whole units, and leaves at least one', () => {
    const five = (limit: number): number => effectiveLimit(limit, 0.05);
    expect([1, 2, 10, 20, 25, 100, 450, 6000].map(five)).toEqual([1, 1, 9, 19, 23, 95, 427, 5700]);
  });

  it('is taken off every kind of bucket', () => {
    for (const each of [RING, RESET, CLOCK, DAY, weightPerMinute]) {
      const scope = configured({ buckets: [{ ...each, name: 'units', limit: 100 }], margin: 0.05 });
      const asked = scope.then(reserve('b1', 200, { units: 200 }, NOON + 2000));
      expect(asked.facts.find(({ type }) => type === 'UnitsReserved')).toMatchObject({ calls: 95 });
    }
  });
});
