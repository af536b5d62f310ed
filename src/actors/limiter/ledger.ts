/**
 * The reservation blocks a scope may spend from, in memory.
 *
 * R1 A unit is spent only from a block whose `UnitsReserved` is durable, and before the block's end on
 *    the wall clock and on the monotonic clock: calls sent never exceed calls reserved.
 * R2 A block ends before any window it is counted in does.
 * R3 A block is settled once, after its end and after every call of it came back; what cannot be
 *    settled counts as spent.
 */
import { wait, type Cancel, type Clock } from '../../kernel/time.js';
import type { Logger } from '../../kernel/observe.js';
import type { Random } from '../../kernel/random.js';
import type { DurationMs, EpochMs, MonotonicMs } from '../../kernel/types.js';
import type { ActorHandle, SystemContext } from '../handle.js';
import type { Refusal } from '../refusal.js';
import { isFixed } from './buckets.js';
import type { LimiterCommand, Settle } from './commands.js';
import type { LimiterContext } from './context.js';
import { currentRate } from './curve.js';
import type { LimiterFact, Units } from './events.js';
import { unitsOf, windowOf } from './evolve.js';
import type { Weights } from './lanes.js';
import { refillsAt } from './periods.js';
import { BLOCK_CALLS_MAX } from './reserve.js';

/** How long a block may be spent from. */
export const BLOCK_USABLE_MS: DurationMs = 2000;
/** Nearer than this to the end of a window no block is opened any more. */
const BLOCK_MIN_MS: DurationMs = 50;
/** A settlement that could not be written is tried again this often, this far apart. */
const SETTLE_TRIES = 5;
const SETTLE_RETRY_MS: DurationMs = 2000;

export type LimiterHandle = ActorHandle<LimiterContext, LimiterCommand, LimiterFact>;

/** A block as its spender holds it. */
export type Block = {
  readonly id: string;
  readonly collector: string;
  readonly run: string;
  readonly expiresWall: EpochMs;
  readonly expiresMono: MonotonicMs;
  calls: number;
  readonly left: Record<string, number>;
  sent: number;
  inFlight: number;
  /** Permits that hold a unit and have not left; called when the block ends under them. */
  readonly held: Set<() => void>;
  readonly usage: Map<string, Usage>;
  lastSentAt: EpochMs | undefined;
  delayed: number;
  isRetired: boolean;
  isSettled: boolean;
  /** Disarms the timer of its end. */
  cancelEnd: Cancel;
};

type Usage = {
  readonly endpoint: string;
  readonly outcome: string;
  calls: number;
  readonly charged: Map<string, number>;
};

export type Reserved =
  | { readonly ok: true }
  | { readonly ok: false; readonly refusal: Refusal; readonly bucket?: string };

export interface Ledger {
  /** A unit for one call, if a block has one. Synchronous. */
  take(collector: string, run: string, weights: Weights): Block | undefined;
  /** Opens a block; one at a time per collector, joined by whoever asks meanwhile. */
  reserve(collector: string, run: string, weights: Weights): Promise<Reserved>;
  /** Its call did not leave. */
  giveBack(block: Block, weights: Weights): void;
  isUsable(block: Block, wall: EpochMs, mono: MonotonicMs): boolean;
  sent(block: Block, wall: EpochMs): void;
  came(block: Block, endpoint: string, outcome: string, weights: Weights, charged: boolean): void;
  /** No block opened so far is spent from any more. */
  retireAll(): void;
  /** Resolves when every settlement begun so far is written or given up. */
  settled(): Promise<void>;
  open(): number;
}

export type LedgerDeps = {
  readonly handle: LimiterHandle;
  readonly clock: Clock;
  readonly random: Random;
  readonly system: SystemContext;
  readonly log: Logger;
  readonly context: () => LimiterContext;
};

export function reservationLedger(deps: LedgerDeps): Ledger {
  const { clock } = deps;
  const current = new Map<string, Block>();
  const reserving = new Map<string, Promise<Reserved>>();
  const settling = new Set<Promise<void>>();
  const live = new Set<Block>();
  let epoch = 0;

  const settleIfOver = (block: Block): void => {
    if (!block.isRetired || block.isSettled || block.inFlight > 0 || block.held.size > 0) return;
    block.isSettled = true;
    block.cancelEnd();
    live.delete(block);
    const done = settle(deps, block).finally(() => settling.delete(done));
    settling.add(done);
  };
  const retire = (block: Block): void => {
    if (current.get(block.collector) === block) current.delete(block.collector);
    block.isRetired = true;
    settleIfOver(block);
  };
  const end = (block: Block): void => {
    for (const lapse of [...block.held]) lapse();
    retire(block);
  };
  const isUsable = (block: Block, wall: EpochMs, mono: MonotonicMs): boolean =>
    mono < block.expiresMono && wall < block.expiresWall && !block.isSettled;

  const open = async (collector: string, run: string, weights: Weights): Promise<Reserved> => {
    const begun = epoch;
    const opened = await openBlock(deps, collector, run, weights);
    if (!('id' in opened)) return opened;
    live.add(opened);
    opened.cancelEnd = clock.after(opened.expiresMono - clock.monotonic(), () => {
      end(opened);
    });
    // An observation came meanwhile that tightens: this block was decided without it.
    if (begun !== epoch) retire(opened);
    else current.set(collector, opened);
    return { ok: true };
  };

  return {
    take(collector, run, weights) {
      const block = current.get(collector);
      if (block === undefined) return undefined;
      const usable = isUsable(block, clock.now(), clock.monotonic());
      if (!usable || block.run !== run || !covers(block, weights)) {
        retire(block);
        return undefined;
      }
      move(block, weights, -1);
      return block;
    },
    reserve(collector, run, weights) {
      const joined = reserving.get(collector);
      if (joined !== undefined) return joined;
      const begun = open(collector, run, weights).finally(() => reserving.delete(collector));
      reserving.set(collector, begun);
      return begun;
    },
    giveBack(block, weights) {
      move(block, weights, 1);
      settleIfOver(block);
    },
    isUsable,
    sent(block, wall) {
      block.sent += 1;
      block.inFlight += 1;
      block.lastSentAt = wall;
    },
    came(block, endpoint, outcome, weights, charged) {
      block.inFlight -= 1;
      count(block, endpoint, outcome, chargedUnits(deps.context(), weights, charged));
      settleIfOver(block);
    },
    retireAll() {
      epoch += 1;
      for (const block of [...current.values()]) retire(block);
    },
    async settled() {
      while (settling.size > 0) await Promise.all(settling);
    },
    open: () => live.size,
  };
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
function chargedUnits(context: LimiterContext, weights: Weights, charged: boolean): Weights {
  const units: Record<string, number> = {};
  for (const { name, quota } of context.config?.buckets ?? []) {
    const weight = weights[name];
    if (weight !== undefined && (charged || !quota)) units[name] = weight;
  }
  return units;
}

function count(block: Block, endpoint: string, outcome: string, charged: Weights): void {
  const key = `${endpoint} ${outcome}`;
  const known = block.usage.get(key);
  const usage = known ?? { endpoint, outcome, calls: 0, charged: new Map<string, number>() };
  if (known === undefined) block.usage.set(key, usage);
  usage.calls += 1;
  for (const name in charged) {
    usage.charged.set(name, (usage.charged.get(name) ?? 0) + (charged[name] ?? 0));
  }
}

/** max(one call, one second's worth), until the nearest end of a window, at most 2 s. */
async function openBlock(
  deps: LedgerDeps,
  collector: string,
  run: string,
  weights: Weights,
): Promise<Block | Exclude<Reserved, { ok: true }>> {
  const { clock, handle, random, system } = deps;
  const context = deps.context();
  const wall = clock.now();
  const mono = clock.monotonic();
  const ends = windowEnds(context, weights, wall);
  if (ends.at - wall < BLOCK_MIN_MS) {
    const detail = `the window of ${ends.bucket} is about to end`;
    const refusal: Refusal = { kind: 'rate-limited', detail, retryAt: ends.at };
    return { ok: false, refusal, bucket: ends.bucket };
  }
  const second = Math.floor(currentRate(context, collector, wall));
  const calls = Math.min(BLOCK_CALLS_MAX, Math.max(1, second));
  const id = random.uuid();
  const expiresAt = Math.min(wall + BLOCK_USABLE_MS, ends.at);
  const names = (context.config?.buckets ?? []).map(({ name }) => name);
  const units = names.flatMap((bucket): Units[] => {
    const weight = weights[bucket];
    return weight === undefined ? [] : [{ bucket, units: weight * calls }];
  });
  const answer = await handle.ask(
    { type: 'Reserve', block: id, collector, run, calls, units, expiresAt },
    system(`reserve for ${collector}`),
  );
  if (!answer.ok) return { ok: false, refusal: answer.refusal };
  const blocked = answer.facts.find((fact) => fact.type === 'BucketBlocked');
  const granted = answer.facts.find((fact) => fact.type === 'UnitsReserved');
  if (granted === undefined) {
    const detail = blocked?.detail ?? 'nothing was reserved';
    const until = blocked === undefined ? {} : { until: blocked.untilMs };
    const bucket = blocked === undefined ? {} : { bucket: blocked.bucket };
    return { ok: false, refusal: { kind: 'blocked', detail, ...until }, ...bucket };
  }
  return {
    id,
    collector,
    run,
    expiresWall: expiresAt,
    expiresMono: mono + (expiresAt - wall),
    calls: granted.calls,
    left: Object.fromEntries(granted.units.map((entry) => [entry.bucket, entry.units])),
    sent: 0,
    inFlight: 0,
    held: new Set(),
    usage: new Map(),
    lastSentAt: undefined,
    delayed: 0,
    isRetired: false,
    isSettled: false,
    cancelEnd: () => undefined,
  };
}

/** R2: when the first of the windows the weights draw from ends. */
function windowEnds(
  context: LimiterContext,
  weights: Weights,
  wall: EpochMs,
): { readonly at: EpochMs; readonly bucket: string } {
  let first = { at: Infinity, bucket: '' };
  for (const bucket of context.config?.buckets ?? []) {
    if (!isFixed(bucket) || weights[bucket.name] === undefined) continue;
    const at = windowOf(context, bucket.name, wall)?.end ?? refillsAt(context, bucket.name, wall);
    if (at < first.at) first = { at, bucket: bucket.name };
  }
  return first;
}

/** R3. The same command id each time: it cannot be settled twice (A4). */
async function settle(deps: LedgerDeps, block: Block): Promise<void> {
  const command = settlement(block);
  const context = deps.system(`settle ${block.id}`);
  for (let tries = 1; ; tries += 1) {
    const answer = await deps.handle.ask(command, context);
    if (answer.ok) return;
    const { kind, detail } = answer.refusal;
    const passing = kind === 'journal-unavailable' || kind === 'overloaded' || kind === 'raced';
    if (!passing || tries === SETTLE_TRIES) {
      deps.log.warn('block not settled: it counts as spent', { block: block.id, refusal: detail });
      return;
    }
    await wait(deps.clock, SETTLE_RETRY_MS);
  }
}

function settlement(block: Block): Settle {
  const usage = [...block.usage.values()].map(({ endpoint, outcome, calls, charged }) => ({
    endpoint,
    outcome,
    calls,
    charged: [...charged].map(([bucket, units]) => ({ bucket, units })),
  }));
  const all = usage.flatMap(({ charged }) => charged);
  const charged = Object.keys(block.left).map((bucket) => ({
    bucket,
    units: unitsOf(all, bucket),
  }));
  return {
    type: 'Settle',
    block: block.id,
    sent: block.sent,
    charged,
    usage,
    ...(block.lastSentAt !== undefined && { lastSentAt: block.lastSentAt }),
    delayed: block.delayed,
  };
}
