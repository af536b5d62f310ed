/**
 * Processes that are killed at random moments and begin anew over the same journal, in the middle of a
 * day's quota, of a month's, of a minute, of a quarter of an hour, of a ban. Limits are scaled down, at
 * the upstream and in the profile alike, so that they are near.
 */
import type { CollectorSetup } from '../../src/actors/index.js';
import { seededRandom } from '../../src/kernel/random.js';
import { HOUR_MS, MINUTE_MS, SECOND_MS } from '../../src/kernel/time.js';
import type { EpochMs, JsonObject } from '../../src/kernel/types.js';
import { PROVIDER_NAMES, type ProviderName } from '../../src/sources/sandbox/index.js';
import type { Fault } from '../../src/sources/sandbox/index.js';
import { fullest, WINDOWS, type Window } from './scenario-windows.js';
import { scenarioWorld, type World, type WorldOptions } from './scenario-world.js';

export type Restart = {
  readonly name: string;
  readonly collector: string;
  readonly intervalMs: number;
  readonly at?: EpochMs;
  readonly forMs: number;
  /** A process lives for up to twice as long as this. */
  readonly livesMs: number;
  readonly provider: ProviderName;
  /** What the provider allows, by its own names; by the profile's buckets; by the windows counted here. */
  readonly settings: JsonObject;
  readonly buckets: Readonly<Record<string, number>>;
  readonly windows: Readonly<Record<string, number>>;
  readonly rate?: number;
  readonly faults?: readonly (readonly [ProviderName, Fault])[];
  /** Share of the fullest window that must have been used: else it proved nothing. */
  readonly fillsTo: number;
};

const DOWN: Fault = { kind: 'status', status: 503 };

export const RESTARTS: readonly Restart[] = [
  {
    name: "NewsAPI's rolling day and half day",
    collector: 'sentiment',
    intervalMs: 5 * MINUTE_MS,
    forMs: 30 * HOUR_MS,
    livesMs: HOUR_MS,
    provider: 'newsapi',
    settings: { requestsPer24h: 30, requestsPer12h: 20 },
    buckets: { requests_24h: 30, requests_12h: 20 },
    windows: { '24 h': 30, '12 h': 20 },
    fillsTo: 0.6,
  },
  {
    name: "Alpha Vantage's day, while Yahoo is down",
    collector: 'stock_index',
    intervalMs: 15 * MINUTE_MS,
    at: Date.UTC(2026, 0, 5, 14),
    forMs: 30 * HOUR_MS,
    livesMs: HOUR_MS,
    provider: 'alpha_vantage',
    settings: { requestsPerDay: 10 },
    buckets: { requests_per_day: 10 },
    windows: { day: 10 },
    faults: [['yahoo', DOWN]],
    fillsTo: 0.6,
  },
  {
    name: "Moralis' month",
    collector: 'moralis',
    intervalMs: MINUTE_MS,
    at: Date.UTC(2026, 0, 31, 22),
    forMs: 4 * HOUR_MS,
    livesMs: 8 * MINUTE_MS,
    provider: 'moralis',
    settings: { monthlyUnits: 8000 },
    buckets: { compute_units: 8000 },
    windows: { month: 8000 },
    fillsTo: 0.6,
  },
  {
    name: "Binance's minute",
    collector: 'historical',
    intervalMs: 5 * SECOND_MS,
    forMs: 15 * MINUTE_MS,
    livesMs: 20 * SECOND_MS,
    provider: 'binance',
    settings: { weightLimit: 60 },
    buckets: { weight: 60 },
    windows: { weight: 60 },
    fillsTo: 0.6,
  },
  {
    name: "LunarCrush's minute",
    collector: 'lunarcrush',
    intervalMs: 10 * SECOND_MS,
    forMs: 15 * MINUTE_MS,
    livesMs: 20 * SECOND_MS,
    provider: 'lunarcrush',
    settings: { minuteLimit: 10 },
    buckets: { minute: 10 },
    windows: { minute: 10 },
    rate: 1,
    fillsTo: 0.6,
  },
  {
    name: "X's quarter of an hour",
    collector: 'twitter',
    intervalMs: 20 * SECOND_MS,
    forMs: 70 * MINUTE_MS,
    livesMs: 4 * MINUTE_MS,
    provider: 'twitter',
    settings: { searchLimit: 20, usersLimit: 20 },
    buckets: { search_recent: 20, users_by_username: 20 },
    windows: { search: 20, users: 20 },
    fillsTo: 0.6,
  },
  {
    name: 'a ban of ten minutes',
    collector: 'historical',
    intervalMs: 10 * SECOND_MS,
    forMs: 20 * MINUTE_MS,
    livesMs: 90 * SECOND_MS,
    provider: 'binance',
    settings: {},
    buckets: {},
    windows: {},
    faults: [['binance', { kind: 'ban', seconds: 600, count: 1, afterMs: MINUTE_MS }]],
    fillsTo: 0,
  },
];

export type Lived = {
  readonly world: World;
  readonly restart: Restart;
  readonly kills: number;
  readonly windows: readonly Window[];
};

/** `bend`: changes what surrounds it, for the tests which prove that a lie is found. */
export async function live(
  restart: Restart,
  seed: number,
  bend: (options: WorldOptions) => WorldOptions = (options) => options,
): Promise<Lived> {
  const { at, buckets, collector, faults = [], forMs, livesMs, provider, rate } = restart;
  const random = seededRandom(seed * 7919);
  const rates: Readonly<Record<string, string>> =
    rate === undefined
      ? {}
      : { [`collectors.${collector}.rate.max_requests_per_second`]: String(rate) };
  const world = scenarioWorld(
    bend({
      seed,
      ...(at !== undefined && { at }),
      flags: {
        only: collector,
        [`collectors.${collector}.interval_ms`]: String(restart.intervalMs),
        ...rates,
      },
      setups: (setups) => setups.map((setup) => scaled(setup, buckets)),
    }),
  );
  world.sandbox.control.configure(provider, restart.settings);
  for (const [name, fault] of faults) world.sandbox.control.setFaults(name, [fault]);
  const end = world.now() + forMs;
  let kills = 0;
  while (world.now() < end) {
    const process = await world.start();
    await world.pass(Math.min(2 * random.next() * livesMs, end - world.now()));
    world.kill(process);
    kills += 1;
    // Down for a moment, or long enough for a window to pass.
    await world.pass(random.next() < 0.5 ? random.next() * SECOND_MS : random.next() * livesMs);
  }
  const windows = WINDOWS.filter((window) => window.provider === provider).map((window) => {
    const limit = restart.windows[window.name];
    return limit === undefined ? window : { ...window, limit };
  });
  return { world, restart, kills, windows };
}

function scaled(setup: CollectorSetup, limits: Restart['buckets']): CollectorSetup {
  const upstreams = Object.entries(setup.upstreams).map(([name, upstream]) => {
    const buckets = upstream.profile.buckets.map((bucket) => {
      const limit = limits[bucket.name];
      return limit === undefined ? bucket : { ...bucket, limit };
    });
    return [name, { ...upstream, profile: { ...upstream.profile, buckets } }] as const;
  });
  return { ...setup, upstreams: Object.fromEntries(upstreams) };
}

/** Nothing exceeded by the sandbox's count and by ours, nothing sent that was not reserved. */
export function judgeRestarts({ kills, restart, windows, world }: Lived): readonly string[] {
  const findings: string[] = [];
  for (const name of PROVIDER_NAMES) {
    const { beyond, violations, violationsBy } = world.sandbox.control.counters(name);
    if (beyond + violations > 0)
      findings.push(
        `violations: ${name} counts ${JSON.stringify(violationsBy)}, beyond ${String(beyond)}`,
      );
  }
  for (const window of windows) {
    const { used } = fullest(window, world.arrivals);
    if (used > window.limit)
      findings.push(`windows: ${window.name} holds ${String(used)} of ${String(window.limit)}`);
  }
  const filled = Math.max(
    ...windows
      .filter(({ name }) => Object.hasOwn(restart.windows, name))
      .map((window) => fullest(window, world.arrivals).used / window.limit),
    0,
  );
  if (filled < restart.fillsTo) findings.push(`reached: only ${filled.toFixed(2)} of a window`);
  if (kills < 5) findings.push(`reached: only ${String(kills)} processes`);
  return [...findings, ...invented(world)];
}

/** P6 by the journal: at every moment no more had left than was reserved, durably, before. */
export function invented({ sent, setups, store }: World): readonly string[] {
  const scopeOf = new Map(
    setups.flatMap(({ upstreams }) =>
      Object.values(upstreams).map(({ profile, scope }) => [profile.provider, scope] as const),
    ),
  );
  const reserved = store.log
    .filter(({ type }) => type === 'UnitsReserved')
    .map(({ data, stream }) => {
      const { atMs, calls } = JSON.parse(data) as { atMs: EpochMs; calls: number };
      return { at: atMs, calls, scope: stream.slice('limiter-'.length) };
    });
  const left = new Map<string, number>();
  let next = 0;
  for (const { at, provider } of sent) {
    for (; (reserved[next]?.at ?? Infinity) <= at; next += 1) {
      const { calls = 0, scope = '' } = reserved[next] ?? {};
      left.set(scope, (left.get(scope) ?? 0) + calls);
    }
    const scope = scopeOf.get(provider) ?? provider;
    const after = (left.get(scope) ?? 0) - 1;
    if (after < 0) return [`invented: a call of ${provider} that nobody reserved`];
    left.set(scope, after);
  }
  return [];
}
