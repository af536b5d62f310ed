/** What `GET /collector-types` tells of each source: definitions and configuration, no secret. */
import type { Config, Secrets } from '../config.js';
import type { CollectorType } from '../gateway/index.js';
import type { JsonObject } from '../kernel/types.js';
import { sourceCatalogue } from '../sources/index.js';
import type { ProviderProfile, SourceDefinition } from '../sources/port.js';

/** By name; `ownSources` are those of the user's modules. */
export function collectorTypes(
  config: Config,
  secrets: Secrets,
  ownSources: readonly SourceDefinition[] = [],
): readonly CollectorType[] {
  return [
    ...sourceCatalogue.map((source) => typeOf(source, 'built-in', config, secrets)),
    ...ownSources.map((source) => typeOf(source, 'user', config, secrets)),
  ].sort((a, b) => (a.name < b.name ? -1 : 1));
}

function typeOf(
  source: SourceDefinition,
  origin: CollectorType['origin'],
  { collectors }: Config,
  secrets: Secrets,
): CollectorType {
  const { name, type, description, paid, intervalMs, defaults, upstreams } = source;
  const polling = Object.values(collectors).filter((collector) => collector.source === name);
  return {
    name,
    type,
    description,
    origin,
    paid,
    intervalMs,
    keys: keysOf(Object.values(upstreams), secrets),
    upstreams: Object.entries(upstreams).map(([upstream, profile]) => ({
      ...profile,
      name: upstream,
      endpoints: Object.keys(profile.weights),
    })),
    // A schema is JSON but for what the library marks it with.
    options: JSON.parse(JSON.stringify(source.options)) as JsonObject,
    defaults,
    collectors: polling.map((collector) => collector.name),
  };
}

function keysOf(profiles: readonly ProviderProfile[], secrets: Secrets): CollectorType['keys'] {
  const required = new Set(profiles.flatMap(({ keys = [] }) => keys));
  const optional = profiles.flatMap(({ optionalKeys = [] }) => optionalKeys);
  return [...new Set([...required, ...optional])].map((variable) => ({
    variable,
    isSet: secrets.get(variable) !== undefined,
    required: required.has(variable),
  }));
}
