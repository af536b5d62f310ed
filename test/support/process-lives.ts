/** The lives of a crash test: which collectors the service has, what its upstream does, when it dies. */
import type { Random } from '../../src/kernel/random.js';
import { DAY_MS, MINUTE_MS } from '../../src/kernel/time.js';
import type { Fault, RequestRecord } from '../../src/sources/sandbox/index.js';
import type { World } from './process-world.js';

/** Collector, its scope, and what its rate is before anyone sets one. `bars` shares `historical`'s scope. */
export const COLLECTORS = [
  { name: 'historical', scope: 'binance-ip' },
  { name: 'bars', scope: 'binance-ip' },
  { name: 'moralis', scope: 'moralis-account' },
] as const;
const INITIAL_RATE = 20;

export const SYMBOLS = ['BTCUSDT', 'ETHUSDT'] as const;
export const INTERVALS = ['1m', '1h'] as const;
export const TOKEN = '0x4fabb145d64652a948d72533023f6e7a623c7c53';
export const WALLET = '0x72fdd62fbfa2faa9a8677c58d9992068772e0f7f';
/** Backfill that is added with each life: there is always some going on. */
const MORE_PER_LIFE_MS = 1000 * MINUTE_MS;

/** Few: snapshots are taken, and believed, in every life. */
const SNAPSHOT_EVERY = 20;
/** When a life ends: at a moment of the start or of the stop, after a while, or in the turn of the n-th event. */
export type Plan = {
  readonly at: 'starting' | 'stopping' | 'time' | 'arrival' | 'sent' | 'answered';
  /** Milliseconds, or which one. */
  readonly n: number;
};

export function collectorOf({ provider, query }: RequestRecord): string {
  if (provider === 'moralis') return 'moralis';
  return query['symbol'] === 'SOLUSDT' ? 'bars' : 'historical';
}

/** How far back the bars of `historical` go in the n-th life. */
export function backfillFrom(startedAt: number, life: number): number {
  const today = Math.floor(startedAt / DAY_MS) * DAY_MS;
  return today - 2 * DAY_MS - life * MORE_PER_LIFE_MS;
}

/** The configuration of the n-th life: the same as before, and some backfill more. */
export function configureLife(world: World, startedAt: number, life: number): void {
  const rate = { max_requests_per_second: INITIAL_RATE };
  const from = new Date(backfillFrom(startedAt, life)).toISOString();
  const common = { rate, breaker: { failure_threshold: 3, open_ms: 700 } };
  const bars = (symbols: readonly string[], intervals: readonly string[], more = {}) =>
    world.live('binance', { ...common, options: { symbols, intervals, ...more } });
  world.configure(
    {
      historical: bars(SYMBOLS, INTERVALS, { backfillFrom: from }),
      bars: { ...bars(['SOLUSDT'], ['5m']), source: 'historical' },
      moralis: world.live('moralis', {
        ...common,
        options: { tokens: [TOKEN], wallets: [WALLET], fromBlock: 0 },
      }),
    },
    {
      retry: { base_ms: 30, cap_ms: 300 },
      http: { request_timeout_ms: 5000 },
      actors: { snapshot_every: SNAPSHOT_EVERY },
    },
  );
}

export function planOf(random: Random, startMs: number): Plan {
  const chance = random.next();
  const upTo = (most: number): number => 1 + Math.floor(random.next() * most);
  if (chance < 0.2) return { at: 'starting', n: random.next() * startMs * 1.1 };
  if (chance < 0.4) return { at: 'time', n: random.next() * 1500 };
  if (chance < 0.6) return { at: 'arrival', n: upTo(40) };
  if (chance < 0.75) return { at: 'sent', n: upTo(50) };
  if (chance < 0.9) return { at: 'answered', n: upTo(50) };
  return { at: 'stopping', n: random.next() * 120 };
}

export function faultsOf(random: Random): readonly Fault[] {
  const faults: Fault[] = [{ kind: 'latency', ms: 5, jitterMs: 60 }];
  if (random.next() < 0.5) faults.push({ kind: 'status', status: 503, rate: 0.1 });
  if (random.next() < 0.3) faults.push({ kind: 'reset', at: 'mid_body', rate: 0.05 });
  return faults;
}
