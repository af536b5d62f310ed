/**
 * One look along the queue: who leaves it next, and when to look again if nobody does.
 *
 * K1 What one waits for, those behind it do not take: a light call never starves a heavy one, and a
 *    blocked waiter keeps its turn.
 * K2 What one does not wait for, it does not keep from others: a full bucket stops only those who draw
 *    from it, a collector's own cap only that collector.
 * K3 Who has waited for one bucket and now waits for another keeps both, once the rest of its wait is
 *    shorter than what it has waited: two buckets that are never free together starve nobody.
 */
import type { MonotonicMs } from '../../kernel/types.js';
import type { AcquireRequest } from './desk.js';
import type { Floor } from './floor.js';
import type { Now } from './lanes.js';
import type { Place, Waiter } from './queue.js';
import { readyAt, type Ready } from './ready.js';

export type Look =
  | { readonly kind: 'goes'; readonly place: Place }
  | { readonly kind: 'late'; readonly waiter: Waiter }
  | { readonly kind: 'nobody'; readonly wakeAt: MonotonicMs };

/** What those further in front wait for. */
type Claims = {
  readonly buckets: Set<string>;
  readonly collectors: Set<string>;
  /** Reservations refused to a collector: its own calls wait for the same bucket. */
  readonly refusals: Set<string>;
};

export function look({ desk, queue }: Floor, now: Now): Look {
  const claims: Claims = { buckets: new Set(), collectors: new Set(), refusals: new Set() };
  let wakeAt: MonotonicMs = Infinity;
  for (const place of queue.inTurn()) {
    const { waiter } = place;
    if (isBehind(claims, waiter.request)) continue;
    const ready = readyAt(desk, desk.route(waiter.request).way, now);
    const at = Math.max(ready.at, waiter.notBefore);
    if (at <= now.mono) return { kind: 'goes', place };
    if (at > waiter.deadline && at !== Infinity) return { kind: 'late', waiter };
    wakeAt = Math.min(wakeAt, at);
    if (ready.at < at) claimRefused(claims, waiter);
    else if (ready.by === 'scope') break;
    else claim(claims, waiter, ready, now);
  }
  return { kind: 'nobody', wakeAt };
}

function isBehind(
  { buckets, collectors, refusals }: Claims,
  { collector, weights }: AcquireRequest,
): boolean {
  if (collectors.has(collector)) return true;
  if (buckets.size === 0 && refusals.size === 0) return false;
  for (const name in weights) {
    if (buckets.has(name) || refusals.has(refusal(collector, name))) return true;
  }
  return false;
}

/** K1, K2, K3. */
function claim({ buckets, collectors }: Claims, waiter: Waiter, ready: Ready, now: Now): void {
  if (ready.by === 'collector') {
    collectors.add(waiter.request.collector);
    return;
  }
  const { waitedFor } = waiter;
  buckets.add(ready.binding);
  if (!waitedFor.includes(ready.binding)) waitedFor.push(ready.binding);
  if (ready.at - now.mono > now.mono - waiter.since) return;
  for (const name of waitedFor) buckets.add(name);
}

/** Others may still find room in that window: theirs is another reservation. */
function claimRefused({ collectors, refusals }: Claims, { request, refusedBy }: Waiter): void {
  if (refusedBy === undefined) collectors.add(request.collector);
  else refusals.add(refusal(request.collector, refusedBy));
}

function refusal(collector: string, bucket: string): string {
  return `${collector}\n${bucket}`;
}
