/**
 * What series look like in a page, kept from scrape to scrape: most of a page is what it was.
 *
 * 1. A series has one text, whoever tells it and by whichever labels object: two who tell the same one
 *    in one page meet in it.
 * 2. What is kept is bounded: beyond `TEXTS_MAX` all of it is forgotten and written anew.
 */
import type { Labels, Sample } from '../kernel/observe.js';

export type SeriesText = {
  /** Name and labels. */
  readonly series: string;
  /** What is wrong with its labels. */
  readonly problem: string | undefined;
  /** Name, labels and `value`. */
  line: string;
  value: number;
  /** The page that told it last. */
  page: number;
};

/** Twice what a page may hold. */
const TEXTS_MAX = 200_000;
const LABEL = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

type BySuffix = Map<string, SeriesText>;

let bySeries = new Map<string, SeriesText>();
/** By the labels object, then by name and suffix: for as long as somebody keeps the labels. */
let byLabels = new WeakMap<Labels, Map<string, BySuffix>>();

/** The text of a sample's series; its line is written for the sample's value. */
export function textOf(name: string, sample: Sample): SeriesText {
  const { labels, suffix = '', value } = sample;
  const byName = byLabels.get(labels) ?? new Map<string, BySuffix>();
  if (byName.size === 0) byLabels.set(labels, byName);
  const bySuffix = byName.get(name) ?? new Map<string, SeriesText>();
  if (bySuffix.size === 0) byName.set(name, bySuffix);
  let text = bySuffix.get(suffix);
  if (text === undefined) {
    text = newText(name, suffix, labels);
    bySuffix.set(suffix, text);
  }
  if (text.value !== value) {
    text.value = value;
    text.line = `${text.series} ${numberText(value)}`;
  }
  return text;
}

function newText(name: string, suffix: string, labels: Labels): SeriesText {
  const series = seriesOf(name + suffix, labels);
  const known = bySeries.get(series);
  if (known !== undefined) return known;
  if (bySeries.size >= TEXTS_MAX) {
    bySeries = new Map();
    byLabels = new WeakMap();
  }
  const problem = labelProblem(suffix, labels);
  const made = { series, problem, line: `${series} NaN`, value: Number.NaN, page: 0 };
  bySeries.set(series, made);
  return made;
}

function labelProblem(suffix: string, labels: Labels): string | undefined {
  const names = Object.keys(labels);
  const bad = names.find((name) => !LABEL.test(name) || name.startsWith('__'));
  if (bad !== undefined) return `${JSON.stringify(bad)} is no label name`;
  return suffix === '_bucket' && !names.includes('le') ? 'a bucket without le' : undefined;
}

function seriesOf(name: string, labels: Labels): string {
  const pairs = Object.keys(labels)
    .sort()
    .map((label) => `${label}="${escapedLabel(labels[label] ?? '')}"`);
  return pairs.length === 0 ? name : `${name}{${pairs.join(',')}}`;
}

function escapedLabel(value: string): string {
  return escapedHelp(value).replaceAll('"', '\\"');
}

export function escapedHelp(help: string): string {
  return help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
}

function numberText(value: number): string {
  if (value === Infinity) return '+Inf';
  return value === -Infinity ? '-Inf' : String(value);
}
