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
import type { EpochMs } from '../../kernel/types.js';
import type { Block, Column, LedgerDeps, Reserved } from './block.js';
import { drawnOf } from './buckets.js';
import type { LimiterContext } from './context.js';
import { windowOf } from './counted.js';
import type { Now, Weights } from './lanes.js';
import { openBlock } from './opening.js';
import type { Route } from './routes.js';
import { settle } from './settling.js';
import { came, covers, drew, giveBack, isCountedIn, openTab, sent, take, type Tab } from './tab.js';

/** What came of a call. */
export type Came = {
  readonly outcome: string;
  readonly charged: boolean;
  /** What it really drew, where its answer told: in place of what was reserved. */
  readonly units?: Weights;
};

export interface Ledger {
  /** A unit for one call, if a block has one. Synchronous. */
  take(route: Route, run: string, now: Now): Tab | undefined;
  /**
   * Opens a block; of a collector one at a time for each set of counted buckets, joined by whoever asks
   * meanwhile.
   */
  reserve(collector: string, run: string, weights: Weights): Promise<Reserved>;
  /** Its call did not leave. */
  giveBack(tab: Tab): void;
  isUsable(block: Block, now: Now): boolean;
  sent(tab: Tab, wall: EpochMs): void;
  came(tab: Tab, said: Came): void;
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
    take(route, run, now) {
      const tab = tabOf(shelf, route);
      if (tab === undefined) return undefined;
      const { block } = tab;
      if (!isUsable(block, now) || block.run !== run || !covers(tab)) {
        retire(shelf, block);
        return undefined;
      }
      take(tab);
      return tab;
    },
    reserve(collector, run, weights) {
      const key = [collector, ...countedOf(deps.context(), weights)].join('\n');
      const joined = shelf.reserving.get(key);
      if (joined !== undefined) return joined;
      const begun = open(shelf, collector, run, weights).finally(() => {
        shelf.reserving.delete(key);
      });
      shelf.reserving.set(key, begun);
      return begun;
    },
    giveBack(tab) {
      giveBack(tab);
      settleIfOver(shelf, tab.block);
    },
    isUsable,
    sent(tab, wall) {
      sent(tab);
      tab.block.lastSentAt = wall;
    },
    came(tab, { outcome, charged, units: drawn }) {
      const { block, weights } = tab;
      const context = deps.context();
      block.inFlight -= 1;
      if (drawn === undefined) {
        came(tab, outcome, charged, context);
      } else {
        const really = drawnFrom(context, weights, drawn);
        drew(tab, outcome, charged, context, really);
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
  /** The blocks each collector spends from: one for each set of counted buckets it draws from. */
  readonly current: Map<string, Block[]>;
  readonly reserving: Map<string, Promise<Reserved>>;
  readonly settling: Set<Promise<void>>;
  /** Opened, and the settlement not durable. */
  readonly live: Map<string, Block>;
  /** Goes up when what blocks were decided on is no longer true. */
  epoch: number;
};

/** The route's place on one of the blocks its collector spends from (R1: one that covers its buckets). */
function tabOf({ current, deps }: Shelf, route: Route): Tab | undefined {
  if (route.tab?.block.isRetired === false) return route.tab;
  route.tab = undefined;
  for (const block of current.get(route.collector) ?? []) {
    route.tab ??= openTab(block, route, deps.context());
  }
  return route.tab;
}

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
  if (begun === shelf.epoch) shelf.current.set(collector, [...blocksOf(shelf, collector), opened]);
  else retire(shelf, opened);
  return { ok: true };
}

function retire(shelf: Shelf, block: Block): void {
  const others = blocksOf(shelf, block.collector).filter((other) => other !== block);
  if (others.length > 0) shelf.current.set(block.collector, others);
  else shelf.current.delete(block.collector);
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

function isUsable(block: Block, { wall, mono }: Now): boolean {
  return mono < block.expiresMono && wall < block.expiresWall && !block.isSettled;
}

function retireAll(shelf: Shelf): void {
  shelf.epoch += 1;
  for (const block of [...shelf.current.values()].flat()) retire(shelf, block);
}

function blocksOf({ current }: Shelf, collector: string): readonly Block[] {
  return current.get(collector) ?? [];
}

function countedOf(context: LimiterContext, weights: Weights): readonly string[] {
  return Object.keys(weights)
    .filter((name) => isCountedIn(context, name))
    .sort();
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
    if (more === 0) continue;
    const column = columnOf(block, name);
    column.sent += more;
    if (more <= 0) continue; // goes back when the block is settled
    column.left -= more;
    isOver ||= column.left < 0;
  }
  return isOver;
}

function columnOf({ columns }: Block, name: string): Column {
  const known = columns.find((column) => column.name === name);
  if (known !== undefined) return known;
  const made = { name, left: 0, sent: 0 };
  columns.push(made);
  return made;
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
  for (const { columns } of shelf.live.values()) {
    for (const { name, left } of columns) {
      if (left < 0) beyond[name] = (beyond[name] ?? 0) - left;
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
    sent += (known === undefined ? block.units[bucket] : sentOf(known, bucket)) ?? 0;
  }
  return sent;
}

function sentOf({ columns }: Block, bucket: string): number | undefined {
  return columns.find(({ name }) => name === bucket)?.sent;
}
