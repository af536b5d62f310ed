/** What the projections tell about themselves. */
import type { MetricFamily } from '../kernel/observe.js';
import type { EpochMs } from '../kernel/types.js';
import type { Room } from './room.js';

/** Labels: the projection's name only. */
export function projectionMetrics(room: Room, now: EpochMs): readonly MetricFamily[] {
  const { head, lastRecordedAt, failures } = room.feed();
  const perProjection = (value: (of: ReturnType<Room['all']>[number]) => number) =>
    room.all().map((each) => ({
      labels: { projection: each.projection.name },
      value: value(each),
    }));
  const behind = (position: number): number => Math.max(0, head - position);
  const lagSeconds = (position: number): number =>
    behind(position) === 0 || lastRecordedAt === undefined
      ? 0
      : Math.max(0, (now - lastRecordedAt) / 1000);
  return [
    {
      name: 'headgate_projection_lag_events',
      help: 'Journal positions that a read model has not shown yet.',
      type: 'gauge',
      samples: perProjection((each) => behind(each.position())),
    },
    {
      name: 'headgate_projection_lag_seconds',
      help: 'Age of the newest event in a read model that is behind; 0 when it is not.',
      type: 'gauge',
      samples: perProjection((each) => lagSeconds(each.position())),
    },
    {
      name: 'headgate_projection_parked_streams',
      help: 'Streams whose facts wait because one of them could not be handled.',
      type: 'gauge',
      samples: perProjection((each) => each.parked().length),
    },
    {
      name: 'headgate_projection_parked_events',
      help: 'Facts that wait in parked streams.',
      type: 'gauge',
      samples: perProjection((each) => each.parked().reduce((sum, { events }) => sum + events, 0)),
    },
    {
      name: 'headgate_projection_halted',
      help: '1 when a read model stopped for good.',
      type: 'gauge',
      samples: perProjection((each) => (each.halted() === undefined ? 0 : 1)),
    },
    {
      name: 'headgate_projection_rebuilds_total',
      help: 'Read models built beside the serving one and swapped in.',
      type: 'counter',
      samples: [{ labels: {}, value: room.rebuilds() }],
    },
    {
      name: 'headgate_projection_failures_total',
      help: 'Times the projections had to pause: the journal or the read store was not there.',
      type: 'counter',
      samples: [{ labels: {}, value: failures }],
    },
  ];
}
