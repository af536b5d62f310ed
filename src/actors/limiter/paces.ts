/**
 * The pace of a scope and of each of its collectors, in memory, on the monotonic clock. Invariants:
 * lanes.ts.
 */
import type { DurationMs, EpochMs, MonotonicMs } from '../../kernel/types.js';
import { emissionIntervalMs, gcraReadyAt, gcraSpend, type Gcra } from './buckets.js';
import type { LimiterContext } from './context.js';

/** A moment on both clocks. */
export type Now = { readonly wall: EpochMs; readonly mono: MonotonicMs };

/** A rate at a moment; a plain function, so that the admitted path makes no closure. */
export type RateOf = (context: LimiterContext, collector: string, at: EpochMs) => number;

export type Pace = {
  readonly gcra: Gcra;
  readonly rateOf: RateOf;
  rate: number;
  last: MonotonicMs;
  /** The state the rate was taken from: while it stands and nothing recovers, the rate does too. */
  ratedBy: LimiterContext | undefined;
  /** By that state the rate is another at each moment: it recovers, or creeps up again. */
  isChanging: boolean;
};

/** How late a timer may fire without slowing the pace: it costs half a percent of the rate. */
const PACE_SLACK = 0.005;
const SECOND = 1000;
/** Bisection of a rate that grows with time: to well below a millisecond over an hour. */
const BISECTIONS = 24;

/** As if a call had left at `last`: L1. Its rate is set before it is first asked. */
export function newPace(rateOf: RateOf, last: MonotonicMs): Pace {
  const rate = 1;
  const burst = paceBurst(rate);
  const intervalMs = paceIntervalMs(rate);
  const tat = last + burst * intervalMs;
  const gcra = { limit: rate, burst, intervalMs, tat, held: 0, spentAt: last };
  return { gcra, rateOf, rate, last, ratedBy: undefined, isChanging: false };
}

/** <= now: at once. Infinity: when another permit is used or given back. */
export function paceReadyAt(
  pace: Pace,
  context: LimiterContext,
  collector: string,
  now: Now,
): MonotonicMs {
  if (pace.isChanging || pace.ratedBy !== context) {
    const rate = pace.rateOf(context, collector, now.wall);
    if (rate !== pace.rate) setPace(pace, rate);
    pace.ratedBy = context;
    pace.isChanging = context.episode !== null || context.learned !== null;
  }
  const readyAt = gcraReadyAt(pace.gcra, 1, now.mono);
  if (!pace.isChanging || readyAt <= now.mono || readyAt === Infinity) return readyAt;
  return recoveredAt(pace, context, collector, now, readyAt);
}

export function spendPace(pace: Pace, mono: MonotonicMs): void {
  gcraSpend(pace.gcra, 1, mono);
  pace.last = mono;
}

/** The rate grows meanwhile: the first moment whose own rate admits the call. */
function recoveredAt(
  pace: Pace,
  context: LimiterContext,
  collector: string,
  { wall, mono }: Now,
  readyAt: MonotonicMs,
): MonotonicMs {
  let [early, late] = [mono, readyAt];
  for (let step = 0; step < BISECTIONS && late - early > 0.5; step += 1) {
    const middle = (early + late) / 2;
    const rate = pace.rateOf(context, collector, wall + middle - mono);
    if (admitsAt(pace, rate, middle)) late = middle;
    else early = middle;
  }
  return late;
}

function admitsAt({ gcra, last }: Pace, rate: number, mono: MonotonicMs): boolean {
  const intervalMs = paceIntervalMs(rate);
  const tat = last + ((gcra.tat - last) * intervalMs) / gcra.intervalMs;
  return tat + (gcra.held + 1 - paceBurst(rate)) * intervalMs <= mono;
}

/** L2: what was charged since the last call left weighs as much as it would have at the new rate. */
function setPace(pace: Pace, rate: number): void {
  const { gcra, last } = pace;
  const intervalMs = paceIntervalMs(rate);
  gcra.tat = last + ((gcra.tat - last) * intervalMs) / gcra.intervalMs;
  gcra.intervalMs = intervalMs;
  gcra.burst = paceBurst(rate);
  gcra.limit = rate;
  pace.rate = rate;
}

function paceBurst(rate: number): number {
  return 1 + rate * PACE_SLACK;
}

function paceIntervalMs(rate: number): DurationMs {
  return emissionIntervalMs(rate, paceBurst(rate), SECOND);
}
