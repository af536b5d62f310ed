/**
 * NewsAPI's search on the Developer plan: its key, its two sliding windows, its end after 100 results.
 *
 * Error bodies are as recorded. Ours, for want of a recording: the wording of parameterInvalid and
 * apiKeyExhausted, the 404. A refused request is not counted; coming back within a minute after a refusal
 * is hammering, for nothing in the answer says when.
 */
import { Type } from '@sinclair/typebox';
import { sha256Hex } from '../../kernel/canonical.js';
import { DAY_MS, HOUR_MS } from '../../kernel/time.js';
import { fail, ok, type EpochMs, type Result } from '../../kernel/types.js';
import { articlesBetween, finds } from './newsapi-world.js';
import {
  json,
  sandboxProvider,
  UNKNOWN_ENDPOINT,
  type Answer,
  type SandboxRequest,
} from './provider.js';
import { rollingWindow, type RollingWindow } from './windows.js';

/** The key the fake knows. Not a secret of anything: `npm run demo` uses it. */
export const SANDBOX_NEWSAPI_KEY = 'sandbox-newsapi-key';
const HAMMERING_MS = 60_000;
/** Most keys with counters of their own. */
const SCOPES_MAX = 100;
type Windows = { readonly day: RollingWindow; readonly halfDay: RollingWindow; served: number };
const SORTS = ['relevancy', 'popularity', 'publishedAt'];

export type NewsapiSettings = {
  readonly keys: readonly string[];
  readonly requestsPer24h: number;
  readonly requestsPer12h: number;
  /** Most results of one query, over all its pages. */
  readonly resultsMax: number;
  readonly historyDays: number;
  /** An article is found so long after it was published. */
  readonly delayMs: number;
  readonly articlesPerHour: number;
};

const DEFAULTS: NewsapiSettings = {
  keys: [SANDBOX_NEWSAPI_KEY],
  requestsPer24h: 100,
  requestsPer12h: 50,
  resultsMax: 100,
  historyDays: 30,
  delayMs: DAY_MS,
  articlesPerHour: 3,
};

const wrong = (status: number, code: string, message: string, until?: EpochMs): Answer =>
  json(
    status,
    { status: 'error', code, message },
    until === undefined
      ? {}
      : { forbids: { cause: code === 'apiKeyExhausted' ? 'quota' : 'rate_limit', until } },
  );

const rateLimited = (at: EpochMs): Answer =>
  wrong(
    429,
    'rateLimited',
    'You have made too many requests recently. Developer accounts are limited to 100 requests over ' +
      'a 24 hour period (50 requests available every 12 hours). Please upgrade to a paid plan if ' +
      'you need more requests.',
    at + HAMMERING_MS,
  );

const exhausted = (at: EpochMs): Answer =>
  wrong(429, 'apiKeyExhausted', 'Your API key has no more requests available.', at + HAMMERING_MS);

function unauthorized(key: string | undefined): Answer {
  return key === undefined || key === ''
    ? wrong(401, 'apiKeyMissing', 'Your API key is missing.')
    : wrong(
        401,
        'apiKeyInvalid',
        "Your API key hasn't been entered correctly. Double check it and try again.",
      );
}

const invalid = (name: string): Answer =>
  wrong(400, 'parameterInvalid', `The parameter ${name} is not valid.`);

/** The key in its header or, as the vendor allows too, in the query. */
function keyOf({ headers, query }: SandboxRequest): string | undefined {
  const key = headers['x-api-key'] ?? query.get('apiKey') ?? undefined;
  return typeof key === 'string' ? key : undefined;
}

type Search = {
  readonly q: string;
  readonly from: EpochMs;
  readonly to: EpochMs;
  readonly size: number;
  readonly page: number;
};

/** A moment as the API takes it: UTC unless it says otherwise; a bare date is its first second. */
function momentOf(text: string | null, otherwise: EpochMs): EpochMs | undefined {
  if (text === null || text === '') return otherwise;
  const at = Date.parse(
    /[zZ]$|[+-]\d{2}:\d{2}$/.test(text) || !text.includes('T') ? text : `${text}Z`,
  );
  return Number.isNaN(at) ? undefined : at;
}

function countOf(text: string | null, otherwise: number, most: number): number | undefined {
  if (text === null) return otherwise;
  const count = /^\d{1,6}$/.test(text) ? Number(text) : 0;
  return count >= 1 && count <= most ? count : undefined;
}

/** What a query asks for, or the answer that objects to it. */
function searchOf(
  { at, query }: SandboxRequest,
  settings: NewsapiSettings,
): Result<Search, Answer> {
  const q = query.get('q') ?? '';
  if (q.trim() === '') {
    const message =
      'Required parameters are missing from the request and it cannot be completed. Check the ' +
      'message property for more details.';
    return fail(wrong(400, 'parametersMissing', message));
  }
  const oldest = at - settings.historyDays * DAY_MS;
  const from = momentOf(query.get('from'), oldest);
  const to = momentOf(query.get('to'), at);
  const size = countOf(query.get('pageSize'), 100, 100);
  const page = countOf(query.get('page'), 1, 100_000);
  if (q.length > 500) return fail(invalid('q'));
  if (from === undefined || to === undefined) return fail(invalid('from'));
  if (size === undefined || page === undefined) return fail(invalid('page'));
  if (!SORTS.includes(query.get('sortBy') ?? 'publishedAt')) return fail(invalid('sortBy'));
  if (from < oldest - DAY_MS) {
    const said = `You are trying to request results too far in the past. Your plan permits you to request articles as far back as ${new Date(oldest).toISOString().slice(0, 10)}.`;
    return fail(wrong(426, 'parameterInvalid', said));
  }
  if (page * size > settings.resultsMax) {
    const [low, high] = [String((page - 1) * size), String(page * size)];
    const said =
      `You have requested too many results. Developer accounts are limited to a max of ` +
      `${String(settings.resultsMax)} results. You are trying to request results ${low} to ${high}. ` +
      'Please upgrade to a paid plan if you need more results.';
    return fail(wrong(426, 'maximumResultsReached', said));
  }
  return ok({ q, from, to, size, page });
}

function everything(request: SandboxRequest, settings: NewsapiSettings, seed: number): Answer {
  const search = searchOf(request, settings);
  if (!search.ok) return search.error;
  const { q, from, to, size, page } = search.value;
  const until = Math.min(to, request.at - settings.delayMs);
  const found = articlesBetween(seed, from, until, settings.articlesPerHour).filter((article) =>
    finds(q, article),
  );
  const articles = found.slice((page - 1) * size, page * size).map(({ row }) => row);
  return json(200, { status: 'ok', totalResults: found.length, articles });
}

export const newsapi = sandboxProvider<NewsapiSettings>({
  name: 'newsapi',
  basePath: '/v2',
  jsonType: 'application/json; charset=utf-8',
  settings: {
    keys: Type.Array(Type.String({ minLength: 1, maxLength: 512 }), { maxItems: 100 }),
    requestsPer24h: Type.Integer({ minimum: 0, maximum: 1e6 }),
    requestsPer12h: Type.Integer({ minimum: 0, maximum: 1e6 }),
    resultsMax: Type.Integer({ minimum: 1, maximum: 1e6 }),
    historyDays: Type.Integer({ minimum: 1, maximum: 60 }),
    delayMs: Type.Integer({ minimum: 0, maximum: 30 * DAY_MS }),
    articlesPerHour: Type.Number({ minimum: 0, maximum: 6 }),
  },
  defaults: DEFAULTS,
  keys: { NEWSAPI_API_KEY: SANDBOX_NEWSAPI_KEY },
  secrets: ['keys'],
  refusals: ['throttled', 'unauthorized', 'quota_gone'],
  open({ settings, seed }) {
    const windows = new Map<string, Windows>();
    const windowsOf = (scope: string): Windows => {
      const made = { day: rollingWindow(), halfDay: rollingWindow(), served: 0 };
      const known = windows.get(scope) ?? made;
      if (windows.size < SCOPES_MAX) windows.set(scope, known);
      return known;
    };
    return {
      route(request) {
        const key = keyOf(request);
        const scope = key === undefined ? 'no-key' : `key-${sha256Hex(key).slice(0, 8)}`;
        const endpoint = request.path === '/everything' ? 'everything' : UNKNOWN_ENDPOINT;
        return { endpoint, weight: 1, scope };
      },
      admit(request, { scope }) {
        const { keys, requestsPer12h, requestsPer24h } = settings();
        const key = keyOf(request);
        if (key === undefined || !keys.includes(key)) {
          return { headers: {}, refused: unauthorized(key) };
        }
        const used = windowsOf(scope);
        const isSpent =
          used.halfDay.used(request.monotonic, 12 * HOUR_MS) >= requestsPer12h ||
          used.day.used(request.monotonic, DAY_MS) >= requestsPer24h;
        if (isSpent) return { headers: {}, refused: rateLimited(request.at) };
        used.day.add(request.monotonic, 1);
        used.halfDay.add(request.monotonic, 1);
        used.served += 1;
        return { headers: {} };
      },
      answer(request, { endpoint }) {
        if (endpoint !== UNKNOWN_ENDPOINT) return everything(request, settings(), seed);
        return wrong(404, 'notFound', 'There is nothing here.');
      },
      word(refusal, request) {
        if (refusal.kind === 'unauthorized') return unauthorized('revoked');
        return refusal.kind === 'quota_gone' ? exhausted(request.at) : rateLimited(request.at);
      },
      usage: () => {
        const used = [...windows].map(([scope, { served }]): [string, number] => [scope, served]);
        return Object.fromEntries(used);
      },
    };
  },
});
