/**
 * X's limits: a window per key and endpoint, and the posts a key may read in a calendar month.
 *
 * 1. A window begins with its first request and ends `windowMs` later: its reset may be any second.
 * 2. A request in a full window is a 429 as plain text; its reset header says when to come back, there
 *    is no Retry-After. Coming back earlier to that endpoint is a violation.
 * 3. Only posts that were read count for the month. At the cap a 429 says so in its title; it does not
 *    clear with the window.
 */
import type { EpochMs, JsonObject } from '../../kernel/types.js';
import { json, type Admission, type Answer } from './provider.js';
import type { TwitterSettings } from './twitter-settings.js';

/** Most keys and endpoints with counters of their own. */
const SCOPES_MAX = 100;

export type TwitterEndpoint = 'search' | 'users';

export type TwitterLimits = {
  /** Counts a request of this key to this endpoint, or refuses it. */
  admit(key: string, endpoint: TwitterEndpoint, at: EpochMs): Admission;
  /** So many posts were read. */
  read(key: string, posts: number, at: EpochMs): void;
  throttled(key: string, endpoint: TwitterEndpoint, at: EpochMs): Answer;
  capExceeded(at: EpochMs): Answer;
  usage(at: EpochMs): JsonObject;
};

type Window = { startedAt: EpochMs; used: number };
type Month = { month: string; posts: number };

const monthOf = (at: EpochMs): string => new Date(at).toISOString().slice(0, 7);
const nextMonth = (at: EpochMs): EpochMs => {
  const date = new Date(at);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1);
};
const inSeconds = (moment: EpochMs): number => Math.ceil(moment / 1000);

function throttledAnswer(until: EpochMs): Answer {
  return {
    status: 429,
    body: {
      kind: 'text',
      text: 'Rate limit exceeded\n',
      contentType: 'text/plain;charset=utf-8',
    },
    // The header has whole seconds: by its word nobody comes back a moment too soon.
    forbids: { cause: 'rate_limit', until: inSeconds(until) * 1000 },
  };
}

function capAnswer(at: EpochMs): Answer {
  const body = {
    title: 'UsageCapExceeded',
    detail: 'Usage cap exceeded: Monthly product cap',
    type: 'https://api.twitter.com/2/problems/usage-capped',
    period: 'Monthly',
    scope: 'Product',
  };
  return json(429, body, { forbids: { cause: 'quota', until: nextMonth(at) } });
}

export function twitterLimits(settings: () => TwitterSettings): TwitterLimits {
  const windows = new Map<string, Window>();
  const months = new Map<string, Month>();
  const windowOf = (key: string, endpoint: TwitterEndpoint, at: EpochMs): Window => {
    const name = `${key}/${endpoint}`;
    const known = windows.get(name);
    // A clock that went back begins anew as well: the window lies in the future then.
    const isOpen =
      known !== undefined && at >= known.startedAt && at < known.startedAt + settings().windowMs;
    if (isOpen) return known;
    const made = { startedAt: at, used: 0 };
    if (known !== undefined || windows.size < SCOPES_MAX) windows.set(name, made);
    return made;
  };
  const monthFor = (key: string, at: EpochMs): Month => {
    const known = months.get(key);
    if (known?.month === monthOf(at)) return known;
    const made = { month: monthOf(at), posts: 0 };
    if (known !== undefined || months.size < SCOPES_MAX) months.set(key, made);
    return made;
  };
  const endOf = (window: Window): EpochMs => window.startedAt + settings().windowMs;
  return {
    admit(key, endpoint, at) {
      const { searchLimit, usersLimit, monthlyPosts } = settings();
      const limit = endpoint === 'search' ? searchLimit : usersLimit;
      const window = windowOf(key, endpoint, at);
      const isFull = window.used >= limit;
      if (!isFull) window.used += 1;
      const headers = {
        'x-rate-limit-limit': String(limit),
        'x-rate-limit-remaining': String(Math.max(0, limit - window.used)),
        'x-rate-limit-reset': String(inSeconds(endOf(window))),
      };
      if (isFull) return { headers, refused: throttledAnswer(endOf(window)) };
      const isSpent = monthlyPosts !== null && monthFor(key, at).posts >= monthlyPosts;
      return endpoint === 'search' && isSpent ? { headers, refused: capAnswer(at) } : { headers };
    },
    read(key, posts, at) {
      monthFor(key, at).posts += posts;
    },
    // Also one that is only pretended says that nothing is left: else its reset would mean nothing.
    throttled: (key, endpoint, at) => ({
      ...throttledAnswer(endOf(windowOf(key, endpoint, at))),
      headers: { 'x-rate-limit-remaining': '0' },
    }),
    capExceeded: capAnswer,
    usage(at) {
      const used = [...windows].map(([name, window]) => {
        const isOpen = at < endOf(window);
        return [name, isOpen ? window.used : 0] as const;
      });
      const posts = [...months].map(([key, { month, posts: read }]) => {
        return [key, month === monthOf(at) ? read : 0] as const;
      });
      return { windows: Object.fromEntries(used), monthPosts: Object.fromEntries(posts) };
    },
  };
}
