/** Every source there is: adding one is one file and one line here. */
import { historical } from './historical.js';
import { moralis } from './moralis.js';
import type { SourceDefinition } from './port.js';

export const sourceCatalogue: readonly SourceDefinition[] = [historical, moralis];

/** The source of this name; undefined: there is none. */
export function sourceNamed(name: string): SourceDefinition | undefined {
  return sourceCatalogue.find((source) => source.name === name);
}
