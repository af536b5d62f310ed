/**
 * Glassnode's limits, per key: requests in a window that begins with its first one, metadata in a window
 * of its own, and a plan's metric calls per UTC day.
 *
 * 1. Every answer to a known key tells the limit, what is left, and the seconds left of the window.
 * 2. A request past the limit is refused and not counted; neither refusal has a Retry-After.
 * 3. The plan is charged for what was answered, not for refusals or the server's own failures.
 */
import { DAY_MS } from '../../kernel/time.js';
import type { EpochMs, JsonObject } from '../../kernel/types.js';
import type { GlassnodeSettings } from './glassnode-settings.js';
import { empty, json, secondsUntil, type Admission, type Answer } from './provider.js';
import { windowEnd } from './windows.js';

/** Most keys with counters of their own. */
const SCOPES_MAX = 100;

export type GlassnodeBucket = 'requests' | 'metadata';
type Window = { end: EpochMs; used: number };
type Counters = Record<GlassnodeBucket, Window> & { day: EpochMs; calls: number };

export type GlassnodeLimits = {
  admit(scope: string, bucket: GlassnodeBucket, at: EpochMs): Admission;
  charge(scope: string, at: EpochMs): void;
  /** The 429 of this moment: until the window ends. */
  throttled(scope: string, at: EpochMs): Answer;
  quotaGone(at: EpochMs): Answer;
  usage(at: EpochMs): JsonObject;
};

/** The API says nothing but the status: no body was ever recorded. */
function refusal(until: EpochMs): Answer {
  return { ...empty(429), forbids: { cause: 'rate_limit', until } };
}

/** Wording made up: the vendor's pages name the limit and not the answer. */
function quotaGone(at: EpochMs): Answer {
  const forbids = { cause: 'quota', until: windowEnd(at, DAY_MS) } as const;
  return json(429, { error: 'Daily API call limit exceeded' }, { forbids });
}

export function glassnodeLimits(settings: () => GlassnodeSettings): GlassnodeLimits {
  const byScope = new Map<string, Counters>();
  const of = (scope: string, at: EpochMs): Counters => {
    const counters = byScope.get(scope) ?? {
      requests: { end: 0, used: 0 },
      metadata: { end: 0, used: 0 },
      day: 0,
      calls: 0,
    };
    if (byScope.size < SCOPES_MAX) byScope.set(scope, counters);
    if (counters.day !== windowEnd(at, DAY_MS)) {
      Object.assign(counters, { day: windowEnd(at, DAY_MS), calls: 0 });
    }
    return counters;
  };
  const windowOf = (scope: string, bucket: GlassnodeBucket, at: EpochMs): Window => {
    const window = of(scope, at)[bucket];
    const { windowMs } = settings();
    // Not longer than a window either: the clock may have jumped back, or the setting changed.
    if (at < window.end && window.end - at <= windowMs) return window;
    return Object.assign(window, { end: at + windowMs, used: 0 });
  };
  const limitOf = (bucket: GlassnodeBucket): number => {
    const { requestLimit, metadataLimit } = settings();
    return bucket === 'requests' ? requestLimit : metadataLimit;
  };
  const admit = (scope: string, bucket: GlassnodeBucket, at: EpochMs): Answer | undefined => {
    const { dailyCalls } = settings();
    const window = windowOf(scope, bucket, at);
    if (bucket === 'requests' && dailyCalls !== null && of(scope, at).calls >= dailyCalls) {
      return quotaGone(at);
    }
    if (window.used >= limitOf(bucket)) return refusal(window.end);
    window.used += 1;
    return undefined;
  };
  return {
    admit(scope, bucket, at) {
      const refused = admit(scope, bucket, at);
      const window = windowOf(scope, bucket, at);
      const headers = {
        'x-rate-limit-limit': String(limitOf(bucket)),
        'x-rate-limit-remaining': String(Math.max(0, limitOf(bucket) - window.used)),
        'x-rate-limit-reset': String(secondsUntil(window.end, at)),
      };
      return { headers, ...(refused === undefined ? {} : { refused }) };
    },
    charge(scope, at) {
      of(scope, at).calls += 1;
    },
    throttled: (scope, at) => refusal(windowOf(scope, 'requests', at).end),
    quotaGone,
    usage: (at) =>
      Object.fromEntries(
        [...byScope.keys()].map((scope) => {
          const { calls } = of(scope, at);
          const left = (bucket: GlassnodeBucket): number => {
            const window = of(scope, at)[bucket];
            return limitOf(bucket) - (at < window.end ? window.used : 0);
          };
          return [scope, { calls, requests: left('requests'), metadata: left('metadata') }];
        }),
      ),
  };
}
