/** Events for tests of the journal. */
import type { NewEvent } from '../../src/journal/port.js';
import type { JsonObject } from '../../src/kernel/types.js';

export function newEvent(eventId: string, data: JsonObject = {}, type = 'Happened'): NewEvent {
  return {
    type,
    data,
    metadata: {
      eventId,
      commandId: `command-of-${eventId}`,
      correlationId: 'correlation',
      actor: 'system',
      interface: 'system',
      recordedAt: '2026-01-02T03:04:05.000Z',
      schema: 1,
      epoch: 1,
      node: 'test',
    },
  };
}

/** `count` events with ids `<prefix>-0`… */
export function newEvents(prefix: string, count: number): readonly NewEvent[] {
  return Array.from({ length: count }, (_, index) =>
    newEvent(`${prefix}-${String(index)}`, { index, text: `${prefix} ${String(index)}` }),
  );
}
