/**
 * Metric families as Prometheus text (format 0.0.4).
 *
 * What would make a scraper refuse the whole page is left out and counted: a bad name, a counter that is
 * not called `_total`, a family told twice with another type, a series told twice.
 */
import type { MetricFamily, Sample } from '../kernel/observe.js';

export type Exposition = {
  readonly text: string;
  readonly series: number;
  /** What was left out, and why: for the log. */
  readonly problems: readonly string[];
};

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const LABEL = /^[a-zA-Z_][a-zA-Z0-9_]*$/;
const HISTOGRAM_SUFFIXES = new Set(['_bucket', '_sum', '_count']);
const PROBLEMS_MAX = 20;

/** `taken` are names of families that somebody else already tells; `seriesMax` bounds the page. */
export function exposition(
  families: readonly MetricFamily[],
  limits: { readonly taken: ReadonlySet<string>; readonly seriesMax: number },
): Exposition {
  const merged = new Map<string, MetricFamily[]>();
  const problems: string[] = [];
  const refuse = (problem: string): void => {
    if (problems.length < PROBLEMS_MAX) problems.push(problem);
  };
  for (const family of families) {
    const problem = familyProblem(family, limits.taken, merged.get(family.name)?.[0]);
    if (problem !== undefined) refuse(`${family.name}: ${problem}`);
    else merged.set(family.name, [...(merged.get(family.name) ?? []), family]);
  }
  const seen = new Set<string>();
  const lines: string[] = [];
  let full = false;
  for (const [name, parts] of merged) {
    const [first] = parts;
    if (first === undefined) continue;
    lines.push(`# HELP ${name} ${escapedHelp(first.help)}`, `# TYPE ${name} ${first.type}`);
    for (const sample of parts.flatMap(({ samples }) => samples)) {
      const series = seriesOf(name, sample);
      const problem = sampleProblem(first, sample) ?? (seen.has(series) ? 'told twice' : undefined);
      if (problem !== undefined) refuse(`${series}: ${problem}`);
      else if (seen.size >= limits.seriesMax) full = true;
      else {
        seen.add(series);
        lines.push(`${series} ${numberText(sample.value)}`);
      }
    }
  }
  if (full) refuse(`more than ${String(limits.seriesMax)} series`);
  return { text: lines.length === 0 ? '' : `${lines.join('\n')}\n`, series: seen.size, problems };
}

function familyProblem(
  family: MetricFamily,
  taken: ReadonlySet<string>,
  before: MetricFamily | undefined,
): string | undefined {
  if (!NAME.test(family.name)) return 'is no metric name';
  if (taken.has(family.name)) return 'is told by the process metrics';
  if (family.type === 'counter' && !family.name.endsWith('_total')) {
    return 'is a counter and must end in _total';
  }
  if (family.type !== 'counter' && family.name.endsWith('_total')) {
    return 'ends in _total and must be a counter';
  }
  return before !== undefined && before.type !== family.type
    ? `is also a ${before.type}`
    : undefined;
}

function sampleProblem(family: MetricFamily, sample: Sample): string | undefined {
  const suffix = sample.suffix ?? '';
  const isFitting = family.type === 'histogram' ? HISTOGRAM_SUFFIXES.has(suffix) : suffix === '';
  if (!isFitting) return `a ${family.type} has no ${suffix === '' ? 'bare' : suffix} sample`;
  const names = Object.keys(sample.labels);
  const bad = names.find((name) => !LABEL.test(name) || name.startsWith('__'));
  if (bad !== undefined) return `${JSON.stringify(bad)} is no label name`;
  if (suffix === '_bucket' && !names.includes('le')) return 'a bucket without le';
  return family.type === 'counter' && sample.value < 0 ? 'a counter below zero' : undefined;
}

function seriesOf(name: string, sample: Sample): string {
  const labels = Object.keys(sample.labels)
    .sort()
    .map((label) => `${label}="${escapedLabel(sample.labels[label] ?? '')}"`);
  const set = labels.length === 0 ? '' : `{${labels.join(',')}}`;
  return `${name}${sample.suffix ?? ''}${set}`;
}

function escapedHelp(help: string): string {
  return help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
}

function escapedLabel(value: string): string {
  return escapedHelp(value).replaceAll('"', '\\"');
}

function numberText(value: number): string {
  if (value === Infinity) return '+Inf';
  return value === -Infinity ? '-Inf' : String(value);
}
