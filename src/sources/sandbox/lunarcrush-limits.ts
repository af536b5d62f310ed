/**
 * LunarCrush's limits, per key: requests per minute of the clock and per UTC day.
 *
 * 1. Every answer to a known key tells both limits, what is left of each, and the epoch second each ends.
 * 2. The request that takes the last of a limit is answered, with nothing left in its headers.
 * 3. A request past a limit is refused and not counted; a refusal has no Retry-After.
 */
import { DAY_MS } from '../../kernel/time.js';
import type { EpochMs, JsonObject } from '../../kernel/types.js';
import type { LunarcrushSettings } from './lunarcrush-settings.js';
import { json, type Admission, type Answer } from './provider.js';
import { alignedWindow, windowEnd, type AlignedWindow } from './windows.js';

/** Most keys with counters of their own. */
const SCOPES_MAX = 100;

type Counters = { readonly minute: AlignedWindow; readonly day: AlignedWindow };

export type LunarcrushLimits = {
  admit(scope: string, at: EpochMs): Admission;
  /** The refusal of this moment: until the minute ends. */
  throttled(at: EpochMs): Answer;
  quotaGone(at: EpochMs): Answer;
  usage(at: EpochMs): JsonObject;
};

/** The minute's wording is the day's without the day: only that one was recorded. */
function refusal(error: string, cause: 'rate_limit' | 'quota', until: EpochMs): Answer {
  return json(429, { error }, { forbids: { cause, until } });
}

function quotaGone(at: EpochMs): Answer {
  return refusal('Rate limit exceeded (daily)', 'quota', windowEnd(at, DAY_MS));
}

function headersOf(name: string, limit: number, used: number, end: EpochMs): object {
  return {
    [`x-rate-limit-${name}`]: String(limit),
    [`x-rate-limit-${name}-remaining`]: String(Math.max(0, limit - used)),
    [`x-rate-limit-${name}-reset`]: String(Math.ceil(end / 1000)),
  };
}

export function lunarcrushLimits(settings: () => LunarcrushSettings): LunarcrushLimits {
  const byScope = new Map<string, Counters>();
  const of = (scope: string): Counters => {
    const counters = byScope.get(scope) ?? { minute: alignedWindow(), day: alignedWindow() };
    if (byScope.size < SCOPES_MAX) byScope.set(scope, counters);
    return counters;
  };
  const throttled = (at: EpochMs): Answer =>
    refusal('Rate limit exceeded', 'rate_limit', windowEnd(at, settings().windowMs));
  return {
    admit(scope, at) {
      const { minute, day } = of(scope);
      const { minuteLimit, dayLimit, windowMs } = settings();
      const refused =
        dayLimit !== null && day.used(at, DAY_MS) >= dayLimit
          ? quotaGone(at)
          : minute.used(at, windowMs) >= minuteLimit
            ? throttled(at)
            : undefined;
      const weight = refused === undefined ? 1 : 0;
      const [thisMinute, today] = [minute.add(at, windowMs, weight), day.add(at, DAY_MS, weight)];
      const headers = {
        ...headersOf('minute', minuteLimit, thisMinute, windowEnd(at, windowMs)),
        ...(dayLimit === null ? {} : headersOf('day', dayLimit, today, windowEnd(at, DAY_MS))),
      };
      return { headers, ...(refused === undefined ? {} : { refused }) };
    },
    throttled,
    quotaGone,
    usage: (at) =>
      Object.fromEntries(
        [...byScope].map(([scope, { minute, day }]) => [
          scope,
          { minute: minute.used(at, settings().windowMs), day: day.used(at, DAY_MS) },
        ]),
      ),
  };
}
