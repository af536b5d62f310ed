/**
 * The table of operations: the one list from which each edge, its documentation, its parity test and
 * its audit are made. An operation that is not here cannot be reached.
 */
import type { Engine } from '../actors/engine.js';
import type { Clock } from '../kernel/time.js';
import type { Random } from '../kernel/random.js';
import type { Views } from '../projections/views.js';
import { COMMANDS } from './commands.js';
import { OPERATION_LIMITS } from './operation.js';
import type { AnyOperation, OperationLimits, Reach } from './operation.js';
import type { Readiness, RecordReader, ServiceInfo } from './operation.js';
import { PERMITS } from './permits.js';
import { QUESTIONS } from './questions.js';
import type { CollectorType } from './shapes/collector-types.js';
import { slots } from './slots.js';
import { statusPages } from './status-pages.js';

export const OPERATIONS: readonly AnyOperation[] = [...QUESTIONS, ...COMMANDS, ...PERMITS];

/** What the program hands in. */
export type GatewayParts = {
  readonly engine: Engine;
  readonly views: Views;
  readonly records: RecordReader;
  readonly service: () => ServiceInfo;
  readonly readiness: () => Readiness;
  readonly collectorTypes: () => readonly CollectorType[];
  readonly clock: Clock;
  readonly random: Random;
};

/** What operations reach, made once and shared by all edges: its bounds hold for all of them together. */
export function reachOf(parts: GatewayParts, limits: OperationLimits = OPERATION_LIMITS): Reach {
  const { engine, views, records, service, readiness, collectorTypes, clock, random } = parts;
  return {
    engine,
    views,
    records,
    service,
    readiness,
    collectorTypes,
    clock,
    newCommandId: () => random.uuid(),
    pages: statusPages({ engine, views, clock }),
    limits,
    slots: { commands: slots(limits.commandsMax), past: slots(limits.pastQuestionsMax) },
    operations: () => OPERATIONS,
  };
}
