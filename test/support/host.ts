/** A host over a memory journal and a virtual clock: everything of the machinery, nothing of the machine. */
import { HOST_LIMITS, startHost, type Host, type HostLimits } from '../../src/actors/host.js';
import type { CommandContext } from '../../src/actors/handle.js';
import { silentLogger } from '../../src/kernel/observe.js';
import { seededRandom } from '../../src/kernel/random.js';
import {
  memoryJournal,
  memoryStore,
  type MemoryFaults,
  type MemoryStore,
} from '../../src/journal/journal.memory.js';
import type { Journal, SnapshotStore } from '../../src/journal/port.js';
import { memorySnapshots } from '../../src/journal/snapshots.memory.js';
import { virtualClock, type VirtualClock } from './clock.js';

export type TestHost = {
  readonly host: Host;
  readonly journal: Journal;
  readonly faults: MemoryFaults;
  readonly store: MemoryStore;
  readonly snapshots: SnapshotStore;
  readonly clock: VirtualClock;
};

export type TestHostOptions = {
  readonly limits?: Partial<HostLimits>;
  readonly epoch?: number;
  readonly seed?: number;
  readonly clock?: VirtualClock;
  /** What a host before this one left behind. */
  readonly after?: TestHost;
};

export function testHost(options: TestHostOptions = {}): TestHost {
  const clock = options.after?.clock ?? options.clock ?? virtualClock();
  const store = options.after?.store ?? memoryStore();
  const snapshots = options.after?.snapshots ?? memorySnapshots();
  const { journal, faults } = memoryJournal({ store });
  const host = startHost({
    journal,
    snapshots,
    clock,
    random: seededRandom(options.seed ?? 1),
    log: silentLogger,
    node: 'test',
    epoch: options.epoch ?? 1,
    limits: { ...HOST_LIMITS, ...options.limits },
  });
  return { host, journal, faults, store, snapshots, clock };
}

let commands = 0;

/** A command of an operator; the id is fresh unless it is given. */
export function byOperator(commandId?: string): CommandContext {
  commands += 1;
  const id = commandId ?? `command-${String(commands)}`;
  return { commandId: id, correlationId: id, actor: 'ada', interface: 'rest' };
}
