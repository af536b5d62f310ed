/** The configuration of the process: the table's values as one typed tree, and the rules between them. */
import { camel } from './option.js';
import type { ConfigOf, OptionSpec } from './option.js';
import { OPTIONS } from './options.js';
import type { ConfigProblem } from './problem.js';
import { isLoopback } from './url.js';

export type ProcessConfig = ConfigOf<(typeof OPTIONS)[number]>;

/** `given`: values of the right types by key; whatever is missing gets its default. */
export function processConfig(given: ReadonlyMap<string, unknown>): ProcessConfig {
  const value = (spec: OptionSpec): unknown => given.get(spec.key) ?? spec.default;
  const tree: Record<string, unknown> = {};
  for (const spec of OPTIONS) {
    const [group = '', member] = spec.key.split('.');
    if (member === undefined) {
      tree[camel(group)] = value(spec);
    } else {
      const members = (tree[camel(group)] ?? {}) as Record<string, unknown>;
      members[camel(member)] = value(spec);
      tree[camel(group)] = members;
    }
  }
  // The table's rows make both this tree and its type; a test walks both.
  const raw = tree as unknown as ProcessConfig;
  const inData = (file: string): string => `${raw.data.dir.replace(/\/+$/, '')}/${file}`;
  const text = (key: string): string | undefined => given.get(key) as string | undefined;
  const journalUrl = text('journal.url') ?? `sqlite:${inData('journal.db')}`;
  return {
    ...raw,
    journal: { ...raw.journal, url: journalUrl },
    records: { ...raw.records, path: text('records.path') ?? inData('records.db') },
    readstore: { ...raw.readstore, path: text('readstore.path') ?? inData('views.db') },
  };
}

/** What `journal.url` says. */
export type JournalTarget =
  { readonly kind: 'memory' } | { readonly kind: 'sqlite'; readonly path: string };

export function journalTarget(url: string): JournalTarget {
  return url === 'memory:'
    ? { kind: 'memory' }
    : { kind: 'sqlite', path: url.slice('sqlite:'.length) };
}

/** What no single option can break. */
export function processProblems(config: ProcessConfig): readonly ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  const wrong = (option: string, rule: string, value: unknown): void => {
    problems.push({ option, from: '', rule, value: String(value) });
  };
  if (!isLoopback(config.rest.host) && !config.rest.insecure) {
    const rule =
      'must be a loopback address, or rest.insecure must be true: nobody is asked who they are';
    wrong('rest.host', rule, config.rest.host);
  }
  const ports = [config.rest.port, config.metrics.port, config.sandbox.port];
  if (config.metrics.port !== 0 && config.metrics.port === config.rest.port) {
    wrong('metrics.port', 'must differ from rest.port', config.metrics.port);
  }
  if (config.sandbox.port !== 0 && ports.indexOf(config.sandbox.port) < 2) {
    wrong('sandbox.port', 'must differ from rest.port and metrics.port', config.sandbox.port);
  }
  if (config.retry.capMs < config.retry.baseMs) {
    wrong('retry.cap_ms', 'must be at least retry.base_ms', config.retry.capMs);
  }
  const journal = journalTarget(config.journal.url);
  const paths = journal.kind === 'sqlite' ? [journal.path] : [];
  for (const [option, path] of [
    ['records.path', config.records.path],
    ['readstore.path', config.readstore.path],
  ] as const) {
    if (paths.includes(path)) wrong(option, 'must be a file of its own', path);
    paths.push(path);
  }
  return problems;
}
