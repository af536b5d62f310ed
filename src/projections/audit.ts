/**
 * The audit trail and the remembered answers, from every event that a caller's command wrote: its metadata
 * say who, why and from where, whatever stream it stands in. What the program did on its own is passed
 * over at once. Nothing of an event's data is needed but what `CommandAnswered` tells, so no event of
 * any type or version can stop it.
 */
import { categoryOf, entityOf } from '../kernel/ids.js';
import { DAY_MS } from '../kernel/time.js';
import type { EpochMs, JsonObject } from '../kernel/types.js';
import type { StoredEvent } from '../journal/port.js';
import type { AuditDoc, AuditFact, CommandDoc } from './audit-docs.js';
import { put, sortable, table } from './projection.js';
import type { Projection, Rows, RowWrite } from './projection.js';

/** Key: moment, position. */
export const TRAIL = table<AuditDoc & JsonObject>('trail', false);
/** Key: day, command id. */
export const COMMANDS = table<CommandDoc & JsonObject>('commands', false);
const UPKEEP = table<{ readonly day: number }>('upkeep');

/** How long an answer is remembered. */
export const REMEMBERED_MS = DAY_MS;
export const TRAIL_KEPT_DAYS = 366;
/** Of one command in its row; a command writes a handful. */
const FACTS_MAX = 64;

const NOTHING: readonly RowWrite[] = [];
const NOBODY: readonly string[] = [];

export const auditProjection: Projection = {
  name: 'audit',
  version: 1,
  categories: [],
  handlers: {},
  events: (event, rows) =>
    event.metadata.interface === 'system' ? NOTHING : afterCommand(event, rows),
};

export function trailKey(at: EpochMs, position: number): string {
  return `${sortable(at)}/${sortable(position)}`;
}

function dayOf(at: EpochMs): number {
  return Math.floor(at / DAY_MS);
}

function commandKey(day: number, id: string): string {
  return `${sortable(day)}/${id}`;
}

/** The keys a command that is still remembered may have: of this day or the one before. */
export function findCommand(
  rows: Rows,
  id: string,
  now: EpochMs,
): { readonly key: string; readonly doc: CommandDoc } | undefined {
  for (const day of [dayOf(now), dayOf(now) - 1]) {
    const key = commandKey(day, id);
    const doc = rows.get(COMMANDS, key);
    if (doc !== undefined && now - doc.at < REMEMBERED_MS) return { key, doc };
  }
  return undefined;
}

function afterCommand(event: StoredEvent, rows: Rows): readonly RowWrite[] {
  const at = Date.parse(event.metadata.recordedAt);
  const { commandId } = event.metadata;
  const known = findCommand(rows, commandId, at);
  const command = known?.doc ?? newCommand(event, at);
  const row = rows.get(TRAIL, command.row) ?? newRow(event, at);
  const told = event.type === 'CommandAnswered' ? answered : written;
  const next = told(event, row, command);
  return [
    put(TRAIL, command.row, next.row as AuditDoc & JsonObject, NOBODY),
    put(
      COMMANDS,
      known?.key ?? commandKey(dayOf(at), commandId),
      next.command as CommandDoc & JsonObject,
      NOBODY,
    ),
    ...upkeep(at, rows),
  ];
}

function newCommand({ metadata, position }: StoredEvent, at: EpochMs): CommandDoc {
  const { commandHash = null } = metadata;
  return { at, row: trailKey(at, position), hash: commandHash, answer: null, streams: [] };
}

function newRow({ metadata, position }: StoredEvent, at: EpochMs): AuditDoc {
  return {
    commandId: metadata.commandId,
    position,
    at,
    operation: metadata.operation ?? '',
    target: '',
    actor: metadata.actor,
    interface: metadata.interface,
    address: metadata.address ?? '',
    correlationId: metadata.correlationId,
    reason: metadata.reason ?? '',
    outcome: 'success',
    code: '',
    detail: '',
    count: 1,
    facts: [],
  };
}

type Told = { readonly row: AuditDoc; readonly command: CommandDoc };

/** A fact in an actor's stream: the command changed something. */
function written(event: StoredEvent, row: AuditDoc, command: CommandDoc): Told {
  const { stream, type, revision } = event;
  const fact: AuditFact = { type, stream, revision };
  const facts = row.facts.length < FACTS_MAX ? [...row.facts, fact] : row.facts;
  const streams = command.streams.includes(stream)
    ? command.streams
    : [...command.streams, stream].slice(0, FACTS_MAX);
  return {
    row: { ...row, target: targetOf(event, row.target), facts },
    command: { ...command, streams },
  };
}

/** What the trail's own fact tells goes over what was guessed from the actors' facts. */
function answered({ data }: StoredEvent, row: AuditDoc, command: CommandDoc): Told {
  const text = textIn(data, 'answer');
  const etag = textIn(data, 'etag');
  const answer = text === '' ? command.answer : { text, ...(etag === '' ? {} : { etag }) };
  const outcome = textIn(data, 'outcome');
  const { count } = data;
  return {
    row: {
      ...row,
      target: textIn(data, 'target') || row.target,
      // Events that stand there were written, whatever a repeat after a crash found to do.
      outcome: row.facts.length > 0 || outcome === '' ? row.outcome : outcome,
      code: textIn(data, 'code'),
      detail: textIn(data, 'detail'),
      count: typeof count === 'number' ? count : 1,
    },
    command: { ...command, answer },
  };
}

function textIn(data: JsonObject, member: string): string {
  const value = data[member];
  return typeof value === 'string' ? value : '';
}

/** The collector a fact is about, as far as its stream or its data say; or else the stream's entity. */
function targetOf({ stream, data }: StoredEvent, before: string): string {
  const category = categoryOf(stream);
  if (category === 'collector') return entityOf(stream);
  if (before !== '') return before;
  if (category === 'breaker') return entityOf(stream).split('.')[0] ?? '';
  return textIn(data, 'collector') || textIn(data, 'name') || entityOf(stream);
}

/** Once a day: what passed its time goes. */
function upkeep(at: EpochMs, rows: Rows): readonly RowWrite[] {
  const day = dayOf(at);
  const last = rows.get(UPKEEP, 'last')?.day ?? -1;
  if (day <= last) return NOTHING;
  const trailTo = sortable((day - TRAIL_KEPT_DAYS) * DAY_MS);
  const commandsTo = sortable(day - 1);
  return [
    put(UPKEEP, 'last', { day }, NOBODY),
    { kind: 'remove-range', table: TRAIL, from: '', to: trailTo },
    { kind: 'remove-range', table: COMMANDS, from: '', to: commandsTo },
  ];
}
