/** What the journal counts about itself, in plain fields, and how that reads as metrics. */
import type { Histogram, MetricFamily, Sample } from '../kernel/observe.js';
import { histogram, histogramSamples } from '../kernel/observe.js';

export type JournalCounters = {
  /** From hand-in to durable. */
  readonly appendSeconds: Histogram;
  readonly commitSeconds: Histogram;
  readonly groupEvents: Histogram;
  readonly appends: { appended: number; repeat: number; conflict: number; error: number };
  /** Refused before they reached the writer. */
  queueFull: number;
  events: number;
  bytes: number;
  queuedEvents: number;
  queuedBytes: number;
  checkpoints: number;
  /** Checkpoints that could not move everything: a reader held on to an old page. */
  checkpointsStarved: number;
  checkpointsFailed: number;
  walPages: number;
  position: number;
};

const SECONDS = [0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5] as const;
const EVENTS = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512] as const;

export function journalCounters(): JournalCounters {
  return {
    appendSeconds: histogram(SECONDS),
    commitSeconds: histogram(SECONDS),
    groupEvents: histogram(EVENTS),
    appends: { appended: 0, repeat: 0, conflict: 0, error: 0 },
    queueFull: 0,
    events: 0,
    bytes: 0,
    queuedEvents: 0,
    queuedBytes: 0,
    checkpoints: 0,
    checkpointsStarved: 0,
    checkpointsFailed: 0,
    walPages: 0,
    position: 0,
  };
}

export function journalMetrics(counters: JournalCounters): readonly MetricFamily[] {
  const { appends } = counters;
  return [
    timed('append', 'From hand-in of an append until it is durable.', counters.appendSeconds),
    timed('commit', 'One group commit, fsync included.', counters.commitSeconds),
    {
      name: 'headgate_journal_group_events',
      help: 'Events per group commit.',
      type: 'histogram',
      samples: histogramSamples(counters.groupEvents),
    },
    total('appends', 'Appends by what became of them.', [
      ...Object.entries(appends).map(([result, value]) => ({ labels: { result }, value })),
      { labels: { result: 'queue_full' }, value: counters.queueFull },
    ]),
    total('events', 'Events stored.', [plain(counters.events)]),
    total('bytes', 'Bytes of events stored.', [plain(counters.bytes)]),
    gauge('queue_events', 'Events handed in and not yet durable.', counters.queuedEvents),
    gauge('queue_bytes', 'Bytes handed in and not yet durable.', counters.queuedBytes),
    total('checkpoints', 'Checkpoints of the write-ahead log.', [
      { labels: { result: 'moved' }, value: counters.checkpoints - counters.checkpointsStarved },
      { labels: { result: 'starved' }, value: counters.checkpointsStarved },
      { labels: { result: 'failed' }, value: counters.checkpointsFailed },
    ]),
    gauge('wal_pages', 'Pages in the write-ahead log at the last checkpoint.', counters.walPages),
    gauge('position', 'The newest position.', counters.position),
  ];
}

function plain(value: number): Sample {
  return { labels: {}, value };
}

function timed(name: string, help: string, source: Histogram): MetricFamily {
  const samples = histogramSamples(source);
  return { name: `headgate_journal_${name}_seconds`, help, type: 'histogram', samples };
}

function total(name: string, help: string, samples: readonly Sample[]): MetricFamily {
  return { name: `headgate_journal_${name}_total`, help, type: 'counter', samples };
}

function gauge(name: string, help: string, value: number): MetricFamily {
  return { name: `headgate_journal_${name}`, help, type: 'gauge', samples: [plain(value)] };
}
