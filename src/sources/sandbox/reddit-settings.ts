/** What of the fake Reddit can be set, and what it is when nobody does. */
import { Type } from '@sinclair/typebox';
import { DAY_MS, MINUTE_MS } from '../../kernel/time.js';

/** The client the fake knows. Not a secret of anything. */
export const SANDBOX_REDDIT_CLIENT = {
  id: 'sandbox-reddit-client',
  secret: 'sandbox-reddit-client-secret',
};

export type RedditSettings = {
  /** Clients it knows, each as `id:secret`. */
  readonly keys: readonly string[];
  /** How long a token lasts. */
  readonly tokenSeconds: number;
  /** Requests of a client per window, and its calls for a token. */
  readonly requestLimit: number;
  readonly tokenLimit: number;
  readonly windowMs: number;
  /** An answer is given again, without limit headers and uncounted, for so long. 0: never. */
  readonly cacheMs: number;
  /** How many posts a subreddit gets per hour, on average. */
  readonly postsPerHour: number;
  /** How far posts reach back before the start of the sandbox's first day. */
  readonly historyDays: number;
  /** Subreddits, in lower case, that answer 403, 403, 404 and 451. */
  readonly quarantined: readonly string[];
  readonly private: readonly string[];
  readonly gone: readonly string[];
  readonly blocked: readonly string[];
};

export const REDDIT_DEFAULTS: RedditSettings = {
  keys: [`${SANDBOX_REDDIT_CLIENT.id}:${SANDBOX_REDDIT_CLIENT.secret}`],
  tokenSeconds: 3600,
  requestLimit: 1000,
  tokenLimit: 300,
  windowMs: 10 * MINUTE_MS,
  cacheMs: 0,
  postsPerHour: 120,
  historyDays: 1,
  quarantined: [],
  private: [],
  gone: [],
  blocked: [],
};

const count = () => Type.Integer({ minimum: 0, maximum: 1e9 });
const names = () => Type.Array(Type.String({ minLength: 1, maxLength: 50 }), { maxItems: 100 });
export const REDDIT_SETTINGS = {
  keys: Type.Array(Type.String({ pattern: '^[^:]{1,200}:[^:]{0,200}$' }), { maxItems: 100 }),
  tokenSeconds: Type.Integer({ minimum: 1, maximum: 7 * 86_400 }),
  requestLimit: count(),
  tokenLimit: count(),
  windowMs: Type.Integer({ minimum: 1, maximum: DAY_MS }),
  cacheMs: Type.Integer({ minimum: 0, maximum: DAY_MS }),
  postsPerHour: Type.Number({ minimum: 0, maximum: 3600 }),
  historyDays: Type.Integer({ minimum: 0, maximum: 30 }),
  quarantined: names(),
  private: names(),
  gone: names(),
  blocked: names(),
};
