/** Which of Glassnode's metrics are known: where each is found and what its values may be. */
import { HOUR_MS, DAY_MS, MINUTE_MS } from '../kernel/time.js';
import type { DurationMs } from '../kernel/types.js';

/** What one metric is. `signed`: its values may lie below 0; of the others such a value is impossible. */
export type MetricRule = {
  /** Below `/metrics`. */
  readonly path: string;
  readonly signed: boolean;
  /** value: one number. prices: open, high, low and close, which must agree. */
  readonly shape: 'value' | 'prices';
};

const count = (path: string): MetricRule => ({ path, signed: false, shape: 'value' });
const balance = (path: string): MetricRule => ({ path, signed: true, shape: 'value' });

/**
 * By the name that options, endpoints and records use. Paths as the vendor's catalogue spells them; those
 * that were recorded: price, price_ohlc, market_cap (bulk), active_addresses_pit.
 */
export const METRICS = {
  nvt: count('/indicators/nvt'),
  mvrv: count('/market/mvrv'),
  // A ratio as well; below 0 only when the market cap is, which is worth knowing of.
  mvrv_z_score: balance('/market/mvrv_z_score'),
  net_unrealized_profit_loss: balance('/indicators/net_unrealized_profit_loss'),
  sopr: count('/indicators/sopr'),
  exchange_net_flow: balance('/transactions/transfers_volume_exchanges_net'),
  exchange_inflow: count('/transactions/transfers_volume_to_exchanges_sum'),
  exchange_outflow: count('/transactions/transfers_volume_from_exchanges_sum'),
  exchange_balance: count('/distribution/balance_exchanges'),
  active_addresses: count('/addresses/active_count'),
  /** Point in time: published once, never revised; carries when it was computed. */
  active_addresses_pit: count('/addresses/active_count_pit'),
  new_addresses: count('/addresses/new_non_zero_count'),
  transactions: count('/transactions/count'),
  fees: count('/fees/volume_sum'),
  supply: count('/supply/current'),
  hash_rate: count('/mining/hash_rate_mean'),
  difficulty: count('/mining/difficulty_latest'),
  price: count('/market/price_usd_close'),
  price_ohlc: { path: '/market/price_usd_ohlc', signed: false, shape: 'prices' },
  market_cap: count('/market/marketcap_usd'),
} as const satisfies Readonly<Record<string, MetricRule>>;
export type Metric = keyof typeof METRICS;

// Sound: the keys of a const object are its keys.
export const METRIC_NAMES = Object.keys(METRICS) as readonly Metric[];

/** Resolutions that are aligned to the epoch. (Weeks and months are not.) */
export const RESOLUTION_MS = {
  '10m': 10 * MINUTE_MS,
  '1h': HOUR_MS,
  '24h': DAY_MS,
} as const satisfies Readonly<Record<string, DurationMs>>;
export type Resolution = keyof typeof RESOLUTION_MS;
