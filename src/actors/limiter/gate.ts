/**
 * The gate of one scope: who may call when, decided in memory.
 *
 * G1 A call leaves only by a permit whose `spend()` said true, the last synchronous step before the wire.
 * G2 What restricts takes hold at once: a throttle, a ban, a used-up quota stop permits already given.
 *    What permits takes hold when it is durable.
 * G3 Waiting is bounded: in number (`queueMax`) and in time (`waitMaxMs`); whoever cannot be served in
 *    time is told so at once, and until when.
 * G4 What is contended is shared: by class 8 : 4 : 1, within a class by collector, then first in, first
 *    out (queue.ts); what one waits for and another does not need stops only the one (look.ts).
 * G5 The admitted path touches no chart and awaits nothing: branches, counters, one object.
 */
import { histogram, type Histogram, type Logger } from '../../kernel/observe.js';
import type { Random } from '../../kernel/random.js';
import type { Cancel, Clock } from '../../kernel/time.js';
import type { DurationMs } from '../../kernel/types.js';
import type { LiveLimiter } from '../engine.js';
import type { SystemContext } from '../handle.js';
import { acquire, finish, pump, tryAcquire } from './admission.js';
import type { LimiterContext } from './context.js';
import { currentBackoff, currentRate } from './curve.js';
import type { Acquired, AcquireRequest, Desk, Permit } from './desk.js';
import type { Floor } from './floor.js';
import { followActor } from './follow.js';
import { jumpWatch } from './jumps.js';
import { limiterLanes, type Now, type Way, type Weights } from './lanes.js';
import type { LimiterHandle } from './block.js';
import { reservationLedger } from './ledger.js';
import { failed, waitingQueue } from './queue.js';
import { inTheWay, readyAt } from './ready.js';
import { restrictions, type Bar } from './restrictions.js';
import { routesOver, type Counters } from './routes.js';

export type LimiterGateOptions = {
  readonly scope: string;
  readonly handle: LimiterHandle;
  readonly clock: Clock;
  readonly random: Random;
  readonly context: SystemContext;
  readonly log: Logger;
  readonly limits: { readonly queueMax: number; readonly waitMaxMs: DurationMs };
};

export type GateNumbers = {
  readonly scope: string;
  /** From asking to the permit, of the calls admitted. */
  readonly waitSeconds: Histogram;
  readonly queued: number;
  readonly openBlocks: number;
  readonly malformedHeaders: number;
  readonly collectors: ReadonlyMap<string, Readonly<Counters>>;
};

export interface LimiterGate {
  /**
   * A permit for a call that need not wait: nobody does, the rate admits it, a durable block has a unit.
   * Undefined: ask with `acquire`. Makes no promise, counts nothing as rejected.
   */
  tryAcquire(request: AcquireRequest): Permit | undefined;
  /** Waits, bounded, for its turn, then takes a unit of a durable block. Never rejects. */
  acquire(request: AcquireRequest): Promise<Acquired>;
  live(collector: string): LiveLimiter;
  /** Requests per second in force now. */
  currentRate(collector: string): number;
  /** What bars calls now; without weights, any bucket of the scope counts. */
  blockedUntil(collector: string, weights?: Weights): Bar | undefined;
  /**
   * What is in the way of a collector whose calls may draw in any of these ways, one for each endpoint:
   * what ends first; undefined when one of them is free. Waiting for the rate up to `waitMaxMs` is free.
   */
  inTheWay(collector: string, draws: readonly Weights[], waitMaxMs: DurationMs): Bar | undefined;
  /** Called when a rate, a pause or a block changed: whoever waits may look again. */
  watch(listener: () => void): Cancel;
  /** Ends all blocks and resolves when those without calls in flight are settled. */
  flush(): Promise<void>;
  numbers(): GateNumbers;
  /** Lets nobody through any more; whoever waits is told. */
  close(): void;
}

/** Upper bounds of the waiting times' histogram, in seconds. */
const WAIT_BOUNDS = [0.01, 0.1, 0.5, 2.5, 10, 60];
const NO_WEIGHTS: Weights = {};

/** The gate in front of a limiter's actor, which must be in memory and stay there. */
export function limiterGate(options: LimiterGateOptions): LimiterGate {
  const { clock } = options;
  const collectors = new Map<string, Counters>();
  const memory = { context: options.handle.state().context };
  const floor = openFloor(options, memory, collectors);
  const { desk, queue } = floor;
  const listeners = new Set<() => void>();
  const unfollow = followActor({
    desk,
    setContext: (context) => {
      memory.context = context;
      desk.isConfigured = context.config !== null;
    },
    changed: () => {
      for (const listener of [...listeners]) listener();
    },
  });
  return {
    tryAcquire: (request) => tryAcquire(floor, request),
    acquire: (request) => acquire(floor, request),
    live: (collector) => live(floor, collector),
    currentRate: (collector) => currentRate(memory.context, collector, clock.now()),
    blockedUntil: (_collector, weights) => desk.bars.bar(memory.context, weights, clock.now()),
    inTheWay: (collector, draws, waitMaxMs) => inTheWay(desk, collector, draws, waitMaxMs),
    watch(listener) {
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
      };
    },
    async flush() {
      desk.ledger.retireAll();
      await desk.ledger.settled();
    },
    numbers: () => ({
      scope: options.scope,
      waitSeconds: floor.waitSeconds,
      queued: queue.size(),
      openBlocks: desk.ledger.open(),
      malformedHeaders: desk.malformedHeaders,
      collectors,
    }),
    close() {
      desk.isClosed = true;
      unfollow();
      floor.cancelWake();
      for (const waiter of queue.all()) {
        queue.remove(waiter);
        finish(floor, waiter, failed('unavailable', 'the limiter is closed'));
      }
      desk.ledger.retireAll();
    },
  };
}

function openFloor(
  options: LimiterGateOptions,
  memory: { readonly context: LimiterContext },
  collectors: Map<string, Counters>,
): Floor {
  const { handle, clock, random, log, limits, context: system } = options;
  const context = (): LimiterContext => memory.context;
  const bars = restrictions();
  const lanes = limiterLanes(clock.monotonic());
  lanes.reconfigure(memory.context, clock.monotonic());
  const seen = { wall: clock.now(), mono: clock.monotonic() };
  const read = jumpWatch({ clock, handle, system, bars, log, seen });
  const counters = (collector: string): Counters => {
    const known = collectors.get(collector);
    if (known !== undefined) return known;
    const made = { admitted: 0, delayed: 0, rejected: 0, weights: NO_WEIGHTS };
    collectors.set(collector, made);
    return made;
  };
  const desk: Desk = {
    handle,
    clock,
    system,
    log,
    lanes,
    bars,
    ledger: reservationLedger({ handle, clock, random, system, log, context }),
    context,
    now() {
      read();
      return { wall: seen.wall, mono: seen.mono };
    },
    read,
    guess() {
      const mono = clock.monotonic();
      seen.wall += mono - seen.mono;
      seen.mono = mono;
    },
    seen,
    route: routesOver(lanes, counters),
    pump: () => {
      pump(floor);
    },
    counters,
    isClosed: false,
    isConfigured: memory.context.config !== null,
    malformedHeaders: 0,
  };
  const floor: Floor = {
    desk,
    queue: waitingQueue(),
    waitSeconds: histogram(WAIT_BOUNDS),
    limits,
    wakeAt: Infinity,
    cancelWake: () => undefined,
    isPumping: false,
    isPumpDue: false,
  };
  return floor;
}

function live({ desk, queue }: Floor, collector: string): LiveLimiter {
  const context = desk.context();
  const { weights, admitted, delayed, rejected } = desk.counters(collector);
  const now = desk.now();
  const next = nextPermit({ desk, queue }, desk.lanes.way(collector, weights), now);
  return {
    currentRate: currentRate(context, collector, now.wall),
    currentBackoff: currentBackoff(context, now.wall),
    ...next,
    queued: queue.waitingOf(collector),
    counters: { admitted, delayed, rejected },
  };
}

/**
 * When the collector's next permit can come at the earliest, and what it waits for: of the calls it has
 * waiting the first that may go, else of a call like its last one. Nothing: at once, or, while another's
 * permit is out, nobody knows.
 */
function nextPermit(
  { desk, queue }: Pick<Floor, 'desk' | 'queue'>,
  like: Way,
  now: Now,
): Pick<LiveLimiter, 'nextPermitAt' | 'bindingBucket'> {
  let { at, binding } = readyAt(desk, like, now);
  if (queue.waitingOf(like.collector) > 0) {
    at = Infinity;
    for (const { request, notBefore, refusedBy } of queue.all()) {
      if (request.collector !== like.collector) continue;
      const ready = readyAt(desk, desk.route(request).way, now);
      const isRefused = notBefore > ready.at;
      const soonest = isRefused ? notBefore : ready.at;
      if (soonest >= at) continue;
      at = soonest;
      binding = isRefused ? (refusedBy ?? ready.binding) : ready.binding;
    }
  }
  if (!Number.isFinite(at) || at <= now.mono) return {};
  return { nextPermitAt: now.wall + at - now.mono, bindingBucket: binding };
}
