/** What the rooms tell about themselves: log lines and numbers. Telemetry renders both. */

export type LogFields = Readonly<Record<string, unknown>>;

/** Field names end in their unit. Secrets are never passed; the adapter redacts as a second net. */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  child(fields: LogFields): Logger;
}

export const silentLogger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silentLogger,
};

export type MetricType = 'counter' | 'gauge' | 'histogram';

export type Sample = {
  /** Appended to the family's name: `_bucket`, `_sum`, `_count`, or nothing. */
  readonly suffix?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
};

/** One Prometheus metric with all its series. Base units; labels with bounded values only. */
export type MetricFamily = {
  readonly name: string;
  readonly help: string;
  readonly type: MetricType;
  readonly samples: readonly Sample[];
};

/** Called at each scrape. Rooms count in plain fields and hand the numbers over here. */
export type MetricSource = () => readonly MetricFamily[];

/** A histogram as plain numbers: an observation is a loop over a dozen bounds, no allocation. */
export type Histogram = {
  readonly bounds: readonly number[];
  readonly counts: number[];
  sum: number;
  count: number;
};

export function histogram(bounds: readonly number[]): Histogram {
  return { bounds, counts: bounds.map(() => 0), sum: 0, count: 0 };
}

export function observe(target: Histogram, value: number): void {
  target.sum += value;
  target.count += 1;
  const index = target.bounds.findIndex((bound) => value <= bound);
  if (index >= 0) target.counts[index] = (target.counts[index] ?? 0) + 1;
}

/** The `_bucket`, `_sum` and `_count` samples of a histogram, cumulative as Prometheus wants them. */
export function histogramSamples(
  source: Histogram,
  labels: Readonly<Record<string, string>> = {},
): readonly Sample[] {
  let running = 0;
  const buckets = source.bounds.map((bound, index) => {
    running += source.counts[index] ?? 0;
    return { suffix: '_bucket', labels: { ...labels, le: String(bound) }, value: running };
  });
  return [
    ...buckets,
    { suffix: '_bucket', labels: { ...labels, le: '+Inf' }, value: source.count },
    { suffix: '_sum', labels, value: source.sum },
    { suffix: '_count', labels, value: source.count },
  ];
}
