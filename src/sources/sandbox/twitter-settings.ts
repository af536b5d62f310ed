/** What of the fake X can be set, and what it is when nobody does. */
import { Type } from '@sinclair/typebox';
import { MINUTE_MS } from '../../kernel/time.js';

/** The key the fake knows. Not a secret of anything. */
export const SANDBOX_TWITTER_KEY = 'sandbox-twitter-bearer-token';

export type TwitterSettings = {
  readonly keys: readonly string[];
  /** Requests per window, of each endpoint and key. */
  readonly searchLimit: number;
  readonly usersLimit: number;
  readonly windowMs: number;
  /** Posts that may be read in a month (UTC); null: no cap. */
  readonly monthlyPosts: number | null;
  /** How many posts a search finds per hour, on average. */
  readonly postsPerHour: number;
  /** How far posts reach back before the start of the sandbox's first day; never over seven days. */
  readonly historyDays: number;
  /** How long a new post is not found yet. */
  readonly indexDelayMs: number;
  /** Names nobody has, in lower case. */
  readonly unknownUsers: readonly string[];
};

export const TWITTER_DEFAULTS: TwitterSettings = {
  keys: [SANDBOX_TWITTER_KEY],
  searchLimit: 450,
  usersLimit: 300,
  windowMs: 15 * MINUTE_MS,
  monthlyPosts: 500_000,
  postsPerHour: 120,
  historyDays: 1,
  indexDelayMs: 10_000,
  unknownUsers: [],
};

const count = () => Type.Integer({ minimum: 0, maximum: 1e9 });
const text = (maxLength: number) => Type.String({ minLength: 1, maxLength });
export const TWITTER_SETTINGS = {
  keys: Type.Array(text(512), { maxItems: 100 }),
  searchLimit: count(),
  usersLimit: count(),
  windowMs: Type.Integer({ minimum: 1, maximum: 24 * 60 * MINUTE_MS }),
  monthlyPosts: Type.Union([Type.Null(), count()]),
  postsPerHour: Type.Number({ minimum: 0, maximum: 3600 }),
  historyDays: Type.Integer({ minimum: 0, maximum: 30 }),
  indexDelayMs: Type.Integer({ minimum: 0, maximum: MINUTE_MS }),
  unknownUsers: Type.Array(text(50), { maxItems: 100 }),
};
