/** A breaker for people: how it stands, who holds it, what it counted; its settings and its history. */
import type { Breaker, BreakerConfig } from '../../gen/headgate/v1/breaker.js';
import type { BreakerTransition, SimulatedBreaker } from '../../gen/headgate/v1/history_service.js';
import { SECOND_MS } from '../../kernel/time.js';
import type { Plain } from '../plain.js';
import type { View } from '../session.js';
import { lengthText, stampText, whenText } from './moments.js';
import { percent, whole } from './numbers.js';
import { indented, inner, pairLines } from './page.js';
import type { Pair } from './page.js';
import { toneOf } from './paint.js';
import { tableLines } from './table.js';
import type { Column } from './table.js';

type Shown = Plain<Breaker>;

export function breakerLines(breaker: Shown, view: View): readonly string[] {
  const { upstreams } = breaker;
  return [
    ...pairLines(breakerPairs(breaker, view), view),
    ...(upstreams.length < 2
      ? []
      : indented(tableLines(upstreamColumns(view), upstreams, view.paint, inner(view).width))),
  ];
}

function breakerPairs(breaker: Shown, view: View): readonly Pair[] {
  const { override, half_open: probing, statistics, retry_at: retry } = breaker;
  const when = (text: string): string => whenText(Date.parse(text), view.now, view.zone);
  const score = percent(breaker.health_score);
  const rule =
    breaker.failure_threshold === 0
      ? `${whole(breaker.failure_count)} failures in a row`
      : `${whole(breaker.failure_count)} failures in a row of ${whole(breaker.failure_threshold)}`;
  return [
    ['state', `${breaker.effective ?? '-'}, ${rule}, window ${score} well`],
    ...(override === null ? [] : [['held', heldText(override, when)] as const]),
    ...(retry === null ? [] : [['probes', when(retry)] as const]),
    ...(probing === null
      ? []
      : [
          [
            'half-open',
            `${whole(probing.successes)} of ${whole(probing.success_threshold)} successes, ` +
              `${whole(probing.attempts)} of ${whole(probing.max_calls)} probes`,
          ] as const,
        ]),
    ...(breaker.last_state_change === null
      ? []
      : [['since', when(breaker.last_state_change)] as const]),
    ...(statistics === null
      ? []
      : [
          [
            'counted',
            `${whole(statistics.total_successes)} well, ${whole(statistics.total_failures)} failed, ` +
              `opened ${whole(statistics.circuit_opens)}x, ` +
              `${lengthText(statistics.time_in_open_state * SECOND_MS)} away from closed`,
          ] as const,
        ]),
  ];
}

function heldText(
  { state, actor, reason, expires_at: until }: NonNullable<Shown['override']>,
  when: (text: string) => string,
): string {
  const why = reason === '' ? '' : ` (${reason})`;
  return `${state ?? '-'} by ${actor}${why}${until === null ? '' : `, until ${when(until)}`}`;
}

type Upstream = Shown['upstreams'][number];

function upstreamColumns({ now, zone }: View): readonly Column<Upstream>[] {
  return [
    { title: 'UPSTREAM', cell: ({ name }) => ({ text: name }) },
    {
      title: 'BREAKER',
      cell: ({ effective }) => ({ text: effective ?? '-', tone: toneOf(effective ?? '') }),
    },
    { title: 'WELL', align: 'right', cell: (each) => ({ text: percent(each.health_score) }) },
    { title: 'SCOPE', drop: 2, cell: ({ scope }) => ({ text: scope ?? '-' }) },
    {
      title: 'WAITS',
      min: 10,
      cell: ({ waiting_for_key: key, retry_at: retry }) => {
        if (key !== null) return { text: `for its key: ${key}`, tone: 'warn' };
        return { text: retry === null ? '' : `until ${whenText(Date.parse(retry), now, zone)}` };
      },
    },
  ];
}

/** The settings of a breaker with their units, in the order of the contract. */
export function configPairs(config: Plain<BreakerConfig>): readonly Pair[] {
  return Object.entries(config).flatMap(([name, value]): readonly Pair[] =>
    value === null ? [] : [[name, String(value)]],
  );
}

type Transition = Plain<BreakerTransition>;

export function transitionLines(transitions: readonly Transition[], view: View): readonly string[] {
  const columns: readonly Column<Transition>[] = [
    {
      title: 'TIME',
      cell: ({ timestamp: at }) => ({
        text: at === null ? '-' : stampText(Date.parse(at), view),
      }),
    },
    { title: 'FROM', cell: ({ from }) => ({ text: from ?? '-', tone: toneOf(from ?? '') }) },
    { title: 'TO', cell: ({ to }) => ({ text: to ?? '-', tone: toneOf(to ?? '') }) },
    { title: 'FAILED', align: 'right', drop: 2, cell: (each) => share(each.failure_rate) },
    { title: 'SLOW', align: 'right', drop: 4, cell: (each) => share(each.slow_rate) },
    { title: 'CALLS', align: 'right', drop: 3, cell: (each) => number(each.calls) },
    { title: 'BY', drop: 1, cell: ({ actor }) => ({ text: actor }) },
    { title: 'WHY', min: 12, cell: ({ trigger }) => ({ text: trigger.replaceAll('_', ' ') }) },
  ];
  if (transitions.length === 0) return ['no transition in this time'];
  return tableLines(columns, transitions, view.paint, view.width);
}

const share = (ratio: number | null) => ({ text: ratio === null ? '-' : percent(ratio) });
const number = (value: number | null) => ({ text: value === null ? '-' : whole(value) });

type Fared = Plain<SimulatedBreaker>;

/** What was beside what would have been. */
export function simulatedLines(
  actual: Fared | null,
  simulated: Fared | null,
  view: View,
): readonly string[] {
  const measures: readonly (readonly [string, (fared: Fared) => string])[] = [
    ['opened', (fared) => whole(fared.circuit_opens)],
    ['recovered', (fared) => whole(fared.successful_recoveries)],
    ['failed probes', (fared) => whole(fared.failed_recoveries)],
    ['away from closed', (fared) => lengthText(fared.time_in_open_state * SECOND_MS)],
    ['calls admitted', (fared) => whole(fared.calls_admitted)],
    ['calls barred', (fared) => whole(fared.calls_barred)],
    ['failures spared', (fared) => whole(fared.failures_spared)],
  ];
  const columns: readonly Column<(typeof measures)[number]>[] = [
    { title: '', cell: ([name]) => ({ text: name, tone: 'dim' }) },
    { title: 'WAS', align: 'right', cell: ([, of]) => ({ text: actual ? of(actual) : '-' }) },
    {
      title: 'WOULD BE',
      align: 'right',
      cell: ([, of]) => ({ text: simulated ? of(simulated) : '-', tone: 'strong' }),
    },
  ];
  return tableLines(columns, measures, view.paint, view.width);
}
