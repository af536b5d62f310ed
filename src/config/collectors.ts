/** One collector's configuration: what was given for it, over the defaults of process and source. */
import { Value } from '@sinclair/typebox/value';
import type { TSchema } from '@sinclair/typebox';
import type { DurationMs, JsonObject } from '../kernel/types.js';
import { breakerOf } from './breaker.js';
import type { BreakerSettings } from './breaker.js';
import { COLLECTOR_NAME, RESERVED_NAMES } from './options-collector.js';
import type { ProcessConfig } from './process.js';
import { shown, suggested } from './problem.js';
import type { ConfigProblem } from './problem.js';
import { scheduleOf } from './schedule.js';
import type { ScheduleSettings } from './schedule.js';
import { checkBaseUrl } from './url.js';
import { flagIn, numberIn, textIn } from './values.js';
import type { CollectorValues, Wrong } from './values.js';

/** What configuration needs to know of a source (sources/port.ts has the whole of it). */
export type CatalogueEntry = {
  readonly name: string;
  /** Variables its secrets are usually in, those of its primary upstream first. */
  readonly keyVariables: readonly string[];
  readonly paid: boolean;
  readonly intervalMs: DurationMs;
  readonly options: TSchema;
  readonly defaults: JsonObject;
  /** false: the sandbox has no upstream for it, so it is live in every mode. Absent: true. */
  readonly hasSandbox?: boolean;
};

export type CollectorConfig = {
  readonly name: string;
  readonly source: string;
  readonly enabled: boolean;
  readonly schedule: ScheduleSettings;
  readonly options: JsonObject;
  readonly requestTimeoutMs: DurationMs;
  readonly upstream: 'live' | 'sandbox';
  /** Absent: the provider's own. */
  readonly baseUrl?: string;
  readonly scope?: string;
  /** Where each of its secrets is, by the variable it is usually in. */
  readonly keyVariables: Readonly<Record<string, string>>;
  readonly rate: {
    /** Absent: the provider's own. */
    readonly maxRequestsPerSecond?: number;
    readonly backoffMultiplier: number;
    readonly maxBackoff: number;
  };
  readonly breaker: BreakerSettings;
};

export function nameProblem(name: string, from: string): ConfigProblem | undefined {
  const option = `collectors.${name}`;
  if (RESERVED_NAMES.includes(name)) {
    return { option, from, rule: `must not be a reserved word: ${RESERVED_NAMES.join(', ')}` };
  }
  if (COLLECTOR_NAME.test(name)) return undefined;
  return { option, from, rule: 'must begin with a letter, then at most 62 of a-z, 0-9, - and _' };
}

/** Answers the collector, or undefined with what is wrong added to `problems`. */
export function collectorOf(
  name: string,
  given: CollectorValues,
  process: ProcessConfig,
  catalogue: ReadonlyMap<string, CatalogueEntry>,
  problems: ConfigProblem[],
): CollectorConfig | undefined {
  const wrong: Wrong = (key, rule, more) => {
    problems.push({ option: `collectors.${name}.${key}`, from: '', rule, ...more });
  };
  const source = textIn(given, 'source') ?? name;
  const entry = catalogue.get(source);
  if (entry === undefined) {
    const known = [...catalogue.keys()];
    const hint = suggested(source, known);
    wrong('source', `must be one of: ${known.join(', ')}`, {
      value: shown(source),
      ...hint,
      ofUnknownSource: true,
    });
    return undefined;
  }
  const upstream = upstreamModeOf(given, process, entry, wrong);
  const { schedule, cadenceMs } = scheduleOf(given, entry.intervalMs, wrong);
  const requestTimeoutMs = numberIn(given, 'request_timeout_ms') ?? process.http.requestTimeoutMs;
  return {
    name,
    source,
    enabled: flagIn(given, 'enabled') ?? (!entry.paid || upstream === 'sandbox'),
    schedule,
    options: sourceOptions((given.get('options') ?? {}) as JsonObject, entry, wrong),
    requestTimeoutMs,
    upstream,
    ...upstreamOf(given, entry, wrong),
    rate: rateOf(given, process),
    breaker: breakerOf(given, process, requestTimeoutMs, cadenceMs, wrong),
  };
}

/** A source of the user's own has no bundled upstream: the sandbox cannot stand in for it. */
function upstreamModeOf(
  given: CollectorValues,
  { mode }: ProcessConfig,
  { hasSandbox = true, name }: CatalogueEntry,
  wrong: Wrong,
): ProcessConfig['mode'] {
  const chosen = textIn(given, 'upstream') as ProcessConfig['mode'] | undefined;
  if (hasSandbox) return chosen ?? mode;
  if (chosen === 'sandbox') wrong('upstream', `must be live: ${name} has no bundled upstream`);
  return 'live';
}

function upstreamOf(
  given: CollectorValues,
  entry: CatalogueEntry,
  wrong: Wrong,
): Pick<CollectorConfig, 'baseUrl' | 'scope' | 'keyVariables'> {
  const baseUrl = textIn(given, 'base_url');
  if (baseUrl !== undefined) checkBaseUrl(baseUrl, wrong);
  const scope = textIn(given, 'scope');
  const suffix = textIn(given, 'key_suffix') ?? '';
  const first = textIn(given, 'key_variable');
  const keyVariables = Object.fromEntries(
    entry.keyVariables.map((usual, n) => [usual, (n === 0 ? first : undefined) ?? usual + suffix]),
  );
  return {
    ...(baseUrl === undefined ? {} : { baseUrl }),
    ...(scope === undefined ? {} : { scope }),
    keyVariables,
  };
}

function rateOf(given: CollectorValues, { limiter }: ProcessConfig): CollectorConfig['rate'] {
  const rate = numberIn(given, 'rate.max_requests_per_second');
  return {
    ...(rate === undefined ? {} : { maxRequestsPerSecond: rate }),
    backoffMultiplier: numberIn(given, 'rate.backoff_multiplier') ?? limiter.backoffMultiplier,
    maxBackoff: numberIn(given, 'rate.max_backoff') ?? limiter.maxBackoff,
  };
}

/** Members that are named like a secret keep their values to themselves. */
const SECRET_NAME = /key|token|secret|password|auth/i;
const OPTION_PROBLEMS_MAX = 20;

function sourceOptions(given: JsonObject, entry: CatalogueEntry, wrong: Wrong): JsonObject {
  const properties = (entry.options as { readonly properties?: object }).properties;
  const known = Object.keys(properties ?? {});
  const options: Record<string, JsonObject[string]> = { ...entry.defaults };
  for (const [member, value] of Object.entries(given)) {
    if (properties === undefined || Object.hasOwn(properties, member)) options[member] = value;
    else {
      const hint = suggested(member, known);
      wrong(`options.${member}`, `is not an option of ${entry.name}`, hint);
    }
  }
  let told = 0;
  for (const error of Value.Errors(entry.options, options)) {
    if (told === OPTION_PROBLEMS_MAX) break;
    told += 1;
    const path = error.path.slice(1).replaceAll('/', '.');
    const value = SECRET_NAME.test(path) ? {} : { value: shown(error.value) };
    wrong(`options.${path}`, lowerFirst(error.message), value);
  }
  return options;
}

function lowerFirst(text: string): string {
  return text.slice(0, 1).toLowerCase() + text.slice(1);
}
