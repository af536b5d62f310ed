/**
 * One ready text per collector, made again only when it must be: what nothing changed is never
 * serialised twice.
 *
 * G1 A piece is never older than the change count of the views, nor than `maxAgeMs`: what depends on
 *    time or lives in memory only (rates, permits, ages) is at most that stale.
 * G2 There is at most one piece per name; a name the views no longer know loses its piece when the list
 *    is next asked for, and at the latest by its age.
 * G3 `all` answers the same array for as long as no piece of it changed and it is not older than
 *    `maxAgeMs`: whoever made something of it may keep that under the array's identity.
 */
import type { Clock } from '../kernel/time.js';
import type { DurationMs, EpochMs, MonotonicMs } from '../kernel/types.js';

/** JSON text, and what it was made of. */
export type Piece<T> = { readonly name: string; readonly text: string; readonly told: T };

export type Pieces<T> = {
  /** The piece of one collector; undefined when the views know none of this name. */
  get(name: string): Piece<T> | undefined;
  /** All pieces, by name. */
  all(): readonly Piece<T>[];
};

/** What pieces are kept by. */
export type PieceSource = {
  readonly names: () => readonly string[];
  /** Goes up with each change of what is shown of a collector. */
  readonly changes: (name: string) => number;
  readonly clock: Clock;
  readonly maxAgeMs: DurationMs;
};

type Kept<T> = {
  readonly piece: Piece<T>;
  readonly changes: number;
  readonly madeAt: MonotonicMs;
};

/** `make` answers undefined for a collector that cannot be shown. */
export function pieces<T>(
  source: PieceSource,
  make: (name: string, now: EpochMs) => Omit<Piece<T>, 'name'> | undefined,
): Pieces<T> {
  const { clock, maxAgeMs } = source;
  const kept = new Map<string, Kept<T>>();
  let names: readonly string[] = [];
  let sorted: readonly string[] = [];
  let whole: readonly Piece<T>[] = [];
  let wholeMadeAt: MonotonicMs = Number.NEGATIVE_INFINITY;

  /** G1. */
  const current = (name: string, at: MonotonicMs): Piece<T> | undefined => {
    const changes = source.changes(name);
    const found = kept.get(name);
    if (found?.changes === changes && at - found.madeAt < maxAgeMs) return found.piece;
    const made = make(name, clock.now());
    if (made === undefined) {
      kept.delete(name);
      return undefined;
    }
    const piece = { name, ...made };
    kept.set(name, { piece, changes, madeAt: at });
    return piece;
  };

  /** G2. */
  const lookAtNames = (): void => {
    const known = source.names();
    if (known.length === names.length && known.every((name, i) => name === names[i])) return;
    names = [...known];
    sorted = [...known].sort();
    const stay = new Set(known);
    for (const name of kept.keys()) if (!stay.has(name)) kept.delete(name);
  };

  return {
    get: (name) => current(name, clock.monotonic()),
    all() {
      lookAtNames();
      const at = clock.monotonic();
      let same = at - wholeMadeAt < maxAgeMs;
      let index = 0;
      const next: Piece<T>[] = [];
      for (const name of sorted) {
        const piece = current(name, at);
        if (piece === undefined) continue;
        if (piece !== whole[index]) same = false;
        next[index] = piece;
        index += 1;
      }
      if (same && index === whole.length) return whole; // G3
      whole = next;
      wholeMadeAt = at;
      return whole;
    },
  };
}
