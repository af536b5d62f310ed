/**
 * Glassnode's API: metrics as points, the list of assets, one metric's description; its key, its limits.
 *
 * JSON goes out as text/plain, as it was recorded. Ours, for want of a recording: the words of a 400 and a
 * 404, of a used-up plan, and the page of a firewall that bans.
 */
import { sha256Hex } from '../../kernel/canonical.js';
import { SECOND_MS } from '../../kernel/time.js';
import type { EpochMs, Json, JsonObject } from '../../kernel/types.js';
import {
  METRIC_NAMES,
  METRICS,
  RESOLUTION_MS,
  type Metric,
  type Resolution,
} from '../glassnode-metrics.js';
import { glassnodeLimits } from './glassnode-limits.js';
import {
  GLASSNODE_DEFAULTS,
  GLASSNODE_SETTINGS,
  SANDBOX_GLASSNODE_KEY,
  type GlassnodeSettings,
} from './glassnode-settings.js';
import { hashText, unit } from './hash.js';
import {
  json,
  sandboxProvider,
  UNKNOWN_ENDPOINT,
  type Answer,
  type SandboxRequest,
} from './provider.js';

/** Where Bitcoin begins: no asset has points before it. */
const GENESIS = Date.UTC(2009, 0, 3);
/** Most points in one answer. The real one has no such limit; this one shares a process with tests. */
const POINTS_MAX = 50_000;

const byPath = new Map<string, Metric>(METRIC_NAMES.map((name) => [METRICS[name].path, name]));
const bad = (error: string): Answer => json(400, { error });

/** About what each metric is for Bitcoin; values move around it by a third. */
const LEVELS: Partial<Record<Metric, number>> = {
  nvt: 60,
  mvrv: 2,
  mvrv_z_score: 1.5,
  net_unrealized_profit_loss: 0.5,
  sopr: 1.01,
  exchange_net_flow: 1500,
  active_addresses: 729_981,
  active_addresses_pit: 729_981,
  new_addresses: 350_000,
  hash_rate: 8.5e20,
  price: 96_861.97,
  price_ohlc: 96_861.97,
  market_cap: 1.917e12,
};

/** A value that depends on what is asked alone: slow waves and a little noise around the level. */
function valueAt(seed: number, metric: Metric, at: EpochMs): number {
  const level = LEVELS[metric] ?? 10_000;
  const days = at / 86_400_000;
  const phase = unit(seed, 1) * 6;
  const wave = 0.2 * Math.sin(days / 31 + phase) + 0.1 * Math.sin(days / 5.3 + phase);
  const noise = (unit(seed, 2, Math.floor(at / 600_000)) - 0.5) * 0.05;
  const centre = metric === 'exchange_net_flow' ? 0 : 1;
  return Number((level * (centre + wave + noise)).toPrecision(12));
}

function pointAt(seed: number, metric: Metric, at: EpochMs, length: number): JsonObject {
  const close = valueAt(seed, metric, at);
  const t = at / SECOND_MS;
  if (metric === 'active_addresses_pit') {
    return { t, v: Math.round(close), computed_at: (at + length) / SECOND_MS + 131 };
  }
  if (metric !== 'price_ohlc') return { t, v: close };
  const open = valueAt(seed, metric, at - length);
  const spread = 1 + unit(seed, 3, Math.floor(at / length)) * 0.01;
  const [high, low] = [Math.max(open, close) * spread, Math.min(open, close) / spread];
  return { t, o: { c: close, h: high, l: low, o: open } };
}

function pointsAnswer(
  metric: Metric,
  request: SandboxRequest,
  settings: GlassnodeSettings,
  seed: number,
): Answer {
  const { query, at } = request;
  const asset = query.get('a') ?? '';
  if (!settings.assets.includes(asset)) return bad(`asset ${asset.slice(0, 40)} not supported`);
  const resolution = query.get('i') ?? '24h';
  if (!Object.hasOwn(RESOLUTION_MS, resolution)) return bad('invalid interval');
  if ((query.get('f') ?? 'json').toLowerCase() !== 'json') return bad('invalid format');
  const [since, until] = [query.get('s') ?? '0', query.get('u') ?? '99999999999'];
  if (![since, until].every((text) => /^\d{1,11}$/.test(text))) return bad('invalid time range');
  const length = RESOLUTION_MS[resolution as Resolution];
  const from = Math.max(GENESIS, Number(since) * SECOND_MS);
  // The end is exclusive; a point is there once its period is over and its figures are in.
  const end = Math.min(Number(until) * SECOND_MS - 1, at - settings.publishDelayMs - length);
  const points: Json[] = [];
  const own = (seed ^ hashText(`${asset}/${metric}/${String(settings.revision)}`)) >>> 0;
  const gaps = settings.gaps.filter((gap) => gap.asset === asset);
  for (let t = Math.ceil(from / length) * length; t <= end; t += length) {
    if (points.length >= POINTS_MAX) break;
    if (gaps.some(({ fromMs, toMs }) => t >= fromMs && t < toMs)) continue;
    points.push(pointAt(own, metric, t, length));
  }
  return json(200, points);
}

function assetsAnswer(settings: GlassnodeSettings): Answer {
  const data = settings.assets.map((id) => ({
    id,
    external_ids: { ccdata: '1', coingecko: id.toLowerCase(), coinmarketcap: '1' },
    symbol: id,
    name: id === 'BTC' ? 'Bitcoin' : id,
    asset_type: 'BLOCKCHAIN',
    blockchains: [],
    categories: ['exchanges', 'on-chain', 'spot'],
    logo_url: `https://cdn.glassnode.com/images/crypto-icons/${id.toLowerCase()}.webp`,
    semantic_tags: ['layer1Token'],
  }));
  return json(200, { data });
}

function describeAnswer(request: SandboxRequest, settings: GlassnodeSettings): Answer {
  const path = request.query.get('path') ?? '';
  const metric = byPath.get(path);
  if (metric === undefined) return json(404, { error: 'metric not found' });
  return json(200, {
    path,
    tier: 1,
    parameters: { a: settings.assets, f: ['csv', 'json'], i: Object.keys(RESOLUTION_MS) },
    queried: { path: `/v1/metrics${path}` },
    timerange: { min: GENESIS / SECOND_MS, max: Math.floor(request.at / SECOND_MS) },
    descriptors: { name: metric, short_name: metric },
  });
}

function unauthorized(): Answer {
  return json(401, { error: 'Invalid API key' });
}

/** What a content network shows to an address it blocks. */
function bannedAnswer(until: EpochMs): Answer {
  const text =
    '<html>\r\n<head><title>403 Forbidden</title></head>\r\n<body>\r\n' +
    '<center><h1>403 Forbidden</h1></center>\r\n<hr><center>cloudflare</center>\r\n' +
    '</body>\r\n</html>\r\n';
  return {
    status: 403,
    body: { kind: 'text', text, contentType: 'text/html' },
    forbids: { cause: 'ban', until },
  };
}

const keyOf = ({ headers, query }: SandboxRequest): string | undefined => {
  const key = headers['x-api-key'];
  return typeof key === 'string' ? key : (query.get('api_key') ?? undefined);
};

function endpointOf(path: string): string {
  if (path === '/metadata/assets') return 'assets';
  if (path === '/metadata/metric') return 'metric';
  const metric = path.startsWith('/metrics/')
    ? byPath.get(path.slice('/metrics'.length))
    : undefined;
  return metric ?? UNKNOWN_ENDPOINT;
}

const isMetadata = (path: string): boolean => path.startsWith('/metadata/');
const isMetric = (name: string): name is Metric => Object.hasOwn(METRICS, name);

export const glassnode = sandboxProvider<GlassnodeSettings>({
  name: 'glassnode',
  basePath: '/v1',
  jsonType: 'text/plain; charset=utf-8',
  settings: GLASSNODE_SETTINGS,
  defaults: GLASSNODE_DEFAULTS,
  keys: { GLASSNODE_API_KEY: SANDBOX_GLASSNODE_KEY },
  secrets: ['keys'],
  refusals: ['throttled', 'unauthorized', 'quota_gone', 'banned'],
  open({ settings, seed }) {
    const limits = glassnodeLimits(settings);
    const scopeOf = (request: SandboxRequest): string => {
      const key = keyOf(request);
      return key === undefined ? 'no-key' : `key-${sha256Hex(key).slice(0, 8)}`;
    };
    return {
      route: (request) => ({
        endpoint: endpointOf(request.path),
        weight: 1,
        scope: scopeOf(request),
      }),
      admit(request, { scope }) {
        const key = keyOf(request);
        if (key === undefined || !settings().keys.includes(key)) {
          return { headers: {}, refused: unauthorized() };
        }
        return limits.admit(scope, isMetadata(request.path) ? 'metadata' : 'requests', request.at);
      },
      answer(request, { endpoint }) {
        if (endpoint === 'assets') return assetsAnswer(settings());
        if (endpoint === 'metric') return describeAnswer(request, settings());
        if (isMetric(endpoint)) return pointsAnswer(endpoint, request, settings(), seed);
        return json(404, { error: 'not found' });
      },
      word(refusal, request) {
        if (refusal.kind === 'throttled') return limits.throttled(scopeOf(request), request.at);
        if (refusal.kind === 'quota_gone') return limits.quotaGone(request.at);
        if (refusal.kind === 'unauthorized') return unauthorized();
        return bannedAnswer(refusal.until);
      },
      settle({ scope, endpoint }, status, at) {
        if (isMetric(endpoint) && status >= 200 && status < 300) limits.charge(scope, at);
      },
      usage: (at) => limits.usage(at),
    };
  },
});
