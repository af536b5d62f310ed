/** What a record sink tells about itself. */
import type { MetricFamily } from '../kernel/observe.js';
import type { RecordPage, WriteResult } from './port.js';

export type SinkCounters = {
  readonly wrote: (page: RecordPage, result: WriteResult) => void;
  readonly failed: () => void;
  readonly metrics: () => readonly MetricFamily[];
};

type PerCollector = { added: number; changed: number; duplicates: number; bytes: number };

/** Labels: the collector, whose names are configured and few. */
export function sinkCounters(): SinkCounters {
  const byCollector = new Map<string, PerCollector>();
  let failures = 0;
  const samples = (value: (of: PerCollector) => number) =>
    [...byCollector].map(([collector, of]) => ({ labels: { collector }, value: value(of) }));
  return {
    wrote({ collector, records }, { added, changed }) {
      const of = byCollector.get(collector) ?? { added: 0, changed: 0, duplicates: 0, bytes: 0 };
      byCollector.set(collector, of);
      of.added += added;
      of.changed += changed;
      of.duplicates += records.length - added - changed;
      // Duplicates cost no disk, but telling them apart would cost a second look at each record.
      if (added + changed > 0) of.bytes += JSON.stringify(records).length;
    },
    failed() {
      failures += 1;
    },
    metrics: () => [
      {
        name: 'headgate_records_written_total',
        help: 'Records stored for the first time.',
        type: 'counter',
        samples: samples(({ added }) => added),
      },
      {
        name: 'headgate_records_changed_total',
        help: 'Records stored again because their content changed.',
        type: 'counter',
        samples: samples(({ changed }) => changed),
      },
      {
        name: 'headgate_records_duplicate_total',
        help: 'Records that were there already.',
        type: 'counter',
        samples: samples(({ duplicates }) => duplicates),
      },
      {
        name: 'headgate_records_written_bytes_total',
        help: 'Size as JSON of the pages that brought something new.',
        type: 'counter',
        samples: samples(({ bytes }) => bytes),
      },
      {
        name: 'headgate_records_write_failures_total',
        help: 'Pages that could not be stored; their runs failed and their cursors stayed.',
        type: 'counter',
        samples: [{ labels: {}, value: failures }],
      },
    ],
  };
}
