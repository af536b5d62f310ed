/**
 * Yahoo's chart endpoint: bars of twelve indices, null rows on holidays, no `timestamp` on weekends, the
 * last trade's bar while a session runs, and a throttle that lasts and says nothing.
 *
 * Bodies are as recorded: the chart, the 404, both 429 texts. Ours, for want of a recording: how much it
 * allows and for how long it refuses, the words of a 400 and a 422, the wall's 403.
 */
import { Type } from '@sinclair/typebox';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../kernel/time.js';
import type { EpochMs, JsonObject } from '../../kernel/types.js';
import { localDay } from '../stock-index-zones.js';
import {
  json,
  sandboxProvider,
  UNKNOWN_ENDPOINT,
  type Answer,
  type SandboxRequest,
} from './provider.js';
import { rollingWindow } from './windows.js';
import {
  INSTRUMENTS,
  isHoliday,
  market,
  sessionNow,
  type Instrument,
  type Market,
} from './yahoo-market.js';

const CHART = /^\/v8\/finance\/chart\/([^/]+)$/;
/** Nothing says how long a refusal lasts: who comes back within this time is hammering. */
const HAMMERING_MS = MINUTE_MS;
const BARS_MAX = 20_000;

export type YahooSettings = {
  readonly requestLimit: number;
  readonly requestWindowMs: number;
  /** Who went over the limit is refused for so long. */
  readonly refusedMs: number;
  /** Refused by the edge, with its own words. */
  readonly edge: boolean;
};

const DEFAULTS: YahooSettings = {
  requestLimit: 100,
  requestWindowMs: MINUTE_MS,
  refusedMs: 15 * MINUTE_MS,
  edge: false,
};

/** Length of a bar, and how far back it may be asked for. */
const INTERVALS: Readonly<Record<string, readonly [length: number, reach: number]>> = {
  '1m': [MINUTE_MS, 30 * DAY_MS],
  '2m': [2 * MINUTE_MS, 60 * DAY_MS],
  '5m': [5 * MINUTE_MS, 60 * DAY_MS],
  '15m': [15 * MINUTE_MS, 60 * DAY_MS],
  '30m': [30 * MINUTE_MS, 60 * DAY_MS],
  '1h': [HOUR_MS, 730 * DAY_MS],
  '1d': [DAY_MS, Infinity],
};

const wrong = (status: number, code: string, description: string): Answer =>
  json(status, { chart: { result: null, error: { code, description } } });

const plain = (status: number, text: string, forbids?: Answer['forbids']): Answer => ({
  status,
  body: { kind: 'text', text, contentType: 'text/plain' },
  ...(forbids !== undefined && { forbids }),
});

function throttled(at: EpochMs, edge: boolean): Answer {
  const text = edge ? 'Edge: Too Many Requests' : 'Too Many Requests\r\n';
  return plain(429, text, { cause: 'rate_limit', until: at + HAMMERING_MS });
}

type Row = readonly [second: number, bar: ReturnType<Market['bar']> | undefined];

type Range = { readonly from: EpochMs; readonly to: EpochMs; readonly at: EpochMs };

/** A row per session; the running one carries the time of its last trade. */
function dailyRows(of: Instrument, on: Market, { from, to, at }: Range): readonly Row[] {
  const rows: Row[] = [];
  for (const { day, start, end } of on.sessions(of, from - DAY_MS, to + DAY_MS)) {
    if (start < from || start >= to || start > at) continue;
    const isOpen = at < end;
    const second = Math.floor((isOpen ? at : start) / 1000);
    rows.push([second, isHoliday(day) ? undefined : on.bar(of, start, isOpen ? at : end)]);
  }
  return rows;
}

function intradayRows(of: Instrument, on: Market, length: number, range: Range): readonly Row[] {
  const { from, to, at } = range;
  const rows: Row[] = [];
  for (const { day, start, end } of on.sessions(of, from - DAY_MS, to + DAY_MS)) {
    if (isHoliday(day)) continue;
    for (let open = start; open < end && open < to && open <= at; open += length) {
      if (open < from || rows.length >= BARS_MAX) continue;
      const close = Math.min(open + length, end);
      const second = Math.floor((close > at ? at : open) / 1000);
      rows.push([second, on.bar(of, open, Math.min(close, at))]);
    }
  }
  return rows;
}

function chartOf(of: Instrument, on: Market, interval: string, rows: readonly Row[], at: EpochMs) {
  const session = sessionNow(of, on, at);
  const second = (moment: EpochMs | undefined): number => Math.floor((moment ?? 0) / 1000);
  const meta: JsonObject = {
    currency: of.currency,
    symbol: of.symbol,
    exchangeName: of.exchange,
    fullExchangeName: of.exchange,
    instrumentType: 'INDEX',
    regularMarketTime: second(at),
    exchangeTimezoneName: of.zone,
    shortName: of.name,
    priceHint: 2,
    currentTradingPeriod: {
      regular: { start: second(session?.start), end: second(session?.end) },
    },
    dataGranularity: interval,
    range: '',
  };
  if (rows.length === 0) return { meta, indicators: { quote: [{}] } };
  const column = (name: 'open' | 'high' | 'low' | 'close' | 'volume') =>
    rows.map(([, bar]) => bar?.[name] ?? null);
  const quote = {
    open: column('open'),
    high: column('high'),
    low: column('low'),
    close: column('close'),
    volume: column('volume'),
  };
  return { meta, timestamp: rows.map(([moment]) => moment), indicators: { quote: [quote] } };
}

function chartAnswer({ path, query, at }: SandboxRequest, on: Market): Answer {
  const symbol = decodeURIComponent(CHART.exec(path)?.[1] ?? '');
  const of = INSTRUMENTS.find((one) => one.symbol === symbol);
  if (of === undefined) return wrong(404, 'Not Found', 'No data found, symbol may be delisted');
  const interval = query.get('interval') ?? '1d';
  const known = Object.hasOwn(INTERVALS, interval) ? INTERVALS[interval] : undefined;
  if (known === undefined) {
    const valid = Object.keys(INTERVALS).join(', ');
    return wrong(
      422,
      'Unprocessable Entity',
      `Invalid input - interval=${interval} is not supported. Valid intervals: [${valid}]`,
    );
  }
  const [length, reach] = known;
  const seconds = (name: string, otherwise: EpochMs): EpochMs =>
    Number(query.get(name) ?? otherwise / 1000) * 1000;
  const day = localDay(of.zone, at);
  const from = seconds('period1', day - DAY_MS);
  const to = Math.min(seconds('period2', at), at + 1000);
  if (!Number.isFinite(from) || !Number.isFinite(to) || from > to) {
    return wrong(400, 'Bad Request', 'Invalid input - start date cannot be after end date.');
  }
  if (from < at - reach) {
    return wrong(
      422,
      'Unprocessable Entity',
      `${interval} data not available for the requested range: it must be within the last ${String(reach / DAY_MS)} days.`,
    );
  }
  const range = { from, to, at };
  const rows = length === DAY_MS ? dailyRows(of, on, range) : intradayRows(of, on, length, range);
  return json(200, { chart: { result: [chartOf(of, on, interval, rows, at)], error: null } });
}

/** Its own bad percent signs are no request of ours, but a server must not fall over them. */
function isSound(path: string): boolean {
  return !/%(?![0-9a-fA-F]{2})/.test(path);
}

export const yahoo = sandboxProvider<YahooSettings>({
  name: 'yahoo',
  basePath: '',
  jsonType: 'application/json;charset=utf-8',
  settings: {
    requestLimit: Type.Integer({ minimum: 0, maximum: 1e6 }),
    requestWindowMs: Type.Integer({ minimum: 1, maximum: DAY_MS }),
    refusedMs: Type.Integer({ minimum: 0, maximum: 7 * DAY_MS }),
    edge: Type.Boolean(),
  },
  defaults: DEFAULTS,
  refusals: ['throttled', 'banned'],
  open({ settings, seed }) {
    const on = market(seed);
    const window = rollingWindow();
    let refusedUntil = -Infinity;
    let served = 0;
    return {
      route: ({ path }) => {
        const endpoint = CHART.test(path) && isSound(path) ? 'chart' : UNKNOWN_ENDPOINT;
        return { endpoint, weight: 1, scope: 'ip' };
      },
      admit({ at, monotonic }) {
        const { edge, refusedMs, requestLimit, requestWindowMs } = settings();
        const isOver = window.used(monotonic, requestWindowMs) >= requestLimit;
        if (isOver && monotonic >= refusedUntil) refusedUntil = monotonic + refusedMs;
        if (isOver || monotonic < refusedUntil)
          return { headers: {}, refused: throttled(at, edge) };
        window.add(monotonic, 1);
        served += 1;
        return { headers: {} };
      },
      answer: (request, { endpoint }) =>
        endpoint === 'chart' ? chartAnswer(request, on) : plain(404, 'Not Found'),
      word(refusal, { at }) {
        if (refusal.kind === 'banned')
          return plain(403, 'Forbidden', { cause: 'ban', until: refusal.until });
        return throttled(at, settings().edge);
      },
      usage: () => ({ served }),
    };
  },
});
