/** Facts, records and the audit for people: a line each. */
import type { Event } from '../../gen/headgate/v1/event.js';
import type { AuditEntry } from '../../gen/headgate/v1/history_service.js';
import type { Record as Collected } from '../../gen/headgate/v1/record_service.js';
import { saidOf } from '../narrate.js';
import type { Plain } from '../plain.js';
import type { View } from '../session.js';
import { contentText } from './content.js';
import { stampText } from './moments.js';
import { toneOf } from './paint.js';
import { tableLines } from './table.js';
import type { Column } from './table.js';
import { cut, printable } from './width.js';

/** Position, moment, stream and fact; what it says, or its content; who did it, unless nobody did. */
export function factLine(event: Plain<Event>, view: View): string {
  const { position, stream, revision, type, data, metadata } = event;
  const told = saidOf(type, data ?? {});
  const said = told ?? contentText(data);
  const isNarrow = view.width !== undefined && view.width < WIDE;
  const where = isNarrow ? stream : `${stream}@${String(revision)}`;
  // What it says is worth more than its name, where there is room for one of them.
  const what = isNarrow && told !== undefined ? said : `${type}  ${said}`;
  const rest = `${where}  ${what}${byText(metadata, said)}`;
  return placed(position, metadata?.recorded_at ?? null, rest, view);
}

/** Cells of a line that has room for everything. */
const WIDE = 100;
/** Of a series, which may be an address or a query: the content is what one looks for. */
const SERIES_MAX = 24;

function byText(metadata: Plain<Event>['metadata'], said: string): string {
  const { actor = '', reason = '' } = metadata ?? {};
  if (actor === '' || actor === 'system') return '';
  const why = reason === '' || said.includes(reason) ? '' : ` (${reason})`;
  return `  by ${actor}${why}`;
}

/** Sequence, moment, kind, series and content. */
export function recordLine(record: Plain<Collected>, view: View): string {
  const { sequence, at, kind, series, data } = record;
  const name = printable(series);
  const shown = view.width === undefined || view.width >= WIDE ? name : cut(name, SERIES_MAX);
  return placed(sequence, at, `${kind}  ${shown}  ${JSON.stringify(data ?? {})}`, view);
}

/** Where and when, then the rest as far as it fits. */
function placed(index: number, at: string | null, rest: string, view: View): string {
  const { paint, width } = view;
  const moment = at === null ? '-' : stampText(Date.parse(at), view);
  const place = `${String(index).padStart(width === undefined ? 8 : 6)}  ${moment}`;
  if (width === undefined) return `${paint(place, 'dim')}  ${printable(rest)}`.trimEnd();
  if (width <= place.length) return cut(place, width);
  const shown = cut(printable(rest), Math.max(0, width - place.length - 2));
  return `${paint(place, 'dim')}  ${shown}`.trimEnd();
}

type Entry = Plain<AuditEntry>;

export function auditLines(entries: readonly Entry[], view: View): readonly string[] {
  if (entries.length === 0) return ['nothing matches'];
  const columns: readonly Column<Entry>[] = [
    {
      title: 'TIME',
      cell: ({ timestamp: at }) => ({
        text: at === null ? '-' : stampText(Date.parse(at), view),
      }),
    },
    { title: 'ACTOR', cell: ({ actor }) => ({ text: actor }) },
    { title: 'BY', drop: 2, cell: (each) => ({ text: each.interface ?? '-' }) },
    { title: 'FROM', drop: 3, cell: ({ address }) => ({ text: address === '' ? '-' : address }) },
    { title: 'OPERATION', cell: ({ operation }) => ({ text: operation }) },
    { title: 'TARGET', drop: 1, cell: ({ target }) => ({ text: target === '' ? '-' : target }) },
    {
      title: 'OUTCOME',
      cell: ({ outcome }) => ({ text: outcome ?? '-', tone: toneOf(outcome ?? '') }),
    },
    { title: 'WHY', min: 12, cell: (each) => ({ text: whyText(each) }) },
  ];
  return tableLines(columns, entries, view.paint, view.width);
}

function whyText({ code, reason, count }: Entry): string {
  const times = count > 1 ? `${String(count)} times` : '';
  return [code, reason, times].filter((text) => text !== '').join('; ');
}
