/**
 * alternative.me's fear-and-greed index: a value a day since 2018-02-01, newest first.
 *
 * Ours, for want of a recording: how much it allows and its 429, what a nonsense limit gives, the wall's
 * 403. Values walk between knots ten days apart; a day's value never changes.
 */
import { Type } from '@sinclair/typebox';
import { DAY_MS } from '../../kernel/time.js';
import type { EpochMs, JsonObject } from '../../kernel/types.js';
import { unit } from './hash.js';
import { json, sandboxProvider, UNKNOWN_ENDPOINT, type Answer } from './provider.js';
import { rollingWindow } from './windows.js';

const FIRST_DAY = Date.UTC(2018, 1, 1);
const KNOT_DAYS = 10;
const HAMMERING_MS = 1000;

export type AlternativeMeSettings = {
  readonly requestLimit: number;
  readonly requestWindowMs: number;
  /** Days without a value, as ISO dates. */
  readonly missing: readonly string[];
};

const DEFAULTS: AlternativeMeSettings = {
  requestLimit: 60,
  requestWindowMs: 60_000,
  missing: ['2018-04-14', '2018-04-15', '2018-04-16'],
};

const text = (status: number, words: string, until?: EpochMs, isBan = false): Answer => ({
  status,
  body: { kind: 'text', text: words, contentType: 'text/html; charset=UTF-8' },
  ...(until !== undefined && { forbids: { cause: isBan ? 'ban' : 'rate_limit', until } }),
});
const throttled = (at: EpochMs): Answer => text(429, 'Too Many Requests', at + HAMMERING_MS);

function valueOf(seed: number, day: number): number {
  const knot = Math.floor(day / KNOT_DAYS);
  const share = (day % KNOT_DAYS) / KNOT_DAYS;
  const level = unit(seed, 1, knot) * (1 - share) + unit(seed, 1, knot + 1) * share;
  const jitter = (unit(seed, 2, day) - 0.5) * 12;
  return Math.min(100, Math.max(0, Math.round(5 + level * 90 + jitter)));
}

function classOf(value: number): string {
  if (value < 25) return 'Extreme Fear';
  if (value < 46) return 'Fear';
  if (value < 55) return 'Neutral';
  return value <= 75 ? 'Greed' : 'Extreme Greed';
}

/** The newest `limit` days; 0: all. */
function rows(seed: number, at: EpochMs, limit: number, missing: readonly string[]): JsonObject[] {
  const found: JsonObject[] = [];
  const today = Math.floor(at / DAY_MS);
  for (let day = today; day * DAY_MS >= FIRST_DAY; day -= 1) {
    if (limit > 0 && found.length >= limit) break;
    if (missing.includes(new Date(day * DAY_MS).toISOString().slice(0, 10))) continue;
    const value = valueOf(seed, day);
    const left = Math.ceil(((today + 1) * DAY_MS - at) / 1000);
    found.push({
      value: String(value),
      value_classification: classOf(value),
      timestamp: String((day * DAY_MS) / 1000),
      ...(day === today ? { time_until_update: String(left) } : {}),
    });
  }
  return found;
}

export const alternativeMe = sandboxProvider<AlternativeMeSettings>({
  name: 'alternative_me',
  basePath: '',
  jsonType: 'application/json',
  settings: {
    requestLimit: Type.Integer({ minimum: 1, maximum: 1e6 }),
    requestWindowMs: Type.Integer({ minimum: 1, maximum: 86_400_000 }),
    missing: Type.Array(Type.String({ pattern: '^\\d{4}-\\d{2}-\\d{2}$' }), { maxItems: 1000 }),
  },
  defaults: DEFAULTS,
  refusals: ['throttled', 'banned'],
  open({ settings, seed }) {
    const window = rollingWindow();
    let served = 0;
    return {
      route: ({ path }) => {
        const endpoint = /^\/fng\/?$/.test(path) ? 'fng' : UNKNOWN_ENDPOINT;
        return { endpoint, weight: 1, scope: 'ip' };
      },
      admit({ at, monotonic }) {
        const { requestLimit, requestWindowMs } = settings();
        if (window.used(monotonic, requestWindowMs) >= requestLimit) {
          return { headers: {}, refused: throttled(at) };
        }
        window.add(monotonic, 1);
        served += 1;
        return { headers: {} };
      },
      answer({ at, query }, { endpoint }) {
        if (endpoint === UNKNOWN_ENDPOINT) return text(404, 'Not Found');
        const limit = query.get('limit') ?? '1';
        if (!/^\d{1,6}$/.test(limit)) {
          return json(200, {
            name: 'Fear and Greed Index',
            data: [],
            metadata: { error: 'limit' },
          });
        }
        const data = rows(seed, at, Number(limit), settings().missing);
        return json(200, { name: 'Fear and Greed Index', data, metadata: { error: null } });
      },
      word(refusal, { at }) {
        if (refusal.kind === 'banned') return text(403, 'Access denied', refusal.until, true);
        return throttled(at);
      },
      usage: () => ({ served }),
    };
  },
});
