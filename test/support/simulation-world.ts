/** What outlives every process of a simulated run: time, disks, upstreams, and the judges. */
import { memoryStore, type MemoryStore } from '../../src/journal/journal.memory.js';
import type { Journal, SnapshotStore } from '../../src/journal/port.js';
import { memorySnapshots } from '../../src/journal/snapshots.memory.js';
import { seededRandom, type Random } from '../../src/kernel/random.js';
import { entityOf } from '../../src/kernel/ids.js';
import { HOUR_MS } from '../../src/kernel/time.js';
import type { EpochMs } from '../../src/kernel/types.js';
import { memoryRecords, type MemoryRecords } from '../../src/records/records.memory.js';
import { branchesOf } from './simulation-branches.js';
import { simHistory, type SimHistory } from './simulation-history.js';
import { blockAt } from './simulation-moralis.js';
import { simRecords, type SimRecords } from './simulation-records.js';
import { simReport, type SimReport } from './simulation-report.js';
import { simSends, type SimSends } from './simulation-sends.js';
import { simTime, type ProcessClock, type SimTime } from './simulation-time.js';
import { simUpstream, type SimUpstream } from './simulation-upstream.js';
import { HISTORY_BLOCKS } from './simulation-setups.js';

/** Ports that lie, for the tests which prove that a lie is found. */
export type Bend = {
  journal?: (honest: Journal) => Journal;
  clock?: (honest: ProcessClock) => ProcessClock;
};

export type World = {
  readonly seed: number;
  readonly startedAt: EpochMs;
  readonly unitsPerDay: number;
  /** Chance of the plan alone: what the engine does never changes the plan. */
  readonly random: Random;
  readonly time: SimTime;
  readonly store: MemoryStore;
  readonly report: SimReport;
  readonly history: SimHistory;
  readonly sends: SimSends;
  readonly judge: SimRecords;
  readonly upstream: SimUpstream;
  /** Replaced when a disk is restored from an old copy. */
  records: MemoryRecords;
  snapshots: SnapshotStore;
  /** An older copy of the records. */
  backup: MemoryRecords | undefined;
  /** How many an operator gave. */
  commands: number;
  readonly acknowledged: { readonly commandId: string; readonly position: number }[];
  /** When a run of each collector succeeded last. */
  readonly lastSuccess: Map<string, number>;
  readonly bend: Bend;
  readonly isJournalDown: () => boolean;
  readonly isSinkFull: () => boolean;
  readonly areSnapshotsBad: () => boolean;
  readonly disks: { journalDown: boolean; sinkFull: boolean; snapshotsBad: boolean };
};

/** Some seeds have a small quota, so that it runs out; the day ends within every run. */
const SMALL_QUOTA = 3000;
const LARGE_QUOTA = 40_000;

export function simWorld(seed: number): World {
  const random = seededRandom(seed);
  const startedAt = Math.floor(Date.UTC(2026, 0, 5, 22) + random.next() * 1.5 * HOUR_MS);
  const unitsPerDay = random.next() < 0.3 ? SMALL_QUOTA : LARGE_QUOTA;
  // The provider may count otherwise than we do.
  const theirs = unitsPerDay * (random.next() < 0.5 ? 0.7 : 1.3);
  const time = simTime(startedAt);
  const store = memoryStore();
  const report = simReport(time);
  const lastSuccess = new Map<string, number>();
  const disks = { journalDown: false, sinkFull: false, snapshotsBad: false };
  const sends: SimSends = simSends({
    time,
    report,
    history: () => history,
    upstream: () => upstream,
  });
  const judge = simRecords({
    report,
    history: () => history,
    fromBlock: blockAt(startedAt) - HISTORY_BLOCKS,
  });
  const history: SimHistory = simHistory({
    time,
    store,
    report,
    onFact(stream, fact, metadata) {
      sends.onFact(stream, fact);
      judge.onFact(stream, fact);
      if (fact.type === 'RunSucceeded') lastSuccess.set(entityOf(stream), time.monotonic());
      for (const branch of branchesOf(fact, metadata)) report.reached(branch);
    },
  });
  const upstream: SimUpstream = simUpstream(time, seededRandom(seed + 1), sends, theirs);
  return {
    seed,
    startedAt,
    unitsPerDay,
    random,
    time,
    store,
    report,
    history,
    sends,
    judge,
    upstream,
    records: memoryRecords(),
    snapshots: memorySnapshots(),
    backup: undefined,
    commands: 0,
    acknowledged: [],
    lastSuccess,
    bend: {},
    disks,
    isJournalDown: () => disks.journalDown,
    isSinkFull: () => disks.sinkFull,
    areSnapshotsBad: () => disks.snapshotsBad,
  };
}

/** A copy of what a sink holds, as a backup takes it. */
export function copyOf(records: MemoryRecords): MemoryRecords {
  return structuredClone(records);
}
