/** A fact of the journal as readers see it. */
import type { StoredEvent } from '../../journal/port.js';
import type { JsonObject } from '../../kernel/types.js';

/** Members of facts that are nobody's business but the service's own, by type. */
const HIDDEN: Readonly<Record<string, readonly string[]>> = {
  // Of a long random secret; still, who cannot see it cannot try.
  TokenCreated: ['hash'],
};
const HIDDEN_TEXT = '(hidden)';

/**
 * Moments are ISO text, what is not there is null. What a fact hides is told as such: its own hash is that
 * of the whole, and cannot be computed again from this line.
 */
export function eventLine(event: StoredEvent) {
  const { stream, revision, position, type, metadata } = event;
  return {
    position,
    stream,
    revision,
    type,
    at: metadata.recordedAt,
    data: shown(type, event.data),
    metadata: {
      event_id: metadata.eventId,
      command_id: metadata.commandId,
      command_hash: metadata.commandHash ?? null,
      correlation_id: metadata.correlationId,
      causation_id: metadata.causationId ?? null,
      actor: metadata.actor,
      interface: metadata.interface,
      address: metadata.address ?? null,
      operation: metadata.operation ?? null,
      reason: metadata.reason ?? null,
      recorded_at: metadata.recordedAt,
      schema: metadata.schema,
      epoch: metadata.epoch,
      node: metadata.node,
      state_hash: metadata.stateHash ?? null,
      fold_version: metadata.foldVersion ?? null,
      prev_hash: metadata.prevHash,
      hash: metadata.hash,
    },
  };
}

function shown(type: string, data: JsonObject): JsonObject {
  const hidden = HIDDEN[type];
  if (hidden === undefined) return data;
  return Object.fromEntries(
    Object.entries(data).map(([key, value]) => [key, hidden.includes(key) ? HIDDEN_TEXT : value]),
  );
}
