/**
 * What no header tells and no clock resets: NewsAPI's sliding half day and Alpha Vantage's day, over a
 * process that is killed again and again, on virtual time, by the upstreams' own counters.
 */
import { expect, it } from 'vitest';
import type { CollectorSetup, UpstreamSetup } from '../../src/actors/index.js';
import { seededRandom } from '../../src/kernel/random.js';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../src/kernel/time.js';
import type { ProviderName } from '../../src/sources/sandbox/index.js';
import { scenarioWorld, type World } from '../support/scenario-world.js';

/** Small ones, in the profile as upstream: a plan is known from its contract. */
const LIMITS: Readonly<Record<string, number>> = {
  requests_24h: 16,
  requests_12h: 10,
  requests_per_day: 8,
};

const smaller = (upstream: UpstreamSetup): UpstreamSetup => {
  const buckets = upstream.profile.buckets.map((bucket) => ({
    ...bucket,
    limit: LIMITS[bucket.name] ?? bucket.limit,
  }));
  return { ...upstream, profile: { ...upstream.profile, buckets } };
};
const withSmaller = (setups: readonly CollectorSetup[]): readonly CollectorSetup[] =>
  setups.map((setup) => {
    const upstreams = Object.entries(setup.upstreams).map(([name, one]) => [name, smaller(one)]);
    return { ...setup, upstreams: Object.fromEntries(upstreams) as typeof setup.upstreams };
  });

const held = ({ sandbox }: World, provider: ProviderName) => {
  const { received, violations, beyond } = sandbox.control.counters(provider);
  return { received, violations, beyond, refused: refused(sandbox.control.counters(provider)) };
};
const refused = ({ byStatus }: { readonly byStatus: Readonly<Record<string, number>> }): number =>
  byStatus['429'] ?? 0;

/** So many lives, each of up to two hours; then what there is. */
async function lived(lives: number, isPlanKnown: boolean): Promise<World> {
  const queries = Array.from({ length: 20 }, (_, n) => `query ${String(n)}`);
  const world = scenarioWorld({
    seed: 4,
    file: JSON.stringify({ collectors: { sentiment: { options: { queries } } } }),
    flags: { only: 'sentiment,stock_index' },
    ...(isPlanKnown && { setups: withSmaller }),
  });
  const { control } = world.sandbox;
  control.configure('newsapi', { requestsPer24h: 16, requestsPer12h: 10 });
  control.configure('alpha_vantage', { requestsPerDay: 8 });
  control.setFaults('yahoo', [{ kind: 'throttled' }]);
  const random = seededRandom(4);
  for (let life = 0; life < lives; life += 1) {
    const process = await world.start();
    await world.pass(Math.floor(random.next() * 2 * HOUR_MS));
    world.kill(process);
    // At once, or after a while.
    await world.pass(life % 2 === 0 ? 0 : Math.floor(random.next() * 20 * MINUTE_MS));
  }
  return world;
}

it('kills in the middle of them exceed nothing, and what is over is used again', async () => {
  const world = await lived(40, true);
  expect(world.now() - world.startedAt).toBeGreaterThan(DAY_MS);
  const news = held(world, 'newsapi');
  expect(news).toMatchObject({ violations: 0, beyond: 0, refused: 0 });
  // More than one window's worth: the half days slid on.
  expect(news.received).toBeGreaterThan(10);
  const funds = held(world, 'alpha_vantage');
  expect(funds).toMatchObject({ violations: 0, beyond: 0 });
  expect(funds.received).toBeGreaterThan(8);
}, 120_000);

it('plans that are smaller than anybody told are found out by what they refuse', async () => {
  const world = await lived(12, false);
  expect(held(world, 'newsapi').beyond).toBeGreaterThan(0);
  expect(held(world, 'alpha_vantage').beyond).toBeGreaterThan(0);
}, 120_000);
