/** A record sink in memory, for tests and simulation: the same rules, and a hand to make it fail. */
import { canonicalJson } from '../kernel/canonical.js';
import type { EpochMs } from '../kernel/types.js';
import * as port from './port.js';
import type { RecordPage, SeriesPosition, StoredRecord, WriteResult } from './port.js';
import * as kept from './retention.js';
import type { Evidence, Retention } from './retention.js';

/** What a simulated disk holds; it outlives the sinks opened over it. */
export type MemoryRecords = {
  lastSequence: number;
  /** By collector, then record id. */
  readonly records: Map<string, Map<string, StoredRecord>>;
  /** By collector, then series. */
  readonly positions: Map<string, Map<string, SeriesPosition>>;
  readonly evidence: Map<string, Evidence>;
};

export function memoryRecords(): MemoryRecords {
  return { lastSequence: 0, records: new Map(), positions: new Map(), evidence: new Map() };
}

export type MemoryRecordSink = port.RecordSink &
  port.EvidenceStore & {
    evidence(sha256: string): Promise<readonly Evidence[]>;
    /** While true every write fails, as on a full disk. */
    setFull(isFull: boolean): void;
  };

export type MemoryRecordSinkOptions = {
  readonly retention: Retention;
  readonly store?: MemoryRecords;
};

export function memoryRecordSink(options: MemoryRecordSinkOptions): MemoryRecordSink {
  const store = options.store ?? memoryRecords();
  let isFull = false;
  let isClosed = false;
  /** As a store behind a thread answers: later, and never by throwing at once. */
  const answer = async <T>(run: () => T): Promise<T> => {
    await Promise.resolve();
    if (isClosed) throw new port.SinkUnavailable('the record sink is closed');
    return run();
  };
  const writable = (): void => {
    if (isFull) throw new port.SinkUnavailable('injected: the disk is full');
  };
  return {
    write: (page) =>
      answer(() => {
        writable();
        return writePage(store, page);
      }),
    query: ({ collector, after = 0, since = 0, series, limit, order }) =>
      answer(() => {
        const found = [...(store.records.get(collector)?.values() ?? [])]
          .filter(({ sequence, collectedAt }) => sequence > after && collectedAt >= since)
          .filter((record) => series === undefined || record.series === series)
          .sort((a, b) => (order === 'oldest' ? 1 : -1) * (a.sequence - b.sequence));
        return found.slice(0, Math.max(0, Math.min(limit, kept.QUERY_ROWS_MAX)));
      }),
    count: (collector) => answer(() => store.records.get(collector)?.size ?? 0),
    positions: (collector) =>
      answer(() => {
        const found = [...(store.positions.get(collector)?.values() ?? [])];
        return found.sort((a, b) => (a.series < b.series ? -1 : 1));
      }),
    setPosition: (collector, position) =>
      answer(() => {
        writable();
        within(store.positions, collector).set(position.series, { ...position });
      }),
    prune: (now) => answer(() => prune(store, options.retention, now)),
    keep: (evidence) =>
      answer(() => {
        writable();
        const head = evidence.head.slice(0, kept.EVIDENCE_HEAD_CHARS_MAX);
        store.evidence.set(`${evidence.sha256}/${evidence.collector}`, { ...evidence, head });
      }),
    evidence: (sha256) =>
      answer(() => [...store.evidence.values()].filter((each) => each.sha256 === sha256)),
    setFull: (full) => {
      isFull = full;
    },
    close() {
      isClosed = true;
      return Promise.resolve();
    },
  };
}

function writePage(store: MemoryRecords, page: RecordPage): WriteResult {
  const { collector, series, cursor, ordinal, collectedAt } = page;
  const known = within(store.records, collector);
  let added = 0;
  let changed = 0;
  for (const record of page.records) {
    const before = known.get(record.id);
    const { id, kind, series: of, at, data } = record;
    if (before !== undefined) {
      const { kind: k, series: s, at: a, data: d } = before;
      if (canonicalJson([k, s, a, d]) === canonicalJson([kind, of, at, data])) continue;
      changed += 1;
    } else added += 1;
    store.lastSequence += 1;
    const sequence = store.lastSequence;
    const copy = JSON.parse(canonicalJson(data)) as StoredRecord['data'];
    known.set(id, { id, kind, series: of, at, data: copy, collector, collectedAt, sequence });
  }
  const positions = within(store.positions, collector);
  const before = positions.get(series);
  if (before === undefined || ordinal >= before.ordinal) {
    positions.set(series, { series, cursor, ordinal });
  }
  return { added, changed };
}

function prune(store: MemoryRecords, retention: Retention, now: EpochMs): number {
  let gone = 0;
  for (const records of store.records.values()) {
    const byAge = [...records.values()].sort((a, b) => a.sequence - b.sequence);
    const young = byAge.filter(({ collectedAt }) => collectedAt >= now - retention.maxAgeMs);
    const stay = new Set(
      young.slice(Math.max(0, young.length - retention.perCollectorMax)).map(({ id }) => id),
    );
    for (const { id } of byAge) if (!stay.has(id) && records.delete(id)) gone += 1;
  }
  for (const [key, { at }] of store.evidence) {
    if (at < now - kept.EVIDENCE_KEPT_MS) store.evidence.delete(key);
  }
  return gone;
}

function within<V>(map: Map<string, Map<string, V>>, name: string): Map<string, V> {
  const known = map.get(name) ?? new Map<string, V>();
  map.set(name, known);
  return known;
}
