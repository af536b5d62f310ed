/**
 * Lives of one engine over the same journal in memory: its upstreams answer at once, and always well. A
 * life ends by `end`, or at the end of the test.
 */
import { onTestFinished } from 'vitest';
import {
  HOST_LIMITS,
  RETRY_LIMITS,
  startEngine,
  startHost,
  type CollectorSetup,
  type RunningEngine,
} from '../../src/actors/index.js';
import type { SteerContext } from '../../src/actors/engine.js';
import { memoryJournal, memorySnapshots } from '../../src/journal/index.js';
import { memoryStore, type MemoryStore } from '../../src/journal/journal.memory.js';
import type { Journal, StoredEvent } from '../../src/journal/port.js';
import { silentLogger } from '../../src/kernel/observe.js';
import { seededRandom } from '../../src/kernel/random.js';
import { pastOf } from '../../src/projections/past.js';
import { memoryRecordSink } from '../../src/records/index.js';
import { moralisProfile } from '../../src/sources/profiles/moralis.js';
import type { Transport } from '../../src/sources/port.js';
import { collectorSetup, crowdSource, plainProfile } from './app-engine.js';
import { virtualClock, type VirtualClock } from './clock.js';

export type EngineLife = {
  readonly engine: RunningEngine;
  readonly journal: Journal;
  readonly store: MemoryStore;
  readonly clock: VirtualClock;
  readonly events: () => Promise<readonly StoredEvent[]>;
  /** The etag that the views make of the journal. */
  readonly shownEtag: (name: string) => Promise<string | undefined>;
  readonly end: () => Promise<void>;
};

const PROFILE = plainProfile(moralisProfile, 'http://127.0.0.1:1');

/** Two upstreams, each with a scope of its own; the second scope is shared by all. */
export function twoUpstreams(name: string, enabled = false): CollectorSetup {
  const source = crowdSource(name, PROFILE, 1);
  const setup = collectorSetup({ source, profile: PROFILE, intervalMs: 60_000 });
  const common = { profile: PROFILE, allowLoopback: true, keys: {}, missingKeys: [] };
  return {
    ...setup,
    enabled,
    upstreams: {
      primary: { ...common, scope: `${name}-account` },
      second: { ...common, scope: 'shared-account' },
    },
  };
}

const answering: Transport = {
  send: () =>
    Promise.resolve({
      kind: 'answered',
      status: 200,
      headers: {},
      body: Buffer.from('{}'),
      durationMs: 5,
    }),
  close: () => Promise.resolve(),
};

export async function engineLife(
  setups: readonly CollectorSetup[],
  { after }: { readonly after?: EngineLife } = {},
): Promise<EngineLife> {
  const clock = after?.clock ?? virtualClock();
  const store = after?.store ?? memoryStore();
  const { journal } = memoryJournal({ store });
  const random = seededRandom(1);
  const log = silentLogger;
  const snapshots = memorySnapshots();
  const common = { journal, snapshots, clock, random, log, node: 'test', epoch: 1 };
  const host = startHost({ ...common, limits: HOST_LIMITS });
  const sink = memoryRecordSink({ retention: { maxAgeMs: 1e12, perCollectorMax: 1_000_000 } });
  const limits = {
    permitWaitMaxMs: 30_000,
    permitQueueMax: 1000,
    bodyBytesMax: 8_388_608,
    margin: 0.05,
    drainMs: 1000,
    retry: RETRY_LIMITS,
  };
  const parts = { host, transport: answering, sink, evidence: sink, clock, random, log, limits };
  const engine = await startEngine(parts, setups);
  let ended: Promise<void> | undefined;
  const end = (): Promise<void> =>
    (ended ??= (async () => {
      const stopped = engine.stop();
      await clock.advance(10_000);
      await stopped;
      await journal.close();
    })());
  onTestFinished(end);
  return {
    engine,
    journal,
    store,
    clock,
    events: async () => (await journal.readAll(0, {}, 100_000)).events,
    shownEtag: async (name) => (await pastOf(journal, name, clock.now()))?.docs.etag,
    end,
  };
}

let commands = 0;

/** A command of a person; what it is given besides. */
export function byHand(more: Partial<SteerContext> = {}): SteerContext {
  commands += 1;
  const id = `by-hand-${String(commands)}`;
  return { commandId: id, correlationId: id, actor: 'ada', interface: 'rest', ...more };
}
