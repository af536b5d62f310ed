/** How a source is defined, also by a user's own module: made whole, checked by every rule, marked. */
import { KindGuard, type TObject } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { HeadgateError, messageOf } from '../kernel/errors.js';
import { PRIMARY_UPSTREAM } from '../kernel/ids.js';
import { DAY_MS } from '../kernel/time.js';
import {
  isObject,
  wholeProfile,
  wholeSource,
  type ProfileDraft,
  type SourceDraft,
} from './draft.js';
import type { ProviderProfile, SourceDefinition } from './port.js';
import {
  checkMembers,
  complaint,
  isBoolean,
  isFilled,
  isFunction,
  isOneOf,
  isText,
  isWhole,
  type Complain,
  type MemberRule,
} from './rule.js';
import { profileRules } from './rules-profile.js';

/** A definition breaks rules: every one of them, a line each. */
export class SourceInvalid extends HeadgateError {
  readonly code = 'source_invalid';
  readonly retryable = false;
  readonly lines: readonly string[];

  constructor(what: string, lines: readonly string[]) {
    super(`${what}: ${lines.join('; ')}`);
    this.lines = lines;
  }
}

/** As a collector's name: it is a route, a stream, a variable and a label. */
const NAME = /^[a-z][a-z0-9_-]{0,62}$/;
/** Words that are routes beside names of collectors. */
export const RESERVED_SOURCE_NAMES: readonly string[] = ['costs', 'events', 'health', 'batch'];
const TYPES = ['onchain', 'social', 'market_data', 'sentiment'] as const;
const UPSTREAM = /^[a-z][a-z0-9_-]{0,62}$/;
const UPSTREAMS_MAX = 8;
const OPTION_LINES_MAX = 20;

const MEMBERS = {
  name: {
    holds: isText(NAME),
    rule: 'must begin with a letter, then at most 62 of a-z, 0-9, - and _',
  },
  type: { holds: isOneOf(TYPES), rule: `must be one of ${TYPES.join(', ')}` },
  description: {
    holds: isText(/^[^\p{Cc}]{1,300}$/u),
    rule: 'must be one line of 1 to 300 characters',
  },
  options: { holds: isSchema, rule: 'must be a TypeBox object, e.g. Type.Object({})' },
  defaults: { holds: isObject, rule: 'must be an object' },
  paid: { holds: isBoolean, rule: 'must be true or false' },
  intervalMs: {
    holds: isWhole(10, 366 * DAY_MS),
    rule: 'must be whole milliseconds, 10 to a year',
  },
  upstreams: { holds: isFilled, rule: 'must have a profile by a name of your choice' },
  expectedEveryMs: { holds: isFunction, rule: 'must be a function of the options' },
  collect: { holds: isFunction, rule: 'must be an async generator: async *collect(context) { … }' },
} as const satisfies Record<keyof SourceDefinition, MemberRule>;

/** Everything that is wrong with a definition, a line each; none: it can be run. */
export function sourceProblems(value: unknown): readonly string[] {
  if (!isObject(value)) return [complaint('a source', 'must be an object', value)];
  const lines: string[] = [];
  const complain: Complain = (...told) => {
    lines.push(complaint(...told));
  };
  checkMembers(value, MEMBERS, '', complain);
  const { name, options, defaults, upstreams, collect } = value;
  if (typeof name === 'string' && RESERVED_SOURCE_NAMES.includes(name))
    complain('name', `must not be a reserved word: ${RESERVED_SOURCE_NAMES.join(', ')}`, name);
  if (isSchema(options) && isObject(defaults)) optionRules(value, complain);
  if (isObject(upstreams)) upstreamRules(upstreams, complain);
  if (isFunction(collect) && !makesPages(collect))
    complain('collect', 'must be an async generator (with the star): async *collect(context) {}');
  return lines;
}

/** A plain function may hand one on; an async one makes a promise, which yields no pages. */
function makesPages(collect: unknown): boolean {
  return Object.prototype.toString.call(collect) !== '[object AsyncFunction]';
}

function isSchema(value: unknown): value is TObject {
  return isObject(value) && KindGuard.IsObject(value);
}

function optionRules(source: Readonly<Record<string, unknown>>, complain: Complain): void {
  const { defaults, expectedEveryMs } = source;
  const options = source['options'] as TObject;
  let told = 0;
  for (const { path, message, value } of Value.Errors(options, defaults)) {
    if (told === OPTION_LINES_MAX) break;
    told += 1;
    complain(`defaults${path.replaceAll('/', '.')}`, message.toLowerCase(), value);
  }
  const isOdd = told > 0 || !MEMBERS.intervalMs.holds(source['intervalMs']);
  if (isOdd || typeof expectedEveryMs !== 'function') return;
  try {
    const every: unknown = Reflect.apply(expectedEveryMs, source, [defaults]);
    if (!(typeof every === 'number' && every > 0))
      complain('expectedEveryMs', 'must give milliseconds above 0', every);
  } catch (thrown) {
    complain('expectedEveryMs', `must not throw; it threw: ${messageOf(thrown)}`);
  }
}

function upstreamRules(upstreams: Readonly<Record<string, unknown>>, complain: Complain): void {
  const named = Object.entries(upstreams);
  if (named.length > UPSTREAMS_MAX)
    complain('upstreams', `must be at most ${String(UPSTREAMS_MAX)}`);
  for (const [index, [name, profile]] of named.entries()) {
    const place = `upstreams.${name}`;
    if (!UPSTREAM.test(name)) complain(place, 'must be named with a-z, 0-9, - and _');
    if (index > 0 && name === PRIMARY_UPSTREAM)
      complain(place, `only the first may be named ${PRIMARY_UPSTREAM}`);
    profileRules(profile, `${place}.`, complain);
  }
}

/** Known to every copy of this package: a module may have been written against another one. */
const DEFINED = Symbol.for('headgate.source');

/** Whether `defineSource` made it. */
export function isDefinedSource(value: unknown): value is SourceDefinition {
  return isObject(value) && Object.hasOwn(value, DEFINED);
}

/**
 * A source in one file: what to ask and how to read the answer (docs/adding-a-source.md).
 * @throws {SourceInvalid} naming every member that breaks a rule.
 */
export function defineSource<S extends TObject>(draft: SourceDraft<S>): SourceDefinition {
  if (!isObject(draft)) throw new SourceInvalid('a source', ['must be an object']);
  const whole = wholeSource(draft);
  const problems = sourceProblems(whole);
  if (problems.length > 0) {
    const name = typeof draft.name === 'string' ? JSON.stringify(draft.name) : 'without a name';
    throw new SourceInvalid(`the source ${name}`, problems);
  }
  return Object.freeze(Object.defineProperty(whole, DEFINED, { value: true }));
}

/**
 * A provider's profile with everything usual filled in; `defineSource` does the same to each upstream.
 * @throws {SourceInvalid} naming every member that breaks a rule.
 */
export function defineProfile(draft: ProfileDraft): ProviderProfile {
  if (!isObject(draft)) throw new SourceInvalid('a profile', ['must be an object']);
  const whole = wholeProfile(draft);
  const lines: string[] = [];
  profileRules(whole, '', (...told) => lines.push(complaint(...told)));
  if (lines.length > 0)
    throw new SourceInvalid(`the profile ${JSON.stringify(draft.provider)}`, lines);
  return whole;
}
