/** What takes minutes and hours, over the real engine, on a clock that moves when it is told to. */
import { describe, expect, it } from 'vitest';
import { binanceProfile } from '../../src/sources/profiles/binance.js';
import type { Exchange, Transport } from '../../src/sources/port.js';
import {
  collectorSetup,
  crowdSource,
  plainProfile,
  startTestEngine,
} from '../support/app-engine.js';
import { settle, virtualClock } from '../support/clock.js';

const MINUTE = 60_000;
const DAY = 1440 * MINUTE;

/** An upstream that fails, refuses or answers, as it is told; each call takes 20 ms. */
function fakeUpstream(clock: ReturnType<typeof virtualClock>) {
  const upstream = { isDown: false, refuses: 0, asked: [] as number[] };
  const transport: Transport = {
    send: () => {
      upstream.asked.push(clock.now());
      const isRefused = upstream.refuses > 0;
      if (isRefused) upstream.refuses -= 1;
      const exchange: Exchange = {
        kind: 'answered',
        status: isRefused ? 429 : upstream.isDown ? 503 : 200,
        headers: isRefused ? { 'retry-after': '30' } : {},
        body: Buffer.from('{}'),
        durationMs: 20,
      };
      return new Promise((resolve) => {
        clock.after(20, () => {
          resolve(exchange);
        });
      });
    },
    close: () => Promise.resolve(),
  };
  return { upstream, transport };
}

async function engineOver(clock: ReturnType<typeof virtualClock>, transport: Transport) {
  const profile = plainProfile(binanceProfile, 'http://127.0.0.1:1');
  const source = crowdSource('historical', profile, 1);
  return startTestEngine({
    clock,
    transport,
    setups: [collectorSetup({ source, profile, intervalMs: MINUTE })],
    onStop: () => clock.advance(10_000),
  });
}

/** Lets time pass, a second at a time, until there are so many facts of a type. */
async function until(
  clock: ReturnType<typeof virtualClock>,
  facts: () => Promise<readonly unknown[]>,
  count: number,
  stepMs: number,
): Promise<void> {
  const giveUpAt = clock.now() + DAY;
  while ((await facts()).length < count) {
    expect(clock.now(), 'a day of virtual time').toBeLessThan(giveUpAt);
    await clock.advance(stepMs);
  }
}

const within = (delayMs: unknown, nominalMs: number): void => {
  expect(Number(delayMs)).toBeGreaterThanOrEqual(0.9 * nominalMs - 1);
  expect(Number(delayMs)).toBeLessThanOrEqual(1.1 * nominalMs + 1);
};

describe('the open period of a breaker', () => {
  it('grows 300, 450, 675, … s with each failed recovery, to an hour, and is 300 s after a close', async () => {
    const clock = virtualClock();
    const { upstream, transport } = fakeUpstream(clock);
    const running = await engineOver(clock, transport);
    const facts = (type: string) => running.facts(type);
    upstream.isDown = true;
    await until(clock, () => facts('BreakerTripped'), 1, 1000);
    const [trip] = await facts('BreakerTripped');
    expect(trip).toMatchObject({
      transition: {
        from: 'closed',
        to: 'open',
        trigger: 'consecutive_failures',
        consecutiveFailures: 5,
      },
    });
    expect(upstream.asked).toHaveLength(5);
    await until(clock, () => facts('BreakerReopened'), 8, 10_000);
    const reopened = await facts('BreakerReopened');
    const delays = [trip, ...reopened].map((fact) => Number(fact?.['delayMs']));
    const nominal = delays.map((_, n) => 300_000 * 1.5 ** n);
    delays.forEach((delay, n) => {
      if ((nominal[n] ?? 0) * 0.9 > 3_600_000) expect(delay).toBe(3_600_000);
      else within(Math.min(delay, 3_600_000), Math.min(nominal[n] ?? 0, 3_600_000 / 0.9));
    });
    expect(new Set(delays.slice(0, 5).map((delay, n) => delay / (nominal[n] ?? 1))).size).toBe(5);
    expect(delays.every((delay) => delay <= 3_600_000)).toBe(true);
    expect(reopened.map((fact) => fact['failedRecoveries'])).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    // One probe per half-open, and nothing in between.
    expect(upstream.asked).toHaveLength(5 + 8);

    upstream.isDown = false;
    await until(clock, () => facts('BreakerRecovered'), 1, 10_000);
    upstream.isDown = true;
    await until(clock, () => facts('BreakerTripped'), 2, 1000);
    within((await facts('BreakerTripped'))[1]?.['delayMs'], 300_000);
    await until(clock, () => facts('BreakerReopened'), 9, 10_000);
    const again = (await facts('BreakerReopened'))[8];
    expect(again).toMatchObject({ failedRecoveries: 1 });
    within(again?.['delayMs'], 450_000);
  });

  it('sends nothing before it is over, and the probe without waiting for the schedule', async () => {
    const clock = virtualClock();
    const { upstream, transport } = fakeUpstream(clock);
    const running = await engineOver(clock, transport);
    const facts = (type: string) => running.facts(type);
    upstream.isDown = true;
    await until(clock, () => facts('BreakerTripped'), 1, 1000);
    const retryAt = Number((await facts('BreakerTripped'))[0]?.['retryAtMs']);
    const before = upstream.asked.length;
    await clock.advance(retryAt - clock.now() - 1);
    expect(upstream.asked).toHaveLength(before);
    expect(running.engine.live('historical')?.why).toMatchObject({
      sentence: 'it waits: the breaker is open',
      changesAt: retryAt,
    });
    // It is told once that nothing goes until then, and looks again when it may go.
    const blocked = await facts('RunBlocked');
    expect(blocked.map((fact) => [fact['cause'], fact['untilMs']])).toEqual([['breaker', retryAt]]);
    upstream.isDown = false;
    await clock.advance(2000);
    await settle();
    expect(upstream.asked.length).toBeGreaterThan(before);
    expect(await facts('BreakerProbing')).toHaveLength(1);
  });
});

describe('a cut rate', () => {
  it('waits, comes back over a minute to just below where it failed, then creeps to its ceiling', async () => {
    const clock = virtualClock();
    const { upstream, transport } = fakeUpstream(clock);
    const running = await engineOver(clock, transport);
    const facts = (type: string) => running.facts(type);
    const rate = (): number =>
      running.engine.live('historical')?.limiters['binance-ip']?.currentRate ?? NaN;
    expect(rate()).toBe(10);
    upstream.refuses = 1;
    await until(clock, () => facts('Throttled'), 1, 1000);
    const [cut] = await facts('Throttled');
    expect(cut).toMatchObject({ backoff: 2, cuts: 1, wMax: 9.5, pauseSource: 'retry_after' });
    const pauseUntil = Number(cut?.['pauseUntilMs']);
    expect(pauseUntil - Number(cut?.['atMs'])).toBe(30_000);
    const heard = upstream.asked.length;
    await clock.advance(pauseUntil - clock.now() - 1);
    expect(upstream.asked).toHaveLength(heard);
    expect(rate()).toBeCloseTo(4.75, 3);
    await clock.advance(1);

    const seen: number[] = [];
    for (let second = 0; second < 60; second += 5) {
      seen.push(rate());
      await clock.advance(5000);
    }
    expect([...seen].sort((a, b) => a - b)).toEqual(seen);
    // Wmax - (Wmax - w0)(1 - t/K)^3 after half a minute.
    expect(seen[6]).toBeCloseTo(9.5 - 4.75 / 8, 2);
    expect(rate()).toBeCloseTo(9.5, 3);
    const steps = (await facts('RateRecovered')).map((fact) => Number(fact['rate']));
    expect(steps.length).toBeGreaterThan(3);
    expect(steps.length).toBeLessThan(12);
    await clock.advance(11 * MINUTE);
    expect(await facts('EpisodeEnded')).toMatchObject([{ cuts: 1 }]);
    await clock.advance(20 * MINUTE);
    expect(rate()).toBe(10);
    expect(await facts('BreakerTripped')).toEqual([]);
  });
});
