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

export type Labels = Readonly<Record<string, string>>;

export type Sample = {
  /** Appended to the family's name: `_bucket`, `_sum`, `_count`, or nothing. */
  readonly suffix?: string;
  /** Never changed once told. Who tells the same object at each scrape saves writing it anew. */
  readonly labels: Labels;
  readonly value: number;
};

const NO_LABELS: Labels = {};
const longer = new WeakMap<Labels, Map<string, Labels>>();

/** `labels` and one more: the same object for as long as `labels` is kept. Few values per label. */
export function withLabel(labels: Labels, name: string, value: string): Labels {
  const known = longer.get(labels) ?? new Map<string, Labels>();
  if (known.size === 0) longer.set(labels, known);
  const found = known.get(value);
  if (found?.[name] === value) return found;
  const made = { ...labels, [name]: value };
  known.set(value, made);
  return made;
}

/** One Prometheus metric with all its series. Base units; labels with bounded values only. */
export type MetricFamily = {
  readonly name: string;
  readonly help: string;
  readonly type: MetricType;
  readonly samples: readonly Sample[];
};

/** Called at each scrape. Rooms count in plain fields and hand the numbers over here. */
export type MetricSource = () => readonly MetricFamily[];

/**
 * A source of many series: a family at a time, and `undefined` wherever its reader may let others have
 * their turn. What it tells is of the moment it is taken. Every `MetricSource` is one.
 */
export type MetricPieces = () => Iterable<MetricFamily | undefined>;

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
  const { bounds, counts } = target;
  target.sum += value;
  target.count += 1;
  for (let index = 0; index < bounds.length; index += 1) {
    if (value > (bounds[index] ?? Infinity)) continue;
    counts[index] = (counts[index] ?? 0) + 1;
    return;
  }
}

type Told = {
  readonly count: number;
  readonly labels: Labels;
  readonly samples: readonly Sample[];
};
const lastTold = new WeakMap<Histogram, Told>();

/** The `_bucket`, `_sum` and `_count` samples of a histogram, cumulative as Prometheus wants them. */
export function histogramSamples(source: Histogram, labels: Labels = NO_LABELS): readonly Sample[] {
  const told = lastTold.get(source);
  // Nothing was observed since: what was told is still so.
  if (told?.count === source.count && told.labels === labels) return told.samples;
  let running = 0;
  const samples: Sample[] = source.bounds.map((bound, index) => {
    running += source.counts[index] ?? 0;
    return bucket(labels, String(bound), running);
  });
  samples.push(
    bucket(labels, '+Inf', source.count),
    { suffix: '_sum', labels, value: source.sum },
    { suffix: '_count', labels, value: source.count },
  );
  lastTold.set(source, { count: source.count, labels, samples });
  return samples;
}

function bucket(labels: Labels, le: string, value: number): Sample {
  return { suffix: '_bucket', labels: withLabel(labels, 'le', le), value };
}
