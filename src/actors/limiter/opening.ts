/** Opens reservation blocks. Invariants: ledger.ts. */
import type { DurationMs, EpochMs } from '../../kernel/types.js';
import type { Refusal } from '../refusal.js';
import type { Block, LedgerDeps, Reserved } from './block.js';
import { countingOf, usedIn } from './buckets.js';
import type { LimiterContext } from './context.js';
import { currentRate } from './curve.js';
import type { BucketConfig, Units } from './events.js';
import { roomAt, windowOf } from './counted.js';
import type { Weights } from './lanes.js';
import { limitOf, refillsAt } from './periods.js';
import { BLOCK_CALLS_MAX } from './reserve.js';

/** How long a block may be spent from. */
export const BLOCK_USABLE_MS: DurationMs = 2000;
/** Nearer than this to the end of a window no block is opened any more. */
const BLOCK_MIN_MS: DurationMs = 50;
/** max(one call, one second's worth), until the nearest end of a window, at most 2 s. */
export async function openBlock(
  deps: LedgerDeps,
  collector: string,
  run: string,
  weights: Weights,
  beyond: Readonly<Record<string, number>> = {},
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
  const full = fullWindow(context, weights, beyond, wall);
  if (full !== undefined) {
    return { ok: false, refusal: fullRefusal(full), bucket: full.bucket };
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
    { type: 'Reserve', block: id, collector, run, calls, units, expiresAt, beyond },
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
    columns: granted.units.map(({ bucket, units: left }) => ({ name: bucket, left, sent: 0 })),
    sent: 0,
    inFlight: 0,
    held: [],
    usage: [],
    tallies: [],
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
    if (weights[bucket.name] === undefined || !endsAtOnce(bucket)) continue;
    const at = windowOf(context, bucket.name, wall)?.end ?? refillsAt(context, bucket.name, wall);
    if (at < first.at) first = { at, bucket: bucket.name };
  }
  return first;
}

/** A ring has no end: it leaves slot by slot. */
function endsAtOnce(bucket: BucketConfig): boolean {
  const counting = countingOf(bucket);
  return counting !== 'paced' && counting !== 'ring';
}

/** `until` undefined: it weighs more than the window ever holds. */
type Full = { readonly bucket: string; readonly until: EpochMs | undefined };

/** A rate's window without room for one call: no need to ask. (A quota is asked: that is recorded.) */
function fullWindow(
  context: LimiterContext,
  weights: Weights,
  beyond: Readonly<Record<string, number>>,
  wall: EpochMs,
): Full | undefined {
  for (const { name, quota } of context.config?.buckets ?? []) {
    const wanted = weights[name];
    const window = wanted === undefined ? undefined : windowOf(context, name, wall);
    if (window === undefined || wanted === undefined) continue;
    const limit = limitOf(context, name);
    if (wanted > limit) return { bucket: name, until: undefined };
    const room = limit - wanted - (beyond[name] ?? 0);
    if (!quota && usedIn(window) > room) {
      return { bucket: name, until: roomAt(context, name, wall, room) };
    }
  }
  return undefined;
}

function fullRefusal({ bucket, until }: Full): Refusal {
  if (until === undefined) {
    return { kind: 'rate-limited', detail: `it weighs more than a window of ${bucket} holds` };
  }
  return { kind: 'rate-limited', detail: `the window of ${bucket} is full`, retryAt: until };
}
