/** One actor: its mailbox, its timers, its handle. The invariants A1–A10 stand in host.ts. */
import { assert } from '../kernel/errors.js';
import type { StreamId } from '../kernel/types.js';
import { NO_STREAM } from '../journal/port.js';
import { isOwed, type AnyCommand, type Cell, type Job } from './cell.js';
import { folder } from './fold.js';
import type { ActorHandle, Answer, CommandContext } from './handle.js';
import type { HostServices, Wiring } from './services.js';
import type { ActorKind, AnyFact, MachineryCommand } from './kind.js';
import { saveSnapshot } from './load.js';
import { ensureLoaded, perform } from './perform.js';
import type { Refusal } from './refusal.js';
import { supervisor } from './supervisor.js';
import { timers, type TimerOwed } from './timers.js';

/** The actor as its host holds it. */
export interface Actor {
  readonly handle: { readonly stream: StreamId };
  isResident(): boolean;
  queued(): number;
  /** Loads it; what is wrong is in `handle.quarantined()` and the log. */
  wake(): Promise<void>;
  /** Out of quarantine, if it can be folded now; else why not. */
  revive(): Promise<string | undefined>;
  stop(): Promise<void>;
}

/** How long a timer's command waits before it is tried again when it was refused. */
const TIMER_RETRY_MS = 1000;

export function startActor<C, Cmd extends AnyCommand, F extends AnyFact>(
  kind: ActorKind<C, Cmd, F>,
  stream: StreamId,
  wiring: Wiring<Cmd>,
  services: HostServices,
): { readonly actor: Actor; readonly handle: ActorHandle<C, Cmd, F> } {
  const cell: Cell<C, Cmd, F> = {
    kind,
    stream,
    wiring,
    services,
    fold: folder<C, F>(kind.machine),
    log: services.log.child({ stream }),
    mailbox: [],
    watchers: new Set(),
    begun: new Set(),
    supervisor: supervisor(services.clock, services.random),
    timers: timers(services.clock, (timer) => {
      void fire(cell, timer);
    }),
    resident: undefined,
    last: undefined,
    quarantine: undefined,
    commandRevision: NO_STREAM,
    driftMs: services.clock.now() - services.clock.monotonic(),
    loading: undefined,
    pumping: undefined,
    idle: undefined,
    activeAt: services.clock.monotonic(),
  };
  const handle = handleOf(cell);
  return { handle, actor: actorOf(cell, handle) };
}

function handleOf<C, Cmd extends AnyCommand, F extends AnyFact>(
  cell: Cell<C, Cmd, F>,
): ActorHandle<C, Cmd, F> {
  return {
    stream: cell.stream,
    state() {
      if (cell.quarantine !== undefined) return cell.fold.initial();
      const state = cell.resident?.state ?? cell.last;
      assert(state !== undefined, `${cell.stream} is not in memory`);
      return state;
    },
    revision: () => cell.resident?.revision ?? NO_STREAM,
    commandRevision: () => cell.resident?.commandRevision ?? cell.commandRevision,
    ask: (command, context) => submit(cell, command, context),
    watch(listener) {
      cell.watchers.add(listener);
      return () => {
        cell.watchers.delete(listener);
      };
    },
    quarantined: () => cell.quarantine,
  };
}

function actorOf<C, Cmd extends AnyCommand, F extends AnyFact>(
  cell: Cell<C, Cmd, F>,
  handle: ActorHandle<C, Cmd, F>,
): Actor {
  return {
    handle,
    isResident: () => cell.resident !== undefined,
    queued: () => cell.mailbox.length,
    async wake() {
      await ensureLoaded(cell);
    },
    async revive() {
      const before = cell.quarantine;
      if (before === undefined) return undefined;
      // Whoever looks while it is being loaded sees what was shown of it in quarantine.
      cell.last = cell.fold.initial();
      cell.quarantine = undefined;
      cell.supervisor.reset();
      const refusal = await ensureLoaded(cell);
      // A journal that is away says nothing about the stream: it stays where it was.
      if (refusal !== undefined) cell.quarantine ??= before;
      return refusal?.detail;
    },
    async stop() {
      // What is in the mailbox is still decided, and may arm timers again: they go when it is empty.
      while (cell.pumping !== undefined) await cell.pumping;
      cell.idle?.();
      cell.timers.clear();
      if (cell.resident === undefined) return;
      await saveSnapshot(cell.stream, cell.kind.foldVersion, cell.resident, cell.services);
    },
  };
}

/** A7: the command of a due timer; refused, it is tried again for as long as the state owes it. */
async function fire<C, Cmd extends AnyCommand, F extends AnyFact>(
  cell: Cell<C, Cmd, F>,
  timer: TimerOwed,
): Promise<void> {
  const { services } = cell;
  services.statistics.timersFired += 1;
  const { name, generation } = timer;
  const due: Cmd | MachineryCommand = cell.wiring.onTimer?.(timer) ?? {
    type: 'TimerDue',
    name,
    generation,
  };
  const answer = await submit(cell, due, services.system(`timer ${name}`), timer);
  if (answer.ok || services.isStopping() || cell.quarantine !== undefined) return;
  cell.log.warn('timer refused, trying again', { timer: name, refusal: answer.refusal.kind });
  services.clock.after(TIMER_RETRY_MS, () => {
    if (isOwed(cell, timer)) void fire(cell, timer);
  });
}

function submit<C, Cmd extends AnyCommand, F extends AnyFact>(
  cell: Cell<C, Cmd, F>,
  command: Cmd | MachineryCommand,
  context: CommandContext,
  timer?: TimerOwed,
): Promise<Answer<F, C>> {
  const refusal = refusedAtTheDoor(cell);
  if (refusal !== undefined) {
    cell.services.statistics.refused += 1;
    return Promise.resolve({ ok: false, refusal });
  }
  return new Promise((reply) => {
    const job: Job<C, Cmd, F> = { command, context, reply };
    cell.mailbox.push(timer === undefined ? job : { ...job, timer });
    pump(cell);
  });
}

function refusedAtTheDoor<C, Cmd extends AnyCommand, F extends AnyFact>(
  cell: Cell<C, Cmd, F>,
): Refusal | undefined {
  const { services, stream } = cell;
  if (services.isStopping()) return { kind: 'stopping', detail: 'the service is stopping' };
  if (cell.quarantine !== undefined) return { kind: 'quarantined', detail: cell.quarantine };
  if (cell.mailbox.length < services.limits.mailboxMax) return undefined;
  const max = String(services.limits.mailboxMax);
  return { kind: 'overloaded', detail: `${stream} has ${max} commands waiting already` };
}

/** A1: one command at a time, in the order in which they came. */
function pump<C, Cmd extends AnyCommand, F extends AnyFact>(cell: Cell<C, Cmd, F>): void {
  cell.pumping ??= drain(cell).finally(() => {
    cell.pumping = undefined;
    if (cell.mailbox.length > 0) pump(cell);
  });
}

async function drain<C, Cmd extends AnyCommand, F extends AnyFact>(
  cell: Cell<C, Cmd, F>,
): Promise<void> {
  for (let job = cell.mailbox[0]; job !== undefined; job = cell.mailbox[0]) {
    const answer = await perform(cell, job);
    cell.mailbox.shift();
    cell.services.statistics.commands += 1;
    if (!answer.ok) cell.services.statistics.refused += 1;
    job.reply(answer);
  }
  const { clock, limits } = cell.services;
  cell.activeAt = clock.monotonic();
  // One timer an actor, not one a command: it looks how long ago the last one was.
  cell.idle ??= clock.after(limits.passivateAfterMs, () => {
    rest(cell);
  });
}

/** A10: passivates it when it has been idle for long enough, else looks again when it would have. */
function rest<C, Cmd extends AnyCommand, F extends AnyFact>(cell: Cell<C, Cmd, F>): void {
  const { clock, limits } = cell.services;
  const left = cell.activeAt + limits.passivateAfterMs - clock.monotonic();
  cell.idle = undefined;
  if (left <= 0) {
    passivate(cell);
    return;
  }
  cell.idle = clock.after(left, () => {
    rest(cell);
  });
}

/** A10: what nobody watches leaves memory; its timers stay armed and wake it. */
function passivate<C, Cmd extends AnyCommand, F extends AnyFact>(cell: Cell<C, Cmd, F>): void {
  if (cell.resident === undefined || cell.watchers.size > 0 || cell.mailbox.length > 0) return;
  void saveSnapshot(cell.stream, cell.kind.foldVersion, { ...cell.resident }, cell.services);
  cell.resident = undefined;
}
