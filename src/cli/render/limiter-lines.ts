/** A limiter for people: how fast, what holds it back, what was counted, what each endpoint has left. */
import type { Limiter } from '../../gen/headgate/v1/limiter.js';
import type { Plain } from '../plain.js';
import type { View } from '../session.js';
import { compact, whole } from './numbers.js';
import { whenText } from './moments.js';
import { indented, inner, pairLines } from './page.js';
import type { Pair } from './page.js';
import { tableLines } from './table.js';
import type { Column } from './table.js';

type Endpoint = Plain<Limiter>['endpoint_details'][number];

export function limiterLines(limiter: Plain<Limiter>, view: View): readonly string[] {
  const endpoints = limiter.endpoint_details;
  return [
    ...pairLines(pairs(limiter, view), view),
    ...(endpoints.length === 0
      ? []
      : indented(tableLines(columns(view), endpoints, view.paint, inner(view).width))),
  ];
}

function pairs(limiter: Plain<Limiter>, view: View): readonly Pair[] {
  const { current_rate: now, initial_rate: configured, current_backoff: backoff } = limiter;
  const { statistics, queue, next_permit_at: permit, binding_bucket: bucket } = limiter;
  const when = (text: string): string => whenText(Date.parse(text), view.now, view.zone);
  return [
    ['rate', `${compact(now)}/s of ${compact(configured)}/s${cutText(backoff)}`],
    [
      'back-off',
      `x${compact(limiter.backoff_multiplier)} per cut, at most ${compact(limiter.max_backoff)}`,
    ],
    ...(permit === null
      ? []
      : [['next call', `${when(permit)}${bucket === null ? '' : `, by ${bucket}`}`] as const]),
    ...limiter.blocked.map((each): Pair => [
      'BLOCKED',
      `${each.bucket ?? limiter.scope} (${each.cause}) until ${each.until === null ? '?' : when(each.until)}`,
    ]),
    ['scope', [limiter.scope, ...sharedText(limiter.shared_with)].join('')],
    ...(statistics === null
      ? []
      : [
          [
            'calls',
            `${whole(statistics.total_requests)} sent, ${whole(statistics.total_throttles)} delayed, ` +
              `${whole(statistics.total_429_errors)} told too fast, ${whole(statistics.total_backoffs)} cuts`,
          ] as const,
        ]),
    ...(queue === null ? [] : [['waiting', whole(queue.length)] as const]),
  ];
}

const cutText = (backoff: number): string => (backoff > 1 ? `, cut by ${compact(backoff)}` : '');

const sharedText = (others: readonly string[]): readonly string[] =>
  others.length === 0 ? [] : [`, shared with ${others.join(', ')}`];

function columns({ now, zone }: View): readonly Column<Endpoint>[] {
  const number = (value: number | null): string => (value === null ? '-' : whole(value));
  return [
    { title: 'ENDPOINT', cell: ({ name }) => ({ text: name }) },
    { title: 'CALLS', align: 'right', cell: ({ requests }) => ({ text: whole(requests) }) },
    { title: 'LIMIT', align: 'right', cell: (each) => ({ text: number(each.rate_limit) }) },
    { title: 'LEFT', align: 'right', cell: (each) => ({ text: number(each.remaining) }) },
    {
      title: 'RESETS',
      drop: 1,
      cell: ({ reset_time: reset }) => ({
        text: reset === null ? '-' : whenText(Date.parse(reset), now, zone),
      }),
    },
  ];
}
