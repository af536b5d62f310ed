/** V1: whether a read store was built from this very journal. */
import type { Journal } from '../journal/port.js';
import { CheckpointPastHead } from './read-store.js';
import type { Instance } from './read-store.js';

/**
 * What is wrong with an instance's checkpoint, or undefined: the journal reaches as far, and its event
 * there is the one the rows were built from.
 */
async function regressionOf(journal: Journal, instance: Instance): Promise<string | undefined> {
  const { position, eventPosition, eventHash } = instance.checkpoint;
  const head = await journal.head();
  const is = `read model ${instance.name} is at position ${String(position)}`;
  if (position > head) return `${is}, past the journal's head ${String(head)}`;
  if (eventHash === '') return undefined;
  const { events } = await journal.readAll(eventPosition - 1, {}, 1);
  const [event] = events;
  if (event?.position === eventPosition && event.metadata.hash === eventHash) return undefined;
  return `${is}, but the journal's event ${String(eventPosition)} is another one`;
}

/**
 * The instances that may not be used with this journal.
 * @throws {CheckpointPastHead} there is one, unless `rebuild` says they may be built anew.
 */
export async function regressed(
  journal: Journal,
  instances: readonly Instance[],
  onRegression: 'refuse' | 'rebuild',
): Promise<readonly Instance[]> {
  const found: Instance[] = [];
  for (const instance of instances) {
    const problem = await regressionOf(journal, instance);
    if (problem === undefined) continue;
    if (onRegression === 'refuse') throw new CheckpointPastHead(problem);
    found.push(instance);
  }
  return found;
}
