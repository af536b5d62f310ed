import { afterEach, describe, expect, it } from 'vitest';
import { settle } from '../support/clock.js';
import {
  bucket,
  dailyQuota,
  HOUR,
  MINUTE,
  SECOND,
  weightPerMinute,
} from '../support/limiter-given.js';
import {
  answer,
  ask,
  asking,
  bench,
  call,
  permitOf,
  reservedCalls,
  restart,
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
const types = ({ actor }: Bench): readonly string[] => actor.facts.map(({ type }) => type);

describe('a permit', () => {
  it('P6: is not given before its reservation is durable', async () => {
    const made = await kept(warm());
    made.actor.journal.delayMs = 500;
    const first = asking(made.gate);
    await made.clock.advance(499);
    expect(first.result()).toBeUndefined();
    await made.clock.advance(1);
    permitOf(first.result());
    expect(reservedCalls(made.actor.facts)).toBe(5);
  });

  it('comes from a block of one second’s worth, or of one call', async () => {
    const fast = await kept(warm({ maxRequestsPerSecond: 20 }));
    await call(fast);
    expect(reservedCalls(fast.actor.facts)).toBe(20);
    const slow = await kept(warm({ maxRequestsPerSecond: 0.2 }));
    await call(slow);
    expect(reservedCalls(slow.actor.facts)).toBe(1);
  });

  it('spends once, and lapses with its block after two seconds', async () => {
    const made = await kept(warm());
    const permit = permitOf(await ask(made.gate));
    await made.clock.advance(2000);
    expect(permit.spend()).toBe(false);
    const next = permitOf(await ask(made.gate));
    expect(next.spend()).toBe(true);
    expect(next.spend()).toBe(false);
  });

  it('lapses when only the wall clock has passed its block’s end, or only the monotonic one', async () => {
    const forward = await kept(warm());
    const one = permitOf(await ask(forward.gate));
    forward.clock.jump(3000);
    expect(one.spend()).toBe(false);
    const back = await kept(warm());
    const two = permitOf(await ask(back.gate));
    back.clock.jump(-3000);
    await back.clock.advance(2500);
    expect(two.spend()).toBe(false);
  });

  it('that is released gives back the rate and its unit', async () => {
    const made = await kept(warm());
    permitOf(await ask(made.gate)).release();
    await call(made);
    await made.clock.advance(2000);
    const settled = made.actor.facts.find((fact) => fact.type === 'UnitsSettled');
    expect(settled).toMatchObject({ sent: 1, cause: 'settled' });
    expect(reservedCalls(made.actor.facts)).toBe(5);
  });

  it('is stopped by a throttle that another call brings meanwhile', async () => {
    const made = await kept(warm({ maxRequestsPerSecond: 1000 }));
    const first = permitOf(await ask(made.gate));
    first.spend();
    const second = permitOf(await ask(made.gate));
    first.report(answer({ outcome: 'throttled', status: 429 }));
    expect(second.spend()).toBe(false);
  });
});

describe('the rate', () => {
  it('starts exhausted: the first call waits as if one had just left', async () => {
    const made = await kept(bench({ maxRequestsPerSecond: 2 }));
    const first = asking(made.gate);
    await made.clock.advance(490);
    expect(first.result()).toBeUndefined();
    await made.clock.advance(20);
    permitOf(first.result());
  });

  it('takes a live change at once, measured from the last call that left', async () => {
    const made = await kept(warm({ maxRequestsPerSecond: 0.1 }));
    await call(made);
    await made.clock.advance(1000);
    const waiting = asking(made.gate);
    await settle();
    expect(waiting.result()).toBeUndefined();
    await made.actor.send({ type: 'SetRate', collector: 'moralis', maxRequestsPerSecond: 1 });
    await made.clock.advance(10);
    permitOf(waiting.result()).spend();
    await made.actor.send({ type: 'SetRate', collector: 'moralis', maxRequestsPerSecond: 0.1 });
    const next = asking(made.gate);
    await made.clock.advance(9900);
    expect(next.result()).toBeUndefined();
    await made.clock.advance(200);
    permitOf(next.result());
  });

  it('is cut by a throttle, waits for Retry-After, and comes back along the curve', async () => {
    const made = await kept(warm({ maxRequestsPerSecond: 10 }));
    const retryAt = made.clock.now() + 30 * SECOND;
    await call(made, {}, { outcome: 'throttled', status: 429, retryAt });
    expect(made.gate.blockedUntil('moralis')).toMatchObject({
      cause: 'rate_limit',
      until: retryAt,
    });
    expect(made.gate.live('moralis').currentBackoff).toBeCloseTo(2, 6);
    const waiting = asking(made.gate);
    await made.clock.advance(30 * SECOND - 2);
    expect(waiting.result()).toBeUndefined();
    await made.clock.advance(2);
    permitOf(waiting.result()).spend();
    expect(made.gate.currentRate('moralis')).toBeCloseTo(4.75, 1);
    await made.clock.advance(MINUTE);
    expect(made.gate.currentRate('moralis')).toBeCloseTo(9.5, 6);
    expect(made.gate.live('moralis').currentBackoff).toBe(1);
  });

  it('keeps its pause in memory when the journal is away', async () => {
    const made = await kept(warm());
    const permit = permitOf(await ask(made.gate));
    permit.spend();
    made.actor.journal.away = true;
    permit.report(answer({ outcome: 'throttled', status: 429 }));
    await settle();
    expect(made.gate.blockedUntil('moralis')?.until).toBe(made.clock.now() + 2000);
    expect(made.actor.state().context.episode).toBeNull();
  });
});

describe('waiting', () => {
  it('is refused at once, with until when, if it cannot end in time', async () => {
    const made = await kept(warm({ maxRequestsPerSecond: 0.1 }));
    await call(made);
    const late = await ask(made.gate, { waitMaxMs: 5000 });
    expect(late).toMatchObject({ ok: false, cause: 'rate_limit' });
    expect(late?.ok === false && (late.until ?? 0) - made.clock.now()).toBeGreaterThan(9000);
  });

  it('is bounded in number', async () => {
    const made = await kept(warm({ maxRequestsPerSecond: 0.1 }));
    const all = Array.from({ length: 102 }, () => asking(made.gate));
    await settle();
    expect(all.at(-1)?.result()).toMatchObject({ ok: false, cause: 'overloaded' });
    expect(made.gate.live('moralis').queued).toBe(made.gate.numbers().queued);
  });

  it('is in turn: probes before live calls before backfill, then first in, first out', async () => {
    const made = await kept(warm({ maxRequestsPerSecond: 1 }));
    await call(made);
    const order: string[] = [];
    const join = (name: string, priority: 'live' | 'probe' | 'backfill'): void => {
      const request = { priority, endpoint: name };
      const { signal } = new AbortController();
      const base = { collector: 'moralis', run: 'run-1', weights: {}, waitMaxMs: MINUTE, signal };
      void made.gate.acquire({ ...base, ...request }).then((acquired) => {
        order.push(name);
        permitOf(acquired).spend();
      });
    };
    join('one', 'live');
    join('two', 'backfill');
    join('three', 'probe');
    join('four', 'live');
    await made.clock.advance(5000);
    expect(order).toEqual(['three', 'one', 'two', 'four']);
  });

  it('ends when the caller gives up, and when the gate is closed', async () => {
    const made = await kept(warm({ maxRequestsPerSecond: 0.1 }));
    await call(made);
    const stop = new AbortController();
    const given = asking(made.gate, { signal: stop.signal });
    const closed = asking(made.gate);
    stop.abort();
    await settle();
    expect(given.result()).toMatchObject({ ok: false, cause: 'cancelled' });
    made.gate.close();
    await settle();
    expect(closed.result()).toMatchObject({ ok: false, cause: 'unavailable' });
    expect(await ask(made.gate)).toMatchObject({ ok: false, cause: 'unavailable' });
  });

  it('behind another collector’s own cap is not waiting', async () => {
    const made = await kept(warm({ collectors: ['moralis', 'other'], maxRequestsPerSecond: 10 }));
    await made.actor.send({ type: 'SetRate', collector: 'moralis', maxRequestsPerSecond: 0.1 });
    await call(made);
    const capped = asking(made.gate);
    await made.clock.advance(200);
    const free = asking(made.gate, { collector: 'other' });
    await made.clock.advance(200);
    expect(capped.result()).toBeUndefined();
    permitOf(free.result());
  });

  it('is counted: admitted, delayed, rejected, and for how long', async () => {
    const made = await kept(warm({ maxRequestsPerSecond: 1 }));
    await call(made);
    const waiting = asking(made.gate);
    const late = asking(made.gate, { waitMaxMs: 10 });
    await made.clock.advance(1100);
    expect(late.result()).toMatchObject({ ok: false });
    permitOf(waiting.result()).spend();
    expect(made.gate.live('moralis').counters).toEqual({ admitted: 2, delayed: 1, rejected: 1 });
    expect(made.gate.numbers().waitSeconds.count).toBe(2);
    expect(made.gate.live('moralis').nextPermitAt).toBeGreaterThan(made.clock.now());
  });
});

describe('buckets', () => {
  it('name the one that binds', async () => {
    const made = await kept(warm({ maxRequestsPerSecond: 100, buckets: [bucket()] }));
    await call(made, { weights: { requests: 1 } });
    const live = made.gate.live('moralis');
    expect(live.bindingBucket).toBe('requests');
    expect(live.nextPermitAt).toBe(made.clock.now() + 1000);
  });

  it('let a call wait for the next window of the clock', async () => {
    const made = await kept(
      warm({ maxRequestsPerSecond: 100, buckets: [{ ...weightPerMinute, limit: 20 }] }),
    );
    await call(made, { weights: { weight: 20 } });
    await made.clock.advance(1000);
    const next = asking(made.gate, { weights: { weight: 20 } });
    await made.clock.advance(58_000);
    expect(next.result()).toBeUndefined();
    await made.clock.advance(1000);
    permitOf(next.result());
  });

  it('refuse a call past the quota, with the end of the period', async () => {
    const made = await kept(
      warm({ maxRequestsPerSecond: 100, buckets: [{ ...dailyQuota, limit: 2 }] }),
    );
    const weights = { daily: 1 };
    await call(made, { weights });
    await made.clock.advance(100);
    await call(made, { weights });
    await made.clock.advance(2500);
    const past = { ok: false, cause: 'quota', until: Date.UTC(2026, 0, 6), bucket: 'daily' };
    expect(await ask(made.gate, { weights })).toMatchObject(past);
    expect(await ask(made.gate, { weights })).toMatchObject(past);
    expect(types(made).filter((type) => type === 'BucketBlocked')).toHaveLength(1);
  });

  it('charge a quota what the provider charges, and a rate whatever was sent', async () => {
    const made = await kept(
      warm({ maxRequestsPerSecond: 100, buckets: [weightPerMinute, dailyQuota] }),
    );
    const weights = { weight: 10, daily: 1 };
    await call(made, { weights }, { outcome: 'server', status: 500, charged: false });
    await made.clock.advance(10);
    await call(made, { weights });
    await made.gate.flush();
    const { windows } = made.actor.state().context;
    expect(windows.weight).toMatchObject({ spent: 20, held: 0 });
    expect(windows.daily).toMatchObject({ spent: 1, held: 0 });
    const settled = made.actor.facts.find((fact) => fact.type === 'UnitsSettled');
    expect(settled?.type === 'UnitsSettled' && settled.usage).toEqual([
      {
        endpoint: 'transfers',
        outcome: 'server',
        calls: 1,
        charged: [{ bucket: 'weight', units: 10 }],
      },
      {
        endpoint: 'transfers',
        outcome: 'ok',
        calls: 1,
        charged: [
          { bucket: 'weight', units: 10 },
          { bucket: 'daily', units: 1 },
        ],
      },
    ]);
  });

  it('that the scope does not have are not counted', async () => {
    const made = await kept(warm());
    await call(made, { weights: { unheard: 5 } });
  });

  it('never admit a weight that no window holds', async () => {
    const made = await kept(warm({ buckets: [bucket()] }));
    const heavy = await ask(made.gate, { weights: { requests: 11 } });
    expect(heavy).toMatchObject({ ok: false, cause: 'rate_limit', bucket: 'requests' });
  });

  it('are closed by the provider’s word, and opened by an operator', async () => {
    const made = await kept(warm({ maxRequestsPerSecond: 100, buckets: [dailyQuota] }));
    const weights = { daily: 1 };
    let woken = 0;
    made.gate.watch(() => {
      woken += 1;
    });
    await call(made, { weights }, { outcome: 'quota_exhausted', status: 401, charged: false });
    expect(await ask(made.gate, { weights })).toMatchObject({ cause: 'quota', bucket: 'daily' });
    expect(made.gate.blockedUntil('moralis')?.until).toBe(Date.UTC(2026, 0, 6));
    expect(woken).toBeGreaterThan(0);
    await made.actor.send({ type: 'Unblock' });
    await made.clock.advance(100);
    permitOf(await ask(made.gate, { weights }));
  });

  it('follow an observation that tightens, at once and across a restart', async () => {
    const made = await kept(
      warm({ maxRequestsPerSecond: 100, buckets: [{ ...weightPerMinute, limit: 1000 }] }),
    );
    const weights = { weight: 10 };
    const observations = [{ bucket: 'weight', used: 985 }];
    await call(made, { weights }, { observations });
    await made.clock.advance(100);
    await call(made, { weights });
    await made.clock.advance(100);
    const early = await ask(made.gate, { weights, waitMaxMs: SECOND });
    expect(early).toMatchObject({ ok: false, cause: 'rate_limit', bucket: 'weight' });
    const next = await kept(restart(made));
    await made.clock.advance(SECOND);
    expect(await ask(next.gate, { weights, waitMaxMs: SECOND })).toMatchObject({ ok: false });
  });

  it('do not believe an answer to a call of the last window', async () => {
    const made = await kept(warm({ maxRequestsPerSecond: 100, buckets: [weightPerMinute] }));
    await made.clock.advance(59_000);
    const permit = permitOf(await ask(made.gate, { weights: { weight: 1 } }));
    permit.spend();
    await made.clock.advance(2000);
    permit.report(answer({ observations: [{ bucket: 'weight', used: 6000 }] }));
    await settle();
    expect(made.gate.blockedUntil('moralis')).toBeUndefined();
  });
});

describe('a ban', () => {
  it('stops every collector of the scope until it ends', async () => {
    const made = await kept(warm({ collectors: ['moralis', 'other'] }));
    const retryAt = made.clock.now() + HOUR;
    await call(made, {}, { outcome: 'banned', status: 418, retryAt });
    const refused = await ask(made.gate, { collector: 'other' });
    expect(refused).toMatchObject({ ok: false, cause: 'ban', until: retryAt });
    await made.clock.advance(HOUR);
    expect(made.actor.state().context.blocked).toBeNull();
    permitOf(await ask(made.gate, { collector: 'other' }));
  });

  it('by a web application firewall is told apart', async () => {
    const made = await kept(warm());
    await call(made, {}, { outcome: 'banned', status: 403 });
    expect(made.actor.state().context.blocked?.cause).toBe('waf');
  });
});

describe('blocks', () => {
  it('left open by a crash count as spent after the restart', async () => {
    const made = await kept(warm({ maxRequestsPerSecond: 10, buckets: [dailyQuota] }));
    permitOf(await ask(made.gate, { weights: { daily: 1 } })).spend();
    const next = await kept(restart(made));
    expect(next.actor.state().context.windows.daily).toMatchObject({ spent: 10, held: 0 });
    expect(next.actor.state().context.open).toEqual({});
  });

  it('are settled when their calls came back, on drain too, and tried again when refused', async () => {
    const made = await kept(warm());
    const permit = permitOf(await ask(made.gate));
    permit.spend();
    await made.gate.flush();
    expect(types(made)).not.toContain('UnitsSettled');
    made.actor.journal.away = true;
    permit.report(answer());
    await made.clock.advance(1000);
    made.actor.journal.away = false;
    await made.clock.advance(3000);
    expect(types(made).filter((type) => type === 'UnitsSettled')).toHaveLength(1);
    expect(made.gate.numbers().openBlocks).toBe(0);
  });

  it('end with the window they are counted in', async () => {
    const made = await kept(warm({ buckets: [weightPerMinute] }));
    await made.clock.advance(59_000);
    const permit = permitOf(await ask(made.gate, { weights: { weight: 1 } }));
    await made.clock.advance(1000);
    expect(permit.spend()).toBe(false);
  });

  it('are refused without a journal', async () => {
    const made = await kept(warm());
    made.actor.journal.away = true;
    expect(await ask(made.gate)).toMatchObject({ ok: false, cause: 'unavailable' });
    made.actor.quarantine('corrupt');
    expect(await ask(made.gate)).toMatchObject({ cause: 'unavailable', detail: 'corrupt' });
  });
});

describe('a wall clock that jumps an hour ahead and back', () => {
  it('starves nothing', async () => {
    const made = await kept(warm({ buckets: [weightPerMinute] }));
    const weights = { weight: 1 };
    await call(made, { weights });
    made.clock.jump(HOUR);
    await made.clock.advance(1000);
    await call(made, { weights }, { outcome: 'throttled', status: 429 });
    made.clock.jump(-HOUR);
    made.gate.live('moralis');
    await made.clock.advance(3000);
    expect(types(made).filter((type) => type === 'ClockAnomaly')).toHaveLength(2);
    await call(made, { weights });
  });
});
