/**
 * Reddit's limits: a window of the clock per client, on the OAuth host and on the token host apart.
 *
 * 1. Windows are aligned to the clock; `reset` is the whole seconds that are left of one. Their limit is
 *    in no header. On the OAuth host what remains has a decimal, on the token host it has none.
 * 2. Beyond a window the OAuth host answers HTML with Retry-After, the token host JSON without: coming
 *    back before that time, or within a second, is a violation.
 * 3. Who has no name of its own in User-Agent is refused in the same words, however little it asked.
 */
import type { EpochMs, JsonObject } from '../../kernel/types.js';
import { json, secondsUntil, type Admission, type Answer } from './provider.js';
import type { RedditSettings } from './reddit-settings.js';
import { alignedWindow, windowEnd, type AlignedWindow } from './windows.js';

/** Most clients and hosts with counters of their own. */
const SCOPES_MAX = 100;
const HAMMERING_MS = 1000;
/** As recorded. */
const AGENT_RETRY_S = 4;

export type RedditHost = 'oauth' | 'token';

export type RedditLimits = {
  /** Counts a request of this client, or refuses it. */
  admit(client: string, host: RedditHost, at: EpochMs): Admission;
  throttled(host: RedditHost, at: EpochMs): Answer;
  /** The refusal of a sender without a name; undefined: it has one. */
  nameless(agent: string | undefined, host: RedditHost, at: EpochMs): Answer | undefined;
  usage(at: EpochMs): JsonObject;
};

/** What libraries call themselves when nobody gave them a name. */
const NAMELESS =
  /^\s*$|^(node|undici)$|^(python-requests|python-urllib|curl|wget|java|node-fetch|axios|go-http-client)\b/i;

const HTML = `
<!doctype html>
<html>
  <head>
    <title>Too Many Requests</title>
  </head>
  <body>
    <h1>whoa there, pardner!</h1>
    <p>we're sorry, but you appear to be a bot and we've seen too many requests
from you lately. we enforce a hard speed limit on requests that appear to come from bots.</p>
  </body>
</html>
`;

function refusal(host: RedditHost, seconds: number, at: EpochMs): Answer {
  if (host === 'token') {
    const forbids = { cause: 'rate_limit', until: at + HAMMERING_MS } as const;
    return json(429, { message: 'Too Many Requests', error: 429 }, { forbids });
  }
  return {
    status: 429,
    headers: { 'retry-after': String(seconds) },
    body: { kind: 'text', text: HTML, contentType: 'text/html; charset=UTF-8' },
    forbids: { cause: 'rate_limit', until: at + seconds * 1000 },
  };
}

export function redditLimits(settings: () => RedditSettings): RedditLimits {
  const windows = new Map<string, AlignedWindow>();
  const of = (client: string, host: RedditHost): AlignedWindow => {
    const name = `${client}/${host}`;
    const known = windows.get(name);
    if (known !== undefined) return known;
    const made = alignedWindow();
    if (windows.size < SCOPES_MAX) windows.set(name, made);
    return made;
  };
  const left = (at: EpochMs): number => secondsUntil(windowEnd(at, settings().windowMs), at);
  return {
    admit(client, host, at) {
      const { requestLimit, tokenLimit, windowMs } = settings();
      const limit = host === 'oauth' ? requestLimit : tokenLimit;
      const window = of(client, host);
      if (window.used(at, windowMs) >= limit) {
        return { headers: {}, refused: refusal(host, left(at), at) };
      }
      const used = window.add(at, windowMs, 1);
      const remaining = String(limit - used);
      return {
        headers: {
          'x-ratelimit-used': String(used),
          'x-ratelimit-remaining': host === 'oauth' ? `${remaining}.0` : remaining,
          'x-ratelimit-reset': String(left(at)),
        },
      };
    },
    throttled: (host, at) => refusal(host, left(at), at),
    nameless: (agent, host, at) =>
      NAMELESS.test(agent ?? '') ? refusal(host, AGENT_RETRY_S, at) : undefined,
    usage(at) {
      const used = [...windows].map(([name, window]) => {
        return [name, window.used(at, settings().windowMs)] as const;
      });
      return Object.fromEntries(used);
    },
  };
}
