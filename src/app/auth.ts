/** Who may come in, wired: the tokens of the journal, the JWT issuer of the configuration, the rates. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { isLoopback, type Config } from '../config.js';
import {
  followTokens,
  gatekeeper,
  jwtVerifier,
  openTokenBook,
  type CountingGatekeeper,
  type JwtRules,
  type TokenBook,
} from '../gateway/index.js';
import type { Journal } from '../journal/port.js';
import { HeadgateError, messageOf } from '../kernel/errors.js';
import type { Logger } from '../kernel/observe.js';
import { systemSecretBytes } from '../kernel/secret-bytes.js';
import type { Clock } from '../kernel/time.js';

/** The file with the pinned keys of the JWT issuer cannot be read. */
export class KeysUnreadable extends HeadgateError {
  readonly code = 'keys_unreadable';
  readonly retryable = false;
}

export type Auth = {
  readonly gatekeeper: CountingGatekeeper;
  readonly tokens: TokenBook;
  close(): Promise<void>;
};

export type AuthDeps = {
  readonly config: Config;
  readonly journal: Journal;
  readonly clock: Clock;
  readonly log: Logger;
  /** Of every door that takes commands. */
  readonly hosts: readonly string[];
};

const ALGORITHMS = ['RS256', 'ES256', 'EdDSA'];

/**
 * @throws {JournalCorrupt} the tokens cannot be read: nobody is let in by guess.
 * @throws {KeysUnreadable} the pinned keys cannot be read.
 */
export async function openAuth(deps: AuthDeps): Promise<Auth> {
  const { config, journal, clock, log, hosts } = deps;
  const rules = jwtRules(config);
  const jwt = rules === undefined ? undefined : jwtVerifier(rules, { clock, log });
  const { requestsPerSecond: perSecond, burst } = config.auth;
  const doors = {
    hasJwt: jwt !== undefined,
    mayStandOpen: config.rest.insecure || hosts.every(isLoopback),
  };
  // What is written from now on is in the feed, what was before is in the stream: nothing is between.
  const from = await journal.head();
  const parts = { journal, clock, doors, secretBytes: systemSecretBytes, node: config.node.name };
  const tokens = await openTokenBook(parts);
  const close = followTokens(tokens, from, { journal, clock, log });
  const rate = perSecond === 0 ? {} : { rate: { perSecond, burst } };
  const door = gatekeeper({ tokens, clock, ...rate, ...(jwt === undefined ? {} : { jwt }) });
  return { gatekeeper: door, tokens, close };
}

function jwtRules({ auth }: Config): JwtRules | undefined {
  const { jwksUrl, jwtIssuer: issuer, jwtAudience: audience, jwtAlgorithms } = auth;
  // The configuration has checked that the three are there together.
  if (jwksUrl === undefined || issuer === undefined || audience === undefined) return undefined;
  const algorithms = jwtAlgorithms ?? ALGORITHMS;
  return { keys: keysAt(jwksUrl), issuer, audience, algorithms, roleClaim: auth.jwtRoleClaim };
}

function keysAt(url: string): JwtRules['keys'] {
  if (!url.startsWith('file:')) return { url };
  try {
    const set = JSON.parse(readFileSync(fileURLToPath(url), 'utf8')) as JwtKeySet;
    if (!Array.isArray(set.keys)) throw new Error('it has no list of keys');
    return { set };
  } catch (cause) {
    throw new KeysUnreadable(`cannot read auth.jwks_url: ${messageOf(cause)}`, { cause });
  }
}

type JwtKeySet = Extract<JwtRules['keys'], { readonly set: unknown }>['set'];
