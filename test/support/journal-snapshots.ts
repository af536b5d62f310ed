/** A snapshot for tests. */
import type { Snapshot } from '../../src/journal/port.js';

export function snapshotOf(stream: string, revision: number): Snapshot {
  return {
    stream,
    revision,
    eventHash: 'a'.repeat(64),
    foldVersion: 1,
    stateHash: 'b'.repeat(64),
    state: { value: 'closed', context: { count: revision } },
  };
}
