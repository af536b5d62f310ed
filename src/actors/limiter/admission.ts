/** How a call gets its permit: at once, after its turn, or not at all. Invariants: gate.ts. */
import { observe, type Histogram } from '../../kernel/observe.js';
import type { Cancel } from '../../kernel/time.js';
import type { DurationMs, MonotonicMs } from '../../kernel/types.js';
import type { Acquired, AcquireFailure, AcquireRequest, Desk } from './desk.js';
import type { Now } from './lanes.js';
import type { Block, Reserved } from './block.js';
import { createPermit } from './permit.js';
import { failed, type Queue, type Waiter } from './queue.js';

export type Floor = {
  readonly desk: Desk;
  readonly queue: Queue;
  readonly waitSeconds: Histogram;
  readonly limits: { readonly queueMax: number; readonly waitMaxMs: DurationMs };
  /** Disarms the timer of the next look. */
  cancelWake: Cancel;
  isPumping: boolean;
  isPumpDue: boolean;
};

/** A refused reservation is not tried again sooner. */
const RETRY_MIN_MS: DurationMs = 10;

const nothing = (): void => undefined;

export function acquire(floor: Floor, request: AcquireRequest): Promise<Acquired> {
  const { desk, queue, limits } = floor;
  const counters = desk.counters(request.collector);
  counters.weights = request.weights;
  const refused = refusedAtTheDoor(desk, request);
  if (refused !== undefined) {
    counters.rejected += 1;
    return Promise.resolve(refused);
  }
  const now = desk.now();
  // G5: nobody waits, the rate admits it, a block has a unit.
  if (queue.waiters.length === 0 && readyAt(desk, request, now).at <= now.mono) {
    const block = desk.ledger.take(request.collector, request.run, request.weights, now);
    if (block !== undefined) {
      desk.lanes.hold(request.collector, request.weights);
      return Promise.resolve(granted(floor, request, block, 0, false));
    }
  }
  if (queue.waiters.length >= limits.queueMax) {
    counters.rejected += 1;
    const detail = `${String(limits.queueMax)} calls wait at this limiter already`;
    return Promise.resolve(failed('overloaded', detail));
  }
  return new Promise((resolve) => {
    queue.add(waiterOf(floor, request, now, resolve));
    pump(floor);
  });
}

function refusedAtTheDoor(desk: Desk, request: AcquireRequest): AcquireFailure | undefined {
  if (desk.isClosed) return failed('unavailable', 'the limiter is closed');
  const quarantined = desk.handle.quarantined();
  if (quarantined !== undefined) return failed('unavailable', quarantined);
  if (request.signal.aborted) return failed('cancelled', 'the call was cancelled');
  if (desk.context().config === null) return failed('unavailable', 'the scope has no limits yet');
  const bucket = desk.lanes.tooHeavy(request.weights);
  if (bucket === undefined) return undefined;
  const detail = `${request.endpoint} weighs more than a window of ${bucket} holds`;
  return failed('rate_limit', detail, { bucket });
}

function waiterOf(
  floor: Floor,
  request: AcquireRequest,
  now: Now,
  resolve: (acquired: Acquired) => void,
): Waiter {
  const { desk, queue, limits } = floor;
  const waitMs = Math.min(request.waitMaxMs, limits.waitMaxMs);
  const giveUp = (failure: () => AcquireFailure) => (): void => {
    queue.remove(waiter);
    finish(floor, waiter, failure());
    pump(floor);
  };
  const waiter: Waiter = {
    request,
    since: now.mono,
    deadline: now.mono + waitMs,
    notBefore: 0,
    wasDelayed: false,
    isDone: false,
    resolve,
    cancelDeadline: nothing,
    onAbort: giveUp(() => failed('cancelled', 'the call was cancelled')),
  };
  waiter.cancelDeadline = desk.clock.after(
    waitMs,
    giveUp(() => tooLate(desk, waiter)),
  );
  request.signal.addEventListener('abort', waiter.onAbort, { once: true });
  return waiter;
}

/** What a waiter is told when its time is over: the bar in the way, or when its rate would admit it. */
function tooLate(desk: Desk, waiter: Waiter): AcquireFailure {
  const now = desk.now();
  const ready = readyAt(desk, waiter.request, now);
  return lateFailure(desk, waiter, now, ready);
}

type Ready = { at: MonotonicMs; binding: string; letsOthersPass: boolean };

/** <= now: at once. The earliest moment at which this call could go if it were next. */
function readyAt(desk: Desk, request: AcquireRequest, now: Now): Ready {
  const context = desk.context();
  const bar = desk.bars.bar(context, request.weights, now.wall);
  if (bar !== undefined) {
    const at = now.mono + bar.until - now.wall;
    return { at, binding: bar.bucket ?? bar.cause, letsOthersPass: bar.bucket !== undefined };
  }
  const { at, binding, isOwnCap } = desk.lanes.readiness(
    context,
    request.collector,
    request.weights,
    now,
  );
  return { at, binding, letsOthersPass: isOwnCap };
}

function lateFailure(desk: Desk, waiter: Waiter, now: Now, ready: Ready): AcquireFailure {
  const bar = desk.bars.bar(desk.context(), waiter.request.weights, now.wall);
  if (bar !== undefined) return failed(bar.cause, bar.detail, bar);
  const at = Math.max(ready.at, waiter.notBefore);
  const until = Number.isFinite(at) && at > now.mono ? now.wall + at - now.mono : undefined;
  const detail = 'the rate limit does not admit it in time';
  const bucket = ready.binding === 'rate' ? undefined : ready.binding;
  return failed('rate_limit', detail, { until, bucket });
}

/** Lets go whoever may go now, tells those who cannot be served in time, and arms the next look. */
export function pump(floor: Floor): void {
  if (floor.queue.waiters.length === 0) return;
  floor.isPumpDue = true;
  if (floor.isPumping) return;
  floor.isPumping = true;
  while (floor.isPumpDue) {
    floor.isPumpDue = false;
    sweep(floor);
  }
  floor.isPumping = false;
}

function sweep(floor: Floor): void {
  const { desk, queue } = floor;
  floor.cancelWake();
  const now = desk.now();
  const passed = new Set<string>();
  let wake = Infinity;
  for (const waiter of [...queue.waiters]) {
    const { collector, weights } = waiter.request;
    if (waiter.isDone || passed.has(collector)) continue;
    const ready = readyAt(desk, waiter.request, now);
    const at = Math.max(ready.at, waiter.notBefore);
    if (at <= now.mono) {
      queue.remove(waiter);
      desk.lanes.hold(collector, weights);
      void admit(floor, waiter);
      continue;
    }
    waiter.wasDelayed = true;
    if (at > waiter.deadline && at !== Infinity) {
      queue.remove(waiter);
      finish(floor, waiter, lateFailure(desk, waiter, now, ready));
      continue;
    }
    wake = Math.min(wake, at);
    if (!ready.letsOthersPass && ready.at > now.mono) break;
    passed.add(collector);
  }
  if (wake === Infinity) return;
  floor.cancelWake = desk.clock.after(wake - now.mono, () => {
    pump(floor);
  });
}

/** The rate is held; now a unit, from a block that is there or one that must become durable first. */
async function admit(floor: Floor, waiter: Waiter): Promise<void> {
  const { desk } = floor;
  const { collector, run, weights } = waiter.request;
  while (!waiter.isDone) {
    const block = desk.ledger.take(collector, run, weights, desk.now());
    if (block !== undefined) {
      const waitedMs = desk.clock.monotonic() - waiter.since;
      finish(floor, waiter, granted(floor, waiter.request, block, waitedMs, waiter.wasDelayed));
      return;
    }
    const reserved = await desk.ledger.reserve(collector, run, weights);
    if (reserved.ok) continue;
    if (comesAgain(floor, waiter, reserved)) return;
    finish(floor, waiter, refusedReservation(desk, reserved));
  }
  desk.lanes.release(collector, weights);
  pump(floor);
}

/** A window that fills again before the deadline: it waits for that, in front of its class. */
function comesAgain(
  floor: Floor,
  waiter: Waiter,
  { refusal }: Exclude<Reserved, { ok: true }>,
): boolean {
  const { desk, queue } = floor;
  if (waiter.isDone) return false; // its time ended while the reservation was under way
  if (refusal.kind !== 'rate-limited' || refusal.retryAt === undefined) return false;
  const now = desk.now();
  const at = now.mono + Math.max(RETRY_MIN_MS, refusal.retryAt - now.wall);
  if (at > waiter.deadline) return false;
  waiter.notBefore = at;
  waiter.wasDelayed = true;
  desk.lanes.release(waiter.request.collector, waiter.request.weights);
  queue.putBack(waiter);
  pump(floor);
  return true;
}

function refusedReservation(
  desk: Desk,
  { refusal, bucket }: Exclude<Reserved, { ok: true }>,
): AcquireFailure {
  const { detail } = refusal;
  switch (refusal.kind) {
    case 'blocked': {
      const isBan = desk.bars.bar(desk.context(), {}, desk.clock.now())?.cause === 'ban';
      return failed(isBan ? 'ban' : 'quota', detail, { until: refusal.until, bucket });
    }
    case 'rate-limited':
      return failed('rate_limit', detail, { until: refusal.retryAt, bucket });
    case 'overloaded':
      return failed('overloaded', detail);
    default:
      return failed('unavailable', detail);
  }
}

function granted(
  floor: Floor,
  request: AcquireRequest,
  block: Block,
  waitedMs: DurationMs,
  wasDelayed: boolean,
): Acquired {
  const counters = floor.desk.counters(request.collector);
  counters.admitted += 1;
  if (wasDelayed) {
    counters.delayed += 1;
    block.delayed += 1;
  }
  observe(floor.waitSeconds, waitedMs / 1000);
  return { ok: true, permit: createPermit(floor.desk, request, block) };
}

export function finish(floor: Floor, waiter: Waiter, acquired: Acquired): void {
  if (waiter.isDone) return;
  waiter.isDone = true;
  waiter.cancelDeadline();
  waiter.request.signal.removeEventListener('abort', waiter.onAbort);
  if (!acquired.ok) floor.desk.counters(waiter.request.collector).rejected += 1;
  waiter.resolve(acquired);
}
