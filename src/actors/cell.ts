/** What the host keeps of one actor, and the small things done to it. Invariants A1–A10: host.ts. */
import type { Cancel } from '../kernel/time.js';
import type { Logger } from '../kernel/observe.js';
import type { DurationMs, MonotonicMs, Revision, StreamId } from '../kernel/types.js';
import type { Folder } from './fold.js';
import type { Answer, CommandContext, Notice } from './handle.js';
import type { HostServices, Wiring } from './services.js';
import type { ActorKind, ActorState, AnyFact, MachineryCommand, Owed } from './kind.js';
import type { Resident } from './load.js';
import type { Supervisor } from './supervisor.js';
import type { TimerOwed, Timers } from './timers.js';

export type AnyCommand = { readonly type: string };

export type Job<C, Cmd, F> = {
  readonly command: Cmd | MachineryCommand;
  readonly context: CommandContext;
  readonly reply: (answer: Answer<F, C>) => void;
  /** The timer whose command this is: dropped when it has become stale meanwhile (A7). */
  readonly timer?: TimerOwed;
};

export type Cell<C, Cmd extends AnyCommand, F extends AnyFact> = {
  readonly kind: ActorKind<C, Cmd, F>;
  readonly stream: StreamId;
  readonly wiring: Wiring<Cmd>;
  readonly services: HostServices;
  readonly fold: Folder<C, F>;
  readonly log: Logger;
  readonly mailbox: Job<C, Cmd, F>[];
  readonly watchers: Set<(notice: Notice<F, C>) => void>;
  /** Keys of the owed work that was begun. */
  readonly begun: Set<string>;
  readonly supervisor: Supervisor;
  timers: Timers;
  resident: Resident<C> | undefined;
  /** What was durable when a watched actor left memory for a moment, to be loaded afresh. */
  last: ActorState<C> | undefined;
  quarantine: string | undefined;
  /** The last one known: kept while the actor is out of memory. */
  commandRevision: Revision;
  /** The wall clock less the monotonic one, as this actor's facts have it. */
  driftMs: DurationMs;
  loading: Promise<void> | undefined;
  pumping: Promise<void> | undefined;
  idle: Cancel | undefined;
  /** When its last command was done. */
  activeAt: MonotonicMs;
};

export function notify<C, Cmd extends AnyCommand, F extends AnyFact>(
  cell: Cell<C, Cmd, F>,
  notice: Notice<F, C>,
): void {
  for (const watcher of cell.watchers) watcher(notice);
}

/** Out of memory until it is loaded afresh; whoever looks meanwhile sees what was durable last. */
export function reload<C, Cmd extends AnyCommand, F extends AnyFact>(cell: Cell<C, Cmd, F>): void {
  cell.last = cell.resident?.state ?? cell.last;
  cell.resident = undefined;
}

/** Arms and begins what the state owes and is not yet under way (A5, A7). */
export function reconcile<C, Cmd extends AnyCommand, F extends AnyFact>(
  cell: Cell<C, Cmd, F>,
  state: ActorState<C>,
): void {
  const timers: TimerOwed[] = [];
  const works: Extract<Owed, { kind: 'work' }>[] = [];
  for (const owed of cell.kind.outstanding(state)) {
    if (owed.kind === 'timer') timers.push(owed);
    else works.push(owed);
  }
  cell.timers.reconcile(timers);
  for (const key of cell.begun) if (!works.some((work) => work.key === key)) cell.begun.delete(key);
  for (const { key, work } of works) {
    if (cell.begun.has(key)) continue;
    cell.begun.add(key);
    cell.wiring.onWork?.(key, work);
  }
}

/** A7: a timer of a generation the state no longer owes is stale. */
export function isOwed<C, Cmd extends AnyCommand, F extends AnyFact>(
  cell: Cell<C, Cmd, F>,
  timer: TimerOwed,
): boolean {
  if (cell.resident === undefined) return true; // passivated: it is checked again once loaded
  return cell.kind
    .outstanding(cell.resident.state)
    .some((o) => o.kind === 'timer' && o.name === timer.name && o.generation === timer.generation);
}

/** A6, A8: out of service until an admin revives it; the node goes on. */
export function quarantine<C, Cmd extends AnyCommand, F extends AnyFact>(
  cell: Cell<C, Cmd, F>,
  reason: string,
): void {
  if (cell.quarantine !== undefined) return; // two waited for the same load
  cell.quarantine = reason;
  cell.resident = undefined;
  cell.timers.clear();
  cell.services.statistics.quarantines += 1;
  cell.log.error('actor quarantined', { reason });
}
