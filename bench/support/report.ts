/** What a benchmark tells, and how it is written: for the terminal and for RESULTS.md. */
import { cpus, loadavg, totalmem } from 'node:os';

export type Table = {
  readonly caption: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly (string | number)[])[];
};

/** A target of performance.md beside what was measured. */
export type Verdict = {
  readonly what: string;
  readonly target: string;
  readonly measured: string;
  readonly met: boolean;
};

export type Report = {
  readonly title: string;
  /** What is compared with what, and what is inside the measured time. */
  readonly lead: string;
  readonly tables: readonly Table[];
  readonly verdicts: readonly Verdict[];
  /** What one must know to read the numbers, and causes of what was missed. */
  readonly notes: readonly string[];
  readonly notMeasured: readonly string[];
};

/** With the circumstances under which it was measured. */
export type Measurement = Report & {
  readonly at: string;
  readonly machine: string;
  readonly load: string;
  readonly arguments: string;
};

/** At most `max` (or, with `least`, at least `min`): the verdict on one number. */
export function atMost(what: string, value: number, max: number, unit: string): Verdict {
  return {
    what,
    target: `≤ ${String(max)}${unit}`,
    measured: `${figure(value)}${unit}`,
    met: value <= max,
  };
}

export function atLeast(what: string, value: number, min: number, unit: string): Verdict {
  return {
    what,
    target: `≥ ${String(min)}${unit}`,
    measured: `${figure(value)}${unit}`,
    met: value >= min,
  };
}

/** Three significant digits below a thousand, whole numbers with separators above. */
export function figure(value: number): string {
  if (!Number.isFinite(value)) return '–';
  if (Math.abs(value) >= 1000) return Math.round(value).toLocaleString('en-US');
  return String(Number(value.toPrecision(3)));
}

export function machineLine(): string {
  const model = cpus()[0]?.model ?? 'unknown processor';
  const memory = Math.round(totalmem() / 2 ** 30);
  return `${model} × ${String(cpus().length)}, ${String(memory)} GiB, Node ${process.version}`;
}

export function loadLine(): string {
  return loadavg()
    .map((value) => value.toFixed(1))
    .join(' ');
}

export function sectionOf(name: string, from: Measurement): string {
  const lines = [
    `## ${name}: ${from.title}`,
    '',
    from.lead,
    '',
    `_${from.at}; ${from.machine}; load average (1, 5, 15 min) before → after: ${from.load}; ${from.arguments}._`,
    '',
  ];
  for (const table of from.tables) lines.push(...tableLines(table), '');
  if (from.verdicts.length > 0) lines.push(...verdictLines(from.verdicts), '');
  for (const note of from.notes) lines.push(`- ${note}`);
  if (from.notes.length > 0) lines.push('');
  if (from.notMeasured.length > 0) lines.push(`Not measured: ${from.notMeasured.join('; ')}.`, '');
  return lines.join('\n');
}

export function verdictLines(verdicts: readonly Verdict[]): readonly string[] {
  return tableLines({
    caption: '',
    columns: ['target', 'asked', 'measured', ''],
    rows: verdicts.map(({ what, target, measured, met }) => [
      what,
      target,
      measured,
      met ? 'met' : '**missed**',
    ]),
  });
}

function tableLines({ caption, columns, rows }: Table): readonly string[] {
  const cells = rows.map((row) => row.map((cell) => cellOf(cell)));
  const widths = columns.map((column, index) =>
    Math.max(3, column.length, ...cells.map((row) => row[index]?.length ?? 0)),
  );
  const line = (row: readonly string[]): string =>
    `| ${widths.map((width, index) => (row[index] ?? '').padEnd(width)).join(' | ')} |`;
  const rule = `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`;
  return [...(caption === '' ? [] : [caption, '']), line(columns), rule, ...cells.map(line)];
}

function cellOf(cell: string | number): string {
  return (typeof cell === 'number' ? figure(cell) : cell).replaceAll('|', '\\|');
}
