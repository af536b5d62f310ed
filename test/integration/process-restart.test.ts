/** What operators set and breakers decided, after the process ended and another began. */
import { describe, expect, it } from 'vitest';
import type { StoredEvent } from '../../src/journal/port.js';
import type { RequestRecord } from '../../src/sources/sandbox/index.js';
import { breakerState, desired, rate, type Wish } from '../support/process-commands.js';
import { journalEvents, numberIn, ofStream } from '../support/process-journal.js';
import { steeredByRest } from '../support/process-recovered.js';
import type { Service } from '../support/process-service.js';
import { processWorld, until, type World } from '../support/process-world.js';

const TIMEOUT_MS = 120_000;
const HOUR_S = 3600;

/** `historical` and `bars` at the same upstream, told apart by their symbols. */
async function worldOfTwo(more: { historical?: object; bars?: object } = {}): Promise<World> {
  const world = await processWorld();
  const bars = (symbol: string, settings: object | undefined) =>
    world.live('binance', { options: { symbols: [symbol], intervals: ['1m'] }, ...settings });
  world.configure({
    historical: bars('BTCUSDT', more.historical),
    bars: { ...bars('ETHUSDT', more.bars), source: 'historical' },
    moralis: { enabled: false },
  });
  return world;
}

const SYMBOLS = { historical: 'BTCUSDT', bars: 'ETHUSDT' } as const;
type Name = keyof typeof SYMBOLS;

function requestsOf(world: World, name: Name): readonly RequestRecord[] {
  const all = world.sandbox.control.requests();
  return all.filter(({ query }) => query['symbol'] === SYMBOLS[name]);
}

/** Until a collector made so many requests more: by then the other would have made some, too. */
async function untilAsked(world: World, name: Name, more: number): Promise<void> {
  const wanted = requestsOf(world, name).length + more;
  await until(`${name} collects`, () => requestsOf(world, name).length >= wanted);
}

/** Counts the requests so far, once what had left has arrived. */
async function arrived(world: World, name: Name): Promise<number> {
  await world.quiet();
  return requestsOf(world, name).length;
}

/** Requests that came later than the first so many, and before a moment. One clock stamps all. */
function sentAfter(
  world: World,
  name: Name,
  count: number,
  before = Infinity,
): readonly RequestRecord[] {
  return requestsOf(world, name)
    .slice(count)
    .filter(({ at }) => at < before);
}

async function told(service: Service, wish: Wish): Promise<void> {
  const { status, body } = await service.ask(wish.method, wish.path, wish.body);
  expect([status, body]).toMatchObject([200, { success: true }]);
}

async function fact(world: World, stream: string, type: string): Promise<StoredEvent> {
  const found = (): StoredEvent | undefined =>
    ofStream(journalEvents(world.journalPath), stream, type).at(-1);
  await until(`${type} in ${stream}`, () => found() !== undefined);
  const event = found();
  if (event === undefined) throw new Error('it was there');
  return event;
}

async function breakerOf(service: Service, name: Name): Promise<Readonly<Record<string, unknown>>> {
  const { body } = await service.get(`/collectors/${name}`);
  const { circuit_breaker: breaker } = body['collector'] as {
    readonly circuit_breaker: Readonly<Record<string, unknown>>;
  };
  return breaker;
}

/** Ends it in the one way and the other. */
const ENDS = [
  ['SIGTERM', (service: Service) => service.stop()],
  ['kill -9', (service: Service) => service.kill()],
] as const;

describe('a restart', { timeout: TIMEOUT_MS }, () => {
  it('keeps a disabled collector disabled, however the process ended', async () => {
    const world = await worldOfTwo();
    let service = await world.start();
    await untilAsked(world, 'historical', 1);
    await told(service, desired('historical', false));
    const asked = await arrived(world, 'historical');
    for (const [, end] of ENDS) {
      await end(service);
      service = await world.start();
      await untilAsked(world, 'bars', 3);
      expect(await steeredByRest(service, 'historical')).toMatchObject({ desired: 'disabled' });
      expect(sentAfter(world, 'historical', asked)).toEqual([]);
    }
    await told(service, desired('historical', true));
    await untilAsked(world, 'historical', 1);
  });

  it('keeps a rate that was set, however the process ended', async () => {
    const world = await worldOfTwo();
    let service = await world.start();
    await told(service, rate('historical', 3.5, 4));
    for (const [, end] of ENDS) {
      await end(service);
      service = await world.start();
      expect(await steeredByRest(service, 'historical')).toMatchObject({ rate: '3.5 / 4' });
      expect((await steeredByRest(service, 'bars')).rate).not.toBe('3.5 / 4');
    }
  });

  it('keeps an override to its end and no longer, however the process ended', async () => {
    const world = await worldOfTwo();
    let service = await world.start();
    await told(service, breakerState('historical', 'open', HOUR_S));
    const askedBefore = await arrived(world, 'historical');
    const { override } = await breakerOf(service, 'historical');
    expect(override).toMatchObject({ state: 'forced_open' });
    for (const [, end] of ENDS) {
      await untilAsked(world, 'bars', 1);
      await told(service, breakerState('bars', 'open', 2));
      const asked = await arrived(world, 'bars');
      const forced = await fact(world, 'breaker-bars', 'BreakerForced');
      await end(service);
      service = await world.start();
      expect((await breakerOf(service, 'historical'))['override']).toEqual(override);

      const isCleared = (): boolean =>
        ofStream(journalEvents(world.journalPath), 'breaker-bars').at(-1)?.type ===
        'BreakerOverrideCleared';
      await until('the override of bars has ended', isCleared);
      const cleared = await fact(world, 'breaker-bars', 'BreakerOverrideCleared');
      const endedAt = numberIn(cleared.data, 'atMs');
      expect(cleared.data['cause']).toBe('expired');
      expect(endedAt).toBeGreaterThanOrEqual(numberIn(forced.data, 'expiresAtMs'));
      await untilAsked(world, 'bars', 1);
      expect(await breakerOf(service, 'bars')).toMatchObject({ override: null, state: 'closed' });
      expect(sentAfter(world, 'bars', asked, endedAt)).toEqual([]);
    }
    expect((await breakerOf(service, 'historical'))['override']).toEqual(override);
    expect(sentAfter(world, 'historical', askedBefore)).toEqual([]);
  });

  it('keeps a breaker open until its retry, with what remains of it', async () => {
    const trips = { failure_threshold: 2, open_jitter: 0 };
    const world = await worldOfTwo({
      historical: { breaker: { ...trips, open_ms: HOUR_S * 1000 } },
      bars: { breaker: { ...trips, open_ms: 3000, success_threshold: 1 } },
    });
    world.sandbox.control.setFaults('binance', [{ kind: 'status', status: 503 }]);
    const first = await world.start();
    const [long, short] = [
      await fact(world, 'breaker-historical', 'BreakerTripped'),
      await fact(world, 'breaker-bars', 'BreakerTripped'),
    ];
    const asked = {
      historical: await arrived(world, 'historical'),
      bars: await arrived(world, 'bars'),
    };
    await first.kill();
    world.sandbox.control.clearFaults();

    const service = await world.start();
    const retryAt = numberIn(short.data, 'retryAtMs');
    const probing = await fact(world, 'breaker-bars', 'BreakerProbing');
    const probedAt = numberIn(probing.data, 'atMs');
    expect(probedAt).toBeGreaterThanOrEqual(retryAt);
    await fact(world, 'breaker-bars', 'BreakerRecovered');
    expect(sentAfter(world, 'bars', asked.bars, probedAt)).toEqual([]);
    expect(await breakerOf(service, 'historical')).toMatchObject({
      state: 'open',
      retry_at: new Date(numberIn(long.data, 'retryAtMs')).toISOString(),
    });
    expect(sentAfter(world, 'historical', asked.historical)).toEqual([]);
  });
});
