/** The record sinks against their contract. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { memoryRecords, memoryRecordSink, sqliteRecordSink } from '../../src/records/index.js';
import type { MemoryRecordSink } from '../../src/records/index.js';
import { fillDisk } from '../support/records-disk.js';
import { BENCH_RETENTION as retention, recordsContract } from './records-contract.js';

recordsContract('memory', () => {
  const store = memoryRecords();
  const opened: MemoryRecordSink[] = [];
  return Promise.resolve({
    open() {
      const sink = memoryRecordSink({ store, retention });
      opened.push(sink);
      return Promise.resolve(sink);
    },
    setFull(isFull) {
      for (const sink of opened) sink.setFull(isFull);
      return Promise.resolve();
    },
    dispose: () => Promise.resolve(),
  });
});

recordsContract('sqlite', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'headgate-records-'));
  const path = join(directory, 'records.db');
  // 4 MiB: enough for every test but the one that fills it.
  return {
    open: () => sqliteRecordSink({ path, retention, filePagesMax: 1024 }),
    setFull: fillDisk(path),
    dispose: () => rm(directory, { recursive: true, force: true }),
  };
});
