/**
 * Tables that fit: a line is never wider than the terminal, so that it never wraps.
 *
 * T1 No line is wider than the given cells.
 * T2 What takes part in the answer gives way last: columns go by their `drop`, the highest first, before
 *    the column that takes what is left gets less than its `min`; then the others shrink.
 */
import type { Paint, Tone } from './paint.js';
import { fitted, printable, widthOf } from './width.js';

export type Cell = { readonly text: string; readonly tone?: Tone };

export type Column<Row> = {
  readonly title: string;
  readonly align?: 'left' | 'right';
  readonly cell: (row: Row) => Cell;
  /** Narrow terminals do without it, the highest first; absent: it stays. */
  readonly drop?: number;
  /** It takes what the others leave, and wants at least so many cells. One column has it: the last. */
  readonly min?: number;
};

type Laid<Row> = { readonly column: Column<Row>; readonly cells: readonly Cell[]; width: number };

const GAP = 2;
/** A column narrower than this says nothing any more. */
const WIDTH_MIN = 3;

/** Lines of a table. `width`: cells of the terminal; absent: as wide as it gets. */
export function tableLines<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  paint: Paint,
  width?: number,
): readonly string[] {
  const laid = columns.map((column): Laid<Row> => {
    const cells = rows.map((row) => {
      const cell = column.cell(row);
      return { ...cell, text: printable(cell.text) };
    });
    const widest = Math.max(widthOf(column.title), ...cells.map(({ text }) => widthOf(text)));
    return { column, cells, width: widest };
  });
  const shown = width === undefined ? laid : fit(laid, width);
  const title = ({ column }: Laid<Row>): Cell => ({ text: column.title, tone: 'dim' });
  return [
    line(shown, title, paint),
    ...rows.map((_row, index) => line(shown, ({ cells }) => cells[index] ?? { text: '' }, paint)),
  ];
}

function total<Row>(laid: readonly Laid<Row>[]): number {
  return laid.reduce((sum, { width }) => sum + width, GAP * Math.max(0, laid.length - 1));
}

/** What the last column must have: its least, or less when it needs less. */
function needed<Row>(laid: readonly Laid<Row>[]): number {
  const last = laid.at(-1);
  if (last?.column.min === undefined) return total(laid);
  return total(laid) - last.width + Math.min(last.width, last.column.min);
}

/** T2. */
function fit<Row>(laid: readonly Laid<Row>[], width: number): readonly Laid<Row>[] {
  let shown = laid;
  while (needed(shown) > width) {
    const drops = shown.map(({ column }) => column.drop ?? 0);
    const highest = Math.max(...drops);
    if (highest === 0) break;
    const gone = drops.indexOf(highest);
    shown = shown.filter((_each, index) => index !== gone);
  }
  return shrunk(shown, width);
}

/** The last gives what it can down to its least, then the widest of all, then from the right. T1 */
function shrunk<Row>(laid: readonly Laid<Row>[], width: number): readonly Laid<Row>[] {
  const shown = laid.map((each) => ({ ...each }));
  const last = shown.at(-1);
  if (last?.column.min !== undefined) {
    const over = Math.max(0, total(shown) - width);
    last.width = Math.max(Math.min(last.width, last.column.min), last.width - over);
  }
  for (let over = total(shown) - width; over > 0; over -= 1) {
    const widest = shown.reduce((most, each) => (each.width > most.width ? each : most));
    if (widest.width <= WIDTH_MIN) break;
    widest.width -= 1;
  }
  while (shown.length > 1 && total(shown) > width) shown.pop();
  const [only] = shown;
  if (only !== undefined && total(shown) > width) only.width = Math.max(0, width);
  return shown;
}

function line<Row>(
  laid: readonly Laid<Row>[],
  cellOf: (each: Laid<Row>) => Cell,
  paint: Paint,
): string {
  const parts = laid.map((each, index) => {
    const { text, tone = 'plain' } = cellOf(each);
    const isLast = index === laid.length - 1;
    const placed = fitted(text, each.width, each.column.align ?? 'left');
    // Nothing is painted but the words, and no line ends in blanks.
    const body = placed.trim();
    const lead = placed.slice(0, placed.length - placed.trimStart().length);
    const tail = isLast ? '' : placed.slice(lead.length + body.length);
    return body === '' ? (isLast ? '' : placed) : `${lead}${paint(body, tone)}${tail}`;
  });
  return parts.join(' '.repeat(GAP)).trimEnd();
}
