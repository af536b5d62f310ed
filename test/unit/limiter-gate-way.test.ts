import { getEventListeners } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import { settle } from '../support/clock.js';
import { bucket, configure, dailyQuota, HOUR, MINUTE, SECOND } from '../support/limiter-given.js';
import {
  answer,
  ask,
  asking,
  call,
  permitOf,
  request,
  warm,
  type Bench,
} from '../support/limiter-gate.js';

const gates: Bench[] = [];
const kept = async (made: Promise<Bench>): Promise<Bench> => {
  const one = await made;
  gates.push(one);
  return one;
};
afterEach(() => {
  for (const { gate, actor } of gates.splice(0)) {
    gate.close();
    actor.kill();
  }
});

const search = bucket({ name: 'search', limit: 6, windowMs: MINUTE });
const users = bucket({ name: 'users', limit: 6, windowMs: MINUTE });
const SEARCH = { search: 1, daily: 1 };
const USERS = { users: 1, daily: 1 };
const DRAWS = [SEARCH, USERS];

describe('a permit without waiting', () => {
  it('is given while a durable block has a unit, and only then', async () => {
    const made = await kept(warm({ maxRequestsPerSecond: 100 }));
    expect(made.gate.tryAcquire(request())).toBeUndefined();
    await call(made);
    await made.clock.advance(10);
    const permit = made.gate.tryAcquire(request());
    expect(permit?.spend()).toBe(true);
    permit?.report(answer());
    await made.clock.advance(10);
    expect(made.gate.tryAcquire(request({ run: 'another' }))).toBeUndefined();
    expect(made.gate.live('moralis').counters).toEqual({ admitted: 2, delayed: 0, rejected: 0 });
  });

  it('is not given before the rate admits it, nor while anybody waits', async () => {
    const made = await kept(warm({ maxRequestsPerSecond: 4 }));
    await call(made);
    expect(made.gate.tryAcquire(request())).toBeUndefined();
    const waiting = asking(made.gate);
    await made.clock.advance(249);
    expect(made.gate.tryAcquire(request())).toBeUndefined();
    await made.clock.advance(2);
    expect(made.gate.tryAcquire(request())).toBeUndefined();
    permitOf(waiting.result()).spend();
    await made.clock.advance(251);
    expect(made.gate.tryAcquire(request())?.spend()).toBe(true);
  });

  it('is not given past a pause, a full quota, a weight no window holds, a quarantine, or the end', async () => {
    const made = await kept(warm({ maxRequestsPerSecond: 100, buckets: [search, dailyQuota] }));
    await call(made);
    await made.clock.advance(100);
    expect(made.gate.tryAcquire(request({ weights: { search: 7 } }))).toBeUndefined();
    const stop = new AbortController();
    stop.abort();
    expect(made.gate.tryAcquire(request({ signal: stop.signal }))).toBeUndefined();
    made.actor.quarantine('corrupt');
    expect(made.gate.tryAcquire(request())).toBeUndefined();
    made.actor.quarantine(undefined);
    const last = made.gate.tryAcquire(request());
    expect(last?.spend()).toBe(true);
    last?.report(answer({ outcome: 'throttled', status: 429 }));
    await made.clock.advance(100);
    expect(made.gate.tryAcquire(request())).toBeUndefined();
    expect(made.gate.live('moralis').counters.rejected).toBe(0);
    made.gate.close();
    expect(made.gate.tryAcquire(request())).toBeUndefined();
  });

  it('sees a weight that no longer fits after the limits have changed', async () => {
    const made = await kept(warm({ maxRequestsPerSecond: 100, buckets: [search] }));
    const weights = { search: 6 };
    await call(made, { weights });
    const narrower = [{ ...search, limit: 5 }];
    await made.actor.send(configure({ maxRequestsPerSecond: 100, buckets: narrower }));
    await made.clock.advance(10 * MINUTE);
    expect(made.gate.tryAcquire(request({ weights }))).toBeUndefined();
    expect(await ask(made.gate, { weights })).toMatchObject({ ok: false, bucket: 'search' });
  });

  it('lapses with its block like any other, also when only the wall clock has moved', async () => {
    const made = await kept(warm({ maxRequestsPerSecond: 100 }));
    await call(made);
    await made.clock.advance(100);
    const [one, two] = [made.gate.tryAcquire(request()), made.gate.tryAcquire(request())];
    expect(two).toBeUndefined();
    made.clock.jump(3000);
    expect(one?.spend()).toBe(false);
    expect(one?.spend()).toBe(false);
  });

  it('held by several at once goes back by whichever order they leave', async () => {
    const made = await kept(warm({ maxRequestsPerSecond: 1000 }));
    await call(made);
    await made.clock.advance(100);
    const all = Array.from({ length: 5 }, () => made.gate.tryAcquire(request()));
    expect(all.every((permit) => permit !== undefined)).toBe(true);
    for (const index of [2, 0, 4]) all[index]?.release();
    expect(all[1]?.spend()).toBe(true);
    all[1]?.report(answer());
    await made.clock.advance(2000);
    expect(all[3]?.spend()).toBe(false);
    await made.gate.flush();
    expect(made.gate.numbers().openBlocks).toBe(0);
    const settled = made.actor.facts.filter((fact) => fact.type === 'UnitsSettled');
    expect(settled.map(({ sent }) => sent)).toEqual([2]);
  });
});

describe('a copy of a permit, with a method replaced', () => {
  it('is the same permit', async () => {
    const made = await kept(warm({ maxRequestsPerSecond: 100 }));
    const permit = permitOf(await ask(made.gate));
    const copy = { ...permit, report: permit.report.bind(permit) };
    expect(copy.spend()).toBe(true);
    expect(permit.spend()).toBe(false);
    copy.report(answer());
    await made.gate.flush();
    expect(made.gate.numbers().openBlocks).toBe(0);
  });
});

describe('what is in the way of a collector', () => {
  it('is nothing while one of its endpoints is free', async () => {
    const made = await kept(
      warm({ maxRequestsPerSecond: 100, buckets: [search, users, dailyQuota] }),
    );
    const { gate, clock } = made;
    const exhausted = { outcome: 'quota_exhausted', status: 429, charged: false } as const;
    const long = clock.now() + HOUR;
    await call(made, { weights: SEARCH }, { ...exhausted, bucket: 'search', retryAt: long });
    expect(gate.blockedUntil('moralis')?.bucket).toBe('search');
    expect(gate.inTheWay('moralis', DRAWS, MINUTE)).toBeUndefined();
    await clock.advance(100);
    const longer = long + HOUR;
    await call(made, { weights: USERS }, { ...exhausted, bucket: 'users', retryAt: longer });
    expect(gate.inTheWay('moralis', DRAWS, MINUTE)).toMatchObject({
      cause: 'quota',
      bucket: 'search',
      until: long,
    });
    expect(gate.inTheWay('moralis', [], MINUTE)).toBeUndefined();
  });

  it('is what bars the scope, or a bucket they all draw from', async () => {
    const made = await kept(
      warm({ maxRequestsPerSecond: 100, buckets: [search, users, dailyQuota] }),
    );
    const retryAt = made.clock.now() + 30 * SECOND;
    await call(made, { weights: SEARCH }, { outcome: 'throttled', status: 429, retryAt });
    const paused = made.gate.inTheWay('moralis', DRAWS, MINUTE);
    expect(paused).toMatchObject({ cause: 'rate_limit', until: retryAt });
    expect(made.gate.inTheWay('moralis', [], MINUTE)).toMatchObject({ until: retryAt });
    await made.clock.advance(MINUTE);
    await call(
      made,
      { weights: USERS },
      { outcome: 'quota_exhausted', status: 401, charged: false },
    );
    expect(made.gate.inTheWay('moralis', DRAWS, MINUTE)).toMatchObject({ bucket: 'daily' });
  });

  it('is a wait for the rate that is too long, for the endpoint that is free first', async () => {
    const hourly = { limit: 2, windowMs: MINUTE };
    const buckets = [bucket({ ...hourly, name: 'search' }), bucket({ ...hourly, name: 'users' })];
    const made = await kept(warm({ maxRequestsPerSecond: 100, buckets }));
    await call(made, { weights: { search: 1 } });
    const first = made.clock.now();
    expect(made.gate.inTheWay('moralis', [{ search: 1 }], SECOND)).toMatchObject({
      cause: 'rate_limit',
      bucket: 'search',
      until: first + 30 * SECOND,
    });
    expect(made.gate.inTheWay('moralis', [{ search: 1 }], MINUTE)).toBeUndefined();
    await made.clock.advance(10 * SECOND);
    await call(made, { weights: { users: 1 } });
    const both = [{ users: 1 }, { search: 1 }];
    expect(made.gate.inTheWay('moralis', both, SECOND)?.until).toBe(first + 30 * SECOND);
  });
});

describe('the next permit', () => {
  it('is that of the call which waits, and names what it waits for', async () => {
    const made = await kept(warm({ maxRequestsPerSecond: 100, buckets: [search, users] }));
    await call(made, { weights: { search: 1 } });
    const searched = made.clock.now();
    await made.clock.advance(4 * SECOND);
    await call(made, { weights: { users: 1 } });
    asking(made.gate, { weights: { search: 1 } });
    asking(made.gate, { weights: { users: 1 } });
    await settle();
    expect(made.gate.live('moralis')).toMatchObject({
      queued: 2,
      bindingBucket: 'search',
      nextPermitAt: searched + 10 * SECOND,
    });
    await made.clock.advance(MINUTE);
    expect(made.gate.live('moralis').queued).toBe(0);
  });

  it('of one who comes too late for a turn is told too', async () => {
    const made = await kept(warm({ maxRequestsPerSecond: 1, collectors: ['moralis', 'other'] }));
    await call(made);
    for (let others = 0; others < 5; others += 1) asking(made.gate, { collector: 'other' });
    const late = asking(made.gate, { waitMaxMs: 1500, priority: 'backfill' });
    await made.clock.advance(1500);
    const told = late.result();
    expect(told).toMatchObject({ ok: false, cause: 'rate_limit' });
    expect(told?.ok === false && told.until).toBeGreaterThan(made.clock.now());
  });
});

describe('a call that gives up', () => {
  it('leaves no timer, no listener, no place in the queue', async () => {
    const made = await kept(warm({ maxRequestsPerSecond: 1, collectors: ['moralis', 'other'] }));
    await call(made);
    await made.clock.advance(100);
    const waiting = asking(made.gate, { collector: 'other' });
    await settle();
    const before = made.clock.pending();
    const stop = new AbortController();
    const all = Array.from({ length: 5 }, () => asking(made.gate, { signal: stop.signal }));
    await settle();
    expect(made.clock.pending()).toBe(before + 5);
    expect(getEventListeners(stop.signal, 'abort')).toHaveLength(5);
    stop.abort();
    await settle();
    expect(made.clock.pending()).toBe(before);
    expect(getEventListeners(stop.signal, 'abort')).toHaveLength(0);
    expect(made.gate.numbers().queued).toBe(1);
    expect(all.map(({ result }) => result())).toEqual(
      all.map(() => expect.objectContaining({ cause: 'cancelled' }) as unknown),
    );
    await made.clock.advance(SECOND);
    permitOf(waiting.result());
  });
});
