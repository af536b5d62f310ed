/**
 * Alpha Vantage's query: daily series of a few funds, on the free plan. Every refusal is a 200 with a
 * sentence, as recorded. Ours, for want of a recording: where its day begins (UTC), the sentences for a
 * bad key and an unknown symbol.
 */
import { Type } from '@sinclair/typebox';
import { sha256Hex } from '../../kernel/canonical.js';
import { DAY_MS } from '../../kernel/time.js';
import type { EpochMs, Json } from '../../kernel/types.js';
import { dateText } from '../rows.js';
import {
  json,
  sandboxProvider,
  UNKNOWN_ENDPOINT,
  type Answer,
  type SandboxRequest,
} from './provider.js';
import { alignedWindow, rollingWindow, windowEnd } from './windows.js';
import {
  FUND_OF,
  INSTRUMENTS,
  isHoliday,
  market,
  type Instrument,
  type Market,
} from './yahoo-market.js';

/** The key the fake knows. Not a secret of anything: `npm run demo` uses it. */
export const SANDBOX_ALPHA_VANTAGE_KEY = 'sandbox-alpha-vantage-key';
/** Most keys with counters of their own. */
const SCOPES_MAX = 100;
const COMPACT = 100;
const FULL = 5000;

export type AlphaVantageSettings = {
  readonly keys: readonly string[];
  readonly requestsPerDay: number;
  /** At most one request within so long. */
  readonly spacingMs: number;
};

const DEFAULTS: AlphaVantageSettings = {
  keys: [SANDBOX_ALPHA_VANTAGE_KEY],
  requestsPerDay: 25,
  spacingMs: 1000,
};

const sentence = (word: 'Information' | 'Error Message', text: string): Answer =>
  json(200, { [word]: text });

const spread = (at: EpochMs, ms: number): Answer => ({
  ...sentence(
    'Information',
    'Thank you for using Alpha Vantage! Please consider spreading out your free API requests more ' +
      'sparingly. You may subscribe to any of the premium plans at ' +
      'https://www.alphavantage.co/premium/ to lift the free key rate limit (25 requests per day) ' +
      'and instantly unlock all premium endpoints',
  ),
  forbids: { cause: 'rate_limit', until: at + ms },
});

const usedUp = (at: EpochMs): Answer => ({
  ...sentence(
    'Information',
    'Thank you for using Alpha Vantage! Our standard API rate limit is 25 requests per day. Please ' +
      'subscribe to any of the premium plans at https://www.alphavantage.co/premium/ to instantly ' +
      'remove all daily rate limits.',
  ),
  forbids: { cause: 'quota', until: windowEnd(at, DAY_MS) },
});

const badKey = (): Answer =>
  sentence(
    'Error Message',
    'the parameter apikey is invalid or missing. Please claim your free API key on ' +
      '(https://www.alphavantage.co/support/#api-key). It should take less than 20 seconds.',
  );

const badCall = (name: string): Answer =>
  sentence(
    'Error Message',
    'Invalid API call. Please retry or visit the documentation ' +
      `(https://www.alphavantage.co/documentation/) for ${name}.`,
  );

/** A fund's instrument: its index at a share of the level, with a walk of its own. */
function fundNamed(symbol: string): Instrument | undefined {
  const found = FUND_OF.find(([name]) => name === symbol.toUpperCase());
  const index = INSTRUMENTS.find((one) => one.symbol === found?.[1]);
  if (found === undefined || index === undefined) return undefined;
  return { ...index, symbol: found[0], level: index.level * found[2], name: `${index.name} fund` };
}

/** Newest first, as the vendor does it. The running day's row is there and not final. */
function dailyAnswer({ query, at }: SandboxRequest, on: Market): Answer {
  const of = fundNamed(query.get('symbol') ?? '');
  if (of === undefined) return badCall('TIME_SERIES_DAILY');
  const count = query.get('outputsize') === 'full' ? FULL : COMPACT;
  const sessions = on
    .sessions(of, at - count * 1.6 * DAY_MS, at + DAY_MS)
    .filter(({ day, start }) => start <= at && !isHoliday(day))
    .slice(-count)
    .reverse();
  const rows = sessions.map(({ day, start, end }): [string, Json] => {
    const bar = on.bar(of, start, Math.min(end, at));
    const price = (value: number): string => value.toFixed(4);
    return [
      dateText(day),
      {
        '1. open': price(bar.open),
        '2. high': price(bar.high),
        '3. low': price(bar.low),
        '4. close': price(bar.close),
        '5. volume': String(bar.volume),
      },
    ];
  });
  return json(200, {
    'Meta Data': {
      '1. Information': 'Daily Prices (open, high, low, close) and Volumes',
      '2. Symbol': query.get('symbol') ?? '',
      '3. Last Refreshed': rows[0]?.[0] ?? '',
      '4. Output Size': count === FULL ? 'Full size' : 'Compact',
      '5. Time Zone': 'US/Eastern',
    },
    'Time Series (Daily)': Object.fromEntries(rows),
  });
}

type Counters = {
  readonly day: ReturnType<typeof alignedWindow>;
  readonly pace: ReturnType<typeof rollingWindow>;
};

export const alphaVantage = sandboxProvider<AlphaVantageSettings>({
  name: 'alpha_vantage',
  basePath: '',
  jsonType: 'application/json',
  settings: {
    keys: Type.Array(Type.String({ minLength: 1, maxLength: 512 }), { maxItems: 100 }),
    requestsPerDay: Type.Integer({ minimum: 0, maximum: 1e6 }),
    spacingMs: Type.Integer({ minimum: 0, maximum: 3_600_000 }),
  },
  defaults: DEFAULTS,
  keys: { ALPHA_VANTAGE_API_KEY: SANDBOX_ALPHA_VANTAGE_KEY },
  secrets: ['keys'],
  refusals: ['throttled', 'unauthorized', 'quota_gone'],
  open({ settings, seed }) {
    const on = market(seed);
    const byScope = new Map<string, Counters>();
    const of = (scope: string): Counters => {
      const known = byScope.get(scope) ?? { day: alignedWindow(), pace: rollingWindow() };
      if (byScope.size < SCOPES_MAX) byScope.set(scope, known);
      return known;
    };
    return {
      route({ path, query }) {
        const key = query.get('apikey');
        const name = query.get('function') ?? '';
        const endpoint = path === '/query' && name !== '' ? name.slice(0, 64) : UNKNOWN_ENDPOINT;
        const scope = key === null ? 'no-key' : `key-${sha256Hex(key).slice(0, 8)}`;
        return { endpoint, weight: 1, scope };
      },
      admit({ at, monotonic, query }, { scope }) {
        const { keys, requestsPerDay, spacingMs } = settings();
        const key = query.get('apikey');
        if (key === null || !keys.includes(key)) return { headers: {}, refused: badKey() };
        const { day, pace } = of(scope);
        if (day.used(at, DAY_MS) >= requestsPerDay) return { headers: {}, refused: usedUp(at) };
        if (spacingMs > 0 && pace.used(monotonic, spacingMs) > 0) {
          return { headers: {}, refused: spread(at, spacingMs) };
        }
        day.add(at, DAY_MS, 1);
        pace.add(monotonic, 1);
        return { headers: {} };
      },
      answer(request, { endpoint }) {
        if (endpoint === UNKNOWN_ENDPOINT) return json(404, {});
        return endpoint === 'TIME_SERIES_DAILY' ? dailyAnswer(request, on) : badCall(endpoint);
      },
      word(refusal, { at }) {
        if (refusal.kind === 'unauthorized') return badKey();
        return refusal.kind === 'quota_gone' ? usedUp(at) : spread(at, settings().spacingMs);
      },
      usage: (at) =>
        Object.fromEntries(
          [...byScope].map(([scope, { day }]) => [scope, { today: day.used(at, DAY_MS) }]),
        ),
    };
  },
});
