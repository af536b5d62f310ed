/** What of the fake LunarCrush can be set, and what it is when nobody does. */
import { Type } from '@sinclair/typebox';
import { MINUTE_MS } from '../../kernel/time.js';

/** The key the fake knows. Not a secret of anything: `npm run demo` uses it. */
export const SANDBOX_LUNARCRUSH_KEY = 'sandbox-lunarcrush-key';

export type LunarcrushSettings = {
  readonly keys: readonly string[];
  /** Requests per window of the clock and key. */
  readonly minuteLimit: number;
  readonly windowMs: number;
  /** Requests per UTC day and key; null: none, and no header tells of one. */
  readonly dayLimit: number | null;
  /** Symbols with figures, posts and influencers. */
  readonly symbols: readonly string[];
  /** Posts about a symbol per hour and kind of source (twitter, reddit, news, urls), on average. */
  readonly postsPerHour: number;
  readonly influencers: number;
  /** false: `start` and `end` are not honoured, as on the plans that lack them. */
  readonly honoursRange: boolean;
};

export const LUNARCRUSH_DEFAULTS: LunarcrushSettings = {
  keys: [SANDBOX_LUNARCRUSH_KEY],
  minuteLimit: 100,
  windowMs: MINUTE_MS,
  dayLimit: 10_000,
  symbols: ['BTC', 'ETH', 'DOGE', 'SOL'],
  postsPerHour: 6,
  influencers: 150,
  honoursRange: true,
};

const count = () => Type.Integer({ minimum: 0, maximum: 1e9 });
export const LUNARCRUSH_SETTINGS = {
  keys: Type.Array(Type.String({ minLength: 1, maxLength: 512 }), { maxItems: 100 }),
  minuteLimit: count(),
  windowMs: Type.Integer({ minimum: 1000, maximum: 86_400_000 }),
  dayLimit: Type.Union([Type.Null(), count()]),
  symbols: Type.Array(Type.String({ minLength: 1, maxLength: 20 }), { maxItems: 1000 }),
  postsPerHour: Type.Number({ minimum: 0, maximum: 60 }),
  influencers: Type.Integer({ minimum: 0, maximum: 10_000 }),
  honoursRange: Type.Boolean(),
};
