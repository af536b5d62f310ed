/** Windows that begin with their first call and end when the upstream says. */
import { describe, expect, it } from 'vitest';
import {
  bucket,
  configured,
  HOUR,
  MINUTE,
  NOON,
  reserve,
  SECOND,
  settleBlock,
  type Command,
  type Given,
} from '../support/limiter-given.js';
import { ask, bench, call, permitOf, restart } from '../support/limiter-gate.js';

const W = 15 * MINUTE;
const CALL = 10 * SECOND;
const SEARCH = bucket({
  name: 'search',
  kind: 'fixed',
  limit: 100,
  windowMs: W,
  anchor: 'reset',
});
const scope = configured({ buckets: [SEARCH], callMaxMs: CALL });

const take = (block: string, calls: number, at: number): Command =>
  reserve(block, calls, { search: calls }, at + 2000);
const done = (block: string, calls: number): Command =>
  settleBlock(block, calls, { search: calls });
const told = (resetAt: number, remaining = 50, sentAt?: number): Command => ({
  type: 'ObserveQuota',
  endpoint: 'search',
  observations: [{ bucket: 'search', limit: 100, remaining, resetAt }],
  ...(sentAt !== undefined && { sentAt }),
});

/** How many of a hundred calls are granted at `at`. */
function granted(given: Given, at: number): number {
  const decision = given.when(take(`probe-${String(at)}`, 100, at), at);
  const fact = decision.ok && decision.facts.find(({ type }) => type === 'UnitsReserved');
  return fact !== false && fact?.type === 'UnitsReserved' ? fact.calls : 0;
}

const begun = scope.then(take('b1', 60, NOON)).then(done('b1', 60), NOON + SECOND);

describe('a window that begins with its first call', () => {
  it('W1: without a word ends its length after the last moment the first call can have arrived', () => {
    expect(granted(begun, NOON + W)).toBe(40);
    // All came back within the first second: the window began by then.
    expect(granted(begun, NOON + W + SECOND - 1)).toBe(40);
    expect(granted(begun, NOON + W + SECOND)).toBe(100);
    const open = scope.then(take('b1', 60, NOON));
    expect(granted(open, NOON + W + 2 * SECOND + CALL - 1)).toBe(40);
  });

  it('is none when nothing was sent after all', () => {
    const unused = scope.then(take('b1', 60, NOON)).then(done('b1', 0), NOON + SECOND);
    expect(unused.context.windows).toEqual({});
    const late = unused.then(take('b2', 100, NOON + 10 * MINUTE), NOON + 10 * MINUTE);
    const sent = late.then(done('b2', 100), NOON + 10 * MINUTE + SECOND);
    expect(granted(sent, NOON + W + 2 * MINUTE)).toBe(0);
    expect(granted(sent, NOON + 10 * MINUTE + W + SECOND)).toBe(100);
  });

  it('begins with the first block of which a call left, not with one that came back unused', () => {
    const two = scope
      .then(take('b1', 1, NOON))
      .then(take('b2', 1, NOON + SECOND), NOON + SECOND)
      .then(done('b1', 0), NOON + 2 * SECOND);
    const third = two.then(take('b3', 50, NOON + 2 * SECOND), NOON + 2 * SECOND);
    const end = third.context.windows['search']?.end ?? 0;
    expect(end).toBe(NOON + 4 * SECOND + W + CALL);
  });

  it('ends when the upstream says, to the second that its rounding hides', () => {
    const word = begun.then(told(NOON + 5 * MINUTE), NOON + 2 * SECOND);
    expect(word.facts[0]).toMatchObject({
      type: 'QuotaObserved',
      windowSureMs: NOON + 5 * MINUTE - SECOND,
      windowEndMs: NOON + 5 * MINUTE + SECOND,
    });
    expect(granted(word, NOON + 5 * MINUTE)).toBe(40);
    expect(granted(word, NOON + 5 * MINUTE + SECOND)).toBe(100);
    // Again the same, rounded differently: no fact of it.
    const again = word.when(told(NOON + 5 * MINUTE + 900), NOON + 3 * SECOND);
    expect(again).toEqual({ ok: true, facts: [] });
  });

  it('W4: believes nothing beyond its own length, nothing past, and no nonsense', () => {
    const end = begun.context.windows['search']?.end;
    for (const resetAt of [NOON + 2 * W, NOON - MINUTE, NaN, Infinity, -Infinity, 1e300]) {
      const word = begun.then(told(resetAt), NOON + 2 * SECOND);
      expect(word.context.windows['search']?.end).toBe(end);
    }
  });

  it('W4: a later word may put the end off at once; an earlier one comes seldom', () => {
    const word = begun.then(told(NOON + 5 * MINUTE), NOON + 2 * SECOND);
    const off = word.then(told(NOON + 8 * MINUTE), NOON + 4 * SECOND);
    expect(off.context.windows['search']?.end).toBe(NOON + 8 * MINUTE + SECOND);
    const nearer = off.then(told(NOON + 2 * MINUTE), NOON + 6 * SECOND);
    expect(nearer.context.windows['search']?.end).toBe(NOON + 8 * MINUTE + SECOND);
    const later = off.then(told(NOON + 4 * MINUTE), NOON + 2 * MINUTE);
    expect(later.context.windows['search']?.end).toBe(NOON + 4 * MINUTE + SECOND);
    expect(later.context.windows['search']?.spent).toBe(60);
  });

  it('W3: what may have been under way over its end counts in the next one too', () => {
    const word = begun.then(told(NOON + 5 * MINUTE), NOON + 2 * SECOND);
    const at = NOON + 5 * MINUTE - 3 * SECOND;
    const edge = word.then(take('b2', 30, at), at);
    const next = NOON + 5 * MINUTE + SECOND;
    expect(granted(edge, next)).toBe(70);
    // It came back after the end: it may have arrived after it.
    const late = edge.then(done('b2', 30), NOON + 5 * MINUTE);
    expect(granted(late, next)).toBe(70);
    const early = edge.then(done('b2', 30), NOON + 5 * MINUTE - 2 * SECOND);
    expect(granted(early, next)).toBe(100);
  });

  it('W3: a slow answer that tells of an end already near lets nothing go', () => {
    const word = begun.then(told(NOON + 6 * SECOND, 50, NOON), NOON + 5 * SECOND);
    expect(granted(word, NOON + 8 * SECOND)).toBe(40);
  });

  it('knows the next window by a word that is one window further', () => {
    const word = begun.then(told(NOON + 5 * MINUTE), NOON + 2 * SECOND);
    const at = NOON + 5 * MINUTE + 500;
    const next = word.then(told(NOON + 5 * MINUTE + W, 99), at);
    expect(next.facts[0]).toMatchObject({ windowNext: true });
    expect(next.context.windows['search']).toMatchObject({
      start: at,
      end: NOON + 5 * MINUTE + W + SECOND,
      spent: 0,
      foreign: 1,
    });
  });

  it('keeps what it was told over a crash, and counts what was open', () => {
    const word = begun
      .then(told(NOON + 5 * MINUTE), NOON + 2 * SECOND)
      .then(take('b2', 30, NOON + MINUTE), NOON + MINUTE);
    const after = word.then({ type: 'Recover' }, NOON + 2 * MINUTE);
    expect(granted(after, NOON + 3 * MINUTE)).toBe(10);
    expect(granted(after, NOON + 5 * MINUTE + SECOND)).toBe(100);
  });

  it('rolls by no fact and owes no timer', () => {
    expect(begun.facts.map(({ type }) => type)).toEqual(['UnitsSettled']);
    const quota = configured({ buckets: [{ ...SEARCH, quota: true }] });
    expect(quota.facts.map(({ type }) => type)).toEqual(['ScopeConfigured']);
    const used = quota
      .then(take('b1', 100, NOON))
      .then(done('b1', 100), NOON + SECOND)
      .then(take('b2', 1, NOON + HOUR), NOON + HOUR);
    expect(used.facts.map(({ type }) => type)).toEqual(['UnitsReserved']);
  });

  it('moves with a clock that jumps', () => {
    const word = begun.then(told(NOON + 5 * MINUTE), NOON + 2 * SECOND);
    const now = NOON + HOUR;
    const jumped = word.then({ type: 'ReportClockAnomaly', shiftMs: HOUR, now }, now);
    expect(granted(jumped, now + 4 * MINUTE)).toBe(40);
    expect(granted(jumped, now + 5 * MINUTE + SECOND)).toBe(100);
  });

  it('through the gate: remaining 0 with 200 closes it until the reset, without a cut', async () => {
    let made = await bench({ buckets: [SEARCH], maxRequestsPerSecond: 10, callMaxMs: CALL });
    await made.clock.advance(MINUTE);
    const weights = { search: 1 };
    const resetAt = made.clock.now() + 4 * MINUTE;
    await call(made, { weights }, { observations: [{ bucket: 'search', remaining: 0, resetAt }] });
    const closed = { ok: false, bucket: 'search', until: resetAt };
    expect(await ask(made.gate, { weights })).toMatchObject(closed);
    expect(made.actor.facts.some(({ type }) => type === 'Throttled')).toBe(false);
    expect(made.gate.live('moralis').currentBackoff).toBe(1);
    made = await restart(made);
    expect(await ask(made.gate, { weights })).toMatchObject(closed);
    await made.clock.advance(4 * MINUTE + 2 * SECOND);
    permitOf(await ask(made.gate, { weights })).release();
    made.gate.close();
    made.actor.kill();
  });
});
