/**
 * Keyed commands under way, and those whose answer the read model does not show yet.
 *
 * I1 One flight per command id at a time: a repeat finds it and shares what comes of it.
 * I2 A refused flight is forgotten as it ends; an answered one when the views show its position.
 * I3 At most `max` flights: a command that finds no room is refused, before anything happens.
 * I4 Of a flight that failed it is remembered that it did, of the last `max`.
 */
import type { CommandId, Position } from '../../kernel/types.js';
import type { Outcome } from '../answer.js';

export const FLIGHTS_MAX = 512;

/** What a flight came to. `position`: where the journal has its answer; undefined: nowhere. */
export type Landed = { readonly outcome: Outcome; readonly position?: Position };

export type Flight = { readonly hash: string; readonly outcome: Promise<Outcome> };

export type Flights = {
  find(id: CommandId): Flight | undefined;
  /** I3: undefined when there is no room. `carry` never rejects. */
  open(id: CommandId, hash: string, carry: () => Promise<Landed>): Flight | undefined;
  /** I4: it failed before, perhaps after it had written something. */
  isDoubtful(id: CommandId): boolean;
  size(): number;
};

type Entry = Flight & { shownAt: Position | undefined };

/** `shown`: the position up to which the views tell everything. */
export function flights(shown: () => Position, max: number = FLIGHTS_MAX): Flights {
  const entries = new Map<CommandId, Entry>();
  const doubtful = new Set<CommandId>();
  /** I2. */
  const sweep = (): void => {
    const position = shown();
    for (const [id, { shownAt }] of entries) {
      if (shownAt !== undefined && shownAt <= position) entries.delete(id);
    }
  };
  /** I4. */
  const doubt = (id: CommandId): void => {
    doubtful.add(id);
    const [oldest] = doubtful;
    if (doubtful.size > max && oldest !== undefined) doubtful.delete(oldest);
  };
  return {
    size: () => entries.size,
    isDoubtful: (id) => doubtful.has(id),
    find(id) {
      sweep();
      return entries.get(id);
    },
    open(id, hash, carry) {
      if (entries.size >= max) return undefined;
      const landed = carry();
      const entry: Entry = {
        hash,
        shownAt: undefined,
        outcome: landed.then(({ outcome, position }) => {
          entry.shownAt = position;
          if (position === undefined) entries.delete(id);
          doubtful.delete(id);
          if (!outcome.ok) doubt(id);
          return outcome;
        }),
      };
      entries.set(id, entry);
      return entry;
    },
  };
}
