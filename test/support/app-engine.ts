/**
 * The real engine (actors, gates, doors) over a journal in memory, with a clock, a transport and sources
 * of the test's own making: for what a whole service cannot be made to do.
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
import { memoryJournal, memorySnapshots } from '../../src/journal/index.js';
import type { Journal, StoredEvent } from '../../src/journal/port.js';
import { silentLogger } from '../../src/kernel/observe.js';
import { seededRandom } from '../../src/kernel/random.js';
import type { Clock } from '../../src/kernel/time.js';
import type { JsonObject } from '../../src/kernel/types.js';
import { memoryRecordSink } from '../../src/records/index.js';
import type { ProviderProfile, SourceDefinition, Transport } from '../../src/sources/port.js';
import { Type } from '@sinclair/typebox';

export type TestEngine = {
  readonly engine: RunningEngine;
  readonly journal: Journal;
  /** Facts of one type, oldest first. */
  facts(type: string): Promise<readonly JsonObject[]>;
  events(): Promise<readonly StoredEvent[]>;
};

export type TestEngineOptions = {
  readonly clock: Clock;
  readonly transport: Transport;
  readonly setups: readonly CollectorSetup[];
  readonly seed?: number;
  readonly retry?: Partial<typeof RETRY_LIMITS>;
  /** Ends what waits at the end of the test, where the clock does not move by itself. */
  readonly onStop?: () => Promise<void>;
};

export async function startTestEngine(options: TestEngineOptions): Promise<TestEngine> {
  const { clock, transport, setups, onStop } = options;
  const random = seededRandom(options.seed ?? 1);
  const { journal } = memoryJournal();
  const host = startHost({
    journal,
    snapshots: memorySnapshots(),
    clock,
    random,
    log: silentLogger,
    node: 'test',
    epoch: 1,
    limits: HOST_LIMITS,
  });
  const sink = memoryRecordSink({ retention: { maxAgeMs: 1e12, perCollectorMax: 1_000_000 } });
  const limits = {
    permitWaitMaxMs: 30_000,
    permitQueueMax: 1000,
    bodyBytesMax: 8_388_608,
    margin: 0.05,
    drainMs: 1000,
    retry: { ...RETRY_LIMITS, ...options.retry },
  };
  const engine = await startEngine(
    { host, transport, sink, evidence: sink, clock, random, log: silentLogger, limits },
    setups,
  );
  onTestFinished(async () => {
    const stopped = engine.stop();
    await onStop?.();
    await stopped;
    await transport.close();
    await journal.close();
  });
  const events = async (): Promise<readonly StoredEvent[]> =>
    (await journal.readAll(0, {}, 100_000)).events;
  return {
    engine,
    journal,
    events,
    facts: async (type) => (await events()).filter((each) => each.type === type).map((e) => e.data),
  };
}

export type SetupOptions = {
  readonly source: SourceDefinition;
  readonly profile: ProviderProfile;
  readonly intervalMs: number;
  readonly rate?: number;
  readonly breaker?: Partial<CollectorSetup['breaker']>;
};

/** A collector with the defaults of semantics §2 and §3, on a loopback upstream. */
export function collectorSetup(options: SetupOptions): CollectorSetup {
  const { source, profile, intervalMs, rate } = options;
  const requestTimeoutMs = 10_000;
  return {
    name: source.name,
    source,
    options: source.defaults,
    enabled: true,
    enabledReason: 'a test',
    schedule: { intervalMs, cron: '', zone: 'UTC', jitter: 0 },
    cadenceMs: intervalMs,
    requestTimeoutMs,
    missingKey: '',
    hasApiKey: false,
    upstreamMode: 'sandbox',
    upstreams: {
      primary: { profile, scope: profile.scope, allowLoopback: true, keys: {}, missingKeys: [] },
    },
    rate: {
      ...(rate !== undefined && { maxRequestsPerSecond: rate }),
      backoffMultiplier: 2,
      maxBackoff: 60,
    },
    breaker: {
      failureThreshold: 5,
      minimumCalls: 10,
      failureRate: 0.5,
      slowRate: 1,
      slowCallMs: requestTimeoutMs / 2,
      windowMs: Math.max(60_000, 20 * intervalMs),
      openMs: 300_000,
      openMultiplier: 1.5,
      openMaxMs: 3_600_000,
      openJitter: 0.1,
      halfOpenPermits: 3,
      successThreshold: 2,
      halfOpenDeadlineMs: Math.max(2 * intervalMs, 2 * (30_000 + requestTimeoutMs)),
      ...options.breaker,
    },
  };
}

/** A source that asks the same thing so many times at once, and ends with the first failure. */
export function crowdSource(
  name: string,
  profile: ProviderProfile,
  crowd: number,
): SourceDefinition {
  return {
    name,
    type: 'market_data',
    description: 'asks at once',
    options: Type.Object({}),
    defaults: {},
    paid: false,
    intervalMs: 1000,
    upstreams: { primary: profile },
    expectedEveryMs: () => 1000,
    // eslint would like a yield: a run without pages is a run all the same.
    async *collect(context) {
      const replies = await Promise.all(
        Array.from({ length: crowd }, () =>
          context.request('ask', { path: '/api/v3/time', schema: Type.Unknown() }),
        ),
      );
      yield { series: 'asked', records: [], cursor: { at: context.now() } };
      return replies.find((reply) => !reply.ok);
    },
  };
}

/** Binance's own judgement, without its buckets: only the rate and the breaker are in the way. */
export function plainProfile(profile: ProviderProfile, baseUrl: string): ProviderProfile {
  return { ...profile, baseUrl, buckets: [], weights: { ask: {} } };
}
