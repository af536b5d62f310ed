/**
 * Reddit's OAuth API and its token endpoint, which lives on another host upstream: tokens for a client's
 * credentials, listings of subreddits with `after`, windows of ten minutes.
 *
 * Bodies of refusals are as recorded, the HTML of a 429 shortened. Ours, for want of a recording: the
 * `reason` of a private or banned subreddit, and the page of a client that was shut out.
 */
import { sha256Hex } from '../../kernel/canonical.js';
import type { EpochMs } from '../../kernel/types.js';
import {
  json,
  sandboxProvider,
  UNKNOWN_ENDPOINT,
  type Answer,
  type Refusal,
  type SandboxRequest,
} from './provider.js';
import { redditLimits, type RedditHost } from './reddit-limits.js';
import { fakeSubreddit, firstMoment, type ListingName } from './reddit-posts.js';
import {
  REDDIT_DEFAULTS,
  REDDIT_SETTINGS,
  SANDBOX_REDDIT_CLIENT,
  type RedditSettings,
} from './reddit-settings.js';
import { redditTokens } from './reddit-tokens.js';

const TOKEN_PATH = '/api/v1/access_token';
const LISTING_PATH = /^\/r\/([^/]+)\/(new|hot|top)\/?$/;
const RANDOM_PATH = /^\/r\/random\/?(?:new|hot|top)?\/?$/;
const SUBREDDIT = /^[A-Za-z0-9][A-Za-z0-9_]{1,20}$/;
const PAGE_DEFAULT = 25;
const PAGE_MAX = 100;
/** Most answers remembered for the cache. */
const CACHED_MAX = 100;

const refusedBody = (status: number, message: string, reason?: string): Answer =>
  json(status, { ...(reason === undefined ? {} : { reason }), message, error: status });

const unauthorized = (): Answer =>
  json(
    401,
    { message: 'Unauthorized', error: 401 },
    { headers: { 'www-authenticate': 'Bearer realm="reddit", error="invalid_token"' } },
  );

const hostOf = ({ path }: SandboxRequest): RedditHost => (path === TOKEN_PATH ? 'token' : 'oauth');

function endpointOf({ path }: SandboxRequest): string {
  if (path === TOKEN_PATH) return 'token';
  if (RANDOM_PATH.test(path)) return 'random';
  return LISTING_PATH.exec(path)?.[2] ?? UNKNOWN_ENDPOINT;
}

type World = {
  readonly settings: RedditSettings;
  readonly seed: number;
  readonly startedAt: EpochMs;
};

/** What a subreddit answers that may not be read; undefined: it may. */
function closed(name: string, settings: RedditSettings): Answer | undefined {
  const lower = name.toLowerCase();
  if (settings.quarantined.includes(lower)) return refusedBody(403, 'Forbidden');
  if (settings.private.includes(lower)) return refusedBody(403, 'Forbidden', 'private');
  if (settings.gone.includes(lower)) return refusedBody(404, 'Not Found', 'banned');
  if (settings.blocked.includes(lower)) return { status: 451, body: { kind: 'empty' } };
  return SUBREDDIT.test(name) ? undefined : refusedBody(404, 'Not Found');
}

/** A page of a listing as it stood at `at`. */
function listingAnswer(world: World, request: SandboxRequest, at: EpochMs): Answer {
  const { settings, seed, startedAt } = world;
  const [, name = '', listing = ''] = LISTING_PATH.exec(request.path) ?? [];
  const refused = closed(name, settings);
  if (refused !== undefined) return refused;
  const { query } = request;
  const subreddit = fakeSubreddit(seed, name);
  const from = firstMoment(startedAt, settings.historyDays);
  // Sound: the path has one of the three.
  const kind = listing as ListingName;
  const all = subreddit.list(kind, query.get('t') ?? 'day', from, at, settings.postsPerHour);
  if (all === undefined) return refusedBody(400, 'Bad Request');
  const asked = query.get('limit') ?? String(PAGE_DEFAULT);
  // More than it gives is no mistake (recorded: 1024 gave 100).
  const limit = /^[1-9]\d{0,5}$/.test(asked) ? Math.min(Number(asked), PAGE_MAX) : PAGE_DEFAULT;
  const after = query.get('after') ?? '';
  const place = after === '' ? -1 : all.findIndex(({ id }) => `t3_${id}` === after);
  // After a post that is not there comes nothing.
  const page = after !== '' && place < 0 ? [] : all.slice(place + 1, place + 1 + limit);
  const last = page.at(-1);
  const isMore = last !== undefined && last !== all.at(-1);
  return json(200, {
    kind: 'Listing',
    data: {
      after: isMore ? `t3_${last.id}` : null,
      dist: page.length,
      modhash: '',
      geo_filter: null,
      children: page.map((post) => ({ kind: 't3', data: subreddit.row(post, at) })),
      before: null,
    },
  });
}

function randomAnswer(): Answer {
  const location = 'https://oauth.reddit.com/r/RelayForReddit/.json?raw_json=1';
  const text = '<html>\n <head>\n  <title>302 Found</title>\n </head>\n</html>';
  const body = { kind: 'text', text, contentType: 'text/html; charset=UTF-8' } as const;
  return { status: 302, headers: { location }, body };
}

function shutOut(until: EpochMs): Answer {
  const text = '<!doctype html>\n<html><head><title>Blocked</title></head><body></body></html>\n';
  return {
    status: 403,
    body: { kind: 'text', text, contentType: 'text/html; charset=UTF-8' },
    forbids: { cause: 'ban', until },
  };
}

/** When an answer that is still good was made. */
type Cache = { madeAt(request: SandboxRequest): EpochMs | undefined };

function answerCache(settings: () => RedditSettings): Cache & {
  keep(request: SandboxRequest): void;
} {
  const made = new Map<string, EpochMs>();
  const nameOf = ({ path, query }: SandboxRequest): string => `${path}?${query.toString()}`;
  return {
    madeAt(request) {
      const at = made.get(nameOf(request));
      const isGood = at !== undefined && request.at >= at && request.at - at < settings().cacheMs;
      return isGood ? at : undefined;
    },
    keep(request) {
      made.delete(nameOf(request));
      made.set(nameOf(request), request.at);
      const [oldest] = made.keys();
      if (made.size > CACHED_MAX && oldest !== undefined) made.delete(oldest);
    },
  };
}

export const reddit = sandboxProvider<RedditSettings>({
  name: 'reddit',
  basePath: '',
  jsonType: 'application/json; charset=UTF-8',
  settings: REDDIT_SETTINGS,
  defaults: REDDIT_DEFAULTS,
  keys: {
    REDDIT_CLIENT_ID: SANDBOX_REDDIT_CLIENT.id,
    REDDIT_CLIENT_SECRET: SANDBOX_REDDIT_CLIENT.secret,
  },
  secrets: ['keys'],
  // It has no plan that could be used up.
  refusals: ['throttled', 'unauthorized', 'banned'],
  open({ settings, seed, startedAt }) {
    const limits = redditLimits(settings);
    const tokens = redditTokens(settings, seed);
    const cache = answerCache(settings);
    const clientOf = (request: SandboxRequest): string | undefined => {
      const { authorization } = request.headers;
      if (hostOf(request) === 'oauth') return tokens.clientOf(authorization, request.at);
      const asker = tokens.asker(authorization);
      return asker.kind === 'unknown' ? undefined : asker.client;
    };
    const word = (refusal: Refusal, request: SandboxRequest): Answer => {
      const host = hostOf(request);
      if (refusal.kind === 'banned') return shutOut(refusal.until);
      if (refusal.kind === 'throttled') return limits.throttled(host, request.at);
      return host === 'token' ? json(200, { error: 'invalid_grant' }) : unauthorized();
    };
    return {
      route(request) {
        const endpoint = endpointOf(request);
        const client = clientOf(request);
        const name = client === undefined ? 'no-client' : `client-${sha256Hex(client).slice(0, 8)}`;
        const route = { endpoint, weight: 1, scope: `${name}/${hostOf(request)}` };
        return endpoint === 'token' ? { ...route, method: 'POST' } : route;
      },
      admit(request) {
        const host = hostOf(request);
        const nameless = limits.nameless(request.headers['user-agent'], host, request.at);
        if (nameless !== undefined) return { headers: {}, refused: nameless };
        const client = clientOf(request);
        if (client === undefined) {
          const refused = host === 'token' ? tokens.grant({ kind: 'unknown' }, '', 0) : undefined;
          return { headers: {}, refused: refused ?? unauthorized() };
        }
        if (host === 'oauth' && cache.madeAt(request) !== undefined) return { headers: {} };
        return limits.admit(client, host, request.at);
      },
      answer(request, { endpoint }) {
        const { at } = request;
        if (endpoint === 'token') {
          return tokens.grant(tokens.asker(request.headers.authorization), request.body, at);
        }
        if (endpoint === 'random') return randomAnswer();
        if (endpoint === UNKNOWN_ENDPOINT) return refusedBody(404, 'Not Found');
        const madeAt = cache.madeAt(request);
        if (madeAt === undefined) cache.keep(request);
        return listingAnswer({ settings: settings(), seed, startedAt }, request, madeAt ?? at);
      },
      word,
      usage: (at) => ({ windows: limits.usage(at), tokens: tokens.usage(at) }),
    };
  },
});
