/**
 * kill -9 in the middle of a day's quota, of a minute, of X's 15 minutes, of a ban: by the upstreams' own
 * counters, which live in the process of the test, nothing is exceeded, and no budget is invented.
 *
 * HEADGATE_CRASH_ROUNDS   how often it is killed before its windows are used up; default 3
 */
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../src/kernel/random.js';
import { systemClock, wait } from '../../src/kernel/time.js';
import { SANDBOX_KEYS, type ProviderName } from '../../src/sources/sandbox/index.js';
import { freeAt, held, hungry, limited, more, start, usedUp } from '../support/process-limits.js';
import { processWorld, until, type World } from '../support/process-world.js';

const ROUNDS = Math.max(1, Math.min(40, Number(process.env['HEADGATE_CRASH_ROUNDS'] ?? 3)));
const clock = systemClock();
const EVERY = ['binance', 'lunarcrush', 'twitter'] as const satisfies readonly ProviderName[];

/** Small windows, told in headers and bodies as the real ones are; each kill costs what was reserved. */
async function smallWindows(): Promise<World> {
  const world = await processWorld();
  const { control } = world.sandbox;
  control.configure('lunarcrush', { dayLimit: 60 + 10 * ROUNDS });
  control.configure('binance', { weightLimit: 200 + 40 * ROUNDS });
  control.configure('twitter', { searchLimit: 15 + 5 * ROUNDS });
  world.configure({
    lunarcrush: hungry(world, 'lunarcrush'),
    historical: hungry(world, 'binance', { rate: { max_requests_per_second: 20 } }),
    twitter: hungry(world, 'twitter'),
  });
  return world;
}

describe('killed in the middle of its windows, and started again at once', () => {
  it('exceeds none of them, and keeps their ends', { timeout: 300_000 }, async () => {
    const world = await smallWindows();
    const random = seededRandom(ROUNDS);
    for (let life = 1; life <= ROUNDS; life += 1) {
      const service = await start(world);
      const provider = EVERY[life % EVERY.length] ?? 'binance';
      await more(world, provider, 1 + Math.floor(random.next() * 6));
      await service.kill();
      expect(EVERY.map((each) => held(world, each))).toEqual(clean());
    }
    const service = await start(world);
    const day = await usedUp(service, 'lunarcrush');
    const window = await usedUp(service, 'twitter');
    await usedUp(service, 'historical', 1000);
    const [quota] = day.rate_limiter.blocked;
    expect(quota).toMatchObject({ bucket: 'day' });
    expect(EVERY.map((each) => held(world, each))).toEqual(clean());
    await service.kill();
    await world.quiet();

    const seen = counted(world);
    const again = await start(world);
    const after = await limited(again, 'lunarcrush');
    expect(after.rate_limiter.blocked).toEqual(day.rate_limiter.blocked);
    // What was reserved and not settled counts as spent: the window may only be fuller.
    expect(freeAt(await usedUp(again, 'twitter'))).toBeGreaterThan(freeAt(window) - 5000);
    const { status, body } = await again.ask('POST', '/collectors/lunarcrush/collect');
    expect([status, body['success']]).toEqual([409, false]);
    expect(counted(world)).toEqual(seen);
    // After a while: the minute is over, the others are not.
    await more(world, 'binance', 1);
    expect(EVERY.map((each) => held(world, each))).toEqual(clean());
    expect(counted(world)).toEqual(seen);
    await again.kill();
    await expectNoticed(world);
  });
});

const clean = () => EVERY.map((provider) => ({ provider, violations: 0, beyond: 0 }));

/** Of the windows that are longer than the test. */
function counted({ sandbox: { control } }: World) {
  const { endpoints } = control.counters('twitter');
  return { day: control.counters('lunarcrush').received, search: endpoints['search']?.received };
}

/** The upstream does notice: what is left of its day is used up by hand, and one more sent. */
async function expectNoticed(world: World): Promise<void> {
  const headers = { authorization: `Bearer ${SANDBOX_KEYS['LUNARCRUSH_API_KEY'] ?? ''}` };
  const url = `${world.sandbox.upstreamUrl('lunarcrush')}/?data=assets&symbol=BTC`;
  const { dayLimit } = world.sandbox.control.snapshot(0).providers.lunarcrush.settings;
  for (let left = Number(dayLimit) + 1; left > 0; left -= 1) {
    const { status } = await fetch(url, { headers });
    if (status === 429) break;
  }
  await fetch(url, { headers });
  expect(held(world, 'lunarcrush').beyond).toBeGreaterThan(0);
}

describe('killed in the middle of a ban', () => {
  it('sends nothing before its end, whenever it is started', { timeout: 120_000 }, async () => {
    const world = await processWorld();
    const { control } = world.sandbox;
    world.configure({ historical: hungry(world, 'binance') });
    const first = await start(world);
    await more(world, 'binance', 3);
    control.setFaults('binance', [{ kind: 'ban', seconds: 12, count: 1 }]);
    await until('it knows', async () => (await limited(first, 'historical')).suspended !== null);
    const told = await limited(first, 'historical');
    const end = freeAt(told);
    await first.kill();
    await world.quiet();
    const { received } = control.counters('binance');

    const second = await start(world);
    const after = await limited(second, 'historical');
    expect(after).toMatchObject({ suspended: { cause: 'banned' } });
    expect(after.rate_limiter.blocked).toEqual(told.rate_limiter.blocked);
    expect((await second.ask('POST', '/collectors/historical/collect')).status).toBe(409);
    // An operator who enables it lifts the suspension, not the ban.
    await second.ask('POST', '/collectors/historical/enable');
    expect((await limited(second, 'historical')).rate_limiter.blocked).toHaveLength(1);
    await second.kill();
    expect(control.counters('binance').received).toBe(received);

    // The third finds it over, or as good as over.
    await wait(clock, Math.max(0, end - clock.now() - 1500));
    const third = await start(world);
    await more(world, 'binance', 1);
    const after418 = control.requests({ provider: 'binance' }).slice(received);
    // The reason is told in whole seconds: the upstream's own end may be almost one earlier.
    expect(after418.filter(({ at }) => at < end - 1000)).toEqual([]);
    expect(held(world, 'binance')).toEqual({ provider: 'binance', violations: 0, beyond: 0 });
    await third.kill();
  });
});
