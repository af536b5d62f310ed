/** What of the fake Moralis can be set, and what it is when nobody does. */
import { Type } from '@sinclair/typebox';

/** The key the fake knows. Not a secret of anything: `npm run demo` uses it. */
export const SANDBOX_MORALIS_KEY = 'sandbox-moralis-key';

/**
 * price: compute units billed; rateLimitCost: compute units of throughput. Unverified: the vendor's
 * changelog of 2023-03-28 (10, 5, 10) on the scale of its later pages.
 */
export const MORALIS_WEIGHTS = {
  getTokenTransfers: { path: '/erc20/{address}/transfers', price: 100, rateLimitCost: 20 },
  getWalletTokenTransfers: { path: '/{address}/erc20/transfers', price: 50, rateLimitCost: 20 },
  getWalletTokenBalances: { path: '/{address}/erc20', price: 100, rateLimitCost: 20 },
  endpointWeights: { path: '/info/endpointWeights', price: 0, rateLimitCost: 1 },
} as const;
export type MoralisEndpoint = keyof typeof MORALIS_WEIGHTS;

export const MORALIS_DEFAULTS: MoralisSettings = {
  keys: [SANDBOX_MORALIS_KEY],
  requestsPerSecond: 80,
  computeUnitsPerSecond: 2000,
  throughputWindowMs: 4000,
  dailyUnits: null,
  monthlyUnits: 3_000_000,
  transfersPerBlock: 0.2,
  historyDays: 3,
};

export type MoralisSettings = {
  readonly keys: readonly string[];
  /** Both throughput limits hold; a window of `throughputWindowMs` may have that many seconds' worth. */
  readonly requestsPerSecond: number;
  readonly computeUnitsPerSecond: number;
  readonly throughputWindowMs: number;
  /** Null: none. The day and the month are UTC. */
  readonly dailyUnits: number | null;
  readonly monthlyUnits: number | null;
  /** How many transfers a token has per block (12 s), on average; a wallet has a tenth per token. */
  readonly transfersPerBlock: number;
  /** How far history reaches back before the start of the sandbox's first day. */
  readonly historyDays: number;
};

const units = () => Type.Union([Type.Null(), Type.Integer({ minimum: 0, maximum: 1e12 })]);
export const MORALIS_SETTINGS = {
  keys: Type.Array(Type.String({ minLength: 1, maxLength: 512 }), { maxItems: 100 }),
  requestsPerSecond: Type.Number({ exclusiveMinimum: 0, maximum: 1e6 }),
  computeUnitsPerSecond: Type.Number({ exclusiveMinimum: 0, maximum: 1e9 }),
  throughputWindowMs: Type.Integer({ minimum: 1, maximum: 3_600_000 }),
  dailyUnits: units(),
  monthlyUnits: units(),
  transfersPerBlock: Type.Number({ minimum: 0, maximum: 4 }),
  historyDays: Type.Integer({ minimum: 0, maximum: 90 }),
};
