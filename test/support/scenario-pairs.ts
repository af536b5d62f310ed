/** Two that share something: two upstreams of one collector, two collectors of one scope. */
import { HOUR_MS, MINUTE_MS, SECOND_MS } from '../../src/kernel/time.js';
import type { EpochMs } from '../../src/kernel/types.js';
import type { Fault, ProviderName } from '../../src/sources/sandbox/index.js';
import { playHour, of, numberIn, type Hour } from './scenario-hour.js';
import { callsBetween } from './scenario-recovery.js';
import { scenarioWorld, type World, type WorldOptions } from './scenario-world.js';

const SHARE = 0.9;
const DOWN: Fault = { kind: 'status', status: 503, body: 'html' };
/** Enough for the few requests NewsAPI allows. */
const LASTS_MS = 6 * HOUR_MS;

export type Upstreams = {
  readonly collector: string;
  readonly intervalMs: number;
  readonly down: ProviderName;
  readonly other: ProviderName;
};

/** Hours of one collector, one of its upstreams down from the beginning on; or none, to compare. */
export function playUpstreams(
  { collector, down, intervalMs }: Upstreams,
  isDown: boolean,
  seed: number,
): Promise<Hour> {
  return playHour({
    seed,
    scenario: 'calm',
    forMs: LASTS_MS,
    flags: { only: collector, [`collectors.${collector}.interval_ms`]: String(intervalMs) },
    begun: ({ sandbox }) => {
      if (isDown) sandbox.control.setFaults(down, [DOWN]);
    },
  });
}

/** When a breaker was not closed. */
export function openSpans(hour: Hour, stream: string): readonly (readonly [EpochMs, EpochMs])[] {
  const spans: [EpochMs, EpochMs][] = [];
  let since: EpochMs | undefined;
  for (const { at, stream: of_, type } of hour.facts) {
    if (of_ !== stream) continue;
    if (type === 'BreakerTripped') since ??= at;
    if (type !== 'BreakerRecovered' || since === undefined) continue;
    spans.push([since, at]);
    since = undefined;
  }
  return since === undefined ? spans : [...spans, [since, hour.to]];
}

/** The other goes on while the breaker of the one that is down is open: as often as when all is well. */
export function goesOn(hour: Hour, calm: Hour, { down, other }: Upstreams): readonly string[] {
  const breaker = hour.routes.find(({ provider }) => provider === down)?.breaker ?? '';
  const spans = openSpans(hour, breaker);
  if (spans.length === 0) return [`pairs: ${breaker} never opened`];
  const within = (of_: Hour): number =>
    spans.reduce((sum, [from, to]) => sum + callsBetween(of_, other, from, to), 0);
  const [calls, ceiling] = [within(hour), within(calm)];
  if (ceiling < 10) return [`pairs: ${other} is asked only ${String(ceiling)} times anyway`];
  return calls >= SHARE * ceiling
    ? []
    : [
        `pairs: ${other} is asked ${String(calls)} times of ${String(ceiling)} while ${down} is down`,
      ];
}

/** Alpha Vantage is asked only for want of Yahoo: then its funds come, and it is said. */
export function standsIn(hour: Hour): readonly string[] {
  const findings: string[] = [];
  const spans = openSpans(hour, 'breaker-stock_index');
  const isWithin = (at: EpochMs): boolean => spans.some(([from, to]) => at >= from && at < to);
  const runs = of(hour, 'RunSucceeded', 'collector-stock_index').filter(({ at }) => isWithin(at));
  const isSaid = runs.every(({ data }) => JSON.stringify(data['warnings']).includes('stands in'));
  const funds = of(hour, 'RunProgressed', 'collector-stock_index')
    .filter(({ data }) => String(data['series']).startsWith('alpha_vantage/'))
    .reduce((sum, fact) => sum + numberIn(fact, 'records'), 0);
  if (runs.length === 0 || !isSaid) findings.push('pairs: it is not said that funds stand in');
  if (funds === 0) findings.push('pairs: no fund was read');
  return findings;
}

export const LIVE_EVERY_MS = 10 * SECOND_MS;
/** Requests per second of the scope, the profile's ten scaled down: a page has a thousand bars. */
const RATE = 0.6;

/** An hour of a live collector on binance-ip, beside one that has six years to catch up with, or alone. */
export async function playShared(
  seed: number,
  withBackfill: boolean,
  bend: (options: WorldOptions) => WorldOptions = (options) => options,
): Promise<World> {
  const rate = { max_requests_per_second: RATE };
  const live = { source: 'historical', interval_ms: LIVE_EVERY_MS, rate };
  const options = {
    symbols: ['ETHUSDT', 'BTCUSDT'],
    intervals: ['5m'],
    backfillFrom: '2020-01-01',
  };
  const past = { source: 'historical', interval_ms: SECOND_MS, rate, options };
  const collectors = withBackfill ? { live, past } : { live };
  const world = scenarioWorld(
    bend({
      seed,
      file: JSON.stringify({ collectors }),
      flags: { only: Object.keys(collectors).join() },
      discards: 'past',
    }),
  );
  await world.start();
  await world.pass(HOUR_MS);
  return world;
}

/** The live one runs as often as if it were alone, and the other takes all the rest. */
export function keepsCadence(shared: World, alone: World): readonly string[] {
  const runs = ({ store }: World, collector: string): readonly EpochMs[] =>
    store.log
      .filter(({ stream, type }) => stream === `collector-${collector}` && type === 'RunSucceeded')
      .map(({ data }) => (JSON.parse(data) as { readonly atMs: EpochMs }).atMs);
  const [beside, by] = [runs(shared, 'live').length, runs(alone, 'live').length];
  const findings: string[] = [];
  if (beside < SHARE * by)
    findings.push(`cadence: ${String(beside)} runs beside the backfill, ${String(by)} alone`);
  const calls = shared.arrivals.filter(({ endpoint }) => endpoint === 'klines').length;
  const all = RATE * (HOUR_MS / SECOND_MS);
  if (calls < 0.85 * all)
    findings.push(`reached: ${String(calls)} of ${String(all)} calls: nothing was scarce`);
  const minutes = new Set(runs(shared, 'live').map((at) => Math.floor(at / MINUTE_MS)));
  if (minutes.size < HOUR_MS / MINUTE_MS - 1) findings.push('cadence: minutes without a live run');
  return findings;
}
