/**
 * The gate of one scope: who may call when, decided in memory.
 *
 * G1 A call leaves only by a permit whose `spend()` said true, the last synchronous step before the wire.
 * G2 What restricts takes hold at once: a throttle, a ban, a used-up quota stop permits already given.
 *    What permits takes hold when it is durable.
 * G3 Waiting is bounded: in number (`queueMax`) and in time (`waitMaxMs`); whoever cannot be served in
 *    time is told so at once, and until when.
 * G4 First in, first out; probes go first. Only a collector's own cap or a blocked bucket lets others pass.
 * G5 The admitted path touches no chart and awaits nothing: branches, counters, one object.
 */
import { histogram, type Histogram, type Logger } from '../../kernel/observe.js';
import type { Random } from '../../kernel/random.js';
import type { Cancel, Clock } from '../../kernel/time.js';
import type { DurationMs } from '../../kernel/types.js';
import type { LiveLimiter } from '../engine.js';
import type { SystemContext } from '../handle.js';
import { acquire, finish, pump, type Floor } from './admission.js';
import type { LimiterContext } from './context.js';
import { currentBackoff, currentRate } from './curve.js';
import type { Acquired, AcquireRequest, Counters, Desk } from './desk.js';
import { followActor } from './follow.js';
import { jumpWatch } from './jumps.js';
import { limiterLanes, type Weights } from './lanes.js';
import type { LimiterHandle } from './block.js';
import { reservationLedger } from './ledger.js';
import { failed, waitingQueue } from './queue.js';
import { restrictions, type Bar } from './restrictions.js';

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
  /** Waits, bounded, for the rate, then takes a unit of a durable block. Never rejects. */
  acquire(request: AcquireRequest): Promise<Acquired>;
  live(collector: string): LiveLimiter;
  /** Requests per second in force now. */
  currentRate(collector: string): number;
  /** What bars calls now; without weights, any bucket of the scope counts. */
  blockedUntil(collector: string, weights?: Weights): Bar | undefined;
  /** Called when a rate, a pause or a block changed: whoever waits may look again. */
  watch(listener: () => void): Cancel;
  /** Ends all blocks and resolves when those without calls in flight are settled. */
  flush(): Promise<void>;
  numbers(): GateNumbers;
  /** Lets nobody through any more; whoever waits is told. */
  close(): void;
}

/** Upper bounds of the waiting times' histogram, in seconds. */
const WAIT_BOUNDS = [0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
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
    },
    changed: () => {
      for (const listener of [...listeners]) listener();
    },
  });
  return {
    acquire: (request) => acquire(floor, request),
    live: (collector) => live(floor, collector),
    currentRate: (collector) => currentRate(memory.context, collector, clock.now()),
    blockedUntil: (_collector, weights) => desk.bars.bar(memory.context, weights, clock.now()),
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
      queued: queue.waiters.length,
      openBlocks: desk.ledger.open(),
      malformedHeaders: desk.malformedHeaders,
      collectors,
    }),
    close() {
      desk.isClosed = true;
      unfollow();
      floor.cancelWake();
      for (const waiter of [...queue.waiters]) {
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
  const desk: Desk = {
    handle,
    clock,
    system,
    log,
    lanes,
    bars,
    ledger: reservationLedger({ handle, clock, random, system, log, context }),
    context,
    now: jumpWatch({ clock, handle, system, bars, log }),
    pump: () => {
      pump(floor);
    },
    counters(collector) {
      const known = collectors.get(collector);
      if (known !== undefined) return known;
      const made = { admitted: 0, delayed: 0, rejected: 0, weights: NO_WEIGHTS };
      collectors.set(collector, made);
      return made;
    },
    isClosed: false,
    malformedHeaders: 0,
  };
  const floor: Floor = {
    desk,
    queue: waitingQueue(),
    waitSeconds: histogram(WAIT_BOUNDS),
    limits,
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
  const bar = desk.bars.bar(context, weights, now.wall);
  const { at, binding } = desk.lanes.readiness(context, collector, weights, now);
  const isSoon = bar === undefined && Number.isFinite(at) && at > now.mono;
  const nextPermitAt = isSoon ? now.wall + at - now.mono : bar?.until;
  const bindingBucket = bar === undefined ? binding : (bar.bucket ?? bar.cause);
  return {
    currentRate: currentRate(context, collector, now.wall),
    currentBackoff: currentBackoff(context, now.wall),
    ...(nextPermitAt !== undefined && { nextPermitAt, bindingBucket }),
    queued: queue.waiters.filter(({ request }) => request.collector === collector).length,
    counters: { admitted, delayed, rejected },
  };
}
