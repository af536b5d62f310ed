/** The journal's file as it lies there, read by the project's own reader, beside the service that writes it. */
import { existsSync } from 'node:fs';
import type { StoredEvent } from '../../src/journal/port.js';
import { sqliteReader } from '../../src/journal/reader.sqlite.js';
import { openToRead, type SqliteFile } from '../../src/journal/schema.sqlite.js';

export type JournalTail = {
  /** All that is durable by now, oldest first; each event is read once. */
  events(): readonly StoredEvent[];
  /** Lets go of the file: a start must find it as a dead process left it. */
  release(): void;
};

const PAGE = 1000;

export function journalTail(path: string): JournalTail {
  const events: StoredEvent[] = [];
  let file: SqliteFile | undefined;
  let reader: ReturnType<typeof sqliteReader> | undefined;
  return {
    events() {
      if (reader === undefined) {
        file = opened(path, events.length > 0);
        if (file === undefined) return events;
        reader = sqliteReader(file);
      }
      for (;;) {
        const page = reader.readAll(events.at(-1)?.position ?? 0, {}, PAGE);
        events.push(...page.events);
        if (page.atEnd) return events;
      }
    },
    release() {
      file?.close();
      file = undefined;
      reader = undefined;
    },
  };
}

/** Undefined: a process that died early had not made it yet. What held events once must be readable. */
function opened(path: string, heldEvents: boolean): SqliteFile | undefined {
  if (!existsSync(path)) return undefined;
  try {
    return openToRead(path);
  } catch (thrown) {
    if (heldEvents) throw thrown;
    return undefined;
  }
}

/** All events of a journal whose service is done with it, or not. */
export function journalEvents(path: string): readonly StoredEvent[] {
  const tail = journalTail(path);
  try {
    return tail.events();
  } finally {
    tail.release();
  }
}

export type Data = Readonly<Record<string, unknown>>;

/** A member of a fact; proto3 JSON leaves out what is zero. */
export function numberIn(data: Data, name: string): number {
  return Number(data[name] ?? 0);
}

export function textIn(data: Data, name: string): string {
  const value = data[name] ?? '';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

export function ofStream(
  events: readonly StoredEvent[],
  stream: string,
  ...types: readonly string[]
): readonly StoredEvent[] {
  return events.filter(
    (event) => event.stream === stream && (types.length === 0 || types.includes(event.type)),
  );
}
