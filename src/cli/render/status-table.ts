/** All collectors in a table: one line each, and why it is not fetching at its end. */
import type { CollectorSummary } from '../../gen/headgate/v1/collector.js';
import type { EpochMs } from '../../kernel/types.js';
import type { Plain } from '../plain.js';
import type { View } from '../session.js';
import { lengthText, momentText, relativeText } from './moments.js';
import { compact, counted } from './numbers.js';
import { toneOf } from './paint.js';
import { tableLines } from './table.js';
import type { Cell, Column } from './table.js';
import { cut, printable } from './width.js';

export type Line = Plain<CollectorSummary>;

/** A sentence says little in less. */
const WHY_MIN = 30;

export function statusLines(lines: readonly Line[], view: View): readonly string[] {
  if (lines.length === 0) return ['no collector matches'];
  return tableLines(columns(view), lines, view.paint, view.width);
}

/** How many are how: the last line of the table. */
export function summaryLine(lines: readonly Line[], { paint, width }: View): string {
  const counts = new Map<string, number>();
  for (const { status } of lines) {
    const word = status ?? 'unknown';
    counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  const told = [...counts].map(([word, count]) => `${String(count)} ${word}`);
  const text = `${counted(lines.length, 'collector')}: ${told.join(', ')}`;
  return paint(width === undefined ? text : cut(text, width), 'dim');
}

function columns({ now }: View): readonly Column<Line>[] {
  return [
    { title: 'NAME', cell: ({ name }) => ({ text: name, tone: 'strong' }) },
    { title: 'STATUS', cell: ({ status }) => word(status) },
    { title: 'PHASE', drop: 4, cell: ({ phase }) => ({ text: phase ?? '-' }) },
    { title: 'BREAKER', drop: 1, cell: (line) => word(line.circuit_breaker?.state ?? null) },
    { title: 'RATE/S', align: 'right', drop: 2, cell: (line) => ({ text: rate(line) }) },
    {
      title: 'QUOTA',
      align: 'right',
      drop: 3,
      cell: ({ quota_remaining: left }) => quota(left),
    },
    { title: 'DATA', align: 'right', cell: (line) => age(line, now) },
    { title: 'WHY', min: WHY_MIN, cell: (line) => ({ text: why(line, now) }) },
  ];
}

function word(text: string | null): Cell {
  return { text: text ?? '-', tone: toneOf(text ?? '') };
}

/** In force, of configured where that is another. */
function rate({ rate_limiter: limiter, configured_rate_limit: configured }: Line): string {
  if (limiter === null) return '-';
  const now = compact(limiter.current_rate);
  const wanted = configured === null ? '-' : compact(configured);
  return `${now}/${wanted}`;
}

function quota(left: number | null): Cell {
  if (left === null) return { text: '-' };
  return { text: compact(left), tone: left <= 0 ? 'bad' : 'plain' };
}

function age({ last_new_data_time: last, health_detail: health }: Line, now: EpochMs): Cell {
  if (last === null) return { text: '-' };
  const isOld = health?.stale === true;
  return {
    text: lengthText(now - Date.parse(last)),
    tone: isOld ? 'warn' : 'plain',
  };
}

/** Everybody waits for a next run: beside something else that is not said. */
const WAITS = /^it waits for its next run; (?:its last run )?/;

function why({ why: told, why_changes_at: changes }: Line, now: EpochMs): string {
  const sentence = told.replace(WAITS, '');
  if (changes === null) return sentence;
  const at = Date.parse(changes);
  return at > now ? `${sentence} (${relativeText(at, now)})` : sentence;
}

/** What is worth a line when nobody redraws: everything but what moves by itself all the time. */
export function changeKey(line: Line): string {
  const breaker = line.circuit_breaker?.state ?? '';
  // A sentence may hold figures and moments: those are no news.
  const sentence = line.why.replaceAll(/\d+/g, '#');
  return [line.status, line.phase, breaker, String(line.enabled), sentence].join('\u0000');
}

/** One line per change. */
export function changeLine(line: Line, view: View): string {
  const { now, zone, width } = view;
  const breaker = line.circuit_breaker?.state ?? '-';
  const text = [
    momentText(now, zone),
    line.name,
    line.status ?? '-',
    line.phase ?? '-',
    `breaker ${breaker}`,
    `rate ${rate(line)}`,
    why(line, now),
  ].join('  ');
  const clean = printable(text);
  return width === undefined ? clean : cut(clean, width);
}
