/** The collector: what others may see. */
import type { ActorKind } from '../kind.js';
import type { CollectorCommand } from './commands.js';
import type { CollectorContext } from './context.js';
import { decideCollector } from './decide.js';
import { collectorCodec, type CollectorFact } from './events.js';
import { collectorMachine } from './machine.js';
import { collectorOutstanding } from './outstanding.js';

export type { CollectorCommand, Obstacle, Page, RunEnd } from './commands.js';
export {
  mayFetch,
  regions,
  type Activity,
  type CollectorConfig,
  type CollectorContext,
  type CollectorState,
  type Schedule,
} from './context.js';
export { collectorCodec, type CollectorFact } from './events.js';

export const collectorKind: ActorKind<CollectorContext, CollectorCommand, CollectorFact> = {
  category: 'collector',
  machine: collectorMachine,
  foldVersion: 1,
  codec: collectorCodec,
  decide: decideCollector,
  outstanding: collectorOutstanding,
  restricts: (fact) =>
    fact.type === 'CollectorDisabled' ||
    fact.type === 'CollectorSuspended' ||
    fact.type === 'DrainStarted' ||
    fact.type === 'CollectorStopped',
};
