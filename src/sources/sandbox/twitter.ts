/**
 * X's API v2: recent search with its pages, a user by name; a bearer token, a window per endpoint, a
 * monthly cap.
 *
 * Bodies of refusals are as recorded; the words for a bad parameter follow the recorded ones. Ours, for
 * want of a recording: the 404 of a path it does not have, and the 403 of an app that was shut out.
 */
import { sha256Hex } from '../../kernel/canonical.js';
import { DAY_MS, isoTime } from '../../kernel/time.js';
import type { EpochMs, Json, JsonObject } from '../../kernel/types.js';
import {
  json,
  sandboxProvider,
  UNKNOWN_ENDPOINT,
  type Answer,
  type SandboxRequest,
} from './provider.js';
import { twitterLimits, type TwitterEndpoint } from './twitter-limits.js';
import { fakeSearch, fakeUser, firstMoment, momentOfId } from './twitter-posts.js';
import {
  SANDBOX_TWITTER_KEY,
  TWITTER_DEFAULTS,
  TWITTER_SETTINGS,
  type TwitterSettings,
} from './twitter-settings.js';

const SEARCH_PATH = /^\/tweets\/search\/recent$/;
const USER_PATH = /^\/users\/by\/username\/([^/]+)$/;
const USERNAME = /^[A-Za-z0-9_]{1,15}$/;
const ID = /^[1-9]\d{0,18}$/;
const INDEX_MS = 7 * DAY_MS;
const TOKEN_CHARS_MAX = 512;

function invalid(parameters: JsonObject, message: string): Answer {
  return json(400, {
    errors: [{ parameters, message }],
    title: 'Invalid Request',
    detail: 'One or more parameters to your request was invalid.',
    type: 'https://api.twitter.com/2/problems/invalid-request',
  });
}

const problem = (status: number, title: string, extra: JsonObject = {}): Answer =>
  json(status, { title, type: 'about:blank', status, detail: title, ...extra });

function endpointOf(path: string): TwitterEndpoint | undefined {
  if (SEARCH_PATH.test(path)) return 'search';
  return USER_PATH.test(path) ? 'users' : undefined;
}

function keyOf({ headers }: SandboxRequest): string | undefined {
  return /^Bearer (\S+)$/i.exec(headers.authorization ?? '')?.[1];
}

const nameOf = (key: string | undefined): string =>
  key === undefined ? 'no-key' : `key-${sha256Hex(key).slice(0, 8)}`;

const fieldsOf = (query: URLSearchParams, name: string): ReadonlySet<string> =>
  new Set((query.get(name) ?? '').split(','));

/** A token is good for the query it came with only. */
const digestOf = (query: URLSearchParams): string =>
  sha256Hex(`${query.get('query') ?? ''}\n${query.get('since_id') ?? ''}`).slice(0, 16);

const tokenFor = (query: URLSearchParams, id: bigint): string =>
  Buffer.from(`${digestOf(query)}.${String(id)}`).toString('hex');

function idOfToken(query: URLSearchParams, token: string): bigint | undefined {
  if (token.length > TOKEN_CHARS_MAX) return undefined;
  const [digest, id = ''] = Buffer.from(token, 'hex').toString('utf8').split('.');
  return digest === digestOf(query) && ID.test(id) ? BigInt(id) : undefined;
}

type SearchRange = {
  readonly query: string;
  readonly max: number;
  readonly aboveId: bigint | undefined;
  readonly belowId: bigint | undefined;
};

/** The number of posts a page may have; undefined: it makes no sense. */
function maxOf(asked: URLSearchParams): number | undefined {
  const text = asked.get('max_results') ?? '10';
  const max = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  return max < 10 || max > 100 ? undefined : max;
}

/** What is wrong with `since_id`; undefined: nothing. */
function sinceObjection(since: string, at: EpochMs): Answer | undefined {
  const parameters = { since_id: [since.slice(0, 100)] };
  if (!ID.test(since)) {
    const message = 'The `since_id` query parameter value does not match ^[0-9]{1,19}$';
    return invalid(parameters, message);
  }
  if (momentOfId(BigInt(since)) >= at - INDEX_MS) return undefined;
  const oldest = isoTime(at - INDEX_MS);
  return invalid(parameters, `'since_id' must be a tweet id created after [${oldest}]`);
}

/** What a search asks for, or the refusal of what makes no sense. */
function rangeOf({ query: asked, at }: SandboxRequest): SearchRange | Answer {
  const query = (asked.get('query') ?? '').trim();
  if (query === '' || query.length > 512) {
    const parameters = { query: [query.slice(0, 100)] };
    return invalid(parameters, 'The `query` query parameter must have 1 to 512 characters');
  }
  const max = maxOf(asked);
  if (max === undefined) {
    const message = 'The `max_results` query parameter value is not between 10 and 100';
    return invalid({ max_results: [asked.get('max_results') ?? ''] }, message);
  }
  const since = asked.get('since_id') ?? undefined;
  const objection = since === undefined ? undefined : sinceObjection(since, at);
  if (objection !== undefined) return objection;
  const aboveId = since === undefined ? undefined : BigInt(since);
  const token = asked.get('next_token') ?? asked.get('pagination_token') ?? undefined;
  if (token === undefined) return { query, max, aboveId, belowId: undefined };
  const belowId = idOfToken(asked, token);
  return belowId === undefined
    ? invalid({ next_token: [token.slice(0, 100)] }, "Invalid 'next_token'")
    : { query, max, aboveId, belowId };
}

type World = {
  readonly settings: TwitterSettings;
  readonly seed: number;
  readonly startedAt: EpochMs;
};

function searchAnswer({ settings, seed, startedAt }: World, request: SandboxRequest): Answer {
  const range = rangeOf(request);
  if ('status' in range) return range;
  const { query, max, aboveId, belowId } = range;
  const { at } = request;
  const search = fakeSearch(seed, query);
  const found = search.find({
    from: Math.max(at - INDEX_MS, firstMoment(startedAt, settings.historyDays)),
    to: at - settings.indexDelayMs,
    belowId,
    aboveId,
    max: max + 1,
    postsPerHour: settings.postsPerHour,
  });
  const page = found.slice(0, max);
  const [newest] = page;
  const oldest = page.at(-1);
  if (newest === undefined || oldest === undefined) return json(200, { meta: { result_count: 0 } });
  const fields = fieldsOf(request.query, 'tweet.fields');
  const meta = {
    newest_id: String(newest.id),
    oldest_id: String(oldest.id),
    result_count: page.length,
    ...(found.length > max ? { next_token: tokenFor(request.query, oldest.id) } : {}),
  };
  return json(200, { data: page.map((post) => search.row(post, fields, at)), meta });
}

function userAnswer({ settings, seed }: World, request: SandboxRequest): Answer {
  const name = USER_PATH.exec(request.path)?.[1] ?? '';
  if (!USERNAME.test(name)) {
    const message = `The \`username\` query parameter value [${name.slice(0, 50)}] does not match ^[A-Za-z0-9_]{1,15}$`;
    return invalid({ username: [name.slice(0, 50)] }, message);
  }
  if (settings.unknownUsers.includes(name.toLowerCase())) {
    const error = {
      value: name,
      detail: `Could not find user with username: [${name}].`,
      title: 'Not Found Error',
      resource_type: 'user',
      parameter: 'username',
      resource_id: name,
      type: 'https://api.twitter.com/2/problems/resource-not-found',
    };
    return json(200, { errors: [error] });
  }
  const fields = fieldsOf(request.query, 'user.fields');
  return json(200, { data: fakeUser(seed, name, fields, request.at) });
}

/** How many posts an answer holds. */
function postsIn(answer: Answer): number {
  if (answer.body.kind !== 'json') return 0;
  const { data } = answer.body.value as { readonly data?: Json };
  return Array.isArray(data) ? data.length : 0;
}

export const twitter = sandboxProvider<TwitterSettings>({
  name: 'twitter',
  basePath: '/2',
  jsonType: 'application/json; charset=utf-8',
  settings: TWITTER_SETTINGS,
  defaults: TWITTER_DEFAULTS,
  keys: { TWITTER_BEARER_TOKEN: SANDBOX_TWITTER_KEY },
  secrets: ['keys'],
  refusals: ['throttled', 'unauthorized', 'quota_gone', 'banned'],
  open({ settings, seed, startedAt }) {
    const limits = twitterLimits(settings);
    return {
      route(request) {
        const endpoint = endpointOf(request.path) ?? UNKNOWN_ENDPOINT;
        // A refusal of one endpoint says nothing about the other.
        return { endpoint, weight: 1, scope: `${nameOf(keyOf(request))}/${endpoint}` };
      },
      admit(request) {
        const key = keyOf(request);
        if (key === undefined || !settings().keys.includes(key)) {
          return { headers: {}, refused: problem(401, 'Unauthorized') };
        }
        const endpoint = endpointOf(request.path);
        if (endpoint === undefined) return { headers: {}, refused: problem(404, 'Not Found') };
        return limits.admit(nameOf(key), endpoint, request.at);
      },
      answer(request, { endpoint }) {
        const world = { settings: settings(), seed, startedAt };
        if (endpoint === 'users') return userAnswer(world, request);
        const answer = searchAnswer(world, request);
        limits.read(nameOf(keyOf(request)), postsIn(answer), request.at);
        return answer;
      },
      word(refusal, request) {
        const endpoint = endpointOf(request.path) ?? 'search';
        switch (refusal.kind) {
          case 'throttled':
            return limits.throttled(nameOf(keyOf(request)), endpoint, request.at);
          case 'quota_gone':
            return limits.capExceeded(request.at);
          case 'unauthorized':
            return problem(401, 'Unauthorized');
          case 'banned': {
            const type = 'https://api.twitter.com/2/problems/client-forbidden';
            const forbids = { cause: 'ban', until: refusal.until } as const;
            return { ...problem(403, 'Client Forbidden', { type }), forbids };
          }
        }
      },
      usage: (at) => limits.usage(at),
    };
  },
});
