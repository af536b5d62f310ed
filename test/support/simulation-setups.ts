/** The collectors of the simulated engine: the real sources, scaled down so that their limits are near. */
import type { CollectorSetup, EngineDeps } from '../../src/actors/index.js';
import { RETRY_LIMITS } from '../../src/actors/index.js';
import { defaultPolicy } from '../../src/actors/breaker/index.js';
import { MINUTE_MS } from '../../src/kernel/time.js';
import type { EpochMs, JsonObject } from '../../src/kernel/types.js';
import { historical } from '../../src/sources/historical.js';
import { moralis } from '../../src/sources/moralis.js';
import type { ProviderProfile, SourceDefinition } from '../../src/sources/port.js';
import { withBaseUrl } from '../../src/sources/profile.js';
import { binanceProfile } from '../../src/sources/profiles/binance.js';
import { moralisProfile } from '../../src/sources/profiles/moralis.js';
import { INFO_WEIGHT, KLINES_WEIGHT, WEIGHT_PER_MINUTE } from './simulation-binance.js';
import { blockAt } from './simulation-moralis.js';

export const COLLECTORS = ['bars-a', 'bars-b', 'chain'] as const;
export type CollectorName = (typeof COLLECTORS)[number];
export const SCOPES = ['binance-ip', 'moralis-account'] as const;

export const TOKEN = '0x4fabb145d64652a948d72533023f6e7a623c7c53';
export const WALLET = '0x72fdd62fbfa2faa9a8677c58d9992068772e0f7f';
/** How far back the first sweep of transfers reaches. */
export const HISTORY_BLOCKS = 60;

export const REQUEST_TIMEOUT_MS = 10_000;
export const CADENCE_MS = {
  'bars-a': 2 * MINUTE_MS,
  'bars-b': 3 * MINUTE_MS,
  chain: 4 * MINUTE_MS,
};
export const RATE: Readonly<Record<CollectorName, number>> = { 'bars-a': 4, 'bars-b': 4, chain: 3 };

export const LIMITS: EngineDeps['limits'] = {
  permitWaitMaxMs: 20_000,
  permitQueueMax: 20,
  bodyBytesMax: 1_000_000,
  margin: 0.05,
  drainMs: 3000,
  retry: RETRY_LIMITS,
};

const binance: ProviderProfile = {
  ...binanceProfile,
  maxRequestsPerSecond: 4,
  buckets: binanceProfile.buckets.map((bucket) => ({ ...bucket, limit: WEIGHT_PER_MINUTE })),
  weights: { klines: { weight: KLINES_WEIGHT }, exchange_info: { weight: INFO_WEIGHT } },
};

function moralisOf(unitsPerDay: number): ProviderProfile {
  return {
    ...moralisProfile,
    buckets: moralisProfile.buckets.map((bucket) =>
      bucket.quota ? { ...bucket, period: 'day', limit: unitsPerDay } : bucket,
    ),
  };
}

/** `startedAt`: when the world began; the options of a collector do not change with a restart. */
export function simSetups(startedAt: EpochMs, unitsPerDay: number): readonly CollectorSetup[] {
  const every = (name: CollectorName): CollectorSetup['schedule'] => ({
    intervalMs: CADENCE_MS[name],
    cron: '',
    zone: '',
    jitter: 0.1,
  });
  const bars = { symbols: ['BTCUSDT'], intervals: ['1m', '15m'] };
  const back = { symbols: ['ETHUSDT'], intervals: ['5m'], backfillFrom: 1 };
  const fromBlock = blockAt(startedAt) - HISTORY_BLOCKS;
  const chain = { chain: 'eth', tokens: [TOKEN], wallets: [WALLET], fromBlock };
  const cron = { intervalMs: 0, cron: '*/3 * * * *', zone: 'Europe/Berlin', jitter: 0 };
  return [
    setupOf('bars-a', historical, bars, binance, every('bars-a')),
    setupOf('bars-b', historical, back, binance, cron),
    setupOf('chain', moralis, chain, moralisOf(unitsPerDay), every('chain')),
  ];
}

function setupOf(
  name: CollectorName,
  source: SourceDefinition,
  options: JsonObject,
  profile: ProviderProfile,
  schedule: CollectorSetup['schedule'],
): CollectorSetup {
  const cadenceMs = CADENCE_MS[name];
  const moved = withBaseUrl(profile, `https://${name}.${profile.provider}.sim`);
  const timing = { pollIntervalMs: cadenceMs, requestTimeoutMs: REQUEST_TIMEOUT_MS };
  const policy = defaultPolicy({ ...timing, maxWaitMs: LIMITS.permitWaitMaxMs });
  return {
    name,
    source,
    options,
    enabled: true,
    enabledReason: 'a simulation',
    schedule,
    cadenceMs,
    requestTimeoutMs: REQUEST_TIMEOUT_MS,
    missingKey: '',
    hasApiKey: false,
    upstreamMode: 'sandbox',
    upstreams: {
      primary: {
        profile: moved,
        scope: profile.scope,
        allowLoopback: false,
        keys: {},
        missingKeys: [],
      },
    },
    rate: { maxRequestsPerSecond: RATE[name], backoffMultiplier: 2, maxBackoff: 16 },
    breaker: { ...policy, openMs: MINUTE_MS, openMaxMs: 10 * MINUTE_MS },
  };
}
