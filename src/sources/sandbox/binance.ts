/**
 * Binance's public market data: klines, exchangeInfo, time, ping; its weights, its 429, its ban.
 *
 * Shapes, headers and error bodies are as recorded or as its documentation prints them. Ours: the
 * weights (published, unverified), how patient it is before it bans, and that a ban doubles.
 */
import { DAY_MS } from '../../kernel/time.js';
import type { EpochMs, Json } from '../../kernel/types.js';
import { intervalOf, type Interval } from './binance-intervals.js';
import { binanceLimits, type BinanceLimits } from './binance-limits.js';
import { BINANCE_DEFAULTS, BINANCE_SETTINGS, type BinanceSettings } from './binance-settings.js';
import { seriesOf, type Series } from './binance-series.js';
import { symbolInfo, SYMBOLS } from './binance-symbols.js';
import { GENESIS_MS } from './binance-walk.js';
import {
  empty,
  json,
  sandboxProvider,
  UNKNOWN_ENDPOINT,
  type Answer,
  type SandboxRequest,
} from './provider.js';

const LIMIT_DEFAULT = 500;
/** More than this is quietly cut down to it, as the real one does. */
const LIMIT_MAX = 1000;
/** A page of long bars costs a second of arithmetic at worst: let others run in between. */
const DAYS_PER_BREATH = 32;
const INTEGER = /^[0-9]{1,20}$/;
const SYMBOL = /^[A-Z0-9-_.]{1,20}$/;

const ENDPOINTS = {
  '/api/v3/klines': 'klines',
  '/api/v3/exchangeInfo': 'exchangeInfo',
  '/api/v3/time': 'time',
  '/api/v3/ping': 'ping',
} as const;

const error = (code: number, msg: string): Answer => json(400, { code, msg });
const illegal = (name: string, range: string): Answer =>
  error(-1100, `Illegal characters found in parameter '${name}'; legal range is '${range}'.`);
const missing = (name: string): Answer =>
  error(-1102, `Mandatory parameter '${name}' was not sent, was empty/null, or malformed.`);

/** What the exchange objects to before it looks at any value. */
function malformed(query: URLSearchParams, known: readonly string[]): Answer | undefined {
  const names = [...query.keys()];
  if (new Set(names).size < names.length) {
    return error(-1101, 'Duplicate values for a parameter detected.');
  }
  const read = names.filter((name) => known.includes(name)).length;
  if (read === names.length) return undefined;
  const [was, sent] = [String(read), String(names.length)];
  return error(
    -1104,
    `Not all sent parameters were read; read '${was}' parameter(s) but was sent '${sent}'.`,
  );
}

type Query = {
  readonly symbol: string;
  readonly interval: Interval;
  readonly start?: EpochMs;
  readonly end?: EpochMs;
  readonly limit: number;
};

/** What is wrong with the values, in the order in which the exchange looks at them. */
function objection(query: URLSearchParams): Answer | undefined {
  for (const name of ['symbol', 'interval']) {
    if ((query.get(name) ?? '') === '') return missing(name);
  }
  for (const name of ['startTime', 'endTime', 'limit']) {
    if (!INTEGER.test(query.get(name) ?? '0')) return illegal(name, INTEGER.source);
  }
  const symbol = query.get('symbol') ?? '';
  if (!SYMBOL.test(symbol)) return illegal('symbol', SYMBOL.source);
  return SYMBOLS.has(symbol) ? undefined : error(-1121, 'Invalid symbol.');
}

function parseKlines(query: URLSearchParams): Query | Answer {
  const names = ['symbol', 'interval', 'startTime', 'endTime', 'limit'];
  const refused = malformed(query, names) ?? objection(query);
  if (refused !== undefined) return refused;
  const interval = intervalOf(query.get('interval') ?? '');
  if (interval === undefined) return error(-1120, 'Invalid interval.');
  const [start, end] = [query.get('startTime'), query.get('endTime')];
  const limit = Math.min(LIMIT_MAX, Number(query.get('limit') ?? LIMIT_DEFAULT));
  if (limit === 0) return error(-1130, "Data sent for parameter 'limit' is not valid.");
  return {
    symbol: query.get('symbol') ?? '',
    interval,
    limit,
    ...(start === null ? {} : { start: Number(start) }),
    ...(end === null ? {} : { end: Number(end) }),
  };
}

/** Bars from a moment on, or the last ones up to a moment: as startTime is given or not. */
async function rowsOf(
  query: Query,
  series: Series,
  now: EpochMs,
  breathe: () => Promise<void>,
): Promise<readonly Json[]> {
  const { interval, limit } = query;
  const last = Math.min(query.end ?? now, now);
  const forward = query.start !== undefined;
  const from = Math.max(query.start ?? 0, GENESIS_MS);
  let open = interval.floor(forward ? from : last);
  if (forward && open < from && open >= GENESIS_MS) open = interval.next(open);
  const rows: (readonly Json[])[] = [];
  let days = 0;
  while (rows.length < limit && open <= last && interval.next(open) > GENESIS_MS) {
    const end = interval.next(open);
    const row = series.bar(open, end, now);
    if (row !== undefined) rows.push(row);
    days += Math.max(1 / 24, (end - open) / DAY_MS);
    open = forward ? end : interval.previous(open);
    if (days >= DAYS_PER_BREATH) {
      days = 0;
      await breathe();
    }
  }
  return forward ? rows : rows.reverse();
}

function exchangeInfo(request: SandboxRequest, limits: BinanceLimits): Answer {
  const refused = malformed(request.query, ['symbol', 'symbols', 'permissions']);
  if (refused !== undefined) return refused;
  const wanted = request.query.get('symbol');
  if (wanted !== null && !SYMBOLS.has(wanted)) return error(-1121, 'Invalid symbol.');
  const listed = [...SYMBOLS.values()].filter(({ symbol }) => (wanted ?? symbol) === symbol);
  return json(200, {
    timezone: 'UTC',
    serverTime: request.at,
    rateLimits: limits.published(),
    exchangeFilters: [],
    symbols: listed.map((symbol) => symbolInfo(symbol)),
  });
}

export const binance = sandboxProvider<BinanceSettings>({
  name: 'binance',
  basePath: '',
  jsonType: 'application/json;charset=utf-8',
  settings: BINANCE_SETTINGS,
  defaults: BINANCE_DEFAULTS,
  refusals: ['throttled', 'unauthorized', 'banned'],
  open({ settings, seed, breathe }) {
    const limits = binanceLimits(settings);
    const bySymbol = new Map<string, Series>();
    const series = (name: string): Series | undefined => {
      const symbol = SYMBOLS.get(name);
      if (symbol === undefined) return undefined;
      const made = bySymbol.get(name) ?? seriesOf(symbol, seed, () => settings().gaps);
      bySymbol.set(name, made);
      return made;
    };
    const klines = async (request: SandboxRequest): Promise<Answer> => {
      const query = parseKlines(request.query);
      if ('status' in query) return query;
      const found = series(query.symbol);
      return json(200, found === undefined ? [] : await rowsOf(query, found, request.at, breathe));
    };
    return {
      route({ path }) {
        const endpoint = Object.entries(ENDPOINTS).find(([known]) => known === path)?.[1];
        if (endpoint === undefined) return { endpoint: UNKNOWN_ENDPOINT, weight: 1, scope: 'ip' };
        return { endpoint, weight: settings().weights[endpoint], scope: 'ip' };
      },
      admit: (request, route, standing) => limits.admit(request.at, route.weight, standing),
      answer(request, { endpoint }) {
        if (endpoint === 'klines') return klines(request);
        if (endpoint === 'exchangeInfo') return exchangeInfo(request, limits);
        if (endpoint === 'time') return json(200, { serverTime: request.at });
        return endpoint === 'ping' ? json(200, {}) : empty(404);
      },
      word(refusal, request) {
        if (refusal.kind === 'banned') return limits.ban(request.at, refusal.until);
        if (refusal.kind === 'throttled') return limits.throttled(request.at);
        const msg = 'Invalid API-key, IP, or permissions for action.';
        return json(401, { code: -2015, msg });
      },
      usage: (at) => limits.usage(at),
    };
  },
});
