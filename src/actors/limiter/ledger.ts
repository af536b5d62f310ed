/**
 * The reservation blocks a scope may spend from, in memory.
 *
 * R1 A unit is spent only from a block whose `UnitsReserved` is durable, and before the block's end on
 *    the wall clock and on the monotonic clock: calls sent never exceed calls reserved.
 * R2 A block ends before any window it is counted in does.
 * R3 A block is settled once, after its end and after every call of it came back; what cannot be
 *    settled counts as spent.
 * R4 What a call drew beyond its reservation counts at once, in the next reservation that is decided, and
 *    durably with its block's settlement.
 */
import type { EpochMs, MonotonicMs } from '../../kernel/types.js';
import type { Block, LedgerDeps, Reserved, Usage } from './block.js';
import type { LimiterContext } from './context.js';
import { drawnOf } from './buckets.js';
import { windowOf } from './counted.js';
import type { Now, Weights } from './lanes.js';
import { openBlock } from './opening.js';
import { settle } from './settling.js';

/** What came of a call. */
export type Came = {
  readonly outcome: string;
  readonly charged: boolean;
  /** What it really drew, where its answer told: in place of what was reserved. */
  readonly units?: Weights;
};

export interface Ledger {
  /** A unit for one call, if a block has one. Synchronous. */
  take(collector: string, run: string, weights: Weights, now: Now): Block | undefined;
  /** Opens a block; one at a time per collector, joined by whoever asks meanwhile. */
  reserve(collector: string, run: string, weights: Weights): Promise<Reserved>;
  /** Its call did not leave. */
  giveBack(block: Block, weights: Weights): void;
  isUsable(block: Block, wall: EpochMs, mono: MonotonicMs): boolean;
  sent(block: Block, weights: Weights, wall: EpochMs): void;
  came(block: Block, endpoint: string, weights: Weights, said: Came): void;
  /** No block opened so far is spent from any more. */
  retireAll(): void;
  /** Resolves when every settlement begun so far is written or given up. */
  settled(): Promise<void>;
  open(): number;
  /** Units of a fixed bucket that were really sent in the window that holds `wall`. */
  sentIn(bucket: string, wall: EpochMs): number | undefined;
}

export function reservationLedger(deps: LedgerDeps): Ledger {
  const shelf: Shelf = {
    deps,
    current: new Map(),
    reserving: new Map(),
    settling: new Set(),
    live: new Map(),
    epoch: 0,
  };
  return {
    take(collector, run, weights, now) {
      const block = shelf.current.get(collector);
      if (block === undefined) return undefined;
      const usable = isUsable(block, now.wall, now.mono);
      if (!usable || block.run !== run || !covers(block, weights)) {
        retire(shelf, block);
        return undefined;
      }
      move(block, weights, -1);
      return block;
    },
    reserve(collector, run, weights) {
      const joined = shelf.reserving.get(collector);
      if (joined !== undefined) return joined;
      const begun = open(shelf, collector, run, weights).finally(() => {
        shelf.reserving.delete(collector);
      });
      shelf.reserving.set(collector, begun);
      return begun;
    },
    giveBack(block, weights) {
      move(block, weights, 1);
      settleIfOver(shelf, block);
    },
    isUsable,
    sent(block, weights, wall) {
      block.sent += 1;
      for (const name in weights) {
        block.sentUnits[name] = (block.sentUnits[name] ?? 0) + (weights[name] ?? 0);
      }
      block.inFlight += 1;
      block.lastSentAt = wall;
    },
    came(block, endpoint, weights, { outcome, charged, units: drawn }) {
      block.inFlight -= 1;
      const usage = usageOf(block, endpoint, outcome);
      if (drawn === undefined) {
        count(deps.context(), usage, weights, charged);
      } else {
        const really = drawnFrom(deps.context(), weights, drawn);
        count(deps.context(), usage, really, charged);
        if (isOverdrawn(block, weights, really)) endAll(shelf);
      }
      settleIfOver(shelf, block);
    },
    retireAll() {
      retireAll(shelf);
    },
    async settled() {
      while (shelf.settling.size > 0) await Promise.all(shelf.settling);
    },
    open: () => shelf.live.size,
    sentIn: (bucket, wall) => sentIn(shelf, bucket, wall),
  };
}

type Shelf = {
  readonly deps: LedgerDeps;
  /** The block each collector spends from. */
  readonly current: Map<string, Block>;
  readonly reserving: Map<string, Promise<Reserved>>;
  readonly settling: Set<Promise<void>>;
  /** Opened, and the settlement not durable. */
  readonly live: Map<string, Block>;
  /** Goes up when what blocks were decided on is no longer true. */
  epoch: number;
};

async function open(
  shelf: Shelf,
  collector: string,
  run: string,
  weights: Weights,
): Promise<Reserved> {
  const { clock } = shelf.deps;
  const begun = shelf.epoch;
  const opened = await openBlock(shelf.deps, collector, run, weights, overdrawn(shelf));
  if (!('id' in opened)) return opened;
  shelf.live.set(opened.id, opened);
  opened.cancelEnd = clock.after(opened.expiresMono - clock.monotonic(), () => {
    for (const permit of [...opened.held]) permit.release();
    retire(shelf, opened);
  });
  // An observation came meanwhile that tightens: this block was decided without it.
  if (begun === shelf.epoch) shelf.current.set(collector, opened);
  else retire(shelf, opened);
  return { ok: true };
}

function retire(shelf: Shelf, block: Block): void {
  if (shelf.current.get(block.collector) === block) shelf.current.delete(block.collector);
  block.isRetired = true;
  settleIfOver(shelf, block);
}

function settleIfOver(shelf: Shelf, block: Block): void {
  if (!block.isRetired || block.isSettled || block.inFlight > 0 || block.held.length > 0) return;
  block.isSettled = true;
  block.cancelEnd();
  const done = settle(shelf.deps, block).finally(() => {
    shelf.live.delete(block.id);
    shelf.settling.delete(done);
  });
  shelf.settling.add(done);
}

function isUsable(block: Block, wall: EpochMs, mono: MonotonicMs): boolean {
  return mono < block.expiresMono && wall < block.expiresWall && !block.isSettled;
}

function retireAll(shelf: Shelf): void {
  shelf.epoch += 1;
  for (const block of [...shelf.current.values()]) retire(shelf, block);
}

/** Of the buckets it drew from, and of those that only its answer names. */
function drawnFrom(context: LimiterContext, weights: Weights, drawn: Weights): Weights {
  const really: Record<string, number> = {};
  for (const { name } of context.config?.buckets ?? []) {
    const units = drawnOf(drawn, name, weights[name] ?? 0);
    if (units > 0 || weights[name] !== undefined) really[name] = units;
  }
  return really;
}

/** R4: takes the difference from the block; true: it does not cover it. */
function isOverdrawn(block: Block, weights: Weights, really: Weights): boolean {
  let isOver = false;
  for (const name in really) {
    const more = (really[name] ?? 0) - (weights[name] ?? 0);
    block.sentUnits[name] = (block.sentUnits[name] ?? 0) + more;
    if (more <= 0) continue; // goes back when the block is settled
    const left = (block.left[name] ?? 0) - more;
    block.left[name] = left;
    isOver ||= left < 0;
  }
  return isOver;
}

/** R4: what was decided without a correction upwards is spent from no more, permits that are out included. */
function endAll(shelf: Shelf): void {
  retireAll(shelf);
  for (const { held } of [...shelf.live.values()]) {
    for (const permit of [...held]) permit.release();
  }
}

/** R4: units drawn beyond their reservations that the journal does not hold yet. */
function overdrawn(shelf: Shelf): Readonly<Record<string, number>> {
  const beyond: Record<string, number> = {};
  for (const { left } of shelf.live.values()) {
    for (const name in left) {
      const units = 0 - (left[name] ?? 0);
      if (units > 0) beyond[name] = (beyond[name] ?? 0) + units;
    }
  }
  return beyond;
}

function sentIn(shelf: Shelf, bucket: string, wall: EpochMs): number | undefined {
  const context = shelf.deps.context();
  const window = windowOf(context, bucket, wall);
  if (window === undefined) return undefined;
  let sent = window.spent;
  for (const [id, block] of Object.entries(context.open)) {
    // A window that begins with a call counts every open block, too.
    if (window.anchor === undefined && block.expiresAt - 1 < window.start) continue;
    // What is not in this memory is another's, and counts whole.
    const known = shelf.live.get(id);
    sent += (known === undefined ? block.units[bucket] : known.sentUnits[bucket]) ?? 0;
  }
  return sent;
}

function covers(block: Block, weights: Weights): boolean {
  if (block.calls < 1) return false;
  for (const name in weights) {
    // A bucket the scope does not have is not counted.
    if ((block.left[name] ?? Infinity) < (weights[name] ?? 0)) return false;
  }
  return true;
}

function move(block: Block, weights: Weights, sign: 1 | -1): void {
  block.calls += sign;
  for (const name in weights) {
    const left = block.left[name];
    if (left !== undefined) block.left[name] = left + sign * (weights[name] ?? 0);
  }
}

/** A quota is charged what the provider charges; a rate is charged for whatever was sent. */
function count(context: LimiterContext, usage: Usage, weights: Weights, charged: boolean): void {
  usage.calls += 1;
  for (const { name, quota } of context.config?.buckets ?? []) {
    const weight = weights[name];
    if (weight === undefined || (quota && !charged)) continue;
    usage.charged.set(name, (usage.charged.get(name) ?? 0) + weight);
  }
}

/** A handful per block: a list is faster to search than a key is to build. */
function usageOf(block: Block, endpoint: string, outcome: string): Usage {
  for (const usage of block.usage) {
    if (usage.endpoint === endpoint && usage.outcome === outcome) return usage;
  }
  const made = { endpoint, outcome, calls: 0, charged: new Map<string, number>() };
  block.usage.push(made);
  return made;
}
