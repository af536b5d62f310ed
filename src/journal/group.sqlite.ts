/**
 * Group commit: many appends, one transaction, one fsync.
 *
 * G1 All appends of a group become durable together or none is answered as written.
 * G2 Heads of streams are kept in memory (there is one writer); after a failed transaction those it
 *    touched are read from the file again.
 */
import { categoryOf } from '../kernel/ids.js';
import type { EventId, Position, Revision, StreamId } from '../kernel/types.js';
import { admit } from './admission.js';
import { CHAIN_START, sealEvent } from './chain.js';
import type { EncodedTexts } from './encode.js';
import { JournalCorrupt } from './port.js';
import type { Answer, AppendRequest } from './protocol.js';
import { TEXTS_PER_EVENT } from './protocol.js';
import type { SqliteFile } from './schema.sqlite.js';
import type { Sighting } from './witness.js';

/** Heads kept in memory; beyond it all are forgotten and read again as they are needed. */
const HEADS_MAX = 200_000;

type Head = { readonly id: number; revision: Revision; hash: string };

export type Group = {
  readonly answers: readonly Answer[];
  readonly events: number;
  /** The newest event of the group; undefined when it stored nothing. */
  readonly newest: Sighting | undefined;
};

export type GroupWriter = {
  /** Commits one group. Throws what SQLite threw; then nothing of the group is written or known. */
  readonly commit: (requests: readonly AppendRequest[]) => Group;
};

type Statements = ReturnType<typeof prepare>;

function prepare(db: SqliteFile) {
  return {
    begin: db.prepare('BEGIN IMMEDIATE'),
    commit: db.prepare('COMMIT'),
    rollback: db.prepare('ROLLBACK'),
    stream: db.prepare<[string], number>('SELECT id FROM streams WHERE name = ?').pluck(),
    newStream: db.prepare<[string, string]>('INSERT INTO streams (name, category) VALUES (?, ?)'),
    head: db.prepare<[number], { revision: number; hash: string }>(
      'SELECT revision, hash FROM events WHERE stream_id = ? ORDER BY revision DESC LIMIT 1',
    ),
    ids: db
      .prepare<[number, number, number], string>(
        `SELECT metadata FROM events WHERE stream_id = ? AND revision > ? ORDER BY revision LIMIT ?`,
      )
      .pluck(),
    positionOf: db
      .prepare<[number, number], number>(
        'SELECT position FROM events WHERE stream_id = ? AND revision = ?',
      )
      .pluck(),
    insert: db.prepare<[number, number, string, string, string, string]>(
      `INSERT INTO events (stream_id, revision, type, data, metadata, hash)
       VALUES (?, ?, ?, ?, ?, ?)`,
    ),
  };
}

export function groupWriter(db: SqliteFile, journal: string): GroupWriter {
  const statements = prepare(db);
  const heads = new Map<StreamId, Head>();
  return {
    commit(requests) {
      if (heads.size > HEADS_MAX) heads.clear();
      let newest: Sighting | undefined;
      let events = 0;
      statements.begin.run();
      try {
        const answers = requests.map((request) => {
          const answer = appendOne(statements, heads, request);
          if (answer.kind === 'appended' && !answer.isRepeat) {
            const { stream } = request;
            const { position, revision } = answer;
            newest = { journal, position, hash: heads.get(stream)?.hash ?? '', stream, revision };
            events += request.texts.length / TEXTS_PER_EVENT;
          }
          return answer;
        });
        // Committed even when nothing was stored: a conflict is told only of what is durable.
        statements.commit.run();
        return { answers, events, newest };
      } catch (thrown) {
        for (const { stream } of requests) heads.delete(stream);
        if (db.inTransaction) statements.rollback.run();
        throw thrown;
      }
    },
  };
}

function appendOne(
  statements: Statements,
  heads: Map<StreamId, Head>,
  request: AppendRequest,
): Answer {
  const { id, stream, expected, texts } = request;
  const head = heads.get(stream) ?? readHead(statements, stream);
  try {
    const idsAfter = (revision: Revision, limit: number): readonly string[] =>
      head === undefined ? [] : statements.ids.all(head.id, revision, limit).map(eventIdIn);
    const admission = admit(stream, expected, head?.revision ?? -1, () => idsIn(texts), idsAfter);
    if (admission.kind === 'conflict') return { ...admission, id };
    if (admission.kind === 'repeat') {
      const { revision } = admission;
      const position = statements.positionOf.get(head?.id ?? 0, revision) ?? 0;
      return { kind: 'appended', id, revision, position, isRepeat: true };
    }
  } catch (thrown) {
    if (!(thrown instanceof JournalCorrupt)) throw thrown;
    const { code, message, revision } = thrown;
    return { kind: 'error', id, error: { code, message, stream, revision } };
  }
  const target = head ?? newStream(statements, stream);
  const position = insertAll(statements, stream, target, texts);
  heads.set(stream, target);
  return { kind: 'appended', id, revision: target.revision, position, isRepeat: false };
}

function readHead(statements: Statements, stream: StreamId): Head | undefined {
  const id = statements.stream.get(stream);
  if (id === undefined) return undefined;
  const row = statements.head.get(id);
  if (row === undefined) return { id, ...CHAIN_START };
  return { id, revision: row.revision, hash: row.hash };
}

function newStream(statements: Statements, stream: StreamId): Head {
  const { lastInsertRowid } = statements.newStream.run(stream, categoryOf(stream));
  return { id: Number(lastInsertRowid), ...CHAIN_START };
}

function insertAll(
  statements: Statements,
  stream: StreamId,
  head: Head,
  texts: readonly string[],
): Position {
  let position: Position = 0;
  for (let at = 0; at < texts.length; at += TEXTS_PER_EVENT) {
    const sealed = sealEvent(stream, head, textsAt(texts, at));
    const { revision, type, data, metadata, hash } = sealed;
    const row = statements.insert.run(head.id, revision, type, data, metadata, hash);
    position = Number(row.lastInsertRowid);
    head.revision = revision;
    head.hash = hash;
  }
  return position;
}

function textsAt(texts: readonly string[], at: number): EncodedTexts {
  return {
    type: texts[at] ?? '',
    data: texts[at + 1] ?? '',
    metadataHead: texts[at + 2] ?? '',
    metadataTail: texts[at + 3] ?? '',
  };
}

function idsIn(texts: readonly string[]): readonly EventId[] {
  const ids: EventId[] = [];
  for (let at = 0; at < texts.length; at += TEXTS_PER_EVENT) {
    const { metadataHead, metadataTail } = textsAt(texts, at);
    ids.push(eventIdIn(metadataHead + metadataTail));
  }
  return ids;
}

function eventIdIn(metadata: string): EventId {
  const { eventId } = JSON.parse(metadata) as { readonly eventId?: unknown };
  return typeof eventId === 'string' ? eventId : '';
}
