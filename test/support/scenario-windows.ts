/**
 * The windows of the ten upstreams, from LIMITS.md, and a count of what arrived in them: written anew,
 * with nothing of the limiter, the profiles or the sandbox's own counters.
 */
import type { EpochMs } from '../../src/kernel/types.js';

export type Arrived = {
  readonly at: EpochMs;
  readonly provider: string;
  readonly endpoint: string;
};

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

export type Window = {
  readonly provider: string;
  readonly name: string;
  /** Of these endpoints; absent: of all. */
  readonly endpoints?: readonly string[];
  /**
   * rolling: any so many milliseconds. clock: by the clock's multiples. first: it begins with the first
   * request after the one before has ended. month: of the calendar, UTC.
   */
  readonly kind: 'rolling' | 'clock' | 'first' | 'month';
  readonly ms: number;
  readonly limit: number;
  /** What a request weighs; absent, or of an endpoint not named: 1. */
  readonly weights?: Readonly<Record<string, number>>;
};

const BINANCE = { exchangeInfo: 20, klines: 2 };
const MORALIS = {
  getTokenTransfers: 100,
  getWalletTokenTransfers: 50,
  getWalletTokenBalances: 100,
};

export const WINDOWS: readonly Window[] = [
  { provider: 'binance', name: 'weight', kind: 'clock', ms: MINUTE, limit: 6000, weights: BINANCE },
  { provider: 'binance', name: 'raw', kind: 'clock', ms: 5 * MINUTE, limit: 61_000 },
  { provider: 'moralis', name: 'requests', kind: 'rolling', ms: 4 * SECOND, limit: 320 },
  {
    provider: 'moralis',
    name: 'month',
    kind: 'month',
    ms: 31 * DAY,
    limit: 3_000_000,
    weights: MORALIS,
  },
  { provider: 'glassnode', name: 'minute', kind: 'first', ms: MINUTE, limit: 600 },
  { provider: 'glassnode', name: 'day', kind: 'clock', ms: DAY, limit: 10_000 },
  { provider: 'lunarcrush', name: 'minute', kind: 'clock', ms: MINUTE, limit: 100 },
  { provider: 'lunarcrush', name: 'day', kind: 'clock', ms: DAY, limit: 10_000 },
  ...(['search', 'users'] as const).map((endpoint): Window => {
    const limit = endpoint === 'search' ? 450 : 300;
    const endpoints = [endpoint];
    return {
      provider: 'twitter',
      name: endpoint,
      endpoints,
      kind: 'first',
      ms: 15 * MINUTE,
      limit,
    };
  }),
  {
    provider: 'reddit',
    name: 'requests',
    endpoints: ['new', 'hot', 'top'],
    kind: 'clock',
    ms: 10 * MINUTE,
    limit: 1000,
  },
  {
    provider: 'reddit',
    name: 'tokens',
    endpoints: ['token'],
    kind: 'clock',
    ms: 10 * MINUTE,
    limit: 300,
  },
  { provider: 'alternative_me', name: 'minute', kind: 'rolling', ms: MINUTE, limit: 60 },
  { provider: 'newsapi', name: '24 h', kind: 'rolling', ms: DAY, limit: 100 },
  { provider: 'newsapi', name: '12 h', kind: 'rolling', ms: 12 * HOUR, limit: 50 },
  { provider: 'yahoo', name: 'minute', kind: 'rolling', ms: MINUTE, limit: 100 },
  { provider: 'alpha_vantage', name: 'day', kind: 'clock', ms: DAY, limit: 25 },
  { provider: 'alpha_vantage', name: 'spacing', kind: 'rolling', ms: SECOND, limit: 1 },
];

/** How much of a window was used where it was used most, and how much of it that is. */
export type Fullest = { readonly window: Window; readonly used: number; readonly at: EpochMs };

export function fullest(window: Window, arrivals: readonly Arrived[]): Fullest {
  const meant = arrivals.filter(
    ({ provider, endpoint }) =>
      provider === window.provider && (window.endpoints?.includes(endpoint) ?? true),
  );
  const weightOf = ({ endpoint }: Arrived): number => window.weights?.[endpoint] ?? 1;
  return window.kind === 'rolling'
    ? rolling(window, meant, weightOf)
    : stepping(window, meant, weightOf);
}

type Weigh = (arrived: Arrived) => number;

function rolling(window: Window, arrivals: readonly Arrived[], weightOf: Weigh): Fullest {
  let [used, first, most, at] = [0, 0, 0, 0];
  for (const arrived of arrivals) {
    used += weightOf(arrived);
    for (let oldest = arrivals[first]; oldest !== undefined; oldest = arrivals[first]) {
      // What is exactly a window old counts no more.
      if (oldest.at > arrived.at - window.ms) break;
      used -= weightOf(oldest);
      first += 1;
    }
    if (used > most) [most, at] = [used, arrived.at];
  }
  return { window, used: most, at };
}

function stepping(window: Window, arrivals: readonly Arrived[], weightOf: Weigh): Fullest {
  const begins = (at: EpochMs): EpochMs => {
    if (window.kind === 'first') return at;
    const date = new Date(at);
    return window.kind === 'month'
      ? Date.UTC(date.getUTCFullYear(), date.getUTCMonth())
      : Math.floor(at / window.ms) * window.ms;
  };
  const isWithin = (start: EpochMs, at: EpochMs): boolean =>
    window.kind === 'first' ? at < start + window.ms : begins(at) === start;
  let [used, start, most, fullestAt] = [0, -Infinity, 0, 0];
  for (const arrived of arrivals) {
    if (!isWithin(start, arrived.at)) [used, start] = [0, begins(arrived.at)];
    used += weightOf(arrived);
    if (used > most) [most, fullestAt] = [used, arrived.at];
  }
  return { window, used: most, at: fullestAt };
}
