/** Real parts to measure with: a host over a real journal, temporary directories, and their end. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HOST_LIMITS, startHost, type Host, type HostLimits } from '../../src/actors/index.js';
import { semaphore } from '../../src/actors/semaphore.js';
import { emptyStatistics, type HostDeps, type HostServices } from '../../src/actors/services.js';
import { memoryJournal, memorySnapshots, openJournal } from '../../src/journal/index.js';
import type { Journal, SnapshotStore } from '../../src/journal/port.js';
import { silentLogger } from '../../src/kernel/observe.js';
import { systemRandom } from '../../src/kernel/random.js';
import { systemClock } from '../../src/kernel/time.js';

/** What does not keep the process alive when a benchmark is done. */
export const clock = systemClock({ unref: true });
export const random = systemRandom();
export const log = silentLogger;

export type Stores = {
  readonly journal: Journal;
  readonly snapshots: SnapshotStore;
  readonly close: () => Promise<void>;
};

export function memoryStores(): Stores {
  const { journal } = memoryJournal();
  return { journal, snapshots: memorySnapshots(), close: () => journal.close() };
}

/** The journal as the service opens it: writer thread, WAL, synchronous=FULL. */
export async function sqliteStores(path: string): Promise<Stores> {
  return openJournal({ kind: 'sqlite', path }, (error) => {
    throw error;
  });
}

/** The machinery as the composition root starts it (app.ts). */
export function hostOver(stores: Stores, limits: Partial<HostLimits> = {}): Host {
  return startHost(depsOver(stores, limits));
}

/** What one actor may use of its host, for loading one without a host around it. */
export function servicesOver(stores: Stores): HostServices {
  const id = random.uuid();
  return {
    ...depsOver(stores, {}),
    statistics: emptyStatistics(),
    recoveries: semaphore(HOST_LIMITS.recoveriesMax),
    system: () => ({ commandId: id, correlationId: id, actor: 'system', interface: 'system' }),
    isStopping: () => false,
  };
}

function depsOver({ journal, snapshots }: Stores, limits: Partial<HostLimits>): HostDeps {
  return {
    journal,
    snapshots,
    clock,
    random,
    log,
    node: 'bench',
    epoch: 1,
    limits: { ...HOST_LIMITS, ...limits },
  };
}

/** Runs with a directory of its own, which is gone afterwards. */
export async function inTemporaryDirectory<T>(work: (path: string) => Promise<T>): Promise<T> {
  const path = mkdtempSync(join(tmpdir(), 'headgate-bench-'));
  try {
    return await work(path);
  } finally {
    rmSync(path, { recursive: true, force: true });
  }
}
