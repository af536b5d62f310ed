/** The rules a provider's profile must keep, each told with its place: what it is for is in port.ts. */
import { messageOf } from '../kernel/errors.js';
import { DAY_MS } from '../kernel/time.js';
import { isObject } from './draft.js';
import type { ProviderProfile, TokenProfile } from './port.js';
import { bucketRules } from './rules-buckets.js';
import {
  checkMembers,
  isFilled,
  isFunction,
  isListOf,
  isNumber,
  isOneOf,
  isText,
  type Complain,
  type MemberRule,
} from './rule.js';

const PROVIDER = /^[a-z][a-z0-9_-]{0,62}$/;
/** As configuration has it for `collectors.<name>.scope`. */
const SCOPE = /^[a-z0-9][a-z0-9_-]{0,62}$/;
const VARIABLE = /^[A-Z][A-Z0-9_]{0,127}$/;
/** It becomes a label of metrics and a word in events. */
const ENDPOINT = /^[a-z][a-z0-9_]{0,62}$/;
const VARIABLES_MAX = 8;
const ENDPOINTS_MAX = 64;

const SAYS_VARIABLES = `must be a list of at most ${String(VARIABLES_MAX)} names of variables, e.g. ["ACME_API_KEY"]`;

/** A new member of a profile does not compile until it has its rule here. */
const MEMBERS = {
  provider: {
    holds: isText(PROVIDER),
    rule: 'must begin with a letter, then at most 62 of a-z, 0-9, - and _',
  },
  baseUrl: {
    holds: isBaseUrl,
    rule: 'must be https://…, or http:// on loopback, without user, query or fragment',
  },
  scope: { holds: isText(SCOPE), rule: 'must be 1 to 63 of a-z, 0-9, - and _' },
  maxRequestsPerSecond: {
    holds: isNumber(0, 100_000),
    rule: 'must be a number above 0, at most 100000',
  },
  recoveryWindowMs: {
    holds: isNumber(0, 40 * DAY_MS),
    rule: 'must be milliseconds above 0, at most 40 days',
  },
  buckets: { holds: Array.isArray, rule: 'must be a list' },
  tier: { holds: isText(/^[^\p{Cc}]{1,60}$/u), rule: 'must be text of 1 to 60 characters' },
  currency: { holds: isText(/^[A-Z]{3}$/), rule: 'must be three capital letters, e.g. USD' },
  weights: {
    holds: isFilled,
    rule: 'must have a member for each endpoint, e.g. { prices: {} }',
  },
  keys: {
    holds: isListOf(isText(VARIABLE), VARIABLES_MAX),
    rule: SAYS_VARIABLES,
    optional: true,
  },
  optionalKeys: {
    holds: isListOf(isText(VARIABLE), VARIABLES_MAX),
    rule: SAYS_VARIABLES,
    optional: true,
  },
  headers: { holds: isFunction, rule: 'must be a function of the keys that gives the headers' },
  query: {
    holds: isFunction,
    rule: 'must be a function of the keys that gives query parameters',
    optional: true,
  },
  token: { holds: isObject, rule: 'must be an object', optional: true },
  redirects: { holds: isOneOf(['same-origin']), rule: 'must be "same-origin"', optional: true },
  judge: { holds: isFunction, rule: 'must be a function, e.g. judging({ provider })' },
} as const satisfies Record<keyof ProviderProfile, MemberRule>;

const TOKEN_MEMBERS = {
  endpoint: { holds: isText(ENDPOINT), rule: 'must be the name of an endpoint' },
  baseUrl: { holds: isBaseUrl, rule: MEMBERS.baseUrl.rule },
  request: { holds: isFunction, rule: 'must be a function of the keys' },
  read: { holds: isFunction, rule: 'must be a function of the body' },
} as const satisfies Record<keyof TokenProfile, MemberRule>;

/** Tells everything that is wrong with a profile. `at` is put before each place. */
export function profileRules(value: unknown, at: string, complain: Complain): void {
  if (!isObject(value)) {
    complain(at.replace(/\.$/, ''), 'must be a profile', value);
    return;
  }
  checkMembers(value, MEMBERS, at, complain);
  const { buckets, weights, token } = value;
  const drawn = isObject(weights) ? weights : {};
  bucketRules(Array.isArray(buckets) ? buckets : [], drawn, at, complain);
  endpointNames(drawn, at, complain);
  keyRules(value, at, complain);
  if (!isObject(token)) return;
  checkMembers(token, TOKEN_MEMBERS, `${at}token.`, complain);
  if (typeof token['endpoint'] === 'string' && !Object.hasOwn(drawn, token['endpoint']))
    complain(`${at}token.endpoint`, 'must be one of the weights', token['endpoint']);
}

function endpointNames(
  weights: Readonly<Record<string, unknown>>,
  at: string,
  complain: Complain,
): void {
  const names = Object.keys(weights);
  if (names.length > ENDPOINTS_MAX)
    complain(`${at}weights`, `must have at most ${String(ENDPOINTS_MAX)} endpoints`);
  for (const name of names) {
    if (!ENDPOINT.test(name))
      complain(`${at}weights.${name}`, 'an endpoint must be named with a-z, 0-9 and _');
  }
}

/** https everywhere; plain http only where nobody listens in, and only if the operator allows it then. */
function isBaseUrl(value: unknown): boolean {
  if (typeof value !== 'string' || !URL.canParse(value)) return false;
  const { protocol, hostname, username, password, search, hash } = new URL(value);
  if (username !== '' || password !== '' || search !== '' || hash !== '') return false;
  return protocol === 'https:' || (protocol === 'http:' && isLoopbackHost(hostname));
}

function isLoopbackHost(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || /^127(\.\d{1,3}){3}$/.test(host);
}

/** What a header's name and value may hold: anything else would split the request. */
const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const HEADER_VALUE = /^[\t\x20-\x7e]*$/;
const SAMPLE_KEY = 'sample-key-of-headgate';

/** Keys are named once, and what is made of them can be sent. */
function keyRules(
  profile: Readonly<Record<string, unknown>>,
  at: string,
  complain: Complain,
): void {
  const named = [profile['keys'], profile['optionalKeys']].flatMap((list) =>
    Array.isArray(list) ? (list as readonly unknown[]) : [],
  );
  if (new Set(named).size !== named.length)
    complain(`${at}keys`, 'must name each variable once, optionalKeys included');
  const variables = named.filter((name) => typeof name === 'string');
  const samples = Object.fromEntries(variables.map((name) => [name, SAMPLE_KEY]));
  const headers = madeBy(profile, 'headers', samples, at, complain);
  for (const [name, value] of Object.entries(headers)) {
    if (!HEADER_NAME.test(name)) complain(`${at}headers`, `makes no header name: ${name}`);
    else if (typeof value !== 'string' || !HEADER_VALUE.test(value))
      complain(`${at}headers`, `must give visible text for ${name}`);
  }
  for (const [name, value] of Object.entries(madeBy(profile, 'query', samples, at, complain))) {
    if (typeof value !== 'string') complain(`${at}query`, `must give text for ${name}`);
  }
}

function madeBy(
  profile: Readonly<Record<string, unknown>>,
  member: 'headers' | 'query',
  keys: Readonly<Record<string, string>>,
  at: string,
  complain: Complain,
): Readonly<Record<string, unknown>> {
  const make = profile[member];
  if (typeof make !== 'function') return {};
  try {
    const made: unknown = Reflect.apply(make, profile, [keys, SAMPLE_KEY]);
    if (isObject(made)) return made;
    complain(at + member, 'must give an object', made);
  } catch (thrown) {
    complain(at + member, `must not throw; it threw: ${messageOf(thrown)}`);
  }
  return {};
}
