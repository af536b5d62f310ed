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
  const page = newPage(limits);
  for (const family of families) for (const _turn of page.add(family));
  const { pieces, ...rest } = page.end();
  return { text: Buffer.concat(pieces).toString('utf8'), ...rest };
}

/** A page in the making; one after another, never two at once. */
export type Page = {
  /** Writes a family; what is told of one name later joins it. Yields where others may have a turn. */
  readonly add: (family: MetricFamily) => Generator<undefined, void, undefined>;
  readonly end: () => Omit<Exposition, 'text'> & { readonly pieces: readonly Buffer[] };
};

type Written = { readonly first: MetricFamily; readonly pieces: Buffer[] };

export function newPage(limits: PageLimits): Page {
  const written = new Map<string, Written>();
  const problems: string[] = [];
  const refuse = (problem: string): void => {
    if (problems.length < PROBLEMS_MAX) problems.push(problem);
  };
  pages += 1;
  const page = pages;
  let series = 0;
  /** The sample's line, or nothing when it must be left out. */
  const lineOf = (first: MetricFamily, sample: Sample): string => {
    const text = textOf(first.name, sample);
    const twice = text.page === page ? 'told twice' : undefined;
    const problem = sampleProblem(first, sample) ?? text.problem ?? twice;
    if (problem !== undefined) {
      refuse(`${text.series}: ${problem}`);
      return '';
    }
    text.page = page;
    series += 1;
    return series <= limits.seriesMax ? `${text.line}\n` : '';
  };
  return {
    *add(family) {
      const { name, type, help, samples } = family;
      const before = written.get(name);
      const problem = familyProblem(family, limits.taken, before?.first);
      if (problem !== undefined) {
        refuse(`${name}: ${problem}`);
        return;
      }
      const { first, pieces } = before ?? { first: family, pieces: [] };
      written.set(name, { first, pieces });
      let lines =
        before === undefined ? `# HELP ${name} ${escapedHelp(help)}\n# TYPE ${name} ${type}\n` : '';
      for (const [index, sample] of samples.entries()) {
        lines += lineOf(first, sample);
        if (index % PIECE_SERIES !== PIECE_SERIES - 1) continue;
        pieces.push(Buffer.from(lines));
        lines = '';
        yield undefined;
      }
      pieces.push(Buffer.from(lines));
    },
    end() {
      if (series > limits.seriesMax) refuse(`more than ${String(limits.seriesMax)} series`);
      const pieces = [...written.values()].flatMap((each) => each.pieces);
      return { pieces, series: Math.min(series, limits.seriesMax), problems };
    },
  };
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
