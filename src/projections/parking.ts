/** The parked streams of a projection, and changes to them that are not durable yet. */
import type { StreamId } from '../kernel/types.js';
import type { Parked } from './read-store.js';

/** Changes to the parked streams, kept apart until they are durable. */
export type Parking = {
  get(stream: StreamId): Parked | undefined;
  set(parked: Parked): void;
  remove(stream: StreamId): void;
  size(): number;
  /** Streams that were not parked before. */
  added(): readonly Parked[];
  changes(): { readonly parked: readonly Parked[]; readonly unparked: readonly StreamId[] };
  keep(): void;
};

export function parkingOn(base: Map<StreamId, Parked>): Parking {
  const changed = new Map<StreamId, Parked | undefined>();
  const added = (): readonly Parked[] =>
    [...changed.values()].filter((to) => to !== undefined).filter((to) => !base.has(to.stream));
  return {
    get: (stream) => (changed.has(stream) ? changed.get(stream) : base.get(stream)),
    set: (parked) => void changed.set(parked.stream, parked),
    remove: (stream) => void changed.set(stream, undefined),
    size: () => base.size + added().length,
    added,
    changes: () => ({
      parked: [...changed.values()].filter((to) => to !== undefined),
      unparked: [...changed].filter(([, to]) => to === undefined).map(([stream]) => stream),
    }),
    keep: () => {
      for (const [stream, to] of changed) {
        if (to === undefined) base.delete(stream);
        else base.set(stream, to);
      }
    },
  };
}
