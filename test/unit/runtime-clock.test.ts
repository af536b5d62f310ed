import { describe, expect, it } from 'vitest';
import type { ProviderProfile } from '../../src/sources/port.js';
import { CALL, profile } from '../support/door-bench.js';
import {
  byOperator,
  engineBench,
  MINUTE,
  until,
  type EngineBench,
  type EngineBenchOptions,
} from '../support/door-engine.js';
import { answered } from '../support/door-transport.js';

const HOUR = 60 * MINUTE;

/** A clock's hour, a day's quota: what an upstream counts by its own clock. */
const counted: ProviderProfile = {
  ...profile,
  buckets: [
    {
      name: 'weight',
      kind: 'fixed',
      limit: 100,
      windowMs: MINUTE,
      unit: 'weight',
      quota: false,
      priceMicros: 0,
    },
    {
      name: 'units',
      kind: 'fixed',
      limit: 1000,
      period: 'day',
      zone: 'UTC',
      unit: 'unit',
      quota: true,
      priceMicros: 0,
    },
  ],
  weights: { [CALL]: { weight: 1, units: 1 } },
};

const upstreams = (ours: ProviderProfile) => ({
  upstreams: {
    primary: { profile: ours, scope: 'scope', allowLoopback: false, keys: {}, missingKeys: [] },
  },
});

/** It has run twice; then the wall clock is set back by an hour. */
async function setBack(options: EngineBenchOptions = {}): Promise<EngineBench> {
  const bench = await engineBench({ setup: upstreams(counted), ...options });
  await until(bench, () => bench.facts('RunSucceeded').length === 2);
  bench.clock.jump(-HOUR);
  return bench;
}

const runs = (bench: EngineBench): number => bench.facts('RunSucceeded').length;

describe('a wall clock that is set back by an hour', () => {
  it('A7: at never runs back in any stream, and the runs go on as often as before', async () => {
    const bench = await setBack();
    const before = runs(bench);
    await bench.clock.advance(30 * MINUTE);
    expect(runs(bench) - before).toBeGreaterThanOrEqual(29);
    expect(runs(bench) - before).toBeLessThanOrEqual(31);
    const last = new Map<string, number>();
    for (const { stream, data } of bench.store.log) {
      const { atMs } = JSON.parse(data) as { atMs: number };
      expect(atMs).toBeGreaterThanOrEqual(last.get(stream) ?? 0);
      last.set(stream, atMs);
    }
  });

  it.each([-1, 1, 20_000, 59_999])(
    'neither hurries nor starves a schedule whose last fact is %d ms from a due moment',
    async (fromDueMs) => {
      const bench = await engineBench();
      await until(bench, () => runs(bench) === 2);
      const due = bench.member.handle.state().context.due?.at ?? 0;
      await bench.clock.advance(due + (fromDueMs < 0 ? MINUTE : 0) + fromDueMs - bench.clock.now());
      // A fact just there: the time of the stream stands still at it for the next hour.
      await bench.engine.disable('one', {}, bench.host.system('a test'));
      await bench.engine.enable('one', {}, bench.host.system('a test'));
      bench.clock.jump(-HOUR);
      await bench.clock.advance(5000);
      const before = runs(bench);
      await bench.clock.advance(20 * MINUTE);
      expect(runs(bench) - before).toBeGreaterThanOrEqual(19);
      expect(runs(bench) - before).toBeLessThanOrEqual(21);
    },
  );

  it('settles blocks by what was sent of them, not as lost at once', async () => {
    const bench = await setBack();
    await bench.clock.advance(10 * MINUTE);
    expect(bench.facts('ClockAnomaly')).toMatchObject([{ shiftMs: -HOUR }]);
    const settled = bench.facts('UnitsSettled');
    expect(settled.length).toBeGreaterThanOrEqual(11);
    expect(settled.filter(({ cause }) => cause === 'expired')).toEqual([]);
  });

  it('counts on in the window that is now by the clock, not in one an hour ahead', async () => {
    const bench = await setBack();
    bench.wire.say = (_, nth) =>
      answered(200, { ok: true }, { 'x-mbx-used-weight-1m': String(nth % 3 === 0 ? 60 : 3) });
    await bench.clock.advance(20 * MINUTE);
    const state = bench.engine.scopes[0]?.handle.state();
    expect(state?.context.windows['weight']?.start).toBeLessThanOrEqual(bench.clock.now());
    expect(bench.facts('RunFailed')).toEqual([]);
  });

  it('keeps the cut of a throttle: the rate comes back step by step, not with the next timer', async () => {
    const bench = await setBack();
    await until(bench, () => runs(bench) === 3);
    bench.wire.say = () => answered(429, {}, { 'retry-after': '30' });
    await until(bench, () => bench.facts('Throttled').length === 1);
    await bench.clock.advance(20_000);
    expect(bench.facts('EpisodeEnded')).toEqual([]);
    expect(bench.engine.live('one')?.limiters['scope']?.currentBackoff).toBeGreaterThan(1.5);
    bench.wire.say = () => answered(200);
    await bench.clock.advance(11 * MINUTE);
    expect(bench.facts('EpisodeEnded')).toHaveLength(1);
    expect(bench.facts('RateRecovered').length).toBeGreaterThan(3);
  });

  it('keeps a used-up quota closed until its day is over: nothing turns in circles', async () => {
    const scarce = { ...counted, buckets: counted.buckets.map((b) => ({ ...b, limit: 6 })) };
    const bench = await engineBench({ setup: { ...upstreams(scarce), enabled: false } });
    // Ten minutes past midnight; an hour back is another day, which ends before the stream's own time.
    await bench.clock.advance(12 * HOUR + 10 * MINUTE);
    await bench.engine.enable('one', {}, byOperator());
    await until(bench, () => runs(bench) === 2);
    bench.clock.jump(-HOUR);
    await bench.clock.advance(20 * MINUTE);
    expect(bench.facts('BucketBlocked')).toMatchObject([{ bucket: 'units', cause: 'local_quota' }]);
    expect(bench.facts('Unblocked')).toEqual([]);
    expect(bench.wire.sent.length).toBeLessThanOrEqual(6 + 2);
    // By the clock it is a quarter to midnight or so; then the day is over.
    await bench.clock.advance(40 * MINUTE);
    expect(bench.facts('Unblocked')).toHaveLength(1);
  });

  it('starves nothing when it was set back while nobody looked', async () => {
    const bench = await engineBench({ setup: upstreams(counted) });
    bench.wire.say = (_, nth) =>
      nth === 3 ? answered(429, {}, { 'retry-after': '40' }) : answered(200);
    await until(bench, () => bench.facts('Throttled').length === 1);
    bench.clock.jump(-HOUR);
    const again = await engineBench({ after: bench, setup: upstreams(counted) });
    expect(again.facts('ClockAnomaly')).toHaveLength(1);
    const before = runs(again);
    // The pause that was left is kept, and not an hour more.
    await again.clock.advance(30_000);
    expect(again.wire.sent).toEqual([]);
    await again.clock.advance(5 * MINUTE);
    expect(runs(again) - before).toBeGreaterThanOrEqual(4);
    // And not once more at the next start.
    const third = await engineBench({ after: again, setup: upstreams(counted) });
    expect(third.facts('ClockAnomaly')).toHaveLength(1);
  });
});

describe('a jump whose own fact the journal did not take', () => {
  it.each([HOUR, -HOUR])('is in one batch with what is decided next (%d ms)', async (jumpMs) => {
    const bench = await engineBench({ setup: upstreams(counted) });
    await until(bench, () => runs(bench) === 2);
    await bench.clock.advance(5000);
    bench.clock.jump(jumpMs);
    // Nothing else is to be written: the next append is the jump's.
    bench.faults.failNext('before-commit');
    const { handle } = bench.engine.scopes[0] ?? {};
    const at = bench.store.streams.get('limiter-scope')?.length ?? 0;
    await until(bench, () => bench.facts('ClockAnomaly').length > 0);
    await bench.clock.advance(30 * MINUTE);
    expect(bench.facts('ClockAnomaly')).toMatchObject([{ shiftMs: jumpMs }]);
    const next = (bench.store.streams.get('limiter-scope') ?? []).slice(at).map(({ type }) => type);
    expect(next.indexOf('ClockAnomaly')).toBeLessThan(next.indexOf('UnitsReserved'));
    const { start = 0 } = handle?.state().context.windows['weight'] ?? {};
    expect(Math.abs(bench.clock.now() - start)).toBeLessThan(3 * MINUTE);
    expect(bench.facts('RunSucceeded').length).toBeGreaterThanOrEqual(28);
  });
});

describe('a wall clock that is set ahead while a call is under way', () => {
  it('counts the throttle it ends with from now: neither ignored nor an hour too long', async () => {
    const bench = await engineBench({ setup: upstreams(counted) });
    bench.wire.say = (_, nth) =>
      nth === 1 ? answered(429, {}, { 'retry-after': '20' }) : answered(200);
    bench.wire.onSend = () => {
      if (bench.wire.sent.length === 0) bench.clock.jump(HOUR);
    };
    await until(bench, () => bench.facts('Throttled').length === 1);
    const { episode } = bench.engine.scopes[0]?.handle.state().context ?? {};
    const left = (episode?.pauseUntil ?? 0) - bench.clock.now();
    expect(left).toBeGreaterThan(15_000);
    expect(left).toBeLessThanOrEqual(20_000);
    await bench.clock.advance(5 * MINUTE);
    expect(runs(bench)).toBeGreaterThanOrEqual(3);
  });
});
