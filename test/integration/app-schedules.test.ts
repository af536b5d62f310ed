/**
 * The defaults of every built-in source fit its plan at 80 % (semantics §7): the real engine over the
 * sandbox, on virtual time, at default options and intervals, measured once it has caught up.
 */
import { expect, it } from 'vitest';
import type { CollectorSetup } from '../../src/actors/index.js';
import { collectorSetups } from '../../src/app/collectors.js';
import { loadConfig, problemLine } from '../../src/config.js';
import type { StoredEvent } from '../../src/journal/port.js';
import { seededRandom } from '../../src/kernel/random.js';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../src/kernel/time.js';
import { configCatalogue, sourceCatalogue } from '../../src/sources/index.js';
import type { BucketProfile } from '../../src/sources/port.js';
import { inProcessSandbox, type InProcessSandbox } from '../../src/sources/sandbox/index.js';
import { startTestEngine } from '../support/app-engine.js';
import { virtualClock, type VirtualClock } from '../support/clock.js';

const MONDAY = Date.UTC(2026, 0, 5, 6);
const SHARE = 0.8;
const PAGE = 1000;

type Measured = {
  readonly clock: VirtualClock;
  readonly sandbox: InProcessSandbox;
  readonly setups: readonly CollectorSetup[];
  readonly drawn: (since: number) => Promise<readonly Drawn[]>;
};

/** Units drawn from a bucket, at the end of the block they were reserved in. */
type Drawn = {
  readonly stream: string;
  readonly bucket: string;
  readonly at: number;
  readonly units: number;
};

async function measured(only = ''): Promise<Measured> {
  const clock = virtualClock(MONDAY);
  const sandbox = inProcessSandbox({ clock, random: seededRandom(1) });
  const flags = { mode: 'sandbox', ...(only !== '' && { only }) };
  const loaded = loadConfig({ env: {}, flags, catalogue: configCatalogue() });
  if (!loaded.ok) throw new Error(loaded.error.map(problemLine).join('\n'));
  const { config, secrets } = loaded.value;
  const setups = collectorSetups(config, secrets, sandbox, MONDAY);
  const onStop = () => clock.advance(MINUTE_MS);
  const { transport } = sandbox;
  const { journal } = await startTestEngine({ clock, transport, setups, onStop });
  const drawn = async (since: number): Promise<readonly Drawn[]> => {
    const found: Drawn[] = [];
    for (let from = 0; ;) {
      const { events, next, atEnd } = await journal.readAll(from, {}, PAGE);
      found.push(...events.flatMap(drawnIn).filter(({ at }) => at >= since));
      if (atEnd) return found;
      from = next;
    }
  };
  return { clock, sandbox, setups, drawn };
}

function drawnIn({ stream, type, data }: StoredEvent): readonly Drawn[] {
  if (type !== 'UnitsSettled') return [];
  const charged = (data['charged'] ?? []) as readonly { bucket: string; units?: number }[];
  const at = Number(data['atMs']);
  return charged.map(({ bucket, units = 0 }) => ({ stream, bucket, at, units }));
}

/** Each bucket of a minute and more: what a period of it comes to, and what it may. */
function drawsOf(setups: readonly CollectorSetup[], drawn: readonly Drawn[], spanMs: number) {
  const upstreams = setups.flatMap((setup) => Object.values(setup.upstreams));
  return upstreams.flatMap(({ profile, scope }) =>
    profile.buckets
      .filter(({ windowMs = DAY_MS }) => windowMs >= MINUTE_MS)
      .map((bucket) => {
        const stream = `limiter-${scope}`;
        const ours = drawn.filter((each) => each.stream === stream && each.bucket === bucket.name);
        const periodMs = lengthOf(bucket);
        const perPeriod =
          periodMs > spanMs ? (sum(ours) * periodMs) / spanMs : peak(ours, periodMs);
        return { what: `${scope}/${bucket.name}`, perPeriod, limit: bucket.limit };
      }),
  );
}

/** The longest month there is. */
function lengthOf({ windowMs, period }: BucketProfile): number {
  if (windowMs !== undefined) return windowMs;
  return period === 'month' ? 31 * DAY_MS : DAY_MS;
}

const sum = (list: readonly Drawn[]): number => list.reduce((total, { units }) => total + units, 0);

/** The most that any window of this length holds. */
function peak(list: readonly Drawn[], windowMs: number): number {
  const windows = list.map(({ at: end }) =>
    sum(list.filter(({ at }) => at > end - windowMs && at <= end)),
  );
  return Math.max(0, ...windows);
}

const beyond = (draws: ReturnType<typeof drawsOf>): readonly string[] =>
  draws.flatMap(({ what, perPeriod, limit }) => (perPeriod > SHARE * limit ? [what] : []));

it('every default fits its plan at 80 %', { timeout: 120_000 }, async () => {
  const { clock, setups, drawn } = await measured();
  expect(setups.map(({ name }) => name).sort()).toEqual(
    sourceCatalogue.map(({ name }) => name).sort(),
  );
  for (const { schedule, source } of setups) expect(schedule.intervalMs).toBe(source.intervalMs);
  await clock.advance(75 * MINUTE_MS);
  const since = clock.now();
  const span = 2 * HOUR_MS;
  await clock.advance(span);
  const found = await drawn(since);
  const draws = drawsOf(setups, found, span);
  const quotas = draws.filter(({ perPeriod }) => perPeriod > 0).map(({ what }) => what);
  expect(quotas).toEqual(
    expect.arrayContaining([
      'moralis-account/compute_units',
      'glassnode-key/calls',
      'twitter-app/posts',
      'lunarcrush-key/day',
      'reddit-client/requests',
      'newsapi-key/requests_24h',
      'newsapi-key/requests_12h',
    ]),
  );
  expect(beyond(draws)).toEqual([]);
  // The smaller plan of LunarCrush has 10 a minute; Reddit's free figure is 60 a minute.
  const minute = (stream: string, bucket: string): number =>
    peak(
      found.filter((each) => each.stream === stream && each.bucket === bucket),
      MINUTE_MS,
    );
  expect(minute('limiter-lunarcrush-key', 'minute')).toBeLessThanOrEqual(SHARE * 10);
  expect(minute('limiter-reddit-client', 'requests')).toBeLessThanOrEqual(SHARE * 60);

  // A default that asked for half as much again would be found.
  const more = found.map((each) => ({ ...each, units: each.units * 1.5 }));
  expect(beyond(drawsOf(setups, more, span))).toContain('moralis-account/compute_units');
});

it('so do the funds, on a day on which they stand in throughout', { timeout: 60_000 }, async () => {
  const { clock, sandbox, setups, drawn } = await measured('stock_index');
  sandbox.control.setFaults('yahoo', [{ kind: 'throttled' }]);
  await clock.advance(DAY_MS);
  const since = clock.now();
  await clock.advance(DAY_MS);
  const draws = drawsOf(setups, await drawn(since), DAY_MS);
  const funds = draws.find(({ what }) => what === 'alpha-vantage-key/requests_per_day');
  expect(funds?.perPeriod).toBeGreaterThan(0);
  expect(funds?.perPeriod).toBeLessThanOrEqual(SHARE * 25);
  expect(sandbox.control.counters('alpha_vantage').beyond).toBe(0);
});
