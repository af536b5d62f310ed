/**
 * A rolling window too long to be paced: a ring of 24 slots. Pure.
 *
 * N1 No window of `windowMs` holds more units than its limit, for any alignment: a slot is a 22nd of the
 *    window; what may leave by a moment is charged to the slot that holds its last one, and a slot counts
 *    whole until the window has left it behind.
 * N2 22 slots are the window's; one is the oldest, counted whole; one the block reaches into that is being
 *    reserved. Should more come together, the two oldest become one, which leaves as late as the later.
 */
import type { DurationMs, EpochMs } from '../../kernel/types.js';
import type { Slots } from './context.js';

export const RING_SLOTS = 24;
const SLOTS_OF_WINDOW = RING_SLOTS - 2;

export function slotMsOf(windowMs: DurationMs): DurationMs {
  return Math.ceil(windowMs / SLOTS_OF_WINDOW);
}

/** What counts against a call at `at`: all that left, or may still leave, after `at - windowMs`. */
export function ringUsed(slots: Slots, windowMs: DurationMs, at: EpochMs): number {
  return slots.reduce((sum, [end, units]) => (end > at - windowMs ? sum + units : sum), 0);
}

/** Units that will have left by `last`, reserved at `at`. */
export function ringCharged(
  slots: Slots,
  windowMs: DurationMs,
  at: EpochMs,
  last: EpochMs,
  units: number,
): Slots {
  const slotMs = slotMsOf(windowMs);
  const end = (Math.floor(last / slotMs) + 1) * slotMs;
  const kept = slots.filter((slot) => slot[0] > at - windowMs);
  const index = kept.findIndex((slot) => slot[0] >= end);
  const same = index >= 0 && kept[index]?.[0] === end;
  const before = index < 0 ? kept : kept.slice(0, index);
  const after = index < 0 ? [] : kept.slice(same ? index + 1 : index);
  const known = same ? (kept[index]?.[1] ?? 0) : 0;
  return bounded([...before, [end, known + units], ...after]);
}

/** N2 */
function bounded(slots: Slots): Slots {
  const [first, second, ...rest] = slots;
  if (slots.length <= RING_SLOTS || first === undefined || second === undefined) return slots;
  return bounded([[second[0], first[1] + second[1]], ...rest]);
}

/**
 * What was charged for `last` came to `more` units than reserved; fewer when negative. What its slot does
 * not hold any more has left with it.
 */
export function ringCorrected(slots: Slots, last: EpochMs, more: number): Slots {
  const index = slots.findIndex(([end]) => end > last);
  return slots.map(([end, units], at) => [end, at === index ? Math.max(0, units + more) : units]);
}

/** The moment at which no more than `room` units count: slots leave whole, oldest first. */
export function ringFreeAt(slots: Slots, windowMs: DurationMs, at: EpochMs, room: number): EpochMs {
  let used = ringUsed(slots, windowMs, at);
  let freeAt = at;
  for (const [end, units] of slots) {
    if (used <= room) return freeAt;
    if (end <= at - windowMs) continue;
    used -= units;
    freeAt = end + windowMs;
  }
  return freeAt;
}
