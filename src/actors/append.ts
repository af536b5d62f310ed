/** Facts into the journal (A3, A4): encoded, named, fenced; a conflict and an unknown outcome are resolved here. */
import { eventIdOf } from '../kernel/ids.js';
import { messageOf } from '../kernel/errors.js';
import { isoTime, wait } from '../kernel/time.js';
import type { EpochMs, Position, Revision, StreamId } from '../kernel/types.js';
import {
  EventTooLarge,
  InvalidEvent,
  JournalCorrupt,
  JournalUnavailable,
  type AppendResult,
  type NewEvent,
} from '../journal/port.js';
import type { CommandContext } from './handle.js';
import type { HostServices } from './services.js';
import type { AnyFact, FactCodec } from './kind.js';

export type Appended =
  | { readonly kind: 'appended'; readonly revision: Revision; readonly position: Position }
  /** Another writer of our epoch was first: load again, decide again. */
  | { readonly kind: 'raced' }
  /** A greater epoch owns the stream: drop the actor, decide nothing again. */
  | { readonly kind: 'fenced'; readonly epoch: number }
  | { readonly kind: 'unavailable'; readonly detail: string }
  /** What stands there is not what anyone of us wrote. */
  | { readonly kind: 'corrupt'; readonly detail: string }
  /** The journal will never take these events: our own bug. */
  | { readonly kind: 'rejected'; readonly cause: unknown };

export type Batch<F extends AnyFact> = {
  readonly stream: StreamId;
  readonly expected: Revision;
  readonly facts: readonly F[];
  readonly codec: FactCodec<F>;
  readonly context: CommandContext;
  readonly at: EpochMs;
  readonly stateHash: string;
  readonly foldVersion: number;
};

/** The first pause before an append of unknown outcome is looked up again; doubles up to the second. */
const READBACK_BASE_MS = 50;
const READBACK_MAX_MS = 5000;

export async function appendFacts<F extends AnyFact>(
  batch: Batch<F>,
  services: HostServices,
): Promise<Appended> {
  const events = batch.facts.map((fact, ordinal) => newEvent(batch, fact, ordinal, services));
  try {
    return await conclude(batch, events, services, () =>
      services.journal.append(batch.stream, batch.expected, events),
    );
  } catch (thrown) {
    if (thrown instanceof JournalUnavailable && thrown.outcome === 'unknown') {
      return resolveUnknown(batch, events, services);
    }
    if (thrown instanceof JournalCorrupt) return { kind: 'corrupt', detail: thrown.message };
    if (thrown instanceof InvalidEvent || thrown instanceof EventTooLarge) {
      return { kind: 'rejected', cause: thrown };
    }
    return { kind: 'unavailable', detail: messageOf(thrown) };
  }
}

function newEvent<F extends AnyFact>(
  batch: Batch<F>,
  fact: F,
  ordinal: number,
  services: HostServices,
): NewEvent {
  const { type, schema, data } = batch.codec.encode(fact);
  const { context } = batch;
  const isLast = ordinal === batch.facts.length - 1;
  return {
    type,
    data,
    metadata: {
      eventId: eventIdOf(context.commandId, batch.stream, ordinal),
      commandId: context.commandId,
      correlationId: context.correlationId,
      ...(context.causationId !== undefined && { causationId: context.causationId }),
      actor: context.actor,
      interface: context.interface,
      ...(context.reason !== undefined && { reason: context.reason }),
      ...(context.operation !== undefined && { operation: context.operation }),
      ...(context.address !== undefined && { address: context.address }),
      ...(context.commandHash !== undefined && { commandHash: context.commandHash }),
      recordedAt: isoTime(batch.at),
      schema,
      epoch: services.epoch,
      node: services.node,
      ...(isLast && { stateHash: batch.stateHash, foldVersion: batch.foldVersion }),
    },
  };
}

async function conclude<F extends AnyFact>(
  batch: Batch<F>,
  events: readonly NewEvent[],
  services: HostServices,
  append: () => Promise<AppendResult>,
): Promise<Appended> {
  const result = await append();
  if (result.kind === 'appended') return result;
  services.statistics.conflicts += 1;
  return readTail(batch, events, services);
}

/** A3: whose events stand where ours were to go? */
async function readTail<F extends AnyFact>(
  batch: Batch<F>,
  events: readonly NewEvent[],
  services: HostServices,
): Promise<Appended> {
  const page = await services.journal.read(
    batch.stream,
    batch.expected + 1,
    services.limits.pageSize,
  );
  const ours = events.every(
    (event, n) => page.events[n]?.metadata.eventId === event.metadata.eventId,
  );
  const last = page.events[events.length - 1];
  if (ours && last !== undefined) {
    return { kind: 'appended', revision: last.revision, position: last.position };
  }
  const greatest = page.events.reduce((max, event) => Math.max(max, event.metadata.epoch), 0);
  return greatest > services.epoch ? { kind: 'fenced', epoch: greatest } : { kind: 'raced' };
}

/** The stream stalls here until the store says what happened; other streams go on. */
async function resolveUnknown<F extends AnyFact>(
  batch: Batch<F>,
  events: readonly NewEvent[],
  services: HostServices,
): Promise<Appended> {
  let pause = READBACK_BASE_MS;
  for (;;) {
    try {
      const { journal } = services;
      return await conclude(batch, events, services, () =>
        journal.append(batch.stream, batch.expected, events),
      );
    } catch (thrown) {
      if (services.isStopping()) return { kind: 'unavailable', detail: messageOf(thrown) };
      services.log.warn('append outcome unknown, asking again', {
        stream: batch.stream,
        error: messageOf(thrown),
        pause_ms: pause,
      });
      await wait(services.clock, pause);
      pause = Math.min(pause * 2, READBACK_MAX_MS);
    }
  }
}
