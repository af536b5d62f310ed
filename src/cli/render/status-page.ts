/** One collector on a page, which begins with the answer: why is it not fetching, and until when. */
import type { Collector } from '../../gen/headgate/v1/collector.js';
import type { Cursor } from '../../gen/headgate/v1/collector_service.js';
import type { Plain } from '../plain.js';
import type { View } from '../session.js';
import { breakerLines } from './breaker-lines.js';
import { limiterLines } from './limiter-lines.js';
import { stampText, whenText } from './moments.js';
import { money, percent, whole } from './numbers.js';
import { heading, indented, inner, noteLines, pairLines, sentenceLines } from './page.js';
import type { Pair } from './page.js';
import { toneOf } from './paint.js';
import { tableLines } from './table.js';
import type { Column } from './table.js';
import { cut, printable } from './width.js';

type Page = Plain<Collector>;
type Check = Page['recent_health'][number];

export function statusPageLines(
  page: Page,
  cursors: readonly Plain<Cursor>[],
  view: View,
): readonly string[] {
  const { circuit_breaker: breaker, rate_limiter: limiter, recent_health: checks } = page;
  return [
    titleLine(page, view),
    '',
    heading('Why is it not fetching?', view),
    ...sentenceLines(page.why, view),
    ...pairLines(whenPairs(page, view), view),
    '',
    heading('Breaker', view),
    ...(breaker === null ? noteLines(['none'], view) : breakerLines(breaker, view)),
    '',
    heading('Limiter', view),
    ...(limiter === null ? noteLines(['none'], view) : limiterLines(limiter, view)),
    '',
    heading('Cursors', view),
    ...(cursors.length === 0 ? noteLines(['at the beginning'], view) : cursorLines(cursors, view)),
    '',
    heading('Recent checks', view),
    ...(checks.length === 0
      ? noteLines(['none in the last 24 hours'], view)
      : indented(tableLines(checkColumns(view), checks, view.paint, inner(view).width))),
    '',
    heading('Usage', view),
    ...pairLines(usagePairs(page, view), view),
  ];
}

function titleLine({ name, type, status, phase, upstream_mode: mode }: Page, view: View): string {
  const { paint, width } = view;
  const words = [type, status, phase, mode].filter((word) => word !== null && word !== '');
  const text = `${printable(name)}  ${words.join(' · ')}`;
  const shown = width === undefined ? text : cut(text, width);
  return paint(shown, toneOf(status ?? '') === 'plain' ? 'strong' : toneOf(status ?? ''));
}

/** What changes it by itself, and when data came last. */
function whenPairs(page: Page, view: View): readonly Pair[] {
  const when = (text: string | null, none: string): string =>
    text === null ? none : whenText(Date.parse(text), view.now, view.zone);
  const { desired, suspended } = page;
  return [
    ['changes', when(page.why_changes_at, 'not by itself')],
    ['next run', when(page.next_run_time, 'none is due')],
    ['last data', when(page.last_new_data_time, 'never')],
    ...(desired === null || desired.enabled
      ? []
      : [['disabled by', `${desired.actor}${desired.reason && ` (${desired.reason})`}`] as const]),
    ...(suspended === null
      ? []
      : [
          [
            'suspended',
            `${suspended.cause}${suspended.detail && `: ${suspended.detail}`}`,
          ] as const,
        ]),
    ...(page.etag === '' ? [] : [['etag', page.etag] as const]),
  ];
}

export function cursorLines(cursors: readonly Plain<Cursor>[], view: View): readonly string[] {
  const { paint, now, zone } = view;
  const columns: readonly Column<Plain<Cursor>>[] = [
    { title: 'SERIES', cell: ({ series }) => ({ text: series === '' ? '(only one)' : series }) },
    { title: 'PAGE', align: 'right', drop: 2, cell: (each) => ({ text: whole(each.ordinal) }) },
    {
      title: 'NEWEST',
      drop: 1,
      cell: ({ newest_at: at }) => ({
        text: at === null ? '-' : whenText(Date.parse(at), now, zone),
      }),
    },
    { title: 'CURSOR', min: 16, cell: ({ cursor }) => ({ text: cursor }) },
  ];
  return indented(tableLines(columns, cursors, paint, inner(view).width));
}

function checkColumns(view: View): readonly Column<Check>[] {
  return [
    {
      title: 'TIME',
      cell: ({ timestamp: at }) => ({ text: at === null ? '-' : stampText(Date.parse(at), view) }),
    },
    {
      title: 'STATUS',
      cell: ({ status }) => ({ text: status ?? '-', tone: toneOf(status ?? '') }),
    },
    { title: 'NEW', align: 'right', drop: 2, cell: (each) => ({ text: whole(each.new_records) }) },
    {
      title: 'TOOK',
      align: 'right',
      drop: 1,
      cell: ({ duration_ms: ms }) => ({ text: ms === null ? '-' : `${whole(Math.round(ms))} ms` }),
    },
    { title: 'OUTCOME', min: 12, cell: (each) => ({ text: outcomeText(each) }) },
  ];
}

function outcomeText({ outcome, message }: Check): string {
  const word = outcome ?? '-';
  return message === '' ? word : `${word}: ${message}`;
}

/** Some providers' units are named in the plural already. */
function plural(unit: string): string {
  return unit.endsWith('s') ? unit : `${unit}s`;
}

function usagePairs({ usage, runs, records, health_summary: checks }: Page, view: View) {
  const pairs: Pair[] = [];
  if (usage !== null) {
    const quota = usage.monthly_quota ?? usage.daily_quota;
    const per = usage.monthly_quota === null ? 'day' : 'month';
    const unit = usage.unit === '' ? 'units' : plural(usage.unit);
    pairs.push([
      'calls',
      `${whole(usage.calls_today)} today, ${whole(usage.api_calls)} this period`,
    ]);
    pairs.push(['units', `${whole(usage.units)} ${unit}${quotaText(usage, quota, per)}`]);
    if (usage.estimated_cost !== null) {
      pairs.push(['money', money(usage.estimated_cost, usage.currency)]);
    }
    const end = usage.period?.end ?? null;
    if (end !== null) pairs.push(['period ends', whenText(Date.parse(end), view.now, view.zone)]);
  }
  if (runs !== null) {
    const { started, succeeded, failed, blocked } = runs;
    const told = `${whole(succeeded)} well, ${whole(failed)} failed, ${whole(blocked)} blocked`;
    pairs.push(['runs', `${whole(started)}: ${told}`]);
  }
  if (records !== null) {
    pairs.push(['records', `${whole(records.added)} new of ${whole(records.collected)}`]);
  }
  if (checks !== null) {
    const { total_checks: total, healthy, degraded, failed } = checks;
    const told = `${whole(healthy)} well, ${whole(degraded)} degraded, ${whole(failed)} failed`;
    pairs.push(['checks', `${whole(total)} in 24 h: ${told}`]);
  }
  return pairs;
}

function quotaText(
  { quota_remaining: left }: NonNullable<Page['usage']>,
  quota: number | null,
  per: string,
): string {
  if (quota === null || left === null) return '';
  const share = quota > 0 ? ` (${percent(left / quota)})` : '';
  return ` of ${whole(quota)} a ${per}, ${whole(left)} left${share}`;
}
