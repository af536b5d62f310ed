/** What the transport counts, as metric families. */
import type { MetricFamily, MetricSource } from '../kernel/observe.js';

/** Plain numbers of one origin. Labels are bounded: origins come from configuration. */
export type OriginStats = {
  readonly origin: string;
  /** Since the start. */
  readonly socketsOpened: number;
  /** Now. */
  readonly socketsOpen: number;
  readonly inFlight: number;
  /** Decoded, since the start. */
  readonly bodyBytes: number;
};

export function httpMetrics(stats: () => readonly OriginStats[]): MetricSource {
  return () => {
    const now = stats();
    const family = (
      name: string,
      type: 'counter' | 'gauge',
      help: string,
      value: (of: OriginStats) => number,
    ): MetricFamily => ({
      name,
      help,
      type,
      samples: summed(now, value),
    });
    return [
      family(
        'headgate_upstream_sockets_opened_total',
        'counter',
        'Connections opened to an upstream since the start.',
        (of) => of.socketsOpened,
      ),
      family(
        'headgate_upstream_sockets_open',
        'gauge',
        'Connections open to an upstream now.',
        (of) => of.socketsOpen,
      ),
      family(
        'headgate_upstream_requests_in_flight',
        'gauge',
        'Requests handed to the transport and not ended.',
        (of) => of.inFlight,
      ),
      family(
        'headgate_upstream_body_bytes_total',
        'counter',
        'Decoded bytes of bodies read from an upstream.',
        (of) => of.bodyBytes,
      ),
    ];
  };
}

/** An origin may have two pools (with and without loopback): one series each all the same. */
function summed(
  stats: readonly OriginStats[],
  value: (of: OriginStats) => number,
): MetricFamily['samples'] {
  const sums = new Map<string, number>();
  for (const of of stats) sums.set(of.origin, (sums.get(of.origin) ?? 0) + value(of));
  return [...sums].map(([origin, sum]) => ({ labels: { origin }, value: sum }));
}
