/** How a call gets its permit: at once, after its turn, or not at all. Invariants: gate.ts. */
import { observe } from '../../kernel/observe.js';
import type { Acquired, AcquireFailure, AcquireRequest, Desk, Permit } from './desk.js';
import type { Floor } from './floor.js';
import type { Now } from './lanes.js';
import type { Reserved } from './block.js';
import { look } from './look.js';
import { createPermit } from './permit.js';
import { failed, type Waiter } from './queue.js';
import { noRoom, RETRY_MIN_MS, tooLate } from './ready.js';
import type { Route } from './routes.js';
import type { Tab } from './tab.js';

const nothing = (): void => undefined;

/**
 * G5: nobody waits, nothing bars it, the rate admits it, a block has a unit. What was so when the clocks
 * were read last is so now, and they are not read; `spend` reads them, and stops what is over since.
 */
export function tryAcquire(floor: Floor, request: AcquireRequest): Permit | undefined {
  const { desk, queue } = floor;
  if (queue.size() > 0 || !isOpen(desk, request)) return undefined;
  const route = desk.route(request);
  if (!route.way.own.isChanging && isFree(desk, route)) return pass(floor, request, route);
  desk.guess();
  return isFree(desk, route) ? pass(floor, request, route) : undefined;
}

/** By what the clocks showed last. */
function isFree(desk: Desk, { way, weights, counters }: Route): boolean {
  const { seen, lanes, bars } = desk;
  const context = desk.context();
  counters.weights = weights;
  return (
    way.tooHeavy === undefined &&
    bars.bar(context, weights, seen.wall) === undefined &&
    lanes.readiness(context, way, seen).at <= seen.mono
  );
}

function pass(floor: Floor, request: AcquireRequest, route: Route): Permit | undefined {
  const { desk } = floor;
  const tab = desk.ledger.take(route, request.run, desk.seen);
  if (tab === undefined) return undefined;
  desk.lanes.hold(route.way);
  route.counters.admitted += 1;
  observe(floor.waitSeconds, 0);
  return createPermit(desk, request, route, tab);
}

function isOpen(desk: Desk, request: AcquireRequest): boolean {
  return (
    !desk.isClosed &&
    desk.isConfigured &&
    !request.signal.aborted &&
    desk.handle.quarantined() === undefined
  );
}

/** Waits, bounded, for its turn; a unit may have to become durable first. Never rejects. */
export function acquire(floor: Floor, request: AcquireRequest): Promise<Acquired> {
  const { desk, queue } = floor;
  const now = desk.now();
  const permit = tryAcquire(floor, request);
  if (permit !== undefined) return Promise.resolve({ ok: true, permit });
  const counters = desk.counters(request.collector);
  counters.weights = request.weights;
  const refused =
    refusedAtTheDoor(desk, request) ??
    (hasRoom(floor, request.collector) ? undefined : noRoom(floor, request, now));
  if (refused !== undefined) {
    counters.rejected += 1;
    return Promise.resolve(refused);
  }
  return new Promise((resolve) => {
    const waiter = waiterOf(floor, request, now, resolve);
    queue.add(waiter);
    pump(floor);
    if (queue.has(waiter)) waiter.wasDelayed = true;
  });
}

/**
 * In a shared scope a collector has room for as many calls as there are free places left: alone it
 * takes half of the queue, and whoever comes next still finds as many places as it may use.
 */
function hasRoom({ queue, limits, desk }: Floor, collector: string): boolean {
  const free = limits.queueMax - queue.size();
  if (free <= 0) return false;
  const sharers = desk.context().config?.collectors.length ?? 1;
  return sharers <= 1 || queue.waitingOf(collector) < free;
}

function refusedAtTheDoor(desk: Desk, request: AcquireRequest): AcquireFailure | undefined {
  if (desk.isClosed) return failed('unavailable', 'the limiter is closed');
  const quarantined = desk.handle.quarantined();
  if (quarantined !== undefined) return failed('unavailable', quarantined);
  if (request.signal.aborted) return failed('cancelled', 'the call was cancelled');
  if (!desk.isConfigured) return failed('unavailable', 'the scope has no limits yet');
  const bucket = desk.route(request).way.tooHeavy;
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
    refusedBy: undefined,
    waitedFor: [],
    wasDelayed: false,
    isDone: false,
    resolve,
    cancelDeadline: nothing,
    onAbort: giveUp(() => failed('cancelled', 'the call was cancelled')),
  };
  waiter.cancelDeadline = desk.clock.after(
    waitMs,
    giveUp(() => tooLate(floor, waiter, desk.now())),
  );
  request.signal.addEventListener('abort', waiter.onAbort, { once: true });
  return waiter;
}

/** Lets go whoever may go now, tells those who cannot be served in time, and arms the next look. */
export function pump(floor: Floor): void {
  if (floor.queue.size() === 0) return;
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
  floor.wakeAt = Infinity;
  for (;;) {
    const now = desk.now();
    const seen = look(floor, now);
    if (seen.kind === 'nobody') {
      arm(floor, seen.wakeAt, now);
      return;
    }
    if (seen.kind === 'late') {
      const failure = tooLate(floor, seen.waiter, now);
      queue.remove(seen.waiter);
      finish(floor, seen.waiter, failure);
      continue;
    }
    const { waiter } = seen.place;
    const route = desk.route(waiter.request);
    queue.take(seen.place);
    desk.lanes.hold(route.way);
    void admit(floor, waiter, route);
  }
}

function arm(floor: Floor, wakeAt: number, now: Now): void {
  floor.wakeAt = wakeAt;
  if (wakeAt === Infinity) return;
  floor.cancelWake = floor.desk.clock.after(wakeAt - now.mono, () => {
    pump(floor);
  });
}

/** The rate is held; now a unit, from a block that is there or one that must become durable first. */
async function admit(floor: Floor, waiter: Waiter, route: Route): Promise<void> {
  const { desk } = floor;
  const { collector, run, weights } = waiter.request;
  while (!waiter.isDone) {
    const now = desk.now();
    const tab = desk.ledger.take(route, run, now);
    if (tab !== undefined) {
      finish(floor, waiter, { ok: true, permit: granted(floor, waiter, route, tab) });
      return;
    }
    const reserved = await desk.ledger.reserve(collector, run, weights);
    if (reserved.ok) continue;
    if (comesAgain(floor, waiter, route, reserved)) return;
    finish(floor, waiter, refusedReservation(desk, reserved));
  }
  desk.lanes.release(route.way);
  pump(floor);
}

function granted({ desk, waitSeconds }: Floor, waiter: Waiter, route: Route, tab: Tab): Permit {
  const { counters } = route;
  counters.admitted += 1;
  if (waiter.wasDelayed) {
    counters.delayed += 1;
    tab.block.delayed += 1;
  }
  observe(waitSeconds, (desk.clock.monotonic() - waiter.since) / 1000);
  return createPermit(desk, waiter.request, route, tab);
}

/** A window that fills again before the deadline: it waits for that, in front of all others. */
function comesAgain(
  floor: Floor,
  waiter: Waiter,
  { way }: Route,
  { refusal, bucket }: Exclude<Reserved, { ok: true }>,
): boolean {
  const { desk, queue } = floor;
  if (waiter.isDone) return false; // its time ended while the reservation was under way
  if (refusal.kind !== 'rate-limited' || refusal.retryAt === undefined) return false;
  const now = desk.now();
  const at = now.mono + Math.max(RETRY_MIN_MS, refusal.retryAt - now.wall);
  if (at > waiter.deadline) return false;
  waiter.notBefore = at;
  waiter.refusedBy = bucket;
  waiter.wasDelayed = true;
  desk.lanes.release(way);
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

export function finish(floor: Floor, waiter: Waiter, acquired: Acquired): void {
  if (waiter.isDone) return;
  waiter.isDone = true;
  waiter.cancelDeadline();
  waiter.request.signal.removeEventListener('abort', waiter.onAbort);
  if (!acquired.ok) floor.desk.counters(waiter.request.collector).rejected += 1;
  waiter.resolve(acquired);
}
