/** What sources make and sinks keep. */
import type { EpochMs, Flavor, JsonObject } from './types.js';

/** Stable: the same thing seen twice has the same id. */
export type RecordId = Flavor<string, 'RecordId'>;

/** One thing an upstream told us, in our own shape. */
export type CollectedRecord = {
  readonly id: RecordId;
  /** What it is, e.g. `kline`, `erc20_transfer`. */
  readonly kind: string;
  /** The series it belongs to, e.g. `BTCUSDT/1m`. */
  readonly series: string;
  /** When it happened, by the upstream. */
  readonly at: EpochMs;
  readonly data: JsonObject;
};
