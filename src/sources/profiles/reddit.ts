/**
 * Reddit's OAuth API: a token by client credentials from another host, ten-minute windows told in
 * seconds left, refusals of one subreddit that look like a bad key and are none.
 */
import { HOUR_MS, MINUTE_MS, SECOND_MS } from '../../kernel/time.js';
import type { Json } from '../../kernel/types.js';
import type { Observation, ProviderProfile, TokenProfile } from '../port.js';
import { generalMeaning, judging, type Answer, type Meaning } from '../profile.js';
import { memberAt, observing } from '../signs.js';

const REQUESTS = 'requests';
const TOKENS = 'tokens';
export const TOKEN_ENDPOINT = 'access_token';

const CLIENT_ID = 'REDDIT_CLIENT_ID';
const CLIENT_SECRET = 'REDDIT_CLIENT_SECRET';
/** Not a secret, but as particular to whoever runs this: Reddit asks for a name and a contact. */
const USER_AGENT = 'REDDIT_USER_AGENT';
const USER_AGENT_DEFAULT = 'nodejs:headgate:1 (data collector; set REDDIT_USER_AGENT)';

const REMAINING = 'x-ratelimit-remaining';
const RESET = 'x-ratelimit-reset';

/**
 * A fixed window: in all eight recordings that say so, `Date` and the seconds left add up to a whole ten
 * minutes of Reddit's clock. It is anchored to the header and not to our clock, which may be off.
 */
const window = (name: string, limit: number) =>
  ({
    name,
    kind: 'fixed',
    limit,
    windowMs: 10 * MINUTE_MS,
    anchor: 'reset',
    unit: 'request',
    quota: false,
    priceMicros: 0,
  }) as const;

const listing = { [REQUESTS]: 1 };

export const redditProfile: ProviderProfile = {
  provider: 'reddit',
  baseUrl: 'https://oauth.reddit.com',
  scope: 'reddit-client',
  maxRequestsPerSecond: 0.5,
  recoveryWindowMs: 10 * MINUTE_MS,
  tier: 'Free',
  currency: 'USD',
  buckets: [
    // 60 a minute, the free tier by our design, over its ten minutes. Reddit gave 600 until 2023 and
    // 1000 since (recorded): the tighter figure rules, and what the headers say may only tighten it.
    window(REQUESTS, 600),
    // Recorded on the token host: 299 remaining after 1.
    window(TOKENS, 300),
  ],
  weights: {
    subreddit_new: listing,
    subreddit_hot: listing,
    subreddit_top: listing,
    [TOKEN_ENDPOINT]: { [TOKENS]: 1 },
  },
  keys: [CLIENT_ID, CLIENT_SECRET],
  optionalKeys: [USER_AGENT],
  headers: (keys, token) => ({
    accept: 'application/json',
    'user-agent': keys[USER_AGENT] ?? USER_AGENT_DEFAULT,
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
  }),
  token: clientCredentials(),
  judge: judging({ provider: 'reddit', observe, refine }),
};

function clientCredentials(): TokenProfile {
  return {
    endpoint: TOKEN_ENDPOINT,
    baseUrl: 'https://www.reddit.com',
    request: ({ [CLIENT_ID]: id = '', [CLIENT_SECRET]: secret = '', [USER_AGENT]: agent }) => ({
      path: '/api/v1/access_token',
      headers: {
        accept: 'application/json',
        authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`,
        'content-type': 'application/x-www-form-urlencoded',
        'user-agent': agent ?? USER_AGENT_DEFAULT,
      },
      body: 'grant_type=client_credentials',
    }),
    read: readToken,
  };
}

/** Longest life of a token that is believed; Reddit gives an hour, a day at the most. */
const TOKEN_LASTS_MAX_MS = 24 * HOUR_MS;
const TOKEN_CHARS_MAX = 4096;

function readToken(body: Json): ReturnType<TokenProfile['read']> {
  const token = memberAt(body, 'access_token');
  const seconds = memberAt(body, 'expires_in');
  // It goes into a header: visible ASCII only.
  if (typeof token !== 'string' || !/^[!-~]+$/.test(token)) return undefined;
  if (token.length > TOKEN_CHARS_MAX || typeof seconds !== 'number' || !(seconds > 0)) {
    return undefined;
  }
  return { token, lastsMs: Math.min(seconds * SECOND_MS, TOKEN_LASTS_MAX_MS) };
}

const observeHeaders = observing({
  bucket: {
    subreddit_new: REQUESTS,
    subreddit_hot: REQUESTS,
    subreddit_top: REQUESTS,
    [TOKEN_ENDPOINT]: TOKENS,
  },
  used: 'x-ratelimit-used',
  remaining: REMAINING,
  reset: { header: RESET, unit: 'seconds_left' },
});

/**
 * No header has the limit, but used and remaining add up to it (recorded: 600, 1000, and 300 for
 * tokens). An answer from the cache has none of them; it is counted all the same, for other answers
 * lack them too (those of 2016), and to count too much only slows us down.
 */
function observe(answer: Answer): readonly Observation[] {
  return observeHeaders(answer).map((seen) =>
    seen.used === undefined || seen.remaining === undefined
      ? seen
      : { ...seen, limit: seen.used + seen.remaining },
  );
}

function refine(answer: Answer): Meaning | undefined {
  const { status, endpoint } = answer;
  if (status === 429) return throttled(answer);
  if (endpoint === TOKEN_ENDPOINT) return ofToken(answer);
  return status === 403 ? forbidden(answer) : undefined;
}

/** HTML with Retry-After or JSON without: then the window's end says when, if the window is empty. */
function throttled(answer: Answer): Meaning {
  const meaning = generalMeaning({ provider: 'reddit' }, answer);
  if (meaning.retryAt !== undefined || answer.headers.decimal(REMAINING) !== 0) return meaning;
  const retryAt = answer.headers.resetAt(RESET, 'seconds_left', answer.at);
  return retryAt === undefined ? meaning : { ...meaning, retryAt };
}

/** Error names of OAuth (RFC 6749 §5.2) that may be shown; others are not quoted. */
const OAUTH_ERROR = /^(invalid|unsupported|unauthorized)_[a-z_]{1,30}$/;

/** Nothing but our credentials goes there: what it does not like are those, be it said with a 200. */
function ofToken({ status, body }: Answer): Meaning | undefined {
  const error = memberAt(body, 'error');
  const isRefused = status >= 200 && status < 300 ? (error ?? null) !== null : status < 500;
  if (!isRefused || [302, 404, 408].includes(status) || status < 200) return undefined;
  const named = typeof error === 'string' && OAUTH_ERROR.test(error) ? `, ${error}` : '';
  const message = `reddit answered ${String(status)} to the client's credentials${named}`;
  return { outcome: 'auth', message };
}

/** Reasons a subreddit has; others are not quoted. */
const REASON = /^(private|quarantined|banned|gold_only|gated)$/;

/**
 * A 403 that says in JSON that this was forbidden is about the one subreddit (quarantined, private) or
 * about what the token may do, so another key would not help and the other subreddits go on. A 403
 * without (an HTML page: the client is shut out) is about us.
 */
function forbidden({ body }: Answer): Meaning | undefined {
  if (memberAt(body, 'error') !== 403) return undefined;
  const reason = memberAt(body, 'reason');
  const named = typeof reason === 'string' && REASON.test(reason) ? ` (${reason})` : '';
  return { outcome: 'client', message: `reddit answered 403: this may not be read${named}` };
}
