/**
 * One process of the simulated service: the real host and engine over guarded ports. When it is killed,
 * at any call of a port, nothing of it acts any more: its calls out are dropped, its timers are gone,
 * and no answer reaches it.
 */
import {
  HOST_LIMITS,
  startEngine,
  startHost,
  type Host,
  type RunningEngine,
} from '../../src/actors/index.js';
import { memoryJournal, type MemoryFaults } from '../../src/journal/journal.memory.js';
import type { Journal, SnapshotStore } from '../../src/journal/port.js';
import type { Logger } from '../../src/kernel/observe.js';
import { seededRandom } from '../../src/kernel/random.js';
import { memoryRecordSink, type MemoryRecordSink } from '../../src/records/records.memory.js';
import { COLLECTORS, LIMITS, simSetups } from './simulation-setups.js';
import type { ProcessClock } from './simulation-time.js';
import type { World } from './simulation-world.js';

/** Where a crash can strike: at the next such call, before or after it took effect. */
export const CRASH_POINTS = [
  'now',
  'before append',
  'after append',
  'before send',
  'after send',
  'before write',
  'after write',
] as const;
export type CrashPoint = (typeof CRASH_POINTS)[number];

export type SimProcess = {
  readonly faults: MemoryFaults;
  readonly sink: MemoryRecordSink;
  readonly clock: ProcessClock;
  readonly host: Host;
  /** Once it has started. */
  engine(): RunningEngine | undefined;
  isDead(): boolean;
  /** It dies at the next call of this kind. */
  dieAt(point: CrashPoint): void;
  kill(): void;
};

const never = <T>(): Promise<T> => new Promise<T>(() => undefined);
/** Small, so that snapshots are taken within a run. */
const SNAPSHOT_EVERY = 40;

/** Starts a process over what the world has kept. `onEnd` is called when it dies. */
export function startProcess(
  world: World,
  generation: number,
  onEnd: (why: string) => void,
): SimProcess {
  const { time, report } = world;
  const { bend } = world;
  const honest = time.processClock();
  const clock = bend.clock?.(honest) ?? honest;
  const opened = memoryJournal({ store: world.store });
  const { faults } = opened;
  const journal = bend.journal?.(opened.journal) ?? opened.journal;
  const sink = memoryRecordSink({ retention: FOR_EVER, store: world.records });
  let isDead = false;
  let deadly: CrashPoint | undefined;
  let engine: RunningEngine | undefined;
  const kill = (why: string): void => {
    if (isDead) return;
    isDead = true;
    clock.kill();
    report.note(`--- process ${String(generation)} dies: ${why}`);
    onEnd(why);
  };
  /** Whether the process is dead by now, at this point. */
  const strikes = (point: CrashPoint): boolean => {
    if (!isDead && deadly === point) {
      report.reached(`crash ${point}`);
      kill(point);
    }
    return isDead;
  };
  const random = seededRandom(world.seed * 1000 + generation);
  const guard: Guard = { world, strikes, isDead: () => isDead };
  const host = startHost({
    journal: guardedJournal(guard, journal, faults),
    snapshots: guardedSnapshots(guard),
    clock,
    random,
    log: noting(world, () => isDead),
    node: 'sim',
    epoch: 1,
    limits: { ...HOST_LIMITS, snapshotEvery: SNAPSHOT_EVERY, mailboxMax: 200 },
  });
  const guardedSink = guardSink(guard, sink);
  const wire = world.upstream.wire(guard);
  void startEngine(
    {
      host,
      transport: {
        send: (request) => {
          if (strikes('before send')) return never();
          const answer = wire.send(request);
          return strikes('after send') ? never() : answer;
        },
        close: () => Promise.resolve(),
      },
      sink: guardedSink,
      evidence: guardedSink,
      clock,
      random,
      log: noting(world, () => isDead),
      limits: LIMITS,
    },
    simSetups(world.startedAt, world.unitsPerDay),
  ).then(
    (started) => {
      if (isDead) return;
      engine = started;
      report.note(`--- process ${String(generation)} has started`);
    },
    (thrown: unknown) => {
      if (isDead) return;
      report.reached('start failed');
      kill(`start failed: ${String(thrown)}`);
    },
  );
  return {
    faults,
    sink,
    clock,
    host,
    engine: () => (isDead ? undefined : engine),
    isDead: () => isDead,
    dieAt(point) {
      deadly = point;
      if (strikes('now')) return;
    },
    kill: () => {
      kill('now');
    },
  };
}

const FOR_EVER = { maxAgeMs: 1e15, perCollectorMax: 1e9 };

type Guard = {
  readonly world: World;
  readonly strikes: (point: CrashPoint) => boolean;
  readonly isDead: () => boolean;
};

function guardedJournal({ world, strikes }: Guard, inner: Journal, faults: MemoryFaults): Journal {
  const { history, report } = world;
  return {
    ...inner,
    async append(stream, expected, events) {
      if (strikes('before append')) return never();
      if (world.isJournalDown()) faults.failNext('before-commit');
      try {
        const result = await inner.append(stream, expected, events);
        if (strikes('after append')) return await never();
        if (result.kind === 'appended') history.follow(stream, result.revision);
        else report.reached('append conflict');
        return result;
      } catch (thrown) {
        if (strikes('after append')) return never();
        const { outcome } = thrown as { outcome?: string };
        report.reached(`append ${outcome ?? 'failed'}`);
        report.note(`append to ${stream}: ${String(outcome)}`);
        throw thrown;
      }
    },
    async read(stream, from, limit) {
      const page = await inner.read(stream, from, limit);
      return strikes('now') ? never() : page;
    },
  };
}

function guardedSnapshots({ world, isDead }: Guard): SnapshotStore {
  const { report } = world;
  return {
    async load(stream) {
      if (isDead()) return never();
      const found = await world.snapshots.load(stream);
      if (found.length > 0) report.reached(world.areSnapshotsBad() ? 'snapshot bad' : 'snapshot');
      if (!world.areSnapshotsBad()) return found;
      return found.map((each) => ({ ...each, stateHash: `0${each.stateHash.slice(1)}x` }));
    },
    save: (snapshot) => (isDead() ? never() : world.snapshots.save(snapshot)),
  };
}

function guardSink({ world, strikes }: Guard, inner: MemoryRecordSink): MemoryRecordSink {
  return {
    ...inner,
    async write(page) {
      if (strikes('before write')) return never();
      inner.setFull(world.isSinkFull());
      const written = await inner.write(page);
      return strikes('after write') ? never() : written;
    },
    async setPosition(collector, position) {
      if (strikes('now')) return never();
      inner.setFull(world.isSinkFull());
      await inner.setPosition(collector, position);
    },
    async keep(evidence) {
      if (strikes('now')) return never();
      inner.setFull(world.isSinkFull());
      await inner.keep(evidence);
    },
  };
}

/** Warnings and errors among the events: what a reader of a failure needs. */
function noting(world: World, isDead: () => boolean): Logger {
  const line =
    (level: string, fields: object) =>
    (message: string, more: object = {}): void => {
      if (isDead()) return;
      const { stack } = more as { stack?: string };
      world.report.note(`[${level}] ${message} ${JSON.stringify({ ...fields, ...more })}`);
      if (stack !== undefined) world.report.reached(`log ${message}`);
    };
  const logger = (fields: object): Logger => ({
    debug: () => undefined,
    info: () => undefined,
    warn: line('warn', fields),
    error: line('error', fields),
    child: (more) => logger({ ...fields, ...more }),
  });
  return logger({});
}

/** Every live actor beside the fold of its stream. */
export function compareAll(world: World, engine: RunningEngine): void {
  const { history } = world;
  for (const { handle, upstreams } of engine.members) {
    history.compare(handle.stream, handle.revision(), handle.state());
    for (const { handle: breaker } of upstreams) {
      history.compare(breaker.stream, breaker.revision(), breaker.state());
    }
  }
  for (const { handle } of engine.scopes) {
    history.compare(handle.stream, handle.revision(), handle.state());
  }
}

/** P11: nothing piles up. */
export function checkBounds(world: World, process: SimProcess): void {
  const { report, upstream } = world;
  const { queued } = process.host.counts();
  if (queued > MAILBOXES_MAX) report.fail('P11', `${String(queued)} commands wait in mailboxes`);
  const timers = process.clock.pending();
  if (timers > TIMERS_MAX) report.fail('P11', `${String(timers)} timers are armed`);
  if (upstream.inFlight() > COLLECTORS.length) {
    report.fail('P11', `${String(upstream.inFlight())} calls are in flight`);
  }
  for (const { gate } of process.engine()?.scopes ?? []) {
    const { queued: waiting, openBlocks } = gate.numbers();
    if (waiting > COLLECTORS.length)
      report.fail('P11', `${String(waiting)} calls wait for a permit`);
    if (openBlocks > BLOCKS_MAX) report.fail('P11', `${String(openBlocks)} blocks are open`);
  }
}

const MAILBOXES_MAX = 100;
const TIMERS_MAX = 100;
const BLOCKS_MAX = 30;
