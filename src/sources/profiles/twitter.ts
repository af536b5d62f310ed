/**
 * X (Twitter) API v2: 15-minute windows per endpoint that the reset header ends, a monthly number of
 * posts that may be read, and a 429 that may mean either.
 */
import { DAY_MS, MINUTE_MS } from '../../kernel/time.js';
import type { EpochMs, Json } from '../../kernel/types.js';
import type { ProviderProfile, Units } from '../port.js';
import { judging, type Answer, type Meaning } from '../profile.js';
import { memberAt, observing } from '../signs.js';

const SEARCH = 'search_recent';
const USERS = 'users_by_username';
/** The month's quota: what a plan is bought for. */
export const POSTS = 'posts';

export const TWITTER_KEY = 'TWITTER_BEARER_TOKEN';

/** What a search reads when it is not told how much. */
export const RESULTS_DEFAULT = 10;

const RESET = 'x-rate-limit-reset';
const REMAINING = 'x-rate-limit-remaining';

/** Fixed windows of 15 minutes that begin with their first call (recorded: resets at any second). */
const window = (name: string, limit: number) =>
  ({
    name,
    kind: 'fixed',
    limit,
    windowMs: 15 * MINUTE_MS,
    anchor: 'reset',
    unit: 'request',
    quota: false,
    priceMicros: 0,
  }) as const;

export const twitterProfile: ProviderProfile = {
  provider: 'twitter',
  baseUrl: 'https://api.twitter.com/2',
  scope: 'twitter-app',
  maxRequestsPerSecond: 1,
  recoveryWindowMs: 15 * MINUTE_MS,
  tier: 'Essential',
  currency: 'USD',
  buckets: [
    // Per app, as recorded in 2021 and 2022 and published in 2026.
    window(SEARCH, 450),
    window(USERS, 300),
    {
      name: POSTS,
      kind: 'fixed',
      limit: 500_000,
      period: 'month',
      zone: 'UTC',
      anchorDay: 1,
      unit: 'post',
      quota: true,
      // 0.0001 a post.
      priceMicros: 100,
    },
  ],
  weights: {
    // A request reserves the most it may read (`spec.units`); the answer says what it did read.
    [SEARCH]: { [SEARCH]: 1, [POSTS]: RESULTS_DEFAULT },
    [USERS]: { [USERS]: 1 },
  },
  keys: [TWITTER_KEY],
  headers: ({ [TWITTER_KEY]: key }) => ({
    accept: 'application/json',
    ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
  }),
  judge: judging({
    provider: 'twitter',
    observe: observing({
      bucket: { [SEARCH]: SEARCH, [USERS]: USERS },
      limit: 'x-rate-limit-limit',
      remaining: REMAINING,
      reset: { header: RESET, unit: 'epoch_seconds' },
    }),
    refine,
    units,
  }),
};

/** "UsageCapExceeded", and what pay-per-use says in its place. Its 429 outlives the 15 minutes. */
const CAP_TITLE = /^(UsageCapExceeded|CreditsDepleted)$/i;
const CAP_TYPE = /\/problems\/(usage-capped|credits)$/i;
/** Of a problem's words only so much is looked at. */
const WORD_CHARS_MAX = 200;

function refine(answer: Answer): Meaning | undefined {
  const { status } = answer;
  if (status === 402 || (status >= 400 && status < 500 && isCap(answer.body))) {
    return usedUp(answer);
  }
  if (status === 429) return throttled(answer);
  return status >= 200 && status < 300 ? ofErrors(answer) : undefined;
}

function isCap(body: Json | undefined): boolean {
  return CAP_TITLE.test(wordAt(body, 'title')) || CAP_TYPE.test(wordAt(body, 'type'));
}

function usedUp({ status, body, at }: Answer): Meaning {
  const daily = /^daily$/i.test(wordAt(body, 'period'));
  const now = new Date(at);
  return {
    outcome: 'quota_exhausted',
    message: `twitter answered ${String(status)}: the ${daily ? "day's" : "month's"} posts are used up`,
    bucket: POSTS,
    retryAt: daily
      ? (Math.floor(at / DAY_MS) + 1) * DAY_MS
      : Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + 1, 1),
  };
}

/**
 * There is no Retry-After (should one come, it rules); the window's reset says when, but only where
 * the window is what is empty: with some of it left another limit refused, whose end nobody names.
 */
function throttled({ headers, at }: Answer): Meaning {
  const isEmpty = (headers.decimal(REMAINING) ?? 0) === 0;
  const reset = isEmpty ? headers.resetAt(RESET, 'epoch_seconds', at) : undefined;
  const retryAt: EpochMs | undefined = headers.retryAfter(at) ?? reset;
  return {
    outcome: 'throttled',
    message: 'twitter answered 429: too many requests',
    ...(retryAt === undefined ? {} : { retryAt }),
  };
}

/** Problems that lie in what was asked for: a name nobody has, a protected or suspended account. */
const OF_THE_QUESTION = [
  'resource-not-found',
  'not-authorized-for-resource',
  'not-authorized-for-field',
  'disallowed-resource',
  'resource-unavailable',
  'invalid-request',
];

/**
 * A 200 with `errors`. Beside data it is good, with a warning. Alone (recorded for a user that is not
 * there) it is our mistake if every error is about what was asked, so that one wrong name neither
 * suspends a collector nor trips its breaker; errors of any other kind instead of data are no answer.
 */
function ofErrors({ status, body }: Answer): Meaning | undefined {
  const errors = memberAt(body, 'errors');
  if (!Array.isArray(errors) || errors.length === 0) return undefined;
  const kinds = (errors as readonly Json[]).map((each) => problemOf(each));
  const said = `${String(errors.length)} error(s) (${[...new Set(kinds)].slice(0, 3).join(', ')})`;
  const hasData = memberAt(body, 'data') !== undefined || memberAt(body, 'meta') !== undefined;
  if (hasData) {
    const message = `twitter answered ${String(status)}`;
    return { outcome: 'ok', message, warning: `twitter answered with ${said} beside the data` };
  }
  const isOurs = kinds.every((kind) => OF_THE_QUESTION.includes(kind));
  const message = `twitter answered ${String(status)} with ${said} and no data`;
  return { outcome: isOurs ? 'client' : 'bad_data', message };
}

/** The last part of a problem's address, e.g. `resource-not-found`; never other text of the body. */
function problemOf(error: Json): string {
  return /\/problems\/([a-z][a-z-]{1,60})$/.exec(wordAt(error, 'type'))?.[1] ?? 'unnamed';
}

function wordAt(body: Json | undefined, name: string): string {
  const value = memberAt(body, name);
  return typeof value === 'string' ? value.slice(0, WORD_CHARS_MAX) : '';
}

/**
 * Billed is what was read: the posts in `data`, none of a refusal. Where an answer cannot be understood,
 * what was reserved stays: cost is never undercounted.
 */
function units({ endpoint, status, body }: Answer): Units | undefined {
  if (endpoint !== SEARCH) return undefined;
  if (status < 200 || status >= 300) return { [POSTS]: 0 };
  if (body === null || typeof body !== 'object' || Array.isArray(body)) return undefined;
  const data = memberAt(body, 'data');
  if (data === undefined) return { [POSTS]: 0 };
  return Array.isArray(data) ? { [POSTS]: data.length } : undefined;
}
