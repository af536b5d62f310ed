/**
 * The composition root: opens the rooms in order, connects them, and closes them in reverse.
 *
 *   journal -> views -> records -> (sandbox) -> transport -> host -> engine -> REST, gRPC, metrics
 *
 * What is opened is closed, also when a later room cannot be opened.
 */
import { collectorSetups } from './app/collectors.js';
import { openStores, type Stores } from './app/stores.js';
import { openDoors, type Closing } from './app/doors.js';
import { serviceLog, type PreviousEnd } from './app/service.js';
import { every } from './app/upkeep.js';
import {
  engineMetrics,
  HOST_LIMITS,
  logFacts,
  startEngine,
  startHost,
  type Host,
  type RunningEngine,
} from './actors/index.js';
import type { Config, Secrets } from './config.js';
import { startSealer } from './journal/index.js';
import type { HeadgateError } from './kernel/errors.js';
import type { Logger, MetricFamily } from './kernel/observe.js';
import { seededRandom, type Random } from './kernel/random.js';
import { HOUR_MS, type Clock } from './kernel/time.js';
import type { DurationMs } from './kernel/types.js';
import { undiciTransport } from './sources/index.js';
import type { SourceDefinition } from './sources/port.js';
import { startSandbox, type Sandbox } from './sources/sandbox/index.js';

export type AppDeps = {
  readonly config: Config;
  readonly secrets: Secrets;
  /** Of the user's own modules; those of the catalogue are there anyway. */
  readonly ownSources?: readonly SourceDefinition[];
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly version: string;
  /** The truth on disk is unknown: the process must end at once, non-zero. */
  readonly onFatal: (error: HeadgateError) => void;
};

export type App = {
  readonly restUrl: string;
  readonly metricsUrl: string;
  /** With scheme, as `buf curl` takes it. */
  readonly grpcUrl: string;
  /** host:port, as clients take it. */
  readonly grpcAddress: string;
  /** Only when a collector uses it. */
  readonly sandbox: Sandbox | undefined;
  readonly engine: RunningEngine;
  readonly stores: Stores;
  readonly recovery: Recovery;
  /** Drains, records the goodbye, closes everything. Resolves when nothing is left open. */
  stop(cause: string): Promise<void>;
};

export type Recovery = {
  readonly previousEnd: PreviousEnd;
  readonly events: number;
  readonly runs: number;
  readonly blocks: number;
  readonly durationMs: DurationMs;
};

/** What remains of the drain limit for the engine; the rest is for closing the rooms. */
const ENGINE_SHARE = 0.8;
const PRUNE_EVERY_MS = HOUR_MS;
const SEAL_EVERY_MS = HOUR_MS;
const SANDBOX_SEED = 20_260_105;

/** @throws {HeadgateError} a room cannot be opened; what was opened is closed again. */
export async function startApp(deps: AppDeps): Promise<App> {
  const closings: Closing[] = [];
  const closeAll = async (list: readonly Closing[]): Promise<void> => {
    for (const { name, close } of [...list].reverse()) {
      deps.log.debug('closing', { room: name });
      await close();
    }
  };
  try {
    return await open(deps, closings, closeAll);
  } catch (thrown) {
    await closeAll(closings);
    throw thrown;
  }
}

async function open(
  deps: AppDeps,
  closings: Closing[],
  closeAll: (list: readonly Closing[]) => Promise<void>,
): Promise<App> {
  const { config, clock, random, log } = deps;
  const began = clock.monotonic();
  const stores = await openStores(deps);
  closings.push({ name: 'stores', close: () => stores.close() });
  const service = serviceLog({ ...deps, journal: stores.journal, node: config.node.name });
  const previousEnd = await service.previousEnd();
  const sandbox = await sandboxFor(deps);
  if (sandbox !== undefined) closings.push({ name: 'sandbox', close: () => sandbox.close() });
  const transport = undiciTransport({
    clock,
    connectionsPerOrigin: config.http.connectionsPerOrigin,
  });
  closings.push({ name: 'transport', close: () => transport.close() });

  const host = hostOf(deps, stores);
  const setups = collectorSetups(config, deps.secrets, sandbox, clock.now(), deps.ownSources);
  const engine = await startEngine(
    {
      host,
      transport,
      sink: stores.records,
      evidence: stores.records,
      clock,
      random,
      log,
      limits: engineLimits(config),
    },
    setups,
  );
  closings.push({ name: 'engine', close: () => engine.stop() });
  logFacts(engine, log);
  const recovery = await recovered(deps, stores, host, previousEnd, clock.monotonic() - began);
  await service.started({
    version: deps.version,
    events: recovery.events,
    recoveryMs: recovery.durationMs,
    previousEnd,
    recoveredRuns: recovery.runs,
    recoveredBlocks: recovery.blocks,
  });
  closings.push(...upkeep(deps, stores));
  const state = { stopping: false };
  const metrics = [engineMetrics(engine, host), (): readonly MetricFamily[] => transport.metrics()];
  const stop = async (cause: string): Promise<void> => {
    if (state.stopping) return;
    state.stopping = true;
    log.info('stopping', { cause });
    const stopping = clock.monotonic();
    // REST first, so that nothing new comes; then upkeep and the runs; the stores after the goodbye.
    await closeAll(closings.splice(1));
    const drainMs = Math.round(clock.monotonic() - stopping);
    await service.stopped({ cause, drainMs });
    await closeAll(closings.splice(0));
    log.info('stopped', { cause, drain_ms: drainMs });
  };
  try {
    const doors = await openDoors({ ...deps, stores, engine, state, metrics, closings });
    return { ...doors, sandbox, engine, stores, recovery, stop };
  } catch (thrown) {
    // What has begun says goodbye, else the next start would take it for killed.
    await stop('start failed');
    throw thrown;
  }
}

async function sandboxFor({ config, clock, log }: AppDeps): Promise<Sandbox | undefined> {
  const isUsed = Object.values(config.collectors).some(({ upstream }) => upstream === 'sandbox');
  // One seed for ever: after a restart the same bars and transfers are served again.
  const random = seededRandom(SANDBOX_SEED);
  return isUsed ? startSandbox({ port: config.sandbox.port, clock, random, log }) : undefined;
}

function hostOf(deps: AppDeps, stores: Stores): Host {
  const { config, clock, random, log } = deps;
  const { mailboxMax, snapshotEvery, recoveriesMax, passivateAfterMs } = config.actors;
  return startHost({
    journal: stores.journal,
    snapshots: stores.snapshots,
    clock,
    random,
    log,
    node: config.node.name,
    epoch: 1, // one node: the journal's own lock keeps a second writer out
    limits: { ...HOST_LIMITS, mailboxMax, snapshotEvery, recoveriesMax, passivateAfterMs },
  });
}

function engineLimits(config: Config): Parameters<typeof startEngine>[0]['limits'] {
  return {
    permitWaitMaxMs: config.limiter.waitMaxMs,
    permitQueueMax: config.limiter.queueMax,
    bodyBytesMax: config.http.bodyBytesMax,
    margin: config.limiter.margin,
    drainMs: Math.floor(config.shutdown.drainMs * ENGINE_SHARE),
    retry: {
      attemptsMax: config.retry.attemptsMax,
      baseMs: config.retry.baseMs,
      capMs: config.retry.capMs,
      budgetTokens: config.retry.budgetTokens,
    },
  };
}

async function recovered(
  { log, clock }: AppDeps,
  stores: Stores,
  host: Host,
  previousEnd: PreviousEnd,
  durationMs: DurationMs,
): Promise<Recovery> {
  const { replayed, settled } = host.statistics();
  const recovery = {
    previousEnd,
    events: await stores.journal.head(),
    runs: settled.RunUnknown ?? 0,
    blocks: settled.UnitsSettled ?? 0,
    durationMs: Math.round(durationMs),
  };
  log.info('recovered', {
    previous_end: previousEnd,
    journal_events: recovery.events,
    replayed_events: replayed,
    unknown_runs: recovery.runs,
    open_blocks: recovery.blocks,
    duration_ms: recovery.durationMs,
    at: clock.now(),
  });
  return recovery;
}

function upkeep(deps: AppDeps, stores: Stores): readonly Closing[] {
  const { clock, log, config } = deps;
  const prune = async (): Promise<void> => {
    const removed = await stores.records.prune(clock.now());
    if (removed > 0) log.info('records past their retention removed', { records: removed });
  };
  const sealer = startSealer({
    journal: stores.journal,
    clock,
    node: config.node.name,
    everyMs: SEAL_EVERY_MS,
    log,
  });
  return [
    { name: 'sealer', close: sealer },
    { name: 'prune', close: every(clock, PRUNE_EVERY_MS, log, 'prune', prune) },
  ];
}
