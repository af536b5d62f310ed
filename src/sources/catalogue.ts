/** Every source there is: adding one is one file and one line here. */
import { glassnode } from './glassnode.js';
import { historical } from './historical.js';
import { lunarcrush } from './lunarcrush.js';
import { moralis } from './moralis.js';
import type { SourceDefinition } from './port.js';
import { reddit } from './reddit.js';
import { sentiment } from './sentiment.js';
import { stockIndex } from './stock-index.js';
import { twitter } from './twitter.js';

export const sourceCatalogue: readonly SourceDefinition[] = [
  historical,
  moralis,
  glassnode,
  lunarcrush,
  twitter,
  sentiment,
  reddit,
  stockIndex,
];

/** The source of this name; undefined: there is none. */
export function sourceNamed(name: string): SourceDefinition | undefined {
  return sourceCatalogue.find((source) => source.name === name);
}

/** A source, with what configuration needs to know besides. */
export type CatalogueSource = SourceDefinition & {
  readonly keyVariables: readonly string[];
  readonly hasSandbox: boolean;
};

/** What configuration needs to know of each source; `own` are the user's, which the sandbox lacks. */
export function configCatalogue(
  sources: readonly SourceDefinition[] = sourceCatalogue,
  own: readonly SourceDefinition[] = [],
): readonly CatalogueSource[] {
  const entry =
    (hasSandbox: boolean) =>
    (source: SourceDefinition): CatalogueSource => ({
      ...source,
      keyVariables: keyVariablesOf(source),
      hasSandbox,
    });
  return [...sources.map(entry(true)), ...own.map(entry(false))];
}

/** Variables of all its secrets, those of its primary upstream first. */
export function keyVariablesOf(source: SourceDefinition): readonly string[] {
  const profiles = Object.values(source.upstreams);
  const all = profiles.flatMap(({ keys = [], optionalKeys = [] }) => [...keys, ...optionalKeys]);
  return [...new Set(all)];
}
