/** The stores of a process: journal and snapshots, read models, records. Opened and closed together. */
import { rmSync } from 'node:fs';
import { journalTarget, type Config } from '../config.js';
import { openJournal, type OpenJournal } from '../journal/index.js';
import { JournalUnavailable, type Journal, type SnapshotStore } from '../journal/port.js';
import type { HeadgateError } from '../kernel/errors.js';
import type { Logger, MetricPieces } from '../kernel/observe.js';
import { DAY_MS, type Clock } from '../kernel/time.js';
import { openViews, ReadStoreUnavailable, type LiveViews } from '../projections/index.js';
import { sqliteRecordSink, type SqliteRecordSink } from '../records/index.js';

export type Stores = {
  readonly journal: Journal;
  readonly snapshots: SnapshotStore;
  readonly views: LiveViews;
  readonly records: SqliteRecordSink;
  readonly metrics: readonly MetricPieces[];
  /** Whether the journal took what it was last given. */
  writable(): boolean;
  /** Lets go of all of them, the journal last. */
  close(): Promise<void>;
};

export type StoresDeps = {
  readonly config: Config;
  readonly clock: Clock;
  readonly log: Logger;
  readonly onFatal: (error: HeadgateError) => void;
};

/** @throws {HeadgateError} a store cannot be opened: locked, regressed, not writable. */
export async function openStores(deps: StoresDeps): Promise<Stores> {
  const opened = await openOurJournal(deps);
  const closings: (() => Promise<void>)[] = [opened.close];
  const close = async (): Promise<void> => {
    for (let last = closings.pop(); last !== undefined; last = closings.pop()) await last();
  };
  try {
    const { config, clock, log } = deps;
    const { snapshots } = opened;
    const { journal, writable } = watched(opened.journal);
    const views = await openOurViews({ config, clock, log }, journal);
    closings.push(() => views.stop());
    views.start();
    const records = await sqliteRecordSink({
      path: config.records.path,
      retention: {
        maxAgeMs: config.records.retentionDays * DAY_MS,
        perCollectorMax: config.records.perCollectorMax,
      },
      log,
    });
    closings.push(() => records.close());
    const metrics = [opened.metrics, () => views.metricPieces(), () => records.metrics()];
    return { journal, snapshots, views, records, metrics, writable, close };
  } catch (thrown) {
    await close();
    throw thrown;
  }
}

async function openOurJournal({ config, clock, log, onFatal }: StoresDeps): Promise<OpenJournal> {
  const target = journalTarget(config.journal.url);
  if (target.kind === 'memory') return openJournal(target, onFatal, log);
  const { acceptRegressed, queueMax, batchEventsMax, batchBytesMax } = config.journal;
  const limits = {
    eventBytesMax: config.journal.eventBytesMax,
    queueEventsMax: queueMax,
    queueBytesMax: config.journal.queueBytesMax,
    groupEventsMax: batchEventsMax,
    groupBytesMax: batchBytesMax,
  };
  return openJournal({ ...target, acceptRegressed, limits, clock }, onFatal, log);
}

/** The read store is a cache of the journal: one that cannot be read is begun anew. */
async function openOurViews(
  { config, clock, log }: Omit<StoresDeps, 'onFatal'>,
  journal: Journal,
): Promise<LiveViews> {
  const onRegression = config.journal.acceptRegressed ? 'rebuild' : 'refuse';
  const rest = { journal, clock, log, onRegression } as const;
  if (journalTarget(config.journal.url).kind === 'memory') {
    return openViews({ memory: true, ...rest });
  }
  const { path } = config.readstore;
  try {
    return await openViews({ path, ...rest });
  } catch (thrown) {
    if (!(thrown instanceof ReadStoreUnavailable)) throw thrown;
    log.warn('read store begun anew: it cannot be read', { path, error: thrown.message });
    for (const file of [path, `${path}-wal`, `${path}-shm`]) rmSync(file, { force: true });
    return openViews({ path, ...rest });
  }
}

/** Readiness asks whether writes go through; only a write can tell. */
function watched(journal: Journal): {
  readonly journal: Journal;
  readonly writable: () => boolean;
} {
  let lastFailed = false;
  return {
    writable: () => !lastFailed,
    journal: {
      ...journal,
      async append(stream, expected, events) {
        try {
          const result = await journal.append(stream, expected, events);
          lastFailed = false;
          return result;
        } catch (thrown) {
          if (thrown instanceof JournalUnavailable) lastFailed = true;
          throw thrown;
        }
      },
    },
  };
}
