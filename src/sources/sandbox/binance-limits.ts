/**
 * Binance's limits: weight per clock minute, raw requests per five, 429, and 418 for going on.
 *
 * 1. Refused requests count too: the used weight goes on growing past the limit.
 * 2. A request that breaks a 429 it could have read brings a ban; each ban is twice as long as the
 *    one before, up to banMsMax, and going on during one brings the next.
 * 3. Every answer carries the used weight.
 */
import type { EpochMs, Json, JsonObject } from '../../kernel/types.js';
import type { BinanceSettings } from './binance-settings.js';
import { json, secondsUntil, type Admission, type Answer, type Standing } from './provider.js';
import { alignedWindow, windowEnd } from './windows.js';

export type BinanceLimits = {
  admit(at: EpochMs, weight: number, standing: Standing): Admission;
  /** The 429 of this moment: until the window ends. */
  throttled(at: EpochMs): Answer;
  /** Bans until then; the answer that says so. */
  ban(at: EpochMs, until: EpochMs): Answer;
  /** As `exchangeInfo` publishes them. */
  published(): readonly Json[];
  usage(at: EpochMs): JsonObject;
};

/** Windows are published as so many of the largest unit that fits. */
function publishedWindow(windowMs: number): JsonObject {
  const units = [
    ['DAY', 86_400_000],
    ['MINUTE', 60_000],
    ['SECOND', 1000],
  ] as const;
  const unit = units.find(([, ms]) => windowMs % ms === 0) ?? (['SECOND', 1000] as const);
  return { interval: unit[0], intervalNum: Math.max(1, Math.round(windowMs / unit[1])) };
}

function bannedAnswer(at: EpochMs, until: EpochMs): Answer {
  const msg =
    `Way too much request weight used; IP banned until ${String(until)}. ` +
    'Please use WebSocket Streams for live updates to avoid bans.';
  return json(
    418,
    { code: -1003, msg },
    {
      headers: { 'retry-after': String(secondsUntil(until, at)) },
      forbids: { cause: 'ban', until },
    },
  );
}

export function binanceLimits(settings: () => BinanceSettings): BinanceLimits {
  const weightUsed = alignedWindow();
  const rawUsed = alignedWindow();
  let bannedUntil = 0;
  let bans = 0;
  let sinceBan = 0;

  const throttledUntil = (at: EpochMs, until: EpochMs): Answer =>
    json(
      429,
      { code: -1003, msg: 'Too many requests.' },
      {
        headers: { 'retry-after': String(secondsUntil(until, at)) },
        forbids: { cause: 'rate_limit', until },
      },
    );
  const ban = (at: EpochMs, until: EpochMs): Answer => {
    bannedUntil = Math.max(bannedUntil, until);
    bans += 1;
    sinceBan = 0;
    return bannedAnswer(at, bannedUntil);
  };
  const nextBan = (at: EpochMs): Answer => {
    const { banMs, banMsMax } = settings();
    return ban(at, at + Math.min(banMs * 2 ** Math.min(bans, 30), banMsMax));
  };
  const refusal = (at: EpochMs, standing: Standing): Answer | undefined => {
    const { weightLimit, weightWindowMs, rawLimit, rawWindowMs, banPatience } = settings();
    const heard = standing.kind === 'violation';
    if (at < bannedUntil) {
      sinceBan += heard ? 1 : 0;
      return sinceBan >= banPatience ? nextBan(at) : bannedAnswer(at, bannedUntil);
    }
    if (heard && standing.cause === 'rate_limit') return nextBan(at);
    if (weightUsed.used(at, weightWindowMs) > weightLimit) {
      return throttledUntil(at, windowEnd(at, weightWindowMs));
    }
    if (rawUsed.used(at, rawWindowMs) > rawLimit) {
      return throttledUntil(at, windowEnd(at, rawWindowMs));
    }
    return undefined;
  };

  return {
    admit(at, weight, standing) {
      const used = String(weightUsed.add(at, settings().weightWindowMs, weight));
      rawUsed.add(at, settings().rawWindowMs, 1);
      const refused = refusal(at, standing);
      const headers = { 'x-mbx-used-weight': used, 'x-mbx-used-weight-1m': used };
      return { headers, ...(refused === undefined ? {} : { refused }) };
    },
    throttled: (at) => throttledUntil(at, windowEnd(at, settings().weightWindowMs)),
    ban,
    published() {
      const { weightLimit, weightWindowMs, rawLimit, rawWindowMs } = settings();
      return [
        { rateLimitType: 'REQUEST_WEIGHT', ...publishedWindow(weightWindowMs), limit: weightLimit },
        { rateLimitType: 'ORDERS', interval: 'SECOND', intervalNum: 10, limit: 100 },
        { rateLimitType: 'ORDERS', interval: 'DAY', intervalNum: 1, limit: 200_000 },
        { rateLimitType: 'RAW_REQUESTS', ...publishedWindow(rawWindowMs), limit: rawLimit },
      ];
    },
    usage(at) {
      return {
        usedWeight: weightUsed.used(at, settings().weightWindowMs),
        rawRequests: rawUsed.used(at, settings().rawWindowMs),
        bannedUntil: at < bannedUntil ? bannedUntil : null,
        bans,
      };
    },
  };
}
