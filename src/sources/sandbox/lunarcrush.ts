/**
 * LunarCrush's v2: `?data=assets|global|feeds|influencers`, its Bearer token, its minute and its day.
 *
 * The row of an asset and its points have the recorded shape, and so has the refusal of a day that is used
 * up. Ours, for want of a recording: rows of the market, of posts and of influencers, and the words of the
 * other refusals.
 */
import { sha256Hex } from '../../kernel/canonical.js';
import { DAY_MS, SECOND_MS } from '../../kernel/time.js';
import type { EpochMs, JsonObject } from '../../kernel/types.js';
import { BUCKET_MS, POINTS_PER_PAGE, type Bucket } from '../lunarcrush-figures.js';
import { hashText, unit } from './hash.js';
import { POINT_COUNTS, POINT_SHARES, ROW_COUNTS, ROW_SHARES } from './lunarcrush-figures.js';
import { lunarcrushLimits } from './lunarcrush-limits.js';
import { FEED_HISTORY_MS, readInfluencers, readPosts, SOURCES } from './lunarcrush-people.js';
import {
  LUNARCRUSH_DEFAULTS,
  LUNARCRUSH_SETTINGS,
  SANDBOX_LUNARCRUSH_KEY,
  type LunarcrushSettings,
} from './lunarcrush-settings.js';
import {
  json,
  sandboxProvider,
  UNKNOWN_ENDPOINT,
  type Answer,
  type SandboxRequest,
} from './provider.js';

const ENDPOINTS = ['assets', 'global', 'feeds', 'influencers'];
const PAGE_MAX = 500;

type View = {
  readonly query: URLSearchParams;
  readonly at: EpochMs;
  readonly seed: number;
  readonly settings: LunarcrushSettings;
};

const bad = (error: string): Answer => json(400, { error });

/** A whole number among the parameters; `fallback` when it is not there, NaN when it makes no sense. */
function numberOf(query: URLSearchParams, name: string, fallback: number): number {
  const text = query.get(name);
  if (text === null) return fallback;
  return /^\d{1,11}$/.test(text) ? Number(text) : Number.NaN;
}

/** The recorded sizes, a tenth up or down, by what is asked alone. */
function figuresAt(seed: number, at: number, decimal: object, whole: object): JsonObject {
  const near = (name: string, level: number): number =>
    level * (0.9 + 0.2 * unit(seed, hashText(name), at));
  return {
    ...Object.fromEntries(
      Object.entries(decimal).map(([name, level]) => [
        name,
        Number(near(name, Number(level)).toPrecision(10)),
      ]),
    ),
    ...Object.fromEntries(
      Object.entries(whole).map(([name, level]) => [name, Math.round(near(name, Number(level)))]),
    ),
  };
}

function pointAt(seed: number, at: EpochMs, id: number | undefined): JsonObject {
  const time = at / SECOND_MS;
  const own = id === undefined ? {} : { asset_id: id };
  return { ...own, time, ...figuresAt(seed, time, POINT_SHARES, POINT_COUNTS) };
}

/** The buckets asked for: `points` from `start` on, or the last up to `end` or now. */
function rangeOf(
  { query, at, settings }: View,
  length: number,
  points: number,
): readonly EpochMs[] {
  const newest = Math.floor(at / length) * length;
  const bound = (name: string): string | null => (settings.honoursRange ? query.get(name) : null);
  const [start, end] = [bound('start'), bound('end')];
  const last = end === null ? newest : Math.min(newest, Number(end) * SECOND_MS);
  const first =
    start === null
      ? Math.floor(last / length) * length - (points - 1) * length
      : Math.ceil((Number(start) * SECOND_MS) / length) * length;
  const times: EpochMs[] = [];
  for (let t = first; t <= last && times.length < points; t += length) times.push(t);
  return times;
}

function figuresAnswer(view: View, symbol: string | undefined): Answer {
  const { query, at, seed, settings } = view;
  const bucket = query.get('interval') ?? 'hour';
  if (!Object.hasOwn(BUCKET_MS, bucket)) return bad('Invalid interval');
  const points = numberOf(query, 'data_points', 24);
  const range = ['start', 'end'].map((name) => numberOf(query, name, 0));
  if ([points, ...range].some(Number.isNaN)) return bad('Invalid parameter');
  if (points > POINTS_PER_PAGE) return bad('Invalid data_points');
  const config = { data: symbol === undefined ? 'global' : 'assets', data_points: points };
  if (symbol !== undefined && !settings.symbols.includes(symbol)) {
    return json(200, { config: { ...config, interval: bucket, symbol: `'${symbol}'` }, data: [] });
  }
  const own = (seed ^ hashText(`${symbol ?? 'market'}/${bucket}`)) >>> 0;
  const length = BUCKET_MS[bucket as Bucket];
  const id = symbol === undefined ? undefined : 1 + (hashText(symbol) % 5000);
  // The running bucket's figures move every minute.
  const moving = Math.floor(at / 60_000);
  const row: JsonObject = {
    ...(symbol === undefined || id === undefined
      ? {}
      : { id, name: symbol, symbol, categories: '8', tags: 'meme' }),
    ...pointAt(own ^ moving, Math.floor(at / length) * length, id),
    ...figuresAt(own, moving, ROW_SHARES, ROW_COUNTS),
    ...(points === 0
      ? {}
      : { timeSeries: rangeOf(view, length, points).map((t) => pointAt(own, t, id)) }),
  };
  const told: JsonObject = symbol === undefined ? {} : { symbol: `'${symbol}'` };
  return json(200, { config: { ...config, interval: bucket, ...told }, data: [row] });
}

function feedAnswer({ query, at, seed, settings }: View, symbol: string): Answer {
  const [limit, page] = [numberOf(query, 'limit', 20), numberOf(query, 'page', 0)];
  const start = numberOf(query, 'start', 0);
  const end = numberOf(query, 'end', Math.floor(at / SECOND_MS));
  if (![start, end].every((time) => time >= 0)) return bad('Invalid parameter');
  if (!(limit >= 1 && limit <= PAGE_MAX && page >= 0)) return bad('Invalid limit or page');
  const asked = query.get('sources')?.split(',') ?? SOURCES;
  const range = settings.honoursRange
    ? { from: start * SECOND_MS, to: Math.min(at, end * SECOND_MS) }
    : { from: at - FEED_HISTORY_MS, to: at };
  const data = settings.symbols.includes(symbol)
    ? readPosts(
        seed,
        {
          symbol,
          sources: SOURCES.filter((source) => asked.includes(source)),
          ...range,
          limit,
          page,
        },
        settings.postsPerHour,
      )
    : [];
  return json(200, { config: { data: 'feeds', symbol, limit, page, type: 'chronological' }, data });
}

function influencersAnswer({ query, at, seed, settings }: View, symbol: string): Answer {
  const [limit, page] = [numberOf(query, 'limit', 20), numberOf(query, 'page', 0)];
  const days = numberOf(query, 'days', 1);
  if (!(limit >= 1 && limit <= PAGE_MAX && page >= 0 && days >= 0)) return bad('Invalid parameter');
  const count = settings.symbols.includes(symbol) ? settings.influencers : 0;
  const day = Math.floor(at / DAY_MS) - days;
  const data = readInfluencers(seed, symbol, day, { limit, page, count });
  return json(200, { config: { data: 'influencers', symbol, limit, page, days }, data });
}

function answerOf(endpoint: string, view: View): Answer {
  if (endpoint === 'global') return figuresAnswer(view, undefined);
  const symbol = (view.query.get('symbol') ?? '').toUpperCase();
  if (symbol === '' || symbol.includes(',')) return bad('Invalid symbol');
  if (endpoint === 'assets') return figuresAnswer(view, symbol);
  return endpoint === 'feeds' ? feedAnswer(view, symbol) : influencersAnswer(view, symbol);
}

const keyOf = ({ headers }: SandboxRequest): string | undefined =>
  /^Bearer (.+)$/.exec(headers.authorization ?? '')?.[1];

function bannedAnswer(until: EpochMs): Answer {
  const text =
    '<!DOCTYPE html>\r\n<html><head><title>Access denied</title></head>\r\n' +
    '<body><h1>Error 1015</h1><p>You are being rate limited</p>cloudflare</body></html>\r\n';
  return {
    status: 403,
    body: { kind: 'text', text, contentType: 'text/html; charset=UTF-8' },
    forbids: { cause: 'ban', until },
  };
}

export const lunarcrush = sandboxProvider<LunarcrushSettings>({
  name: 'lunarcrush',
  basePath: '',
  jsonType: 'application/json; charset=utf-8',
  settings: LUNARCRUSH_SETTINGS,
  defaults: LUNARCRUSH_DEFAULTS,
  keys: { LUNARCRUSH_API_KEY: SANDBOX_LUNARCRUSH_KEY },
  secrets: ['keys'],
  refusals: ['throttled', 'unauthorized', 'quota_gone', 'banned'],
  open({ settings, seed }) {
    const limits = lunarcrushLimits(settings);
    const scopeOf = (request: SandboxRequest): string => {
      const key = keyOf(request);
      return key === undefined ? 'no-key' : `key-${sha256Hex(key).slice(0, 8)}`;
    };
    const unauthorized = (): Answer => json(401, { error: 'Unauthorized' });
    return {
      route(request) {
        const data = request.query.get('data') ?? '';
        const isKnown = request.path === '/v2' && ENDPOINTS.includes(data);
        const endpoint = isKnown ? data : UNKNOWN_ENDPOINT;
        return { endpoint, weight: 1, scope: scopeOf(request) };
      },
      admit(request, { scope }) {
        const key = keyOf(request);
        if (key === undefined || !settings().keys.includes(key)) {
          return { headers: {}, refused: unauthorized() };
        }
        return limits.admit(scope, request.at);
      },
      answer(request, { endpoint }) {
        if (endpoint === UNKNOWN_ENDPOINT) return json(404, { error: 'Not found' });
        const { query, at } = request;
        return answerOf(endpoint, { query, at, seed, settings: settings() });
      },
      word(refusal, request) {
        if (refusal.kind === 'throttled') return limits.throttled(request.at);
        if (refusal.kind === 'quota_gone') return limits.quotaGone(request.at);
        return refusal.kind === 'unauthorized' ? unauthorized() : bannedAnswer(refusal.until);
      },
      usage: (at) => limits.usage(at),
    };
  },
});
