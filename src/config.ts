/**
 * The configuration: one table of options (config/options*.ts), read from switches, environment, file
 * and defaults, in this order of precedence. Whatever is wrong is told at once, all of it.
 */
import { readFileSync } from 'node:fs';
import { fail, ok } from './kernel/types.js';
import type { Result } from './kernel/types.js';
import { collectorOf, nameProblem } from './config/collectors.js';
import type { CatalogueEntry, CollectorConfig } from './config/collectors.js';
import { contentOf } from './config/file-content.js';
import { environmentLayer, fileLayer, flagLayer } from './config/layers.js';
import type { KnownKeys, Layer } from './config/layers.js';
import { COLLECTOR_OPTIONS } from './config/options-collector.js';
import { OPTIONS } from './config/options.js';
import type { OptionSpec } from './config/option.js';
import { isPlainObject, parseGiven } from './config/parse.js';
import { processConfig, processProblems } from './config/process.js';
import type { ProcessConfig } from './config/process.js';
import { shown, suggested } from './config/problem.js';
import type { ConfigProblem } from './config/problem.js';
import { loadSecrets } from './config/secrets.js';
import type { Secrets } from './config/secrets.js';

export type { BreakerSettings } from './config/breaker.js';
export type { CatalogueEntry, CollectorConfig } from './config/collectors.js';
export { isLoopback } from './config/url.js';
export { journalTarget } from './config/process.js';
export type { JournalTarget, ProcessConfig } from './config/process.js';
export { problemLine } from './config/problem.js';
export type { ConfigProblem } from './config/problem.js';
export { optionsHelp, optionSwitches } from './config/help.js';
export { sourceModules } from './config/source-modules.js';
export type { SourceModule } from './config/source-modules.js';
export { secretsOf } from './config/secrets.js';
export type { Secrets } from './config/secrets.js';

/** Everything that was decided; holds no secret and may be printed. */
export type Config = ProcessConfig & {
  readonly collectors: Readonly<Record<string, CollectorConfig>>;
};

export type ConfigInput = {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** By dotted key. */
  readonly flags?: Readonly<Record<string, string | undefined>>;
  /** The sources there are; each has a collector of its own name, unless configured otherwise. */
  readonly catalogue: readonly CatalogueEntry[];
  /** By dotted key, below everything that was given: what `headgate demo` would rather have. */
  readonly preset?: Readonly<Record<string, string>>;
  /** In place of the file that `config` names. */
  readonly file?: { readonly name: string; readonly text: string };
  readonly readFile?: (path: string) => string;
  /** What is wrong with the modules that `sources` names: told with the rest. */
  readonly sourceProblems?: readonly ConfigProblem[];
};

export type Loaded = { readonly config: Config; readonly secrets: Secrets };

/** A preset's interval gives way to a cron expression somebody chose, not only to an interval. */
function withoutIntervals(preset: Layer, chosen: readonly Layer[]): Layer {
  const keys = new Set(chosen.flatMap(({ given }) => given.map(({ key }) => key)));
  const isOutdone = (key: string): boolean =>
    key.endsWith('.interval_ms') && keys.has(key.replace(/interval_ms$/, 'cron'));
  return { ...preset, given: preset.given.filter(({ key }) => !isOutdone(key)) };
}

export function loadConfig(input: ConfigInput): Result<Loaded, readonly ConfigProblem[]> {
  const readFile = input.readFile ?? ((path: string): string => readFileSync(path, 'utf8'));
  const problems: ConfigProblem[] = [];
  const { sourceProblems = [] } = input;
  const file = contentOf(input, readFile, problems);
  const names = collectorNames(input.catalogue, file.content, file.name, problems);
  const known = knownKeys(names);
  const given = [
    fileLayer(file.name, file.content, known),
    environmentLayer(withoutSecrets(input), known),
    flagLayer(input.flags ?? {}, known),
  ];
  const preset = withoutIntervals(flagLayer(input.preset ?? {}, known), given);
  const values = merged([preset, ...given], known, problems);
  const process = processConfig(values);
  problems.push(...processProblems(process));
  const catalogue = new Map(input.catalogue.map((entry) => [entry.name, entry]));
  const collectors: Record<string, CollectorConfig> = {};
  for (const name of chosen(names, process.only, problems)) {
    const own = below(`collectors.${name}.`, values);
    const collector = collectorOf(name, own, process, catalogue, problems);
    if (collector !== undefined) collectors[name] = collector;
  }
  const { secrets, problems: secretProblems } = loadSecrets(
    Object.values(collectors).flatMap(({ keyVariables }) => Object.values(keyVariables)),
    input.env,
    readFile,
  );
  problems.push(...secretProblems);
  const told = [...sourceProblems, ...relevant(problems, sourceProblems.length === 0)];
  return told.length > 0 ? fail(told) : ok({ config: { ...process, collectors }, secrets });
}

/** Names that a broken module would have made known are no further problem. */
function relevant(
  problems: readonly ConfigProblem[],
  allLoaded: boolean,
): readonly ConfigProblem[] {
  return problems.flatMap(({ ofUnknownSource, ...problem }) =>
    allLoaded || ofUnknownSource !== true ? [problem] : [],
  );
}

/** `only`: the named ones of all that could exist. */
function chosen(
  names: readonly string[],
  only: string | undefined,
  problems: ConfigProblem[],
): readonly string[] {
  if (only === undefined) return names;
  const wanted = only.split(',').map((name) => name.trim());
  for (const name of wanted) {
    if (names.includes(name)) continue;
    const rule = `must name collectors: ${names.join(', ')}`;
    problems.push({
      option: 'only',
      from: '',
      value: shown(name),
      rule,
      ...suggested(name, names),
      ofUnknownSource: true,
    });
  }
  return names.filter((name) => wanted.includes(name));
}

/** The sources' own names, and those the file adds. */
function collectorNames(
  catalogue: readonly CatalogueEntry[],
  content: Readonly<Record<string, unknown>>,
  from: string,
  problems: ConfigProblem[],
): readonly string[] {
  const names = new Set(catalogue.map(({ name }) => name));
  const inFile = content['collectors'];
  if (!isPlainObject(inFile)) return [...names];
  const sources = [...names];
  for (const [name, settings] of Object.entries(inFile)) {
    const problem = nameProblem(name, from);
    if (problem !== undefined) {
      problems.push(problem);
    } else if (names.has(name) || (isPlainObject(settings) && settings['source'] !== undefined)) {
      names.add(name);
    } else {
      const rule = `is neither a source (${sources.join(', ')}) nor says its source`;
      const hint = suggested(name, sources);
      problems.push({ option: `collectors.${name}`, from, rule, ...hint, ofUnknownSource: true });
    }
  }
  return [...names];
}

function knownKeys(names: readonly string[]): KnownKeys {
  const known = new Map<string, OptionSpec>(OPTIONS.map((spec) => [spec.key, spec]));
  for (const name of names) {
    for (const spec of COLLECTOR_OPTIONS) known.set(`collectors.${name}.${spec.key}`, spec);
  }
  return known;
}

/** A source's key may be called HEADGATE_...; it is no option. */
function withoutSecrets({ env, catalogue }: ConfigInput): ConfigInput['env'] {
  const secret = new Set(
    catalogue.flatMap(({ keyVariables }) => keyVariables.flatMap((key) => [key, `${key}_FILE`])),
  );
  return Object.fromEntries(Object.entries(env).filter(([name]) => !secret.has(name)));
}

/** Later layers win; each value is checked, also one that is overruled. */
function merged(
  layers: readonly Layer[],
  known: KnownKeys,
  problems: ConfigProblem[],
): ReadonlyMap<string, unknown> {
  const values = new Map<string, unknown>();
  for (const layer of layers) {
    problems.push(...layer.problems);
    for (const given of layer.given) {
      const spec = known.get(given.key);
      if (spec === undefined) continue;
      const parsed = parseGiven(spec, given);
      if (parsed.ok) values.set(given.key, parsed.value);
      else problems.push(parsed.error);
    }
  }
  return values;
}

function below(prefix: string, values: ReadonlyMap<string, unknown>): ReadonlyMap<string, unknown> {
  const own = [...values].filter(([key]) => key.startsWith(prefix));
  return new Map(own.map(([key, value]) => [key.slice(prefix.length), value]));
}
