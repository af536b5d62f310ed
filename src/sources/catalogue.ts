/** Every source there is: adding one is one file and one line here. */
import { historical } from './historical.js';
import { moralis } from './moralis.js';
import type { SourceDefinition } from './port.js';

export const sourceCatalogue: readonly SourceDefinition[] = [historical, moralis];

/** The source of this name; undefined: there is none. */
export function sourceNamed(name: string): SourceDefinition | undefined {
  return sourceCatalogue.find((source) => source.name === name);
}

/** What configuration needs to know of each source. */
export function configCatalogue(
  sources: readonly SourceDefinition[] = sourceCatalogue,
): readonly (SourceDefinition & { readonly keyVariables: readonly string[] })[] {
  return sources.map((source) => ({ ...source, keyVariables: keyVariablesOf(source) }));
}

/** Variables of all its secrets, those of its primary upstream first. */
export function keyVariablesOf(source: SourceDefinition): readonly string[] {
  const profiles = Object.values(source.upstreams);
  const all = profiles.flatMap(({ keys = [], optionalKeys = [] }) => [...keys, ...optionalKeys]);
  return [...new Set(all)];
}
