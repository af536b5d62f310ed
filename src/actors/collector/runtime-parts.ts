/** What a collector's runtime is made of. */
import type { Logger } from '../../kernel/observe.js';
import type { Random } from '../../kernel/random.js';
import type { Clock } from '../../kernel/time.js';
import type { JsonObject } from '../../kernel/types.js';
import type { RecordSink } from '../../records/port.js';
import type { SourceDefinition } from '../../sources/port.js';
import type { DoorDeps } from '../door-parts.js';
import type { ActorHandle, SystemContext } from '../handle.js';
import type { CollectorCommand, Obstacle } from './commands.js';
import type { CollectorContext } from './context.js';
import type { CollectorFact } from './events.js';

export type CollectorHandle = ActorHandle<CollectorContext, CollectorCommand, CollectorFact>;

export type RuntimeDeps = {
  readonly name: string;
  readonly handle: CollectorHandle;
  readonly source: SourceDefinition;
  readonly options: JsonObject;
  readonly door: DoorDeps;
  readonly sink: RecordSink;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly system: SystemContext;
  /** What stands in the way of every upstream now, by breaker and limiter; undefined: one is free. */
  readonly obstacle: () => Obstacle | undefined;
  /** The key is there, or none is needed. */
  readonly hasKey: boolean;
};
