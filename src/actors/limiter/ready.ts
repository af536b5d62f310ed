/** When a call may go, what is in its way until then, and what it is told if that is too late. */
import type { DurationMs, EpochMs, MonotonicMs } from '../../kernel/types.js';
import type { AcquireFailure, AcquireRequest, Desk } from './desk.js';
import type { Floor } from './floor.js';
import type { Now, Way, Weights } from './lanes.js';
import { failed, type Waiter } from './queue.js';
import type { Bar } from './restrictions.js';

/** Nobody is asked to come back sooner, and no refused reservation is tried again sooner. */
export const RETRY_MIN_MS: DurationMs = 10;

export type Ready = {
  /** <= now: at once. Infinity: when another permit is used or given back. */
  readonly at: MonotonicMs;
  /** Whose it is: all the scope's, this collector's own cap, or one bucket's. */
  readonly by: 'scope' | 'collector' | 'bucket';
  /** A bucket's name, or what else it is. */
  readonly binding: string;
};

/** The earliest moment at which this call could go if it were next. */
export function readyAt(desk: Desk, way: Way, now: Now): Ready {
  const context = desk.context();
  const bar = desk.bars.bar(context, way.weights, now.wall);
  if (bar !== undefined) {
    const { bucket, cause, until } = bar;
    const by = bucket === undefined ? 'scope' : 'bucket';
    return { at: now.mono + until - now.wall, by, binding: bucket ?? cause };
  }
  const { at, by, binding } = desk.lanes.readiness(context, way, now);
  return { at, by, binding };
}

/** What a waiter is told when its time is over, or cannot suffice. */
export function tooLate(floor: Floor, waiter: Waiter, now: Now): AcquireFailure {
  const { desk } = floor;
  const { request } = waiter;
  const bar = desk.bars.bar(desk.context(), request.weights, now.wall);
  if (bar !== undefined) return failed(bar.cause, bar.detail, bar);
  const ready = readyAt(desk, desk.route(request).way, now);
  const isRefused = waiter.notBefore > now.mono && waiter.notBefore >= ready.at;
  const bucket = isRefused ? waiter.refusedBy : bucketOf(ready);
  const until = tryAgainAt(floor, Math.max(ready.at, waiter.notBefore), now);
  return failed('rate_limit', 'the rate limit does not admit it in time', { until, bucket });
}

/** What one is told who finds no room to wait in. */
export function noRoom(floor: Floor, request: AcquireRequest, now: Now): AcquireFailure {
  const { desk, queue } = floor;
  const waiting = `${String(queue.size())} calls wait at this limiter already`;
  const own = `${String(queue.waitingOf(request.collector))} of them of ${request.collector}`;
  const until = tryAgainAt(floor, readyAt(desk, desk.route(request).way, now).at, now);
  return failed('overloaded', `${waiting}, ${own}`, { until });
}

/** Not before its own rate admits it, nor before anybody of the queue can leave it. */
function tryAgainAt({ queue, wakeAt }: Floor, ready: MonotonicMs, now: Now): EpochMs {
  const turn = queue.size() > 0 ? wakeAt : now.mono;
  const known = [ready, turn].filter((at) => Number.isFinite(at));
  return now.wall + Math.max(RETRY_MIN_MS, ...known.map((at) => at - now.mono));
}

function bucketOf({ by, binding }: Ready): string | undefined {
  return by === 'bucket' ? binding : undefined;
}

/**
 * What is in the way of a collector that may draw in any of these ways (one for each endpoint): what
 * ends first, or nothing when one of them is free. A wait up to `waitMaxMs` for the rate is none.
 */
export function inTheWay(
  desk: Desk,
  collector: string,
  draws: readonly Weights[],
  waitMaxMs: DurationMs,
): Bar | undefined {
  const now = desk.now();
  let first: Bar | undefined;
  for (const weights of draws.length === 0 ? [{}] : draws) {
    const bar =
      desk.bars.bar(desk.context(), weights, now.wall) ??
      longWait(readyAt(desk, desk.lanes.way(collector, weights), now), now, waitMaxMs);
    if (bar === undefined) return undefined;
    if (first === undefined || bar.until < first.until) first = bar;
  }
  return first;
}

function longWait(ready: Ready, now: Now, waitMaxMs: DurationMs): Bar | undefined {
  const waitMs = ready.at - now.mono;
  if (!Number.isFinite(waitMs) || waitMs <= waitMaxMs) return undefined;
  const bucket = bucketOf(ready);
  const detail = 'the rate limit gives no permit yet';
  return {
    cause: 'rate_limit',
    until: now.wall + waitMs,
    detail,
    ...(bucket !== undefined && { bucket }),
  };
}
