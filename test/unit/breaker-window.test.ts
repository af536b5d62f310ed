import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  addCall,
  copyWindow,
  emptyWindow,
  resizedWindow,
  windowAfter,
  windowSummary,
  WINDOW_BUCKETS,
  type CallWindow,
} from '../../src/actors/breaker/window.js';
import { NOON } from '../support/breaker-given.js';

type Made = { readonly at: number; readonly failed: boolean; readonly slow: boolean };

const steps = fc.array(
  fc.record({
    afterMs: fc.oneof(fc.nat(500), fc.nat(20_000), fc.nat(200_000)),
    failed: fc.boolean(),
    slow: fc.boolean(),
  }),
  { maxLength: 200 },
);

/** The calls in the buckets that a window of this length holds at a moment: counted one by one. */
function recount(calls: readonly Made[], windowMs: number, at: number): readonly number[] {
  const bucketMs = windowMs / WINDOW_BUCKETS;
  const oldest = Math.floor(at / bucketMs) - WINDOW_BUCKETS + 1;
  const held = calls.filter((call) => Math.floor(call.at / bucketMs) >= oldest);
  const count = (pick: (call: Made) => boolean): number => held.filter(pick).length;
  return [held.length, count((call) => call.failed), count((call) => call.slow)];
}

function play(windowMs: number, calls: readonly Made[]): CallWindow {
  const window = emptyWindow(windowMs);
  for (const { at, failed, slow } of calls) addCall(window, failed, slow, at);
  return window;
}

function timed(list: readonly { afterMs: number; failed: boolean; slow: boolean }[]): Made[] {
  let at = NOON;
  return list.map(({ afterMs, failed, slow }) => ({ at: (at += afterMs), failed, slow }));
}

describe('a window of calls', () => {
  it('holds what a naive recount of its buckets holds, then and later', () => {
    fc.assert(
      fc.property(
        steps,
        fc.integer({ min: 1000, max: 300_000 }),
        fc.nat(400_000),
        (list, w, later) => {
          const calls = timed(list);
          const window = play(w, calls);
          const at = (calls.at(-1)?.at ?? NOON) + later;
          const { calls: n, failures, slow } = windowSummary(window, at);
          expect([n, failures, slow]).toEqual(recount(calls, w, at));
        },
      ),
    );
  });

  it('keeps its sums equal to its buckets, in bounded space', () => {
    fc.assert(
      fc.property(steps, (list) => {
        const window = play(60_000, timed(list));
        expect(window.ring).toHaveLength(60);
        const sum = (part: number): number =>
          window.ring.reduce((all, count, index) => all + (index % 3 === part ? count : 0), 0);
        expect([window.calls, window.failures, window.slow]).toEqual([sum(0), sum(1), sum(2)]);
      }),
    );
  });

  it('covers at least nineteen twentieths of its length and never more than all of it', () => {
    const window = play(60_000, [{ at: NOON + 2999, failed: true, slow: false }]);
    expect(windowSummary(window, NOON + 2999 + 57_000).failures).toBe(1);
    expect(windowSummary(window, NOON + 2999 + 60_000).failures).toBe(0);
  });

  it('gives shares, and none of nothing', () => {
    expect(windowSummary(emptyWindow(60_000), NOON)).toMatchObject({ failureRate: 0, slowRate: 0 });
    const calls = [true, false, false, true].map((failed) => ({ at: NOON, failed, slow: !failed }));
    expect(windowSummary(play(60_000, calls), NOON)).toMatchObject({
      failureRate: 0.5,
      slowRate: 0.5,
    });
  });

  it('leaves the window it is given alone', () => {
    const before = play(60_000, [{ at: NOON, failed: true, slow: true }]);
    const copy = structuredClone(before);
    const after = windowAfter(before, { failed: false, slow: false }, NOON + 70_000);
    expect(before).toEqual(copy);
    expect([after.calls, after.failures]).toEqual([1, 0]);
    expect(windowAfter(before, { failed: false, slow: false }, NOON)).not.toBe(before);
  });

  it('stands still while a clock is set back a little, and begins anew when it is set back far', () => {
    const window = play(60_000, [{ at: NOON, failed: true, slow: false }]);
    addCall(window, false, false, NOON - 30_000);
    expect([window.calls, window.failures]).toEqual([2, 1]);
    addCall(window, false, false, NOON - 3_600_000);
    expect([window.calls, window.failures]).toEqual([1, 0]);
    expect(windowSummary(window, NOON - 3_600_000 + 60_000).calls).toBe(0);
  });

  it('keeps its calls when its length changes, as far as they fit', () => {
    const minute = play(60_000, [
      { at: NOON, failed: true, slow: false },
      { at: NOON + 50_000, failed: false, slow: true },
    ]);
    const longer = resizedWindow(minute, 600_000);
    expect(longer).toMatchObject({ calls: 2, failures: 1, slow: 1, bucketMs: 30_000 });
    const shorter = resizedWindow(minute, 20_000);
    expect(shorter).toMatchObject({ calls: 1, failures: 0, slow: 1 });
    expect(resizedWindow(minute, 60_000)).toEqual(copyWindow(minute));
    expect(resizedWindow(emptyWindow(60_000), 5000)).toEqual(emptyWindow(5000));
  });
});
