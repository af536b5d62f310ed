/**
 * All eight collectors over the sandbox in process, on virtual time: the real engine from the real
 * configuration, its journal in memory, what arrives at the upstreams written down as it arrives.
 *
 * 1. Processes come and go over one journal, one sink and the same upstreams; `kill` drops one without
 *    a word.
 * 2. Nothing waits for real time.
 */
import {
  HOST_LIMITS,
  startEngine,
  startHost,
  type CollectorSetup,
  type RunningEngine,
} from '../../src/actors/index.js';
import type { Host } from '../../src/actors/index.js';
import { collectorSetups } from '../../src/app/collectors.js';
import { loadConfig, problemLine, type Config, type Loaded } from '../../src/config.js';
import { memoryJournal, memoryStore, type MemoryStore } from '../../src/journal/journal.memory.js';
import { memorySnapshots } from '../../src/journal/snapshots.memory.js';
import { silentLogger } from '../../src/kernel/observe.js';
import { seededRandom } from '../../src/kernel/random.js';
import type { EpochMs } from '../../src/kernel/types.js';
import type { EvidenceStore, RecordSink } from '../../src/records/port.js';
import { memoryRecords, memoryRecordSink } from '../../src/records/records.memory.js';
import { configCatalogue } from '../../src/sources/index.js';
import type { Transport } from '../../src/sources/port.js';
import {
  inProcessSandbox,
  sandboxTransport,
  type InProcessSandbox,
  type RequestRecord,
} from '../../src/sources/sandbox/index.js';
import { tap, type Sent } from './scenario-tap.js';
import { settled, simTime, type ProcessClock, type SimTime } from './simulation-time.js';

/** A Monday morning: exchanges of three continents open and close within the hours that follow. */
export const MONDAY = Date.UTC(2026, 0, 5, 6);

export type WorldOptions = {
  readonly seed: number;
  readonly at?: EpochMs;
  /** By dotted key, as on the command line. */
  readonly flags?: Readonly<Record<string, string>>;
  /** In place of a configuration file. */
  readonly file?: string;
  /** The last word on what the configuration made: upstreams with other limits, say. */
  readonly setups?: (setups: readonly CollectorSetup[]) => readonly CollectorSetup[];
  /** Records of this collector are counted and thrown away: there are too many of them. */
  readonly discards?: string;
  /** Bends the wire, for the tests which prove that a lie is found. */
  readonly wire?: (honest: Transport, time: SimTime) => Transport;
};

export type Process = {
  readonly host: Host;
  readonly clock: ProcessClock;
  readonly engine: RunningEngine;
};

export type World = {
  readonly time: SimTime;
  readonly startedAt: EpochMs;
  readonly sandbox: InProcessSandbox;
  readonly store: MemoryStore;
  readonly records: ReturnType<typeof memoryRecords>;
  /** Every request as it left, and what came of it. */
  readonly sent: readonly Sent[];
  /** Every request that arrived, in that order. */
  readonly arrivals: readonly RequestRecord[];
  readonly setups: readonly CollectorSetup[];
  /** Starts a process over what there is. */
  start(): Promise<Process>;
  kill(process: Process): void;
  /** Lets so much time pass. */
  pass(ms: number): Promise<void>;
  now(): EpochMs;
};

/** Only a bound for what turns in circles: tasks while time stands still. */
const STILL_STEPS_MAX = 20_000;

export function scenarioWorld(options: WorldOptions): World {
  const { seed, at = MONDAY } = options;
  const time = simTime(at);
  const outside = time.processClock();
  const sandbox = inProcessSandbox({ clock: outside, random: seededRandom(seed) });
  const store = memoryStore();
  const records = memoryRecords();
  const snapshots = memorySnapshots();
  const sent: Sent[] = [];
  const arrivals: RequestRecord[] = [];
  sandbox.core.context.ledger.subscribe((record) => {
    // Told once more when it ends, with what became of it; sequences begin with 1.
    arrivals[record.sequence - 1] = record;
  });
  const { config, secrets } = loaded(options);
  const made = collectorSetups(config, secrets, sandbox, at);
  const setups = options.setups?.(made) ?? made;
  let generation = 0;
  const pass = async (ms: number): Promise<void> => {
    // What has just begun arms its timers first.
    await settled();
    const until = time.monotonic() + ms;
    let [steps, since] = [0, time.monotonic()];
    while (await time.step(until)) {
      steps = time.monotonic() > since ? 0 : steps + 1;
      since = time.monotonic();
      if (steps > STILL_STEPS_MAX) throw new Error('it turns in circles: time stands still');
    }
  };
  return {
    time,
    startedAt: at,
    sandbox,
    store,
    records,
    sent,
    arrivals,
    setups,
    pass,
    now: () => time.wall(),
    async start() {
      generation += 1;
      const clock = time.processClock();
      const random = seededRandom(seed * 1000 + generation);
      const { journal } = memoryJournal({ store });
      const { retention, limits } = roomOf(config);
      const kept = memoryRecordSink({ retention, store: records });
      const sink: RecordSink & EvidenceStore = {
        ...kept,
        async write(page) {
          if (page.collector !== options.discards) return kept.write(page);
          await kept.write({ ...page, records: [] });
          return { added: page.records.length, changed: 0 };
        },
      };
      const honest = sandboxTransport(sandbox.core, { clock });
      const seen = tap(honest, sent, () => time.wall());
      const transport = options.wire?.(seen, time) ?? seen;
      const host = startHost({
        journal,
        snapshots,
        clock,
        random,
        log: silentLogger,
        node: 'sim',
        epoch: 1,
        limits: HOST_LIMITS,
      });
      const starting = startEngine(
        { host, transport, sink, evidence: sink, clock, random, log: silentLogger, limits },
        setups,
      );
      let engine: RunningEngine | undefined;
      void starting.then((started) => {
        engine = started;
      });
      for (let tries = 0; engine === undefined && tries < 100; tries += 1) await pass(1);
      return { host, clock, engine: await starting };
    },
    kill({ clock }) {
      clock.kill();
    },
  };
}

const FOR_EVER = { maxAgeMs: 1e15, perCollectorMax: 1e9 };

/** As app.ts has them from the configuration. */
function roomOf(config: Config) {
  const { attemptsMax, baseMs, capMs, budgetTokens } = config.retry;
  return {
    retention: FOR_EVER,
    limits: {
      permitWaitMaxMs: config.limiter.waitMaxMs,
      permitQueueMax: config.limiter.queueMax,
      bodyBytesMax: config.http.bodyBytesMax,
      margin: config.limiter.margin,
      drainMs: 10_000,
      retry: { attemptsMax, baseMs, capMs, budgetTokens },
    },
  };
}

function loaded({ flags = {}, file }: WorldOptions): Loaded {
  const result = loadConfig({
    env: {},
    flags: { mode: 'sandbox', ...flags },
    catalogue: configCatalogue(),
    ...(file !== undefined && { file: { name: 'test.json', text: file } }),
  });
  if (!result.ok) throw new Error(result.error.map(problemLine).join('\n'));
  return result.value;
}
