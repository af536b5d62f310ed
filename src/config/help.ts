/** The table of options as text: for --help and for docs/configuration.md. */
import { ruleOf, variableOf } from './option.js';
import type { OptionSpec } from './option.js';
import { COLLECTOR_OPTIONS } from './options-collector.js';
import { OPTIONS } from './options.js';

/** One option as it is shown. */
export type OptionRow = {
  readonly key: string;
  /** The variable; with a well-known one beside it, both. */
  readonly variables: readonly string[];
  readonly flag: string | undefined;
  readonly default: string;
  readonly unit: string;
  readonly rule: string;
  readonly meaning: string;
};

/** Every option, those of a collector under `collectors.<name>.`. */
export function optionRows(): readonly OptionRow[] {
  const own = COLLECTOR_OPTIONS.map((spec) => ({ ...spec, key: `collectors.<name>.${spec.key}` }));
  return [...OPTIONS, ...own].map(rowOf);
}

function rowOf(spec: OptionSpec): OptionRow {
  const variable = variableOf(spec.key);
  return {
    key: spec.key,
    variables: spec.alias === undefined ? [variable] : [variable, spec.alias],
    flag: spec.flag,
    default: defaultOf(spec),
    unit: spec.unit ?? '',
    rule: ruleOf(spec),
    meaning: spec.meaning,
  };
}

function defaultOf(spec: OptionSpec): string {
  if (spec.default !== undefined) return String(spec.default);
  return spec.derived ?? `none: ${spec.absent ?? ''}`;
}

/** The options that have a switch of their own on the command line. */
export function optionSwitches(): readonly {
  readonly key: string;
  readonly flag: string;
  readonly isBoolean: boolean;
  readonly meaning: string;
  readonly default: string;
}[] {
  const specs: readonly OptionSpec[] = OPTIONS;
  return specs.flatMap((spec) => {
    const { key, flag, meaning, type } = spec;
    if (flag === undefined) return [];
    return [{ key, flag, isBoolean: type === 'boolean', meaning, default: defaultOf(spec) }];
  });
}

/** For `headgate --help`: two lines per option. */
export function optionsHelp(): string {
  const lines = optionRows().map((row) => {
    const flag = row.flag === undefined ? '' : `, ${row.flag}`;
    const unit = row.unit === '' ? '' : ` ${row.unit}`;
    const head = `  ${row.key}  (${row.variables.join(', ')}${flag})`;
    return `${head}\n      ${row.meaning} ${sentence(row.rule)} [${row.default}${unit}]`;
  });
  return ['Options, as key (variable, switch), meaning, rule [default]:', ...lines].join('\n');
}

function sentence(rule: string): string {
  return `${rule.slice(0, 1).toUpperCase()}${rule.slice(1)}.`;
}

/** For docs/configuration.md: one table row per option. */
export function optionsTable(): string {
  const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('<', '&lt;');
  const code = (text: string): string => `\`${text.replaceAll('|', '\\|')}\``;
  const rows = optionRows().map((row) => {
    const given = [...row.variables, ...(row.flag === undefined ? [] : [row.flag])];
    const cells = [
      code(row.key),
      given.map(code).join(' '),
      cell(row.default),
      cell(row.unit),
      `${cell(row.meaning)} ${cell(sentence(row.rule))}`,
    ];
    return `| ${cells.join(' | ')} |`;
  });
  return [
    '| option | given by | default | unit | meaning and rule |',
    '|---|---|---|---|---|',
    ...rows,
  ].join('\n');
}
