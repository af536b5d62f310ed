/** Pieces of a page: headings, and pairs of a word and a value, within the terminal. */
import type { View } from '../session.js';
import { cut, fitted, printable, widthOf, wrapped } from './width.js';

export type Pair = readonly [label: string, value: string];

const INDENT = '  ';
const LABEL_MAX = 24;

export function heading(text: string, { paint, width }: View): string {
  return paint(width === undefined ? text : cut(text, width), 'strong');
}

/** Labels in a column, values beside them; a value that is too long is cut. */
export function pairLines(pairs: readonly Pair[], { paint, width }: View): readonly string[] {
  const widest = Math.min(LABEL_MAX, Math.max(0, ...pairs.map(([label]) => widthOf(label))));
  return pairs.map(([label, value]) => {
    const room = width === undefined ? undefined : width - INDENT.length - widest - 2;
    const shown = room === undefined ? printable(value) : cut(printable(value), Math.max(1, room));
    const text = `${INDENT}${paint(fitted(label, widest, 'left'), 'dim')}  ${shown}`.trimEnd();
    // A terminal too narrow for label and value gets what fits of them, without colours.
    if (width === undefined || width > INDENT.length + widest + 2) return text;
    return cut(`${INDENT}${label}  ${printable(value)}`, width);
  });
}

/** A sentence over as many lines as it needs. */
export function sentenceLines(text: string, { width }: View): readonly string[] {
  const clean = printable(text);
  if (width === undefined || width <= INDENT.length) return [`${INDENT}${clean}`];
  return wrapped(clean, width - INDENT.length).map((line) => `${INDENT}${line}`);
}

/** Lines that stand on their own, indented and cut. */
export function noteLines(texts: readonly string[], { width }: View): readonly string[] {
  return texts.map((text) => {
    const line = `${INDENT}${printable(text)}`;
    return width === undefined ? line : cut(line, width);
  });
}

/** A table under a heading: its lines are indented by as much as the rest. */
export function indented(lines: readonly string[]): readonly string[] {
  return lines.map((line) => `${INDENT}${line}`);
}

/** The same view with the room that is left beside the indent. */
export function inner(view: View): View {
  return view.width === undefined
    ? view
    : { ...view, width: Math.max(1, view.width - INDENT.length) };
}
