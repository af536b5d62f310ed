/** What of the fake exchange can be set, and what it is when nobody does. */
import { Type } from '@sinclair/typebox';
import { DAY_MS, MINUTE_MS } from '../../kernel/time.js';

/** 2020-06-28, 02:00 to 05:00 UTC: the outage in the recorded hours. */
const RECORDED_GAP = {
  symbol: 'BTCUSDT',
  fromMs: Date.UTC(2020, 5, 28, 2),
  toMs: Date.UTC(2020, 5, 28, 5),
};

export const BINANCE_DEFAULTS = {
  weightLimit: 6000,
  weightWindowMs: MINUTE_MS,
  rawLimit: 61_000,
  rawWindowMs: 5 * MINUTE_MS,
  weights: { klines: 2, exchangeInfo: 20, time: 1, ping: 1 },
  banMs: 2 * MINUTE_MS,
  banMsMax: 3 * DAY_MS,
  banPatience: 10,
  gaps: [RECORDED_GAP],
};
export type BinanceSettings = typeof BINANCE_DEFAULTS;

const count = () => Type.Integer({ minimum: 0, maximum: 1e9 });
const length = () => Type.Integer({ minimum: 1, maximum: 7 * DAY_MS });
export const BINANCE_SETTINGS = {
  weightLimit: count(),
  weightWindowMs: length(),
  rawLimit: count(),
  rawWindowMs: length(),
  weights: Type.Object(
    { klines: count(), exchangeInfo: count(), time: count(), ping: count() },
    { additionalProperties: false },
  ),
  banMs: length(),
  banMsMax: length(),
  /** Requests during a ban before it is made longer. */
  banPatience: Type.Integer({ minimum: 1, maximum: 1_000_000 }),
  gaps: Type.Array(
    Type.Object(
      {
        symbol: Type.String({ minLength: 1, maxLength: 20 }),
        fromMs: Type.Integer({ minimum: 0 }),
        toMs: Type.Integer({ minimum: 0 }),
      },
      { additionalProperties: false },
    ),
    { maxItems: 1000 },
  ),
};
