/**
 * A simulated Binance: bars that are the same whenever they are asked for (some are missing for ever),
 * weight per minute of its own clock, a ban for whoever goes on after 429.
 */
import type { Random } from '../../src/kernel/random.js';
import { MINUTE_MS } from '../../src/kernel/time.js';
import type { EpochMs } from '../../src/kernel/types.js';
import { INTERVAL_MS, type Interval } from '../../src/sources/historical-klines.js';
import type { Provider, Said } from './simulation-provider.js';

export const WEIGHT_PER_MINUTE = 40;
export const KLINES_WEIGHT = 2;
/** Asked for once a day. */
export const INFO_WEIGHT = 20;
/** Rows in one answer: fewer than are asked for, so that a series has pages. */
const ROWS_MAX = 40;
const STRIKES_MAX = 4;
export const BAN_MS = 150_000;

/** Whether the upstream has this bar at all: one in 59 was never there. */
export function hasBar(symbol: string, interval: Interval, open: EpochMs): boolean {
  return digit(symbol, interval, open) % 59 !== 0;
}

function digit(symbol: string, interval: string, open: EpochMs): number {
  let mixed = (open / MINUTE_MS) | 0;
  for (const letter of symbol + interval) mixed = Math.imul(mixed ^ letter.charCodeAt(0), 16777619);
  return (mixed ^ (mixed >>> 15)) >>> 0;
}

export function simBinance(truth: () => EpochMs, random: Random): Provider {
  let window = -1;
  let used = 0;
  let strikes = 0;
  let bannedUntil = 0;
  const enter = (now: EpochMs): void => {
    const current = Math.floor(now / MINUTE_MS);
    if (current === window) return;
    window = current;
    used = 0;
    strikes = 0;
  };
  return {
    arrive(url) {
      const now = truth();
      enter(now);
      used += weightOf(url);
      const headers = { 'x-mbx-used-weight-1m': String(used) };
      if (now < bannedUntil) return banned(bannedUntil - now, headers);
      if (used <= WEIGHT_PER_MINUTE) {
        return isInfo(url) ? info(headers) : bars(url, now, headers);
      }
      strikes += 1;
      if (strikes <= STRIKES_MAX) return tooMuch(random, (window + 1) * MINUTE_MS - now, headers);
      bannedUntil = now + BAN_MS;
      return banned(BAN_MS, headers);
    },
    ban(ms) {
      bannedUntil = truth() + ms;
    },
    crowd(units) {
      enter(truth());
      used += units;
    },
    weight: weightOf,
    seen: () => {
      enter(truth());
      return { window, used, limit: WEIGHT_PER_MINUTE };
    },
  };
}

function isInfo({ pathname }: URL): boolean {
  return pathname.endsWith('/exchangeInfo');
}

function weightOf(url: URL): number {
  return isInfo(url) ? INFO_WEIGHT : KLINES_WEIGHT;
}

function info(headers: Readonly<Record<string, string>>): Said {
  const window = { interval: 'MINUTE', intervalNum: 1, limit: WEIGHT_PER_MINUTE };
  const rateLimits = [{ rateLimitType: 'REQUEST_WEIGHT', ...window }];
  return { status: 200, headers, body: JSON.stringify({ rateLimits }) };
}

function banned(ms: number, headers: Readonly<Record<string, string>>): Said {
  const seconds = Math.ceil(ms / 1000);
  return {
    status: 418,
    headers: { ...headers, 'retry-after': String(seconds) },
    body: '{"code":-1003,"msg":"Way too much request weight used; IP banned."}',
    pauseMs: seconds * 1000,
  };
}

/** 429 as it comes in the wild: with Retry-After, with nonsense, or with nothing. */
export function tooMuch(
  random: Random,
  untilMs: number,
  headers: Readonly<Record<string, string>>,
): Said {
  const seconds = Math.max(1, Math.ceil(untilMs / 1000));
  const status = 429;
  const body = '{"code":-1003,"msg":"Too many requests."}';
  const chance = random.next();
  if (chance < 0.5) {
    const said = { ...headers, 'retry-after': String(seconds) };
    return { status, headers: said, body, pauseMs: seconds * 1000 };
  }
  if (chance < 0.65) return { status, headers, body, dateAfterMs: (seconds + 1) * 1000 };
  if (chance < 0.75) {
    return { status, headers: { ...headers, 'retry-after': 'soon' }, body, pauseMs: 0 };
  }
  return { status, headers, body, pauseMs: 0 };
}

function bars(url: URL, now: EpochMs, headers: Readonly<Record<string, string>>): Said {
  const ask = url.searchParams;
  const symbol = ask.get('symbol') ?? '';
  const interval = (ask.get('interval') ?? '1m') as Interval;
  const length = INTERVAL_MS[interval];
  const end = Math.min(Number(ask.get('endTime') ?? now), now);
  const rows: unknown[] = [];
  const first = Math.ceil(Number(ask.get('startTime')) / length) * length;
  for (let open = first; open <= end && rows.length < ROWS_MAX; open += length) {
    if (hasBar(symbol, interval, open)) rows.push(barOf(symbol, interval, open));
  }
  return { status: 200, headers, body: JSON.stringify(rows) };
}

/** A bar is a function of its moment: whoever stores it early or late stores the same. */
export function barOf(symbol: string, interval: Interval, open: EpochMs): readonly unknown[] {
  const price = String(100 + (digit(symbol, interval, open) % 1000));
  const close = open + INTERVAL_MS[interval] - 1;
  return [open, price, price, price, price, '1.5', close, '150.0', 3, '0.5', '50.0', '0'];
}
