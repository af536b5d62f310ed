/**
 * Runs what a collector owes: opens its session, runs its source, hands pages to the sink.
 *
 * R1 A page is durable in the sink before `RunProgressed` moves the cursor.
 * R2 A run is in flight only while the state names it: once another fact ends it, its calls are aborted.
 * R3 Every run that was begun is ended by a fact, however often the journal has to be asked.
 * R4 A source that throws is a crash of that run, never of the process.
 */
import { setMaxListeners } from 'node:events';
import { canonicalJson } from '../../kernel/canonical.js';
import { messageOf } from '../../kernel/errors.js';
import type { Logger } from '../../kernel/observe.js';
import type { Random } from '../../kernel/random.js';
import { wait, type Clock } from '../../kernel/time.js';
import type { Json, JsonObject } from '../../kernel/types.js';
import type { RecordSink } from '../../records/port.js';
import type {
  RequestFailure,
  SourceContext,
  SourceDefinition,
  SourcePage,
} from '../../sources/port.js';
import { request } from '../door.js';
import type { DoorDeps, DoorRun } from '../door-parts.js';
import type { ActorHandle, SystemContext } from '../handle.js';
import type { CollectorCommand, Obstacle, RunEnd } from './commands.js';
import { mayFetch, regions, type CollectorContext, type CollectorState } from './context.js';
import type { CollectorFact } from './events.js';
import { sessionOpener } from './session.js';

export type CollectorHandle = ActorHandle<CollectorContext, CollectorCommand, CollectorFact>;

export type RuntimeDeps = {
  readonly name: string;
  readonly handle: CollectorHandle;
  readonly source: SourceDefinition;
  readonly options: JsonObject;
  readonly door: DoorDeps;
  readonly sink: RecordSink;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly system: SystemContext;
  /** What stands in the way of a run now, by breaker and limiter; undefined: nothing. */
  readonly obstacle: () => Obstacle | undefined;
  /** The key is there, or none is needed. */
  readonly hasKey: boolean;
};

export interface CollectorRuntime {
  /** Begins owed work (kind.ts `Owed`). */
  begin(work: JsonObject): void;
  /** The command of a due timer. */
  dueCommand(): CollectorCommand;
  /** Starts a run now, e.g. by hand or because a gate opened. */
  runNow(trigger: 'manual' | 'wake', priority: 'probe' | 'live'): CollectorCommand;
  inFlight(): number;
  /** The process ends: opens no session any more, though the state goes on owing one. */
  close(): void;
  /** Resolves when nothing is in flight. */
  idle(): Promise<void>;
}

/** What ended a run before its source was done: a request, or the sink. */
type Ended = Omit<RequestFailure, 'ok' | 'outcome'> & { readonly outcome: string };

/** Pause before the end of a run is told again to a journal that could not take it. */
const FINISH_RETRY_MS = 500;
const FINISH_RETRY_MAX_MS = 10_000;

/** A run may hold this many pages; a source that never ends is cut there and goes on next time. */
const PAGES_MAX = 10_000;

type InFlight = { readonly abort: AbortController; readonly done: Promise<void> };

export function collectorRuntime(deps: RuntimeDeps): CollectorRuntime {
  const running = new Map<string, InFlight>();
  let isClosed = false;
  const openSession = sessionOpener(deps, () => isClosed);
  deps.handle.watch(({ state }) => {
    // R2: also for facts that only restrict and are not durable yet.
    for (const [run, { abort }] of running) {
      if (state.context.run?.id !== run) abort.abort();
    }
  });
  const start = (run: string): void => {
    const abort = new AbortController();
    // Each request under way listens; how many there are is bounded by the limiter's queue.
    setMaxListeners(0, abort.signal);
    const done = execute(deps, run, abort.signal).finally(() => running.delete(run));
    running.set(run, { abort, done });
  };
  return {
    begin(work) {
      if (work['do'] === 'connect') {
        // A session begins with a token of its own.
        for (const { tokens } of deps.door.upstreams.values()) tokens.forget();
        openSession();
      }
      if (work['do'] === 'run' && typeof work['run'] === 'string') start(work['run']);
    },
    dueCommand: () => startCommand(deps, 'schedule', 'live'),
    runNow: (trigger, priority) => startCommand(deps, trigger, priority),
    inFlight: () => running.size,
    close() {
      isClosed = true;
    },
    async idle() {
      await Promise.all([...running.values()].map(({ done }) => done));
    },
  };
}

/** An obstacle known beforehand makes a blocked run: it is recorded without a call being tried. */
function startCommand(deps: RuntimeDeps, trigger: string, priority: string): CollectorCommand {
  const obstacle = deps.obstacle();
  const run = deps.random.uuid();
  return { type: 'StartRun', run, trigger, priority, ...(obstacle !== undefined && { obstacle }) };
}

async function execute(deps: RuntimeDeps, run: string, signal: AbortSignal): Promise<void> {
  const { context } = deps.handle.state();
  const priority = context.run?.priority === 'probe' ? 'probe' : 'live';
  const doorRun: DoorRun = { run, priority, signal, durationsMs: [], warn: () => undefined };
  let end: RunEnd;
  try {
    end = endOf(await pages(deps, doorRun), doorRun);
  } catch (thrown) {
    const stack = thrown instanceof Error ? thrown.stack : undefined;
    deps.log.error('source crashed', { run, error: messageOf(thrown), stack });
    end = endWith(doorRun, { outcome: 'crashed', message: `source crashed: ${messageOf(thrown)}` });
  }
  await finish(deps, run, end);
}

/** Pulls page after page; answers the failure that ended the run, if one did. */
async function pages(deps: RuntimeDeps, run: DoorRun): Promise<Ended | undefined> {
  const collecting = deps.source.collect(sourceContext(deps, run));
  try {
    for (let count = 0; count < PAGES_MAX; count += 1) {
      const next = await collecting.next();
      if (next.done === true) return next.value;
      const failure = await takePage(deps, run, next.value);
      if (failure !== undefined) return failure;
    }
    deps.log.warn('run cut: too many pages', { run: run.run, pages: PAGES_MAX });
    return undefined;
  } finally {
    await collecting.return(undefined);
  }
}

/** R1: sink first, cursor second. A failure of either ends the run; the cursor stays. */
async function takePage(
  deps: RuntimeDeps,
  run: DoorRun,
  page: SourcePage,
): Promise<Ended | undefined> {
  const { series, records } = page;
  const cursor = canonicalJson(page.cursor);
  const known = deps.handle.state().context.cursors[series];
  if (records.length === 0 && known?.cursor === cursor) return undefined;
  const ordinal = (known?.ordinal ?? 0) + 1;
  const collectedAt = deps.clock.now();
  const stop = (message: string): Ended => ({
    outcome: run.signal.aborted ? 'cancelled' : 'sink',
    message,
    endpoint: '',
    status: 0,
  });
  let newRecords: number;
  try {
    const written = await deps.sink.write({
      collector: deps.name,
      run: run.run,
      series,
      records,
      cursor,
      ordinal,
      collectedAt,
    });
    newRecords = written.added + written.changed;
  } catch (thrown) {
    return stop(`records not stored: ${messageOf(thrown)}`);
  }
  const newestAt = records.reduce<number | undefined>(
    (max, r) => Math.max(max ?? r.at, r.at),
    undefined,
  );
  const answer = await deps.handle.ask(
    {
      type: 'Progress',
      run: run.run,
      page: {
        series,
        cursor,
        ordinal,
        records: records.length,
        newRecords,
        gaps: page.gaps ?? [],
        ...(newestAt !== undefined && { newestAt }),
      },
    },
    deps.system(`run ${run.run}`),
  );
  return answer.ok ? undefined : stop(answer.refusal.detail);
}

function sourceContext(deps: RuntimeDeps, run: DoorRun): SourceContext<JsonObject> {
  return {
    options: deps.options,
    cursor(series) {
      const known = deps.handle.state().context.cursors[series];
      const value = known === undefined ? undefined : (JSON.parse(known.cursor) as Json);
      return value ?? undefined;
    },
    now: () => deps.clock.now(),
    signal: run.signal,
    log: deps.log,
    warn(message) {
      deps.log.warn(message, { run: run.run });
    },
    request: (endpoint, spec) => request(deps.door, run, endpoint, spec),
  };
}

function endOf(failure: Ended | undefined, run: DoorRun): RunEnd {
  if (failure === undefined) return endWith(run, { outcome: 'ok', message: '' });
  const { outcome, message, endpoint, status, until, evidence, cause } = failure;
  const obstacle: Obstacle | undefined =
    outcome === 'blocked' && cause !== undefined && cause !== 'desired' && cause !== 'draining'
      ? { cause, detail: message, ...(until !== undefined && { until }) }
      : undefined;
  return endWith(run, {
    outcome,
    message,
    endpoint,
    status,
    ...(until !== undefined && { until }),
    ...(evidence !== undefined && { evidence }),
    ...(obstacle !== undefined && { obstacle }),
  });
}

function endWith(run: DoorRun, end: Partial<RunEnd> & Pick<RunEnd, 'outcome' | 'message'>): RunEnd {
  const durations = [...run.durationsMs].sort((a, b) => a - b);
  const latencyP95Ms =
    durations[Math.min(durations.length - 1, Math.floor(durations.length * 0.95))] ?? 0;
  return { endpoint: '', status: 0, calls: durations.length, latencyP95Ms, ...end };
}

/** R3. Only the end of the process leaves a run without its end: then `Recover` settles it. */
async function finish(deps: RuntimeDeps, run: string, end: RunEnd): Promise<void> {
  let pause = FINISH_RETRY_MS;
  for (;;) {
    const answer = await deps.handle.ask(
      { type: 'FinishRun', run, end },
      deps.system(`run ${run}`),
    );
    if (answer.ok || answer.refusal.kind === 'stopping' || answer.refusal.kind === 'quarantined')
      return;
    deps.log.warn('end of run not recorded, trying again', { run, refusal: answer.refusal.kind });
    await wait(deps.clock, pause);
    pause = Math.min(pause * 2, FINISH_RETRY_MAX_MS);
  }
}

/**
 * D2: may a call of this run leave? Asked synchronously before the wire; sees what restricts as soon as
 * it is decided (A2), and what permits once it is durable.
 */
export function callGate(
  handle: CollectorHandle,
): (run: string) => 'desired' | 'draining' | undefined {
  let visible: CollectorState = handle.state();
  handle.watch(({ state }) => {
    visible = state;
  });
  return (run) => {
    if (handle.quarantined() !== undefined || !mayFetch(visible)) return 'desired';
    if (regions(visible).activity !== 'collecting') return 'draining';
    return visible.context.run?.id === run ? undefined : 'draining';
  };
}
