/**
 * Refusals, put together: one fact per kind and minute, whatever the number of calls.
 *
 * C1 The kinds of refusal of one address and one actor are told apart by operation, target and code; of
 *    nobody known and of those who may not, by address, operation and code only.
 * C2 A kind is told at once, and then at most once a minute with the number of calls since.
 * C3 At most `kindsMax` kinds are told apart; the rest go by operation and code alone, and what finds no
 *    room even so is counted as dropped.
 */
import { MINUTE_MS } from '../../kernel/time.js';
import type { EpochMs } from '../../kernel/types.js';
import type { Refused } from './audit.js';

export const KINDS_MAX = 1_000;
/** Beyond `KINDS_MAX`: one per operation and code. */
const LEFTOVERS_MAX = 200;
/** Stands for an address or an actor that is not told apart any more. */
export const MANY = '*';

export type Refusal = {
  readonly operation: string;
  readonly outcome: 'denied' | 'failed';
  readonly code: string;
  /** Of the first call of the kind. */
  readonly detail: string;
  readonly who: Refused;
};

export type Counted = { readonly refusal: Refusal; readonly count: number };

export type Coalescing = {
  add(refusal: Refusal): void;
  /** What is to be told now, in the order the kinds came up. `all`: whatever is left, for the end. */
  take(now: EpochMs, all?: boolean): readonly Counted[];
  /** Whether something waits to be told. */
  waiting(): boolean;
  kinds(): number;
  dropped(): number;
};

type Kind = { refusal: Refusal; count: number; toldInMinute: number };

export function coalescing(kindsMax: number = KINDS_MAX): Coalescing {
  const kinds = new Map<string, Kind>();
  let dropped = 0;
  let waiting = 0;

  const roomFor = (refusal: Refusal): Kind | undefined => {
    const key = keyOf(refusal);
    const known = kinds.get(key);
    if (known !== undefined) return known;
    if (kinds.size < kindsMax) return begin(key, refusal);
    const leftover = leftoverOf(refusal);
    const other = keyOf(leftover);
    const shared = kinds.get(other);
    if (shared !== undefined) return shared;
    return kinds.size < kindsMax + LEFTOVERS_MAX ? begin(other, leftover) : undefined;
  };
  const begin = (key: string, refusal: Refusal): Kind => {
    const kind = { refusal, count: 0, toldInMinute: -1 };
    kinds.set(key, kind);
    return kind;
  };

  return {
    waiting: () => waiting > 0,
    kinds: () => kinds.size,
    dropped: () => dropped,
    add(refusal) {
      const kind = roomFor(refusal);
      if (kind === undefined) {
        dropped += 1;
        return;
      }
      if (kind.count === 0) {
        waiting += 1;
        // What is told next was like this one.
        if (kind.toldInMinute >= 0 && kind.refusal.who.address !== MANY) kind.refusal = refusal;
      }
      kind.count += 1;
    },
    take(now, all = false) {
      const minute = Math.floor(now / MINUTE_MS);
      const told: Counted[] = [];
      for (const [key, kind] of kinds) {
        const isDue = all || kind.toldInMinute !== minute;
        if (kind.count > 0 && isDue) {
          told.push({ refusal: kind.refusal, count: kind.count });
          waiting -= 1;
          Object.assign(kind, { count: 0, toldInMinute: minute });
        } else if (kind.count === 0 && isDue) kinds.delete(key);
      }
      return told;
    },
  };
}

/** C1. */
function keyOf({ operation, outcome, code, who }: Refusal): string {
  const isOne = outcome === 'failed' && who.actor !== undefined;
  const parts = isOne
    ? [operation, code, who.address, who.actor, who.target ?? '', who.interface]
    : [operation, code, who.address];
  return JSON.stringify(parts);
}

/** C3. */
function leftoverOf({ operation, outcome, code, detail, who }: Refusal): Refusal {
  const { correlationId } = who;
  const many = { address: MANY, correlationId, interface: who.interface };
  return { operation, outcome, code, detail, who: many };
}
