/**
 * The table of operations: the one list from which each edge, its documentation, its parity test and
 * its audit are made. An operation that is not here cannot be reached.
 */
import type { Engine } from '../actors/engine.js';
import type { Clock } from '../kernel/time.js';
import type { Random } from '../kernel/random.js';
import type { Views } from '../projections/views.js';
import { AUDIT } from './audit-operations.js';
import type { Trail } from './audit/audit.js';
import type { TokenBook } from './auth/token-book.js';
import { BATCHES } from './batch.js';
import { BREAKER_CONFIG } from './breaker-config.js';
import { COMMANDS } from './commands.js';
import { CURSORS } from './cursors.js';
import { HISTORY } from './history.js';
import { keyedCommands } from './idempotency/keyed.js';
import type { JournalReader, JournalWalk } from './journal-reader.js';
import { OPERATION_LIMITS } from './operation.js';
import type { AnyOperation, AnyStreamOperation, OperationLimits, Reach } from './operation.js';
import type { Readiness, RecordReader, ServiceInfo } from './operation.js';
import { descriptions } from './openapi/descriptions.js';
import { DESCRIPTIONS } from './openapi/operations.js';
import { PERMITS } from './permits.js';
import { QUESTIONS } from './questions.js';
import type { CollectorType } from './shapes/collector-types.js';
import { SERVICE_QUESTIONS } from './service-questions.js';
import { slots } from './slots.js';
import { statusPages } from './status-pages.js';
import { TOKENS } from './tokens.js';
import { collectorFeed } from './streams/collector-feed.js';
import { replayBreaker } from './streams/replay-breaker.js';
import { readCollectorEvents, readEvents } from './streams/read-events.js';
import { subscribeRecords } from './streams/subscribe-records.js';
import { watchCollectors } from './streams/watch-collectors.js';

export const OPERATIONS: readonly AnyOperation[] = [
  ...QUESTIONS,
  ...SERVICE_QUESTIONS,
  ...COMMANDS,
  ...BREAKER_CONFIG,
  ...CURSORS,
  ...BATCHES,
  ...AUDIT,
  ...PERMITS,
  ...TOKENS,
  ...HISTORY,
  ...DESCRIPTIONS,
];

/** The operations whose answers go on. */
export const STREAMS: readonly AnyStreamOperation[] = [
  watchCollectors,
  readEvents,
  readCollectorEvents,
  subscribeRecords,
  replayBreaker,
];

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
  readonly trail: Trail;
  readonly tokens: TokenBook;
  readonly journal: JournalReader;
  readonly walk: JournalWalk;
};

/** What operations reach, made once and shared by all edges: its bounds hold for all of them together. */
export function reachOf(parts: GatewayParts, limits: OperationLimits = OPERATION_LIMITS): Reach {
  const { engine, views, records, service, readiness, collectorTypes, clock, random, trail } =
    parts;
  const { journal, walk } = parts;
  const pages = statusPages({ engine, views, clock });
  return {
    engine,
    views,
    records,
    journal,
    walk,
    collectorFeed: collectorFeed({ views, pages, clock }),
    service,
    readiness,
    collectorTypes,
    clock,
    newCommandId: () => random.uuid(),
    pages,
    trail,
    tokens: parts.tokens,
    keyed: keyedCommands({ views, trail, clock, limits }),
    limits,
    slots: {
      commands: slots(limits.commandsMax),
      past: slots(limits.pastQuestionsMax),
      walks: slots(1),
      waits: slots(limits.viewWaitsMax),
    },
    descriptions: descriptions(() => {
      const { version } = service();
      return { operations: OPERATIONS, streams: STREAMS, version };
    }),
    operations: () => OPERATIONS,
  };
}
