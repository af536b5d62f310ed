/** Counts and logs what was asked: one line per request, two metric families, labels from the table only. */
import { histogram, histogramSamples, observe } from '../../kernel/observe.js';
import type { Histogram, Logger, MetricFamily, MetricSource } from '../../kernel/observe.js';
import type { DurationMs } from '../../kernel/types.js';
import { isCommand } from '../operation.js';
import type { AnyOperation } from '../operation.js';

/** An answer that left. `operation` is undefined where none was reached. */
export type Left = {
  readonly operation: AnyOperation | undefined;
  readonly method: string;
  /** Without the query: it may hold what belongs into no log. */
  readonly path: string;
  readonly status: number;
  /** From the whole request to its answer handed over. */
  readonly durationMs: DurationMs;
  readonly requestId: string;
};

export type Traffic = {
  ended(left: Left): void;
  /** A connection whose bytes never became a request. */
  malformed(status: number): void;
  readonly metrics: MetricSource;
};

const BOUNDS_S = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10];
/** Anything else is `other`: a label's values are bounded. */
const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);
const NO_OPERATION = 'none';

type Series = {
  readonly operation: string;
  readonly method: string;
  readonly class: string;
  count: number;
};

/** One gateway's traffic. Series: operations × methods × five classes at most. */
export function traffic(log: Logger): Traffic {
  const counts = new Map<string, Series>();
  const durations = new Map<string, Histogram>();

  const count = (operation: string, asked: string, status: number): void => {
    const method = METHODS.has(asked) ? asked : 'other';
    const hundreds = Math.floor(status / 100);
    const key = `${operation} ${method} ${String(hundreds)}`;
    const series = counts.get(key);
    if (series !== undefined) series.count += 1;
    else counts.set(key, { operation, method, class: `${String(hundreds)}xx`, count: 1 });
  };

  const time = (operation: string, durationMs: number): void => {
    let series = durations.get(operation);
    if (series === undefined) durations.set(operation, (series = histogram(BOUNDS_S)));
    observe(series, durationMs / 1000);
  };

  return {
    ended({ operation: reached, method, path, status, durationMs, requestId }) {
      const operation = reached?.name ?? NO_OPERATION;
      count(operation, method, status);
      time(operation, durationMs);
      const line = { operation, method, path, status, durationMs, requestId };
      if (reached !== undefined && isCommand(reached)) log.info('request', line);
      else log.debug('request', line);
    },
    malformed(status) {
      count(NO_OPERATION, 'other', status);
    },
    metrics: () => [requests(counts), latencies(durations)],
  };
}

function requests(counts: ReadonlyMap<string, Series>): MetricFamily {
  return {
    name: 'headgate_http_requests_total',
    help: 'HTTP requests answered, by operation, method and class of status.',
    type: 'counter',
    samples: [...counts.values()].map(({ count: value, ...labels }) => ({ labels, value })),
  };
}

function latencies(durations: ReadonlyMap<string, Histogram>): MetricFamily {
  return {
    name: 'headgate_http_request_duration_seconds',
    help: 'Time from the whole request to its answer handed over, by operation.',
    type: 'histogram',
    samples: [...durations].flatMap(([operation, each]) => histogramSamples(each, { operation })),
  };
}
