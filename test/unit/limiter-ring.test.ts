/** Long rolling windows: the ring alone against a naive count, then through decisions and restarts. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Slots } from '../../src/actors/limiter/context.js';
import {
  RING_SLOTS,
  ringCharged,
  ringCorrected,
  ringFreeAt,
  ringUsed,
  slotMsOf,
} from '../../src/actors/limiter/ring.js';
import { mostInAnyWindow, type Departure } from '../support/limiter-judge.js';
import {
  bucket,
  configure,
  configured,
  HOUR,
  limiter,
  MINUTE,
  NOON,
  reserve,
  SECOND,
  settleBlock,
} from '../support/limiter-given.js';
import { ask, bench, call, permitOf, restart } from '../support/limiter-gate.js';

const BLOCK_MS = 2000;
const W = 10 * MINUTE;
const RING = bucket({ name: 'ring', limit: 100, windowMs: W });
const DAILY = bucket({ name: 'ring', limit: 25, windowMs: 24 * HOUR, quota: true });

const steps = fc.array(
  fc.record({
    wait: fc.oneof(
      fc.integer({ min: 0, max: 3000 }),
      fc.integer({ min: 0, max: 40_000 }),
      fc.integer({ min: 0, max: 400_000 }),
    ),
    units: fc.integer({ min: 1, max: 40 }),
    /** When within its block the call leaves, and how much of its reservation it draws. */
    late: fc.integer({ min: 0, max: BLOCK_MS - 1 }),
    share: fc.constantFrom(0, 0.5, 1, 1),
  }),
  { minLength: 20, maxLength: 150 },
);

type Step = { readonly wait: number; readonly units: number; late: number; share: number };

/** Sends whatever fits by `used`; a block is settled right after its end. */
function departures(
  plan: readonly Step[],
  windowMs: number,
  limit: number,
  used: (slots: Slots, at: number) => number,
): readonly Departure[] {
  let slots: Slots = [];
  let at = NOON;
  const log: Departure[] = [];
  const open: { readonly end: number; readonly more: number }[] = [];
  for (const { wait, units, late, share } of plan) {
    at += wait;
    for (const { end, more } of open.splice(0)) {
      if (end > at) open.push({ end, more });
      else slots = ringCorrected(slots, end - 1, more);
    }
    if (used(slots, at) + units > limit) continue;
    const end = at + BLOCK_MS;
    slots = ringCharged(slots, windowMs, at, end - 1, units);
    if (slots.length > RING_SLOTS) throw new Error('more slots than there are');
    const drawn = Math.floor(units * share);
    open.push({ end, more: drawn - units });
    log.push({ wall: at + late, mono: at + late, jumps: 0, units: drawn });
  }
  return log;
}

describe('a ring of slots', () => {
  const windows = fc.constantFrom(61_000, 90_000, W, 24 * HOUR);

  it('N1, P12: holds no more than its limit in any window, for any alignment', () => {
    let sent = 0;
    fc.assert(
      fc.property(steps, windows, fc.integer({ min: 40, max: 120 }), (plan, windowMs, limit) => {
        const log = departures(plan, windowMs, limit, (slots, at) => ringUsed(slots, windowMs, at));
        sent += log.length;
        expect(mostInAnyWindow(log, windowMs)).toBeLessThanOrEqual(limit);
      }),
      { numRuns: 300 },
    );
    expect(sent).toBeGreaterThan(2000);
  });

  it('and one that lets its oldest slot go early is found out', () => {
    const early = (windowMs: number) => (slots: Slots, at: number) =>
      ringUsed(slots, windowMs, at + 2 * slotMsOf(windowMs));
    const found = fc.check(
      fc.property(steps, (plan) => {
        return mostInAnyWindow(departures(plan, 61_000, 60, early(61_000)), 61_000) <= 60;
      }),
      { numRuns: 500, endOnFailure: true },
    );
    expect(found.failed).toBe(true);
  });

  it('knows when there is room again: then, and not a millisecond before', () => {
    fc.assert(
      fc.property(steps, fc.integer({ min: 0, max: 60 }), (plan, room) => {
        let slots: Slots = [];
        let at = NOON;
        for (const { wait, units } of plan) {
          at += wait;
          slots = ringCharged(slots, W, at, at + BLOCK_MS - 1, units);
          const freeAt = ringFreeAt(slots, W, at, room);
          expect(ringUsed(slots, W, freeAt)).toBeLessThanOrEqual(room);
          if (freeAt > at) expect(ringUsed(slots, W, freeAt - 1)).toBeGreaterThan(room);
        }
      }),
      { numRuns: 100 },
    );
  });

  it('N2: never has more than 24 slots, however far blocks reach', () => {
    let slots: Slots = [];
    for (let n = 0; n < 200; n += 1) {
      slots = ringCharged(slots, W, NOON, NOON + n * 30_000, 1);
      expect(slots.length).toBeLessThanOrEqual(RING_SLOTS);
    }
    expect(ringUsed(slots, W, NOON)).toBe(200);
  });
});

describe('a long rolling window', () => {
  it('is full until enough slots have left, and says so', () => {
    const full = configured({ buckets: [RING] })
      .then(reserve('b1', 60, { ring: 60 }, NOON + BLOCK_MS))
      .then(settleBlock('b1', 60, { ring: 60 }), NOON + SECOND)
      .then(reserve('b2', 40, { ring: 40 }, NOON + 3 * MINUTE + BLOCK_MS), NOON + 3 * MINUTE)
      .then(settleBlock('b2', 40, { ring: 40 }), NOON + 3 * MINUTE + SECOND);
    const refused = full.when(
      reserve('b3', 1, { ring: 1 }, NOON + 4 * MINUTE),
      NOON + 3.9 * MINUTE,
    );
    const retryAt =
      !refused.ok && refused.refusal.kind === 'rate-limited' ? (refused.refusal.retryAt ?? 0) : 0;
    expect(retryAt).toBeGreaterThanOrEqual(NOON + W);
    expect(retryAt).toBeLessThanOrEqual(NOON + W + slotMsOf(W) + BLOCK_MS);
    const early = full.when(reserve('b3', 1, { ring: 1 }, retryAt + 1000), retryAt - 1);
    expect(early.ok).toBe(false);
    // The first sixty have left; the forty have not.
    const again = full.then(reserve('b3', 90, { ring: 90 }, retryAt + BLOCK_MS), retryAt);
    expect(again.facts[0]).toMatchObject({ type: 'UnitsReserved', calls: 60 });
  });

  it('closes a quota until its oldest slot leaves', () => {
    const full = configured({ buckets: [DAILY] })
      .then(reserve('b1', 25, { ring: 25 }, NOON + BLOCK_MS))
      .then(settleBlock('b1', 25, { ring: 25 }), NOON + SECOND)
      .then(reserve('b2', 1, { ring: 1 }, NOON + HOUR + BLOCK_MS), NOON + HOUR);
    expect(full.facts).toEqual([
      expect.objectContaining({ type: 'BucketBlocked', bucket: 'ring', cause: 'local_quota' }),
    ]);
    const until = full.context.blockedBuckets['ring']?.until ?? 0;
    expect(until - NOON).toBeGreaterThanOrEqual(24 * HOUR);
    expect(until - NOON).toBeLessThanOrEqual(24 * HOUR + slotMsOf(24 * HOUR));
    const open = full.then({ type: 'TimerDue', name: 'unblock', generation: until }, until);
    expect(open.then(reserve('b3', 1, { ring: 1 }, until + 1000), until).facts[0]?.type).toBe(
      'UnitsReserved',
    );
  });

  it('gives back what a block did not use, and keeps what a crash left open', () => {
    const held = configured({ buckets: [RING] })
      .then(reserve('b1', 50, { ring: 50 }, NOON + BLOCK_MS))
      .then(reserve('b2', 50, { ring: 50 }, NOON + BLOCK_MS));
    const some = held.then(settleBlock('b1', 10, { ring: 10 }), NOON + SECOND);
    const next = (given: typeof some, at: number) =>
      given.then(reserve('b3', 100, { ring: 100 }, at + BLOCK_MS), at).facts[0];
    expect(next(some, NOON + SECOND)).toMatchObject({ calls: 40 });
    const crashed = some.then({ type: 'Recover' }, NOON + MINUTE);
    expect(next(crashed, NOON + MINUTE)).toMatchObject({ calls: 40 });
  });

  it('keeps its usage under another limit and another length', () => {
    const used = configured({ buckets: [RING] })
      .then(reserve('b1', 80, { ring: 80 }, NOON + BLOCK_MS))
      .then(settleBlock('b1', 80, { ring: 80 }), NOON + SECOND);
    const tight = used.then(configure({ buckets: [{ ...RING, limit: 90, windowMs: HOUR }] }));
    const at = NOON + 30 * MINUTE;
    const asked = tight.then(reserve('b2', 50, { ring: 50 }, at + BLOCK_MS), at);
    expect(asked.facts[0]).toMatchObject({ calls: 10 });
  });

  it('counts what others used, by the upstream’s word, as if it had been now', () => {
    const observations = [{ bucket: 'ring', used: 30, limit: 100 }];
    const told = configured({ buckets: [RING] }).then({
      type: 'ObserveQuota',
      endpoint: 'klines',
      observations,
    });
    const asked = told.then(reserve('b1', 100, { ring: 100 }, NOON + BLOCK_MS));
    expect(asked.facts[0]).toMatchObject({ calls: 70 });
    // The same word again is no further use.
    const again = told.then(
      { type: 'ObserveQuota', endpoint: 'klines', observations },
      NOON + 2 * MINUTE,
    );
    const after = again.then(
      reserve('b1', 100, { ring: 100 }, NOON + 3 * MINUTE),
      NOON + 2 * MINUTE,
    );
    expect(after.facts[0]).toMatchObject({ calls: 70 });
  });

  it('moves with the clock when that jumps', () => {
    const used = configured({ buckets: [RING] })
      .then(reserve('b1', 100, { ring: 100 }, NOON + BLOCK_MS))
      .then(settleBlock('b1', 100, { ring: 100 }), NOON + SECOND);
    const later = NOON + HOUR + 2 * SECOND;
    const jumped = used.then({ type: 'ReportClockAnomaly', shiftMs: HOUR, now: later }, later);
    expect(jumped.when(reserve('b2', 1, { ring: 1 }, later + 1000), later).ok).toBe(false);
    expect(
      limiter(jumped.state).when(
        reserve('b2', 1, { ring: 1 }, later + W + HOUR),
        later + W + MINUTE,
      ).ok,
    ).toBe(true);
  });

  it('through the gate: refused with its moment, across a restart', async () => {
    const small = { ...RING, limit: 3 };
    let made = await bench({ buckets: [small], maxRequestsPerSecond: 1 });
    await made.clock.advance(MINUTE);
    for (let n = 0; n < 3; n += 1) {
      await call(made, { weights: { ring: 1 } });
      await made.clock.advance(3 * SECOND);
    }
    const sentBy = made.clock.now();
    made = await restart(made);
    await made.clock.advance(5 * SECOND);
    const refused = await ask(made.gate, { weights: { ring: 1 } });
    expect(refused).toMatchObject({ ok: false, cause: 'rate_limit', bucket: 'ring' });
    const until = refused?.ok === false ? (refused.until ?? 0) : 0;
    expect(until).toBeGreaterThan(sentBy - 9 * SECOND + W);
    await made.clock.advance(until - made.clock.now());
    permitOf(await ask(made.gate, { weights: { ring: 1 } })).release();
    made.gate.close();
    made.actor.kill();
  });

  it('never admits what weighs more than it ever holds', async () => {
    const made = await bench({ buckets: [{ ...RING, limit: 3 }], maxRequestsPerSecond: 10 });
    await made.clock.advance(MINUTE);
    const heavy = await ask(made.gate, { weights: { ring: 4 } });
    expect(heavy).toMatchObject({ ok: false, cause: 'rate_limit', bucket: 'ring' });
    expect(heavy?.ok === false && heavy.until).toBe(undefined);
    made.gate.close();
    made.actor.kill();
  });
});
