/** Snapshots in memory, for tests and simulation. */
import type { StreamId } from '../kernel/types.js';
import type { Snapshot, SnapshotStore } from './port.js';
import { SNAPSHOTS_PER_STREAM } from './port.js';

/** Keeps the newest two of each stream, as text: what is loaded shares nothing with what was saved. */
export function memorySnapshots(): SnapshotStore {
  const kept = new Map<StreamId, readonly { readonly revision: number; readonly text: string }[]>();
  return {
    load: (stream) =>
      Promise.resolve((kept.get(stream) ?? []).map(({ text }) => JSON.parse(text) as Snapshot)),
    save(snapshot) {
      const { stream, revision } = snapshot;
      const others = (kept.get(stream) ?? []).filter((other) => other.revision !== revision);
      const all = [...others, { revision, text: JSON.stringify(snapshot) }];
      all.sort((a, b) => b.revision - a.revision);
      kept.set(stream, all.slice(0, SNAPSHOTS_PER_STREAM));
      return Promise.resolve();
    },
  };
}
