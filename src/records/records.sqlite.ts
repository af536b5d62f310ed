/**
 * The record sink on SQLite, in a thread of its own with synchronous=FULL.
 *
 * K1, K2 A page and its cursor are one transaction; `write` resolves after its commit.
 * K3 One row per collector and record id. A record that changed is stored anew under a later sequence.
 */
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { messageOf } from '../kernel/errors.js';
import { silentLogger, type Logger, type MetricSource } from '../kernel/observe.js';
import { sinkCounters } from './counters.js';
import { SinkUnavailable, type EvidenceStore, type RecordSink } from './port.js';
import { PRUNE_SLICE_ROWS } from './protocol.js';
import type { Evidence, Retention } from './retention.js';
import { threadClient } from './thread-client.js';

export type SqliteRecordSinkOptions = {
  /** The file; its directory is made. */
  readonly path: string;
  readonly retention: Retention;
  /** Pages of 4 KiB the file may have; absent: as many as the disk holds. */
  readonly filePagesMax?: number;
  readonly log?: Logger;
};

export type SqliteRecordSink = RecordSink &
  EvidenceStore & {
    /** What is kept of bodies with this fingerprint. */
    evidence(sha256: string): Promise<readonly Evidence[]>;
    readonly metrics: MetricSource;
  };

/** @throws {SinkUnavailable} the file cannot be opened. */
export async function sqliteRecordSink(
  options: SqliteRecordSinkOptions,
): Promise<SqliteRecordSink> {
  try {
    mkdirSync(dirname(options.path), { recursive: true });
  } catch (thrown) {
    const why = messageOf(thrown);
    throw new SinkUnavailable(`cannot make the directory of the record sink: ${why}`, {
      cause: thrown,
    });
  }
  const { log = silentLogger, ...config } = options;
  const { ask, close } = await threadClient(config, log);
  const counters = sinkCounters();
  return {
    async write(page) {
      try {
        const result = await ask('write', page);
        counters.wrote(page, result);
        return result;
      } catch (thrown) {
        counters.failed();
        throw thrown;
      }
    },
    query: (query) => ask('query', query),
    count: (collector) => ask('count', collector),
    positions: (collector) => ask('positions', collector),
    async setPosition(collector, position) {
      await ask('setPosition', { collector, position });
    },
    // In slices, so that pages need not wait for the whole of it.
    async prune(now) {
      for (let gone = 0; ;) {
        const slice = await ask('pruneSlice', now);
        gone += slice;
        if (slice < PRUNE_SLICE_ROWS) return gone;
      }
    },
    async keep(evidence) {
      await ask('keep', evidence);
    },
    evidence: (sha256) => ask('evidence', sha256),
    metrics: counters.metrics,
    close,
  };
}
