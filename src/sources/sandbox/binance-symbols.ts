/** The pairs the fake exchange lists, and how it describes them. */
import type { Json, JsonObject } from '../../kernel/types.js';

export type MarketSymbol = {
  readonly symbol: string;
  readonly base: string;
  readonly quote: string;
  /** The level its price keeps returning to. */
  readonly price: number;
  /** Decimals of the price and of the quantity; together at most 8. */
  readonly priceDecimals: number;
  readonly lotDecimals: number;
  /** Median volume of a minute, in base units. */
  readonly minuteVolume: number;
  /** Median size of a trade, in base units. */
  readonly tradeSize: number;
  /** How much more it moves than Bitcoin did. */
  readonly volatility: number;
};

type Row = readonly [string, string, number, number, number, number, number, number];

/** base, quote, price, price decimals, lot decimals, volume a minute, trade size, volatility. */
const ROWS: readonly Row[] = [
  ['BTC', 'USDT', 62_000, 2, 5, 12, 0.02, 1],
  ['ETH', 'USDT', 2900, 2, 4, 180, 0.25, 1.2],
  ['BNB', 'USDT', 560, 2, 3, 160, 0.6, 1.1],
  ['SOL', 'USDT', 140, 2, 3, 1500, 4, 1.5],
  ['XRP', 'USDT', 0.9, 4, 1, 90_000, 300, 1.4],
  ['ADA', 'USDT', 0.55, 4, 1, 60_000, 350, 1.4],
  ['DOGE', 'USDT', 0.18, 5, 0, 350_000, 1500, 1.7],
  ['LTC', 'USDT', 92, 2, 3, 260, 1.5, 1.3],
  ['LINK', 'USDT', 15, 2, 2, 1200, 8, 1.4],
  ['BTC', 'USDC', 62_000, 2, 5, 3, 0.02, 1],
  ['ETH', 'USDC', 2900, 2, 4, 45, 0.25, 1.2],
  ['SOL', 'USDC', 140, 2, 3, 380, 4, 1.5],
  ['ADA', 'USDC', 0.55, 4, 1, 14_000, 350, 1.4],
  ['ETH', 'BTC', 0.047, 5, 4, 20, 0.2, 0.7],
  ['LTC', 'BTC', 0.0015, 6, 2, 30, 1.2, 0.9],
];

export const SYMBOLS: ReadonlyMap<string, MarketSymbol> = new Map(
  ROWS.map(
    ([base, quote, price, priceDecimals, lotDecimals, minuteVolume, tradeSize, volatility]) => [
      `${base}${quote}`,
      {
        symbol: `${base}${quote}`,
        base,
        quote,
        price,
        priceDecimals,
        lotDecimals,
        minuteVolume,
        tradeSize,
        volatility,
      },
    ],
  ),
);

const step = (decimals: number): string => (10 ** -decimals).toFixed(8);

function filtersOf(symbol: MarketSymbol): readonly Json[] {
  const tickSize = step(symbol.priceDecimals);
  const stepSize = step(symbol.lotDecimals);
  return [
    { filterType: 'PRICE_FILTER', minPrice: tickSize, maxPrice: '1000000.00000000', tickSize },
    { filterType: 'LOT_SIZE', minQty: stepSize, maxQty: '9000000.00000000', stepSize },
    { filterType: 'ICEBERG_PARTS', limit: 10 },
    {
      filterType: 'NOTIONAL',
      minNotional: '5.00000000',
      applyMinToMarket: true,
      maxNotional: '9000000.00000000',
      applyMaxToMarket: false,
      avgPriceMins: 5,
    },
    { filterType: 'MAX_NUM_ORDERS', maxNumOrders: 200 },
    { filterType: 'MAX_NUM_ALGO_ORDERS', maxNumAlgoOrders: 5 },
  ];
}

/** A symbol as `exchangeInfo` lists it: the members of the recording, in our own values. */
export function symbolInfo(symbol: MarketSymbol): JsonObject {
  return {
    symbol: symbol.symbol,
    status: 'TRADING',
    baseAsset: symbol.base,
    baseAssetPrecision: 8,
    quoteAsset: symbol.quote,
    quotePrecision: 8,
    quoteAssetPrecision: 8,
    baseCommissionPrecision: 8,
    quoteCommissionPrecision: 8,
    orderTypes: ['LIMIT', 'LIMIT_MAKER', 'MARKET', 'STOP_LOSS_LIMIT', 'TAKE_PROFIT_LIMIT'],
    icebergAllowed: true,
    ocoAllowed: true,
    otoAllowed: true,
    quoteOrderQtyMarketAllowed: true,
    allowTrailingStop: true,
    cancelReplaceAllowed: true,
    amendAllowed: true,
    isSpotTradingAllowed: true,
    isMarginTradingAllowed: true,
    filters: filtersOf(symbol),
    permissions: [],
    permissionSets: [['SPOT', 'MARGIN']],
    defaultSelfTradePreventionMode: 'EXPIRE_MAKER',
    allowedSelfTradePreventionModes: ['EXPIRE_TAKER', 'EXPIRE_MAKER', 'EXPIRE_BOTH', 'DECREMENT'],
  };
}
