/** Runs one seed: some hours of faults, then calm in which everything must settle. */
import { sha256Hex } from '../../src/kernel/canonical.js';
import { MINUTE_MS, SECOND_MS } from '../../src/kernel/time.js';
import { regions, type CollectorState } from '../../src/actors/collector/index.js';
import { effectiveOf, type BreakerState } from '../../src/actors/breaker/index.js';
import type { LimiterState } from '../../src/actors/limiter/index.js';
import { memorySnapshots } from '../../src/journal/snapshots.memory.js';
import { operate, playUntil, type Stage } from './simulation-plan.js';
import { checkBounds, compareAll, startProcess, type SimProcess } from './simulation-process.js';
import type { Failure } from './simulation-report.js';
import { CADENCE_MS, COLLECTORS, SCOPES } from './simulation-setups.js';
import { between } from './simulation-upstream.js';
import { copyOf, simWorld, type World } from './simulation-world.js';

export type SimResult = {
  readonly seed: number;
  readonly failure: Failure | undefined;
  readonly tail: readonly string[];
  readonly branches: ReadonlyMap<string, number>;
  readonly events: number;
  readonly processes: number;
  /** Of everything stored: the same seed, the same digest. */
  readonly digest: string;
};

export type SimOptions = {
  readonly faultsMs?: number;
  readonly calmMs?: number;
  /** Breaks a fake on purpose: a property that cannot fail proves nothing. */
  readonly sabotage?: (world: World) => void;
};

const FAULTS_MS = 70 * MINUTE_MS;
const CALM_MS = 66 * MINUTE_MS;
/** Tasks within one second: a few dozen are usual. */
const STEPS_MAX = 5000;
/** In calm, an operator looks once a minute, so many times. */
const HELP_TIMES = 3;
const LOOK_EVERY_MS = 5 * MINUTE_MS;
/** A stop drains for three seconds and flushes; a journal that is down or held adds its own time. */
const STOP_MAX_MS = 150 * SECOND_MS;

export async function simulate(seed: number, options: SimOptions = {}): Promise<SimResult> {
  const { faultsMs = FAULTS_MS, calmMs = CALM_MS } = options;
  const world = simWorld(seed);
  const { report, history, store } = world;
  options.sabotage?.(world);
  const silence = catchUnhandled((reason) => {
    const text = reason instanceof Error ? (reason.stack ?? reason.message) : String(reason);
    report.fail('P11', `unhandled rejection: ${text}`);
  });
  const life = lifeOf(world);
  try {
    life.begin();
    playUntil(world, life.stage, faultsMs);
    lookNowAndThen(world, life);
    await runUntil(world, faultsMs);
    calm(world, life);
    await runUntil(world, faultsMs + calmMs);
    if (report.failure() === undefined) atRest(world, life);
  } finally {
    life.end();
    silence();
  }
  history.catchUp();
  return {
    seed,
    failure: report.failure(),
    tail: report.tail(),
    branches: report.branches,
    events: store.log.length,
    processes: life.processes(),
    digest: sha256Hex(store.log.map(({ hash }) => hash).join()),
  };
}

async function runUntil({ time, report }: World, until: number): Promise<void> {
  let since = time.monotonic();
  for (let steps = 0; report.failure() === undefined && (await time.step(until)); steps += 1) {
    if (time.monotonic() - since > SECOND_MS) {
      since = time.monotonic();
      steps = 0;
    }
    if (steps > STEPS_MAX) report.fail('P11', 'it turns in circles: time stands still');
  }
}

type Life = {
  readonly stage: Stage;
  begin(): void;
  current(): SimProcess | undefined;
  processes(): number;
  end(): void;
};

/** One process after another: killed or stopped, and after a while the next. */
function lifeOf(world: World): Life {
  const { time, report, history, sends, random } = world;
  let process: SimProcess | undefined;
  let count = 0;
  let isOver = false;
  let shiftAtDeath = 0;
  const begin = (): void => {
    if (isOver) return;
    count += 1;
    history.catchUp();
    history.processBegins();
    sends.processBegins(time.shift() !== shiftAtDeath);
    process = startProcess(world, count, (why) => {
      process = undefined;
      shiftAtDeath = time.shift();
      if (isOver) return;
      report.note(`down: ${why}`);
      changeDisks(world);
      time.after(between(random, 0.1, 90) * SECOND_MS, begin);
    });
  };
  const restart = (): void => {
    const stopping = process;
    const engine = stopping?.engine();
    if (stopping === undefined || engine === undefined) return;
    report.note('--- stopping');
    const late = time.after(STOP_MAX_MS, () => {
      if (!stopping.isDead() && !world.isJournalDown())
        report.fail('P10', 'the service does not stop');
      stopping.kill();
    });
    void engine.stop().then(() => {
      late();
      if (stopping.isDead()) return;
      report.reached('stop clean');
      compareAll(world, engine);
      stopping.kill();
    });
  };
  return {
    begin,
    current: () => process,
    processes: () => count,
    end() {
      isOver = true;
      process?.kill();
    },
    stage: {
      engine: () => process?.engine(),
      faults: () => process?.faults,
      crash: (point) => process?.dieAt(point),
      restart,
    },
  };
}

/** While nobody runs: snapshots are lost or damaged, the sink comes back from an old copy. */
function changeDisks(world: World): void {
  const { random, report, disks } = world;
  disks.snapshotsBad = random.next() < 0.15;
  if (random.next() < 0.2) {
    world.snapshots = memorySnapshots();
    report.reached('snapshots lost');
  }
  if (world.backup !== undefined && random.next() < 0.15) {
    world.records = copyOf(world.backup);
    report.note('the sink is restored from a copy');
    report.reached('sink restored from a copy');
  }
  if (random.next() < 0.25) world.backup = copyOf(world.records);
}

function lookNowAndThen(world: World, life: Life): void {
  world.time.after(LOOK_EVERY_MS, () => {
    const process = life.current();
    const engine = process?.engine();
    if (process !== undefined) checkBounds(world, process);
    if (engine !== undefined) compareAll(world, engine);
    for (const { commandId, position } of world.acknowledged) {
      const row = world.store.log[position - 1];
      if (row?.metadata.includes(commandId) !== true) {
        world.report.fail('P1', `${commandId} was acknowledged and is gone`);
      }
    }
    lookNowAndThen(world, life);
  });
}

/** The faults are over. What only an operator may undo, an operator undoes. */
function calm(world: World, life: Life): void {
  const { disks, upstream, report, time, random, unitsPerDay } = world;
  report.note('=== calm');
  Object.assign(disks, { journalDown: false, sinkFull: false, snapshotsBad: false });
  for (const provider of ['binance', 'moralis'] as const) upstream.weather(provider, undefined);
  upstream.plan.unitsPerDay = 10 * unitsPerDay;
  if (random.next() < 0.5) {
    time.jump(-time.shift());
    world.sends.jumped();
  }
  const help = (times: number): void => {
    const engine = life.stage.engine();
    for (const { name, handle } of engine?.scopes ?? []) {
      operate(world, `unblock ${name}`, async (context) => {
        const answer = await handle.ask({ type: 'Unblock' }, context);
        if (!answer.ok) return answer;
        return { ok: true, changed: answer.facts.length > 0, position: answer.position };
      });
    }
    for (const name of COLLECTORS) if (engine !== undefined) undoByHand(world, engine, name);
    // A process may be on its way down just now.
    if (times > 1) time.after(MINUTE_MS, () => help(times - 1));
  };
  help(HELP_TIMES);
}

type Helped = NonNullable<ReturnType<Stage['engine']>>;

function undoByHand(world: World, engine: Helped, name: (typeof COLLECTORS)[number]): void {
  const { history } = world;
  const collector = history.state(`collector-${name}`) as CollectorState | undefined;
  const breaker = history.state(`breaker-${name}`) as BreakerState | undefined;
  const isOff = collector !== undefined && regions(collector).desired === 'disabled';
  // What automation suspended for want of a key, or for an hour, comes back by itself.
  if (isOff || collector?.context.suspension?.cause === 'quota') {
    operate(world, `enable ${name}`, (context) => engine.enable(name, {}, context));
  }
  if (breaker?.context.override?.expiresAt === null) {
    operate(world, `close ${name}`, (c) => engine.setBreaker(name, undefined, 'closed', {}, c));
  }
  const rate = { maxRequestsPerSecond: 4, backoffMultiplier: 2 };
  operate(world, `rate ${name}`, (context) => engine.setRateLimit(name, rate, context));
}

/** P10, and what can only be judged when nothing moves. */
function atRest(world: World, life: Life): void {
  const { history, report, time, judge, sends, records } = world;
  const process = life.current();
  const engine = process?.engine();
  if (process === undefined || engine === undefined) {
    report.fail('P10', 'no process runs');
    return;
  }
  compareAll(world, engine);
  checkBounds(world, process);
  for (const key of history.overdue(10 * SECOND_MS)) report.fail('P10', `timer ${key} never fired`);
  for (const name of COLLECTORS) {
    const why = whyUnsettled(world, name);
    const live = engine.live(name);
    if (why !== undefined) {
      report.fail(
        'P10',
        `${name}: ${why}; it says: ${String(live?.why.sentence)} (${String(live?.phase)})`,
      );
    }
  }
  for (const scope of SCOPES) {
    const { context } = history.state(`limiter-${scope}`) as unknown as LimiterState;
    const old = Object.values(context.open).filter(({ at }) => at < time.wall() - 11 * MINUTE_MS);
    if (old.length > 0) report.fail('P10', `${scope}: blocks stay open`);
  }
  judge.atRest(records);
  sends.atRest();
}

function whyUnsettled(world: World, name: (typeof COLLECTORS)[number]): string | undefined {
  const { history, time } = world;
  const { context, ...state } = history.state(`collector-${name}`) as unknown as CollectorState;
  const { desired, suspension, activity } = regions({ ...state, context });
  const breaker = history.state(`breaker-${name}`) as unknown as BreakerState;
  const effective = effectiveOf(breaker);
  const quota = context.blocked?.cause === 'quota';
  if (quota && name === 'chain') return undefined; // its own budget of the day is spent
  if (desired !== 'enabled' || suspension !== 'clear') return `it is ${desired}, ${suspension}`;
  if (effective !== 'closed') return `its breaker is ${effective}`;
  if (activity !== 'idle' && activity !== 'collecting') return `it is ${activity}`;
  const last = world.lastSuccess.get(name) ?? -Infinity;
  const late = time.monotonic() - last - 3 * CADENCE_MS[name];
  return late > 0
    ? `no run succeeded for ${String((time.monotonic() - last) / SECOND_MS)} s`
    : undefined;
}

/** Takes the place of the test runner's own watch, so that the seed is told. */
function catchUnhandled(onReason: (reason: unknown) => void): () => void {
  const others = process.listeners('unhandledRejection');
  process.removeAllListeners('unhandledRejection');
  process.on('unhandledRejection', onReason);
  return () => {
    process.removeListener('unhandledRejection', onReason);
    for (const other of others) process.on('unhandledRejection', other);
  };
}
