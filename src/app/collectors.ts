/** From configuration to running collectors: which source, which upstream, which key, which limits. */
import {
  cadenceMs,
  policyRefusal,
  type CollectorSetup,
  type UpstreamSetup,
} from '../actors/index.js';
import { isLoopback, type CollectorConfig, type Config, type Secrets } from '../config.js';
import { assert, HeadgateError } from '../kernel/errors.js';
import { PRIMARY_UPSTREAM } from '../kernel/ids.js';
import type { EpochMs } from '../kernel/types.js';
import { sourceCatalogue, withBaseUrl } from '../sources/index.js';
import type { ProviderProfile, SourceDefinition } from '../sources/port.js';
import { PROVIDER_NAMES, SANDBOX_KEYS, type Sandbox } from '../sources/sandbox/index.js';

/** Settings that are allowed one by one and make no sense together: nothing is started. */
export class ConfigurationRefused extends HeadgateError {
  readonly code = 'configuration_refused';
  readonly retryable = false;
}

/**
 * @throws {ConfigurationRefused} a breaker could never trip, or a scope has two sets of limits: a collector
 * would run unguarded.
 */
export function collectorSetups(
  config: Config,
  secrets: Secrets,
  sandbox: Pick<Sandbox, 'upstreamUrl'> | undefined,
  now: EpochMs,
  ownSources: readonly SourceDefinition[] = [],
): readonly CollectorSetup[] {
  const sources = [...sourceCatalogue, ...ownSources];
  const setups = Object.values(config.collectors).map((collector) => {
    const source = sources.find(({ name }) => name === collector.source);
    assert(source !== undefined, `the configuration knows the source ${collector.source}`);
    return setupOf(collector, source, secrets, sandbox, now);
  });
  const problems = setups.flatMap(({ name, breaker, cadenceMs: cadence }) => {
    const refusal = policyRefusal(breaker, cadence);
    return refusal === undefined ? [] : [`collectors.${name}.breaker: ${refusal.detail}`];
  });
  problems.push(...scopeProblems(setups));
  if (problems.length > 0) throw new ConfigurationRefused(problems.join('; '));
  return setups;
}

/** Who shares a scope shares its buckets: the first one's count, so another's would be kept by nobody. */
function scopeProblems(setups: readonly CollectorSetup[]): readonly string[] {
  const firsts = new Map<string, { readonly name: string; readonly buckets: string }>();
  const problems = new Set<string>();
  for (const { name, upstreams } of setups) {
    for (const { scope, profile } of Object.values(upstreams)) {
      const buckets = JSON.stringify(profile.buckets);
      const first = firsts.get(scope);
      if (first === undefined) firsts.set(scope, { name, buckets });
      else if (first.buckets !== buckets) {
        const both = `${scope} has the limits of ${first.name} already, and ${profile.provider} has others`;
        problems.add(`collectors.${name}.scope: ${both}; give each its own scope`);
      }
    }
  }
  return [...problems];
}

function setupOf(
  collector: CollectorConfig,
  source: SourceDefinition,
  secrets: Secrets,
  sandbox: Pick<Sandbox, 'upstreamUrl'> | undefined,
  now: EpochMs,
): CollectorSetup {
  const upstreams = Object.entries(source.upstreams).map(
    ([name, profile], index): readonly [string, UpstreamSetup] => [
      index === 0 ? PRIMARY_UPSTREAM : name,
      upstreamOf(collector, profile, index === 0, secrets, sandbox),
    ],
  );
  const primary = upstreams[0]?.[1];
  const missing = primary?.missingKeys ?? [];
  const mode = collector.upstream === 'sandbox' ? 'the sandbox' : 'a free source';
  const because = collector.enabled ? `${mode} starts enabled` : 'a paid source starts disabled';
  return {
    name: collector.name,
    source,
    options: collector.options,
    enabled: collector.enabled,
    enabledReason: because,
    schedule: collector.schedule,
    cadenceMs: cadenceMs(collector.schedule, now),
    requestTimeoutMs: collector.requestTimeoutMs,
    missingKey: missing.join(' and '),
    hasApiKey: missing.length === 0 && Object.keys(primary?.keys ?? {}).length > 0,
    upstreamMode: collector.upstream,
    upstreams: Object.fromEntries(upstreams),
    rate: collector.rate,
    breaker: collector.breaker,
  };
}

/** The secrets one upstream needs, and the variables of those nobody gave. The sandbox has its own. */
function keysOf(
  { keyVariables, upstream }: CollectorConfig,
  { keys = [], optionalKeys = [] }: ProviderProfile,
  secrets: Secrets,
): Pick<UpstreamSetup, 'keys' | 'missingKeys'> {
  const found: Record<string, string> = {};
  const missingKeys: string[] = [];
  for (const usual of [...keys, ...optionalKeys]) {
    const variable = keyVariables[usual] ?? usual;
    const secret = upstream === 'sandbox' ? SANDBOX_KEYS[usual] : secrets.get(variable);
    if (secret !== undefined) found[usual] = secret;
    else if (keys.includes(usual)) missingKeys.push(variable);
  }
  return { keys: found, missingKeys };
}

/** An overridden address or scope is the primary upstream's; the sandbox stands in for all. */
function upstreamOf(
  collector: CollectorConfig,
  profile: ProviderProfile,
  isPrimary: boolean,
  secrets: Secrets,
  sandbox: Pick<Sandbox, 'upstreamUrl'> | undefined,
): UpstreamSetup {
  const scope = (isPrimary ? collector.scope : undefined) ?? profile.scope;
  const secret = keysOf(collector, profile, secrets);
  const provider = PROVIDER_NAMES.find((name) => name === profile.provider);
  if (collector.upstream === 'sandbox') {
    assert(sandbox !== undefined && provider !== undefined, `no sandbox of ${profile.provider}`);
    const url = sandbox.upstreamUrl(provider);
    return { profile: withBaseUrl(profile, url), scope, allowLoopback: true, ...secret };
  }
  const { baseUrl } = collector;
  if (!isPrimary || baseUrl === undefined) {
    return { profile, scope, allowLoopback: false, ...secret };
  }
  const allowLoopback = isLoopback(new URL(baseUrl).hostname);
  return { profile: withBaseUrl(profile, baseUrl), scope, allowLoopback, ...secret };
}
