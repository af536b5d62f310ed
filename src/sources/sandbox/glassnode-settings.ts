/** What of the fake Glassnode can be set, and what it is when nobody does. */
import { Type } from '@sinclair/typebox';
import { MINUTE_MS } from '../../kernel/time.js';

/** The key the fake knows. Not a secret of anything: `npm run demo` uses it. */
export const SANDBOX_GLASSNODE_KEY = 'sandbox-glassnode-key';

export type GlassnodeSettings = {
  readonly keys: readonly string[];
  /** Requests per window and key; metadata has a bucket of its own. */
  readonly requestLimit: number;
  readonly metadataLimit: number;
  readonly windowMs: number;
  /** Metric calls per UTC day; null: none. */
  readonly dailyCalls: number | null;
  /** How long after its period's end a point is published. */
  readonly publishDelayMs: number;
  /** Assets with data, e.g. BTC. */
  readonly assets: readonly string[];
  /** Moments of an asset that no metric has: [fromMs, toMs). */
  readonly gaps: readonly {
    readonly asset: string;
    readonly fromMs: number;
    readonly toMs: number;
  }[];
  /** Bumped: every value is another one, as after a revision upstream. */
  readonly revision: number;
};

export const GLASSNODE_DEFAULTS: GlassnodeSettings = {
  keys: [SANDBOX_GLASSNODE_KEY],
  requestLimit: 600,
  metadataLimit: 1200,
  windowMs: MINUTE_MS,
  dailyCalls: 10_000,
  publishDelayMs: 0,
  assets: ['BTC', 'ETH', 'SOL', 'LTC'],
  gaps: [],
  revision: 0,
};

const count = () => Type.Integer({ minimum: 0, maximum: 1e9 });
export const GLASSNODE_SETTINGS = {
  keys: Type.Array(Type.String({ minLength: 1, maxLength: 512 }), { maxItems: 100 }),
  requestLimit: count(),
  metadataLimit: count(),
  windowMs: Type.Integer({ minimum: 1, maximum: 86_400_000 }),
  dailyCalls: Type.Union([Type.Null(), count()]),
  publishDelayMs: Type.Integer({ minimum: 0, maximum: 86_400_000 }),
  assets: Type.Array(Type.String({ minLength: 1, maxLength: 40 }), { maxItems: 1000 }),
  gaps: Type.Array(
    Type.Object(
      {
        asset: Type.String({ minLength: 1, maxLength: 40 }),
        fromMs: Type.Integer({ minimum: 0 }),
        toMs: Type.Integer({ minimum: 0 }),
      },
      { additionalProperties: false },
    ),
    { maxItems: 1000 },
  ),
  revision: count(),
};
