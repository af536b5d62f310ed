/**
 * Runs what a collector owes: opens its session, runs its source, hands pages to the sink.
 *
 * R1 A page is durable in the sink before `RunProgressed` moves the cursor.
 * R2 A run is in flight only while the state names it: once another fact ends it, its calls are aborted.
 * R3 Every run that was begun is ended by a fact, however often the journal has to be asked.
 * R4 A source that throws is a crash of that run, never of the process.
 */
import { setMaxListeners } from 'node:events';
import { messageOf } from '../../kernel/errors.js';
import { wait } from '../../kernel/time.js';
import type { JsonObject } from '../../kernel/types.js';
import type { DoorRun } from '../door-parts.js';
import type { CollectorCommand, RunEnd } from './commands.js';
import { mayFetch, regions, type CollectorState } from './context.js';
import { runSource, withoutSecrets } from './pages.js';
import { endOf, endWith } from './run-end.js';
import type { CollectorHandle, RuntimeDeps } from './runtime-parts.js';
import { sessionOpener } from './session.js';
import { oneLine, warnings } from './warnings.js';

export type { CollectorHandle, RuntimeDeps } from './runtime-parts.js';

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

/** Pause before the end of a run is told again to a journal that could not take it. */
const FINISH_RETRY_MS = 500;
const FINISH_RETRY_MAX_MS = 10_000;

/** A crash's message goes into a fact. */
const CRASH_CHARS_MAX = 300;

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
  const said = warnings();
  const warn = (message: string): void => {
    const line = withoutSecrets(deps, message);
    if (said.add(line)) deps.log.info('the run goes on', { run, warning: line });
  };
  const doorRun: DoorRun = { run, priority, signal, durationsMs: [], warn };
  let end: RunEnd;
  try {
    end = endOf(deps, await runSource(deps, doorRun), doorRun, said);
  } catch (thrown) {
    const stack = thrown instanceof Error ? withoutSecrets(deps, thrown.stack ?? '') : undefined;
    const why = oneLine(withoutSecrets(deps, messageOf(thrown)), CRASH_CHARS_MAX);
    deps.log.error('source crashed', { run, error: why, stack });
    end = endWith(doorRun, said, { outcome: 'crashed', message: `source crashed: ${why}` });
  }
  await finish(deps, run, end);
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
