/** Which modules with sources a user named: read before all else, for they say what there is to configure. */
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { contentOf, type FileInput } from './file-content.js';
import { environmentLayer, fileLayer, flagLayer, type KnownKeys } from './layers.js';
import { variableOf, type OptionSpec } from './option.js';
import { OPTIONS } from './options.js';
import { parseGiven } from './parse.js';

/** A module as it was named, and where it is. */
export type SourceModule = {
  readonly named: string;
  /** Absolute. */
  readonly path: string;
  /** The switch, variable or file that names it. */
  readonly from: string;
};

const KEY = 'sources';
const KNOWN: KnownKeys = new Map(
  OPTIONS.filter(({ key }) => key === KEY).map((spec): [string, OptionSpec] => [KEY, spec]),
);

/** Empty when none is named, or when the option is malformed: `loadConfig` says so. */
export function sourceModules(
  input: FileInput & { readonly readFile?: (path: string) => string },
): readonly SourceModule[] {
  const readFile = input.readFile ?? ((path: string): string => readFileSync(path, 'utf8'));
  const file = contentOf(input, readFile, []);
  const { [variableOf(KEY)]: variable } = input.env;
  const layers = [
    fileLayer(file.name, { [KEY]: file.content[KEY] }, KNOWN),
    environmentLayer({ [variableOf(KEY)]: variable }, KNOWN),
    flagLayer({ [KEY]: input.flags?.[KEY] }, KNOWN),
  ];
  const given = layers.flatMap((layer) => layer.given).at(-1);
  const spec = KNOWN.get(KEY);
  const parsed = given === undefined || spec === undefined ? undefined : parseGiven(spec, given);
  if (given === undefined || parsed?.ok !== true) return [];
  const base = given.textual ? '.' : dirname(file.name);
  const names = parsed.value as readonly string[];
  return names.map((named) => ({ named, path: resolve(base, named), from: given.from }));
}
