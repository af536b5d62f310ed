/** The door of the journal's room, for the composition root and the CLI. */
import type { HeadgateError } from '../kernel/errors.js';
import type { Logger, MetricSource } from '../kernel/observe.js';
import { silentLogger } from '../kernel/observe.js';
import type { Clock } from '../kernel/time.js';
import type { JournalLimits } from './limits.js';
import { memoryJournal } from './journal.memory.js';
import { sqliteJournal } from './journal.sqlite.js';
import type { Journal, SnapshotStore } from './port.js';
import type { Opened } from './protocol.js';
import { memorySnapshots } from './snapshots.memory.js';
import { sqliteSnapshots } from './snapshots.sqlite.js';

export { CHAIN_START, FIRST_PREV_HASH, sealEvents, verifyEvents } from './chain.js';
export type { ChainBreak, ChainLink, SealedEvent } from './chain.js';
export { DEFAULT_LIMITS, PAGE_EVENTS_MAX } from './limits.js';
export type { JournalLimits } from './limits.js';
export { memoryJournal, memoryStore } from './journal.memory.js';
export type { MemoryFaults, MemoryStore } from './journal.memory.js';
export { merkleRoot } from './merkle.js';
export type { Opened } from './protocol.js';
export { headsAt, sealHeads, startSealer } from './sealer.js';
export type { Seal, SealerOptions } from './sealer.js';
export { memorySnapshots } from './snapshots.memory.js';
export { verifyJournal, walkJournal } from './verify.js';
export type { Finding, Problem, Verdict, Walk } from './verify.js';
export { verifyJournalFile } from './verify.sqlite.js';

export type JournalConfig =
  | { readonly kind: 'memory' }
  | {
      readonly kind: 'sqlite';
      /** The journal's file; the snapshots lie beside it, in `<path>.snapshots`. */
      readonly path: string;
      /** Serve a journal whose tail is missing, with a warning. */
      readonly acceptRegressed?: boolean;
      readonly limits?: Partial<JournalLimits>;
      readonly clock?: Clock;
    };

export type OpenJournal = {
  readonly journal: Journal;
  readonly snapshots: SnapshotStore;
  readonly metrics: MetricSource;
  /** What was found. `head` is the newest position: the number of events, but for holes. */
  readonly opened: Opened;
  readonly close: () => Promise<void>;
};

/**
 * Opens journal and snapshots together. `onFatal`: the writer failed, what is on disk is unknown; the
 * process must end at once, non-zero, without another answer.
 * @throws {JournalLocked} @throws {JournalRegressed} @throws {JournalUnavailable}
 */
export async function openJournal(
  config: JournalConfig,
  onFatal: (error: HeadgateError) => void,
  log: Logger = silentLogger,
): Promise<OpenJournal> {
  if (config.kind === 'memory') {
    const { journal } = memoryJournal();
    const snapshots = memorySnapshots();
    const opened = { head: 0, streams: 0, warnings: [] };
    return { journal, snapshots, metrics: () => [], opened, close: () => journal.close() };
  }
  const { kind: _, ...options } = config;
  const journal = await sqliteJournal({ ...options, onFatal, log });
  const snapshots = sqliteSnapshots({ path: `${config.path}.snapshots`, log });
  return {
    journal,
    snapshots,
    metrics: () => [...journal.metrics(), ...snapshots.metrics()],
    opened: journal.opened,
    async close() {
      snapshots.close();
      await journal.close();
    },
  };
}
