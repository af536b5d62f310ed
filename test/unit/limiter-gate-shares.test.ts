import { setMaxListeners } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import { settle } from '../support/clock.js';
import { callOn, pollOn, type Calling, type Left } from '../support/limiter-callers.js';
import { bucket, HOUR, MINUTE, SECOND, weightPerMinute } from '../support/limiter-given.js';
import { asking, call, permitOf, warm, type Bench } from '../support/limiter-gate.js';

const open: { readonly made: Bench; readonly stop: AbortController }[] = [];
async function scope(
  more: Parameters<typeof warm>[0] = {},
): Promise<Calling & { readonly made: Bench; readonly stop: AbortController }> {
  const made = await warm({ collectors: ['one', 'two', 'three'], ...more });
  const stop = new AbortController();
  setMaxListeners(0, stop.signal);
  open.push({ made, stop });
  const { gate, clock } = made;
  return { made, stop, gate, clock, roundTripMs: 100, signal: stop.signal };
}
afterEach(async () => {
  for (const { made, stop } of open.splice(0)) {
    stop.abort();
    await settle();
    made.gate.close();
    made.actor.kill();
  }
});

/** The distances between what follows upon each other. */
const gaps = (moments: readonly number[]): readonly number[] =>
  moments.slice(1).map((at, index) => at - (moments[index] ?? 0));

describe('two collectors on one scope, one of them backfilling as fast as it may', () => {
  it('leave the live one its cadence within 10 %, and the other all the rest, for an hour', async () => {
    const calling = await scope({
      maxRequestsPerSecond: 2,
      buckets: [{ ...weightPerMinute, limit: 1200 }, bucket({ limit: 100, windowMs: MINUTE })],
    });
    const weights = { weight: 5, requests: 1 };
    const runs: Left[][] = [];
    const backfilled: Left[] = [];
    const everyMs = 10 * SECOND;
    void pollOn(calling, { collector: 'one', weights }, { everyMs, calls: 3 }, runs);
    for (let worker = 0; worker < 4; worker += 1) {
      const priority = 'backfill';
      void callOn(calling, { collector: 'two', run: 'fill', weights, priority }, backfilled);
    }
    await calling.clock.advance(HOUR);
    expect(runs.length).toBeGreaterThanOrEqual(358);
    expect(runs.every((run) => run.length === 3)).toBe(true);
    const begun = gaps(runs.map((run) => run[0]?.at ?? 0));
    const ended = gaps(runs.map((run) => run.at(-1)?.at ?? 0));
    for (const gap of [...begun, ...ended]) {
      expect(Math.abs(gap - everyMs)).toBeLessThanOrEqual(everyMs / 10);
    }
    // Nothing is left unused: what the live one does not take, the other gets.
    const hour = backfilled.length + runs.length * 3;
    expect(hour).toBeGreaterThan(0.95 * 100 * 60);
    expect(hour).toBeLessThanOrEqual(101 * 60);
  }, 60_000);
});

describe('a contended scope', () => {
  it('is shared 8 : 4 : 1 by probes, live calls and backfill, each from several callers', async () => {
    const calling = await scope({ maxRequestsPerSecond: 10 });
    const left = { probe: [] as Left[], live: [] as Left[], backfill: [] as Left[] };
    for (const priority of ['probe', 'live', 'backfill'] as const) {
      for (let caller = 0; caller < 12; caller += 1) {
        void callOn(calling, { collector: 'one', priority }, left[priority]);
      }
    }
    await calling.clock.advance(3 * MINUTE);
    const all = left.probe.length + left.live.length + left.backfill.length;
    expect(left.probe.length / all).toBeCloseTo(8 / 13, 2);
    expect(left.live.length / all).toBeCloseTo(4 / 13, 2);
    expect(left.backfill.length / all).toBeCloseTo(1 / 13, 2);
  });

  it('is shared evenly by the collectors of a class, whatever number of calls each has', async () => {
    const calling = await scope({ maxRequestsPerSecond: 10 });
    const left = { one: [] as Left[], two: [] as Left[] };
    for (let caller = 0; caller < 15; caller += 1) {
      void callOn(calling, { collector: 'one', run: 'a' }, left.one);
    }
    for (let caller = 0; caller < 2; caller += 1) {
      void callOn(calling, { collector: 'two', run: 'b' }, left.two);
    }
    await calling.clock.advance(2 * MINUTE);
    expect(left.two.length / left.one.length).toBeCloseTo(1, 1);
  });

  it('has room for every collector: none fills the queue alone', async () => {
    const { made } = await scope({ maxRequestsPerSecond: 0.1 });
    await call(made, { collector: 'one' });
    const greedy = Array.from({ length: 100 }, () => asking(made.gate, { collector: 'one' }));
    await settle();
    const refused = greedy.filter(({ result }) => result() !== undefined);
    expect(refused).toHaveLength(50);
    expect(refused[0]?.result()).toMatchObject({ ok: false, cause: 'overloaded' });
    const other = asking(made.gate, { collector: 'two' });
    await settle();
    expect(other.result()).toBeUndefined();
    expect(made.gate.live('one').queued).toBe(50);
  });

  it('tells whom it has no room for when a place may be free', async () => {
    const { made, clock } = await scope({ collectors: ['one'], maxRequestsPerSecond: 0.5 });
    await call(made, { collector: 'one' });
    const all = Array.from({ length: 101 }, () => asking(made.gate, { collector: 'one' }));
    await settle();
    const last = all.at(-1)?.result();
    expect(last).toMatchObject({ ok: false, cause: 'overloaded' });
    expect(last?.ok === false && last.until).toBeCloseTo(clock.now() + 2000, -2);
  });
});

describe('a waiter', () => {
  const slow = bucket({ name: 'search', limit: 6, windowMs: MINUTE });
  const other = bucket({ name: 'users', limit: 600, windowMs: MINUTE, burst: 10 });

  it('for a full bucket does not stop those who draw from others', async () => {
    const { made, clock } = await scope({ maxRequestsPerSecond: 100, buckets: [slow, other] });
    await call(made, { collector: 'one', weights: { search: 1 } });
    const search = asking(made.gate, { collector: 'one', weights: { search: 1 } });
    const again = asking(made.gate, { collector: 'two', weights: { search: 1 } });
    const own = asking(made.gate, { collector: 'one', weights: { users: 1 } });
    await clock.advance(SECOND);
    permitOf(own.result()).spend();
    const users = asking(made.gate, { collector: 'two', weights: { users: 1 } });
    await clock.advance(SECOND);
    permitOf(users.result()).spend();
    expect(search.result()).toBeUndefined();
    await clock.advance(8 * SECOND);
    permitOf(search.result()).spend();
    expect(again.result()).toBeUndefined();
    await clock.advance(10 * SECOND);
    permitOf(again.result());
  });

  it('behind its own cap does not stop the others, even while the scope’s pace is not ready', async () => {
    const { made, clock } = await scope({ maxRequestsPerSecond: 2 });
    await made.actor.send({ type: 'SetRate', collector: 'one', maxRequestsPerSecond: 0.1 });
    await call(made, { collector: 'one' });
    const capped = asking(made.gate, { collector: 'one' });
    const free = asking(made.gate, { collector: 'two' });
    await clock.advance(600);
    permitOf(free.result()).spend();
    expect(capped.result()).toBeUndefined();
    await clock.advance(10 * SECOND);
    permitOf(capped.result());
  });

  it('with a heavy call is not starved by light ones', async () => {
    const shared = bucket({ name: 'shared', limit: 60, windowMs: MINUTE, burst: 20 });
    const calling = await scope({ maxRequestsPerSecond: 50, buckets: [shared] });
    const light: Left[] = [];
    for (let caller = 0; caller < 5; caller += 1) {
      void callOn(calling, { collector: 'two', weights: { shared: 1 } }, light);
    }
    await calling.clock.advance(MINUTE);
    const heavy = asking(calling.gate, {
      collector: 'one',
      run: 'heavy',
      priority: 'backfill',
      weights: { shared: 20 },
    });
    await calling.clock.advance(40 * SECOND);
    permitOf(heavy.result()).spend();
    const before = light.length;
    await calling.clock.advance(30 * SECOND);
    expect(light.length).toBeGreaterThan(before);
  });

  it('for two buckets that others keep busy in turn gets both in the end', async () => {
    const pair = ['left', 'right'].map((name) => bucket({ name, limit: 30, windowMs: MINUTE }));
    const calling = await scope({ maxRequestsPerSecond: 50, buckets: pair });
    const left: Left[] = [];
    for (const name of ['left', 'right']) {
      for (const collector of ['two', 'three']) {
        const more = { collector, run: collector, weights: { [name]: 1 }, priority: 'probe' };
        void callOn(calling, { ...more, priority: 'probe' }, left);
      }
    }
    await calling.clock.advance(30 * SECOND);
    const both: Left[] = [];
    const weights = { left: 1, right: 1 };
    void callOn(calling, { collector: 'one', run: 'both', weights, priority: 'backfill' }, both);
    await calling.clock.advance(4 * MINUTE);
    expect(both.length).toBeGreaterThan(2);
  });

  it('whose window is full goes first when it begins anew, whoever else waits', async () => {
    const { made, clock } = await scope({
      maxRequestsPerSecond: 50,
      buckets: [{ ...weightPerMinute, limit: 100 }],
    });
    await call(made, { collector: 'two', weights: { weight: 1 } });
    await clock.advance(2500);
    const heavy = { collector: 'one', run: 'heavy', weights: { weight: 100 } };
    const late = asking(made.gate, { ...heavy, priority: 'backfill' });
    await clock.advance(SECOND);
    const light = asking(made.gate, { collector: 'two', weights: { weight: 1 } });
    await clock.advance(SECOND);
    permitOf(light.result()).spend();
    expect(late.result()).toBeUndefined();
    expect(made.gate.live('one')).toMatchObject({ bindingBucket: 'weight', queued: 1 });
    await clock.advance(56 * SECOND);
    permitOf(late.result());
  });
});
