/**
 * Finished calls on their way into the journal: in order, in batches, bounded.
 *
 * 1. One batch is asked at a time, the oldest first; what is behind it waits. A batch once asked
 *    never changes and keeps its command's id, so that asking again cannot append twice (A4).
 * 2. A batch goes when it is full, when its oldest call has waited for `FLUSH_AFTER_MS`, when the
 *    gate is in a hurry (its calls decided something), or on flush.
 * 3. While the journal does not take them, batches wait and are tried again every `RETRY_AFTER_MS`.
 *    Beyond `BATCHES_MAX` the oldest is given up: its calls are lost to statistics, counted and
 *    told. The newest are kept because they are the ones that decide.
 */
import type { Logger } from '../../kernel/observe.js';
import type { Cancel, Clock } from '../../kernel/time.js';
import type { CommandContext, SystemContext } from '../handle.js';
import type { Refusal } from '../refusal.js';
import { CALLS_PER_FACT_MAX } from './commands.js';
import type { FinishedCall } from './events.js';

/** How long a call waits for others before it is recorded: what a crash may lose of statistics. */
export const FLUSH_AFTER_MS = 1000;
/** How long until a refused batch, or a refused deadline, is asked again. */
export const RETRY_AFTER_MS = 1000;
/** Batches that may wait: with 100 calls each, 10 000 calls. */
export const BATCHES_MAX = 100;

export type Batch = {
  readonly calls: FinishedCall[];
  /** Set when it is first asked. */
  context: CommandContext | undefined;
  /** Whether its facts were seen durable already. */
  covered: number;
};

export type Outbox = {
  readonly clock: Clock;
  readonly context: SystemContext;
  readonly log: Logger;
  /** Asks the actor; a refusal, or undefined when the calls are durable. */
  readonly ask: (batch: Batch, context: CommandContext) => Promise<Refusal | undefined>;
  /** Oldest first. */
  readonly batches: Batch[];
  /** The batch that is being filled. */
  tail: Batch | undefined;
  /** How many batches, from the oldest, must go now. */
  due: number;
  timer: Cancel | undefined;
  running: Promise<void> | undefined;
  /** The last attempt failed, the next has its time. */
  failing: boolean;
  closed: boolean;
  /** Calls given up. */
  lost: number;
};

export function outbox(parts: Pick<Outbox, 'clock' | 'context' | 'log' | 'ask'>): Outbox {
  return {
    ...parts,
    batches: [],
    tail: undefined,
    due: 0,
    timer: undefined,
    running: undefined,
    failing: false,
    closed: false,
    lost: 0,
  };
}

/** Takes one call. The hot path: a push. */
export function enqueue(box: Outbox, call: FinishedCall): void {
  if (box.closed) {
    box.lost += 1;
    return;
  }
  const tail = box.tail ?? openTail(box);
  tail.calls.push(call);
  if (tail.calls.length >= CALLS_PER_FACT_MAX) {
    box.tail = undefined;
    void kick(box);
  }
  if (box.timer === undefined) arm(box, FLUSH_AFTER_MS);
}

/** Sends what is there now, without waiting for more. */
export function hurry(box: Outbox): void {
  box.tail = undefined;
  box.due = box.batches.length;
  void kick(box);
}

/** Resolves when what is there now is durable, or cannot be made so now (told in the log). */
export async function flush(box: Outbox): Promise<void> {
  box.failing = false;
  hurry(box);
  do await kick(box);
  while (nextDue(box) !== undefined);
}

/** The facts of so many calls are durable, and the state shows them. */
export function cover(box: Outbox, calls: number): void {
  const [first] = box.batches;
  if (first?.context !== undefined) first.covered = Math.min(first.calls.length, calls);
}

/** Visits, oldest first, the calls that the actor's durable state does not show. */
export function eachUnsettled(box: Outbox, visit: (call: FinishedCall) => void): void {
  for (const { calls, covered } of box.batches) {
    for (const call of covered === 0 ? calls : calls.slice(covered)) visit(call);
  }
}

/** Takes no more calls and holds no more timers. What was not flushed is lost. */
export function closeOutbox(box: Outbox): void {
  box.closed = true;
  box.timer?.();
  box.timer = undefined;
}

function openTail(box: Outbox): Batch {
  if (box.batches.length >= BATCHES_MAX) giveUpOldest(box);
  const tail: Batch = { calls: [], context: undefined, covered: 0 };
  box.batches.push(tail);
  box.tail = tail;
  return tail;
}

/** The one that is being asked, if any, is on its way and stays. */
function giveUpOldest(box: Outbox): void {
  const index = box.running === undefined ? 0 : 1;
  const [oldest] = box.batches.splice(index, 1);
  if (oldest === undefined) return;
  if (box.due > index) box.due -= 1;
  box.lost += oldest.calls.length;
  const fields = { calls: oldest.calls.length, lostTotal: box.lost };
  box.log.warn('too many calls wait for the journal: the oldest are not recorded', fields);
}

function arm(box: Outbox, delayMs: number): void {
  if (box.closed) return; // a retry postponed after close
  box.timer = box.clock.after(delayMs, () => {
    box.timer = undefined;
    box.failing = false;
    hurry(box);
  });
}

function kick(box: Outbox): Promise<void> {
  box.running ??= drain(box).finally(() => {
    box.running = undefined;
    if (nextDue(box) !== undefined) void kick(box);
  });
  return box.running;
}

function nextDue(box: Outbox): Batch | undefined {
  if (box.failing) return undefined;
  const [first] = box.batches;
  if (first === undefined) return undefined;
  return box.due > 0 || first.calls.length >= CALLS_PER_FACT_MAX ? first : undefined;
}

async function drain(box: Outbox): Promise<void> {
  for (let batch = nextDue(box); batch !== undefined; batch = nextDue(box)) {
    if (box.tail === batch) box.tail = undefined;
    const refusal = await box.ask(batch, (batch.context ??= box.context('calls')));
    if (refusal !== undefined && isTransient(refusal)) {
      postpone(box, refusal);
      return;
    }
    const index = box.batches.indexOf(batch);
    if (index >= 0) box.batches.splice(index, 1);
    box.due = Math.max(0, box.due - 1);
    if (refusal !== undefined) discard(box, batch, refusal);
  }
}

function postpone(box: Outbox, refusal: Refusal): void {
  box.failing = true;
  const waiting = box.batches.reduce((sum, { calls }) => sum + calls.length, 0);
  box.log.warn('calls not recorded yet, trying again', { refusal: refusal.kind, waiting });
  box.timer?.();
  arm(box, RETRY_AFTER_MS);
}

/** The actor will never take it: it is another node's, quarantined, or stopping. */
function discard(box: Outbox, batch: Batch, refusal: Refusal): void {
  box.lost += batch.calls.length;
  const fields = { refusal: refusal.kind, detail: refusal.detail, calls: batch.calls.length };
  box.log.error('calls refused by the breaker: not recorded', { ...fields, lostTotal: box.lost });
}

/** Whether the same command may be taken later. */
export function isTransient({ kind }: Refusal): boolean {
  return kind === 'journal-unavailable' || kind === 'overloaded' || kind === 'raced';
}
