/** Series whose points are due at regular moments: rounding to them, and what is missing between them. */
import type { DurationMs, EpochMs } from '../kernel/types.js';
import type { SourcePage } from './port.js';

export type Gap = NonNullable<SourcePage['gaps']>[number];

/** The last moment of the grid that is not after `at`. Grids are aligned to the epoch. */
export function floorTo(at: EpochMs, length: DurationMs): EpochMs {
  return Math.floor(at / length) * length;
}

/**
 * Points that should be there and are not, from `from` on: before the first, between them, and, with
 * `to`, after the last. A gap is [first missing point, next point that is there).
 * `points`: their moments, oldest first.
 */
export function gapsBetween(
  points: readonly EpochMs[],
  range: { readonly from: EpochMs; readonly to?: EpochMs | undefined; readonly length: DurationMs },
): readonly Gap[] {
  const { from, to, length } = range;
  const gaps: Gap[] = [];
  let due = from;
  const until = (next: EpochMs): void => {
    if (next > due) gaps.push({ fromMs: due, toMs: next, missing: (next - due) / length });
  };
  for (const at of points) {
    until(at);
    due = at + length;
  }
  if (to !== undefined) until(to);
  return gaps;
}

/** The member of a page: absent where nothing is missing. */
export function withGaps(gaps: readonly Gap[]): Pick<SourcePage, 'gaps'> {
  return gaps.length === 0 ? {} : { gaps };
}
