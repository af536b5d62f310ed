/**
 * Which clients and tokens the fake Reddit knows.
 *
 * 1. A token is good for `tokenSeconds` from its issue by the provider's clock, and for its client only.
 * 2. A client has up to TOKENS_MAX tokens; beyond it the oldest is forgotten, as if it had ended.
 */
import { sha256Hex } from '../../kernel/canonical.js';
import type { EpochMs, JsonObject } from '../../kernel/types.js';
import { json, type Answer } from './provider.js';
import type { RedditSettings } from './reddit-settings.js';

const TOKENS_MAX = 1000;

/** Who sends a request to the token host: a client it knows, or not. */
export type Asker =
  | { readonly kind: 'known'; readonly client: string }
  | { readonly kind: 'wrong_secret'; readonly client: string }
  | { readonly kind: 'unknown' };

export type RedditTokens = {
  /** Reads `Authorization: Basic …`. */
  asker(authorization: string | undefined): Asker;
  /** Answers a call for a token. `body` is its form. */
  grant(asker: Asker, body: string, at: EpochMs): Answer;
  /** The client whose token this is; undefined: none that is good now. */
  clientOf(authorization: string | undefined, at: EpochMs): string | undefined;
  usage(at: EpochMs): JsonObject;
};

const UNAUTHORIZED = { message: 'Unauthorized', error: 401 };

export function redditTokens(settings: () => RedditSettings, seed: number): RedditTokens {
  const tokens = new Map<string, { readonly client: string; readonly issuedAt: EpochMs }>();
  let issued = 0;
  const issue = (client: string, at: EpochMs): string => {
    issued += 1;
    const token = `-${sha256Hex(`token/${String(seed)}/${client}/${String(issued)}`).slice(0, 30)}`;
    tokens.set(token, { client, issuedAt: at });
    if (tokens.size > TOKENS_MAX) {
      const [oldest] = tokens.keys();
      if (oldest !== undefined) tokens.delete(oldest);
    }
    return token;
  };
  const isGood = (issuedAt: EpochMs, at: EpochMs): boolean =>
    at < issuedAt + settings().tokenSeconds * 1000;
  return {
    asker(authorization) {
      const encoded = /^Basic ([A-Za-z0-9+/=]{1,2000})$/i.exec(authorization ?? '')?.[1];
      if (encoded === undefined) return { kind: 'unknown' };
      const pair = Buffer.from(encoded, 'base64').toString('utf8');
      const client = pair.split(':')[0] ?? '';
      if (settings().keys.includes(pair)) return { kind: 'known', client };
      const isNamed = settings().keys.some((each) => each.startsWith(`${client}:`));
      return isNamed && client !== '' ? { kind: 'wrong_secret', client } : { kind: 'unknown' };
    },
    grant(asker, body, at) {
      if (asker.kind === 'unknown') return json(401, UNAUTHORIZED);
      if (asker.kind === 'wrong_secret') return json(200, { error: 'invalid_grant' });
      const form = new URLSearchParams(body);
      const grantType = form.get('grant_type');
      if (grantType === null) return json(400, { error: 400 });
      if (grantType !== 'client_credentials') {
        return json(200, { error: 'unsupported_grant_type' });
      }
      return json(200, {
        access_token: issue(asker.client, at),
        token_type: 'bearer',
        expires_in: settings().tokenSeconds,
        scope: form.get('scope') ?? '*',
      });
    },
    clientOf(authorization, at) {
      const token = /^Bearer (\S+)$/i.exec(authorization ?? '')?.[1];
      const known = token === undefined ? undefined : tokens.get(token);
      if (known === undefined || !isGood(known.issuedAt, at)) return undefined;
      const isKnown = settings().keys.some((each) => each.startsWith(`${known.client}:`));
      return isKnown ? known.client : undefined;
    },
    usage: (at) => ({
      issued,
      good: [...tokens.values()].filter(({ issuedAt }) => isGood(issuedAt, at)).length,
    }),
  };
}
