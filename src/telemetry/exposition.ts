/**
 * Metric families as Prometheus text (format 0.0.4).
 *
 * What would make a scraper refuse the whole page is left out and counted: a bad name, a counter that is
 * not called `_total`, a family told twice with another type, a series told twice.
 */
import type { MetricFamily, Sample } from '../kernel/observe.js';
import { escapedHelp, textOf } from './series-texts.js';

export type Exposition = {
  readonly text: string;
  readonly series: number;
  /** What was left out, and why: for the log. */
  readonly problems: readonly string[];
};

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const HISTOGRAM_SUFFIXES = new Set(['_bucket', '_sum', '_count']);
const PROBLEMS_MAX = 20;

/** Series after which whoever makes a page in pieces may let others have their turn. */
const PIECE_SERIES = 250;

/** Pages made so far: tells what was told in this one. */
let pages = 0;

/** `taken` are names of families that somebody else already tells; `seriesMax` bounds the page. */
export type PageLimits = { readonly taken: ReadonlySet<string>; readonly seriesMax: number };

export function exposition(families: readonly MetricFamily[], limits: PageLimits): Exposition {
  const pieces: string[] = [];
  const steps = expositionInPieces(families, limits);
  for (;;) {
    const step = steps.next();
    if (step.done === true) return { text: pieces.join(''), ...step.value };
    pieces.push(step.value);
  }
}

/** The same page, a piece of text at a time; one page after another, never two at once. */
export function* expositionInPieces(
  families: readonly MetricFamily[],
  limits: PageLimits,
): Generator<string, Omit<Exposition, 'text'>, undefined> {
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
  pages += 1;
  const page = pages;
  let piece = '';
  let looked = 0;
  let series = 0;
  for (const [name, parts] of merged) {
    const [first] = parts;
    if (first === undefined) continue;
    piece += `# HELP ${name} ${escapedHelp(first.help)}\n# TYPE ${name} ${first.type}\n`;
    for (const sample of parts.flatMap(({ samples }) => samples)) {
      looked += 1;
      if (looked % PIECE_SERIES === 0) {
        yield piece;
        piece = '';
      }
      const text = textOf(name, sample);
      const twice = text.page === page ? 'told twice' : undefined;
      const problem = sampleProblem(first, sample) ?? text.problem ?? twice;
      if (problem !== undefined) {
        refuse(`${text.series}: ${problem}`);
        continue;
      }
      text.page = page;
      series += 1;
      if (series <= limits.seriesMax) piece += `${text.line}\n`;
    }
  }
  if (series > limits.seriesMax) refuse(`more than ${String(limits.seriesMax)} series`);
  yield piece;
  return { series: Math.min(series, limits.seriesMax), problems };
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
  return family.type === 'counter' && sample.value < 0 ? 'a counter below zero' : undefined;
}
