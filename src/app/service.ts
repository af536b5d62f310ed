/** The service's own facts: when it began, how the one before it ended, when it stopped. */
import * as gen from '../gen/headgate/events/v1/service.js';
import { messageOf } from '../kernel/errors.js';
import { eventIdOf } from '../kernel/ids.js';
import type { Logger } from '../kernel/observe.js';
import type { Random } from '../kernel/random.js';
import { isoTime, type Clock } from '../kernel/time.js';
import type { JsonObject, StreamId } from '../kernel/types.js';
import { NO_STREAM, type Journal } from '../journal/port.js';

export type ServiceLogDeps = {
  readonly journal: Journal;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly node: string;
};

/** clean: it said goodbye. killed: it did not. first: there was none. */
export type PreviousEnd = 'clean' | 'killed' | 'first';

export interface ServiceLog {
  previousEnd(): Promise<PreviousEnd>;
  started(fact: Omit<gen.ServiceStarted, 'atMs'>): Promise<void>;
  stopped(fact: Omit<gen.ServiceStopped, 'atMs'>): Promise<void>;
}

/** How often an append that lost a race is tried with the new head. */
const TRIES_MAX = 3;

export function serviceLog(deps: ServiceLogDeps): ServiceLog {
  const { clock } = deps;
  return {
    previousEnd: () => previousEnd(deps),
    started: (fact) =>
      append(deps, 'ServiceStarted', gen.ServiceStarted.toJSON({ ...fact, atMs: clock.now() })),
    stopped: (fact) =>
      append(deps, 'ServiceStopped', gen.ServiceStopped.toJSON({ ...fact, atMs: clock.now() })),
  };
}

/** audit-<node>-<yyyymm> */
function auditStream({ node, clock }: ServiceLogDeps): StreamId {
  return `audit-${node}-${isoTime(clock.now()).slice(0, 7).replace('-', '')}`;
}

/** The newest of this node's months; the last event of a process that ended well is its goodbye. */
async function previousEnd({ journal, node }: ServiceLogDeps): Promise<PreviousEnd> {
  const prefix = `audit-${node}-`;
  const heads = await journal.streams('audit', undefined, 10_000);
  const last = heads.filter(({ stream }) => /^\d{6}$/.test(stream.replace(prefix, ''))).at(-1);
  if (last === undefined) return 'first';
  const page = await journal.read(last.stream, last.revision, 1);
  return page.events[0]?.type === 'ServiceStopped' ? 'clean' : 'killed';
}

/** Best effort: a service whose journal cannot take a line of its own still serves. */
async function append(deps: ServiceLogDeps, type: string, data: unknown): Promise<void> {
  const { journal, clock, random, log, node } = deps;
  const stream = auditStream(deps);
  const commandId = random.uuid();
  const metadata = {
    eventId: eventIdOf(commandId, stream, 0),
    commandId,
    correlationId: commandId,
    actor: 'system',
    interface: 'system',
    recordedAt: isoTime(clock.now()),
    schema: 1,
    epoch: 1,
    node,
  };
  try {
    for (let attempt = 1; attempt <= TRIES_MAX; attempt += 1) {
      const head = await journal.streamHead(stream);
      const expected = head?.revision ?? NO_STREAM;
      const result = await journal.append(stream, expected, [
        { type, data: data as JsonObject, metadata },
      ]);
      if (result.kind === 'appended') return;
    }
    log.warn('service fact not recorded: its stream is written by another', { type, stream });
  } catch (thrown) {
    log.warn('service fact not recorded', { type, stream, error: messageOf(thrown) });
  }
}
