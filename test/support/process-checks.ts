/** What must hold of a journal after whatever happened to the service that wrote it. Each answers its objections. */
import type { StoredEvent } from '../../src/journal/port.js';
import type { Command, CommandBook } from './process-commands.js';
import { numberIn, ofStream, textIn } from './process-journal.js';

/** P1: what was acknowledged is durable, what was refused left no trace but in the audit trail. */
export function lostCommands(book: CommandBook, events: readonly StoredEvent[]): readonly string[] {
  const byCommand = new Map<string, StoredEvent[]>();
  for (const event of events) {
    if (event.type === 'CommandAnswered') continue;
    const { correlationId } = event.metadata;
    byCommand.set(correlationId, [...(byCommand.get(correlationId) ?? []), event]);
  }
  return book.commands.flatMap((command) => {
    const own = byCommand.get(command.id) ?? [];
    const found = own.filter(({ type }) => command.facts.includes(type));
    const changed = command.reply?.body['changed'];
    const told = `${command.id} ${command.method} ${command.path} ${JSON.stringify(command.body)}`;
    if (command.outcome === 'done' && changed === true && found.length === 0) {
      return [`${told}: acknowledged, and not in the journal`];
    }
    if (command.outcome === 'done' && changed === false && own.length > 0) {
      return [`${told}: told that nothing changed, but ${own[0]?.type ?? ''} was written`];
    }
    if (command.outcome === 'refused' && own.length > 0) {
      return [`${told}: refused, but ${own[0]?.type ?? ''} was written`];
    }
    return found.flatMap((event) => mismatch(command, event)).map((why) => `${told}: ${why}`);
  });
}

/** The fact says what the command said. */
function mismatch(
  { aspect, collector, value, body }: Command,
  event: StoredEvent,
): readonly string[] {
  const { type, data } = event;
  const expected = (what: string, wanted: unknown, found: unknown): readonly string[] =>
    wanted === found ? [] : [`${type} has ${what} ${String(found)}, not ${String(wanted)}`];
  if (type === 'RateLimitConfigured') {
    const found = [
      numberIn(data, 'maxRequestsPerSecond'),
      numberIn(data, 'backoffMultiplier'),
    ].join(' / ');
    return [
      ...expected('rate', value, found),
      ...expected('collector', collector, data['collector']),
    ];
  }
  if (type === 'BreakerForced') {
    const ttl = numberIn(data, 'expiresAtMs') - numberIn(data, 'atMs');
    const wanted = typeof body['ttl_seconds'] === 'number' ? body['ttl_seconds'] * 1000 : undefined;
    return [
      ...expected('override', value, data['override']),
      ...(wanted === undefined
        ? expected('end', undefined, data['expiresAtMs'])
        : expected('ttl', Math.round(wanted), Math.round(ttl))),
    ];
  }
  if (aspect === 'desired' && type !== 'SuspensionLifted') {
    return expected('reason', body['reason'], textIn(data, 'reason'));
  }
  return [];
}

/** Revisions without a hole, and nothing that was seen durable has changed or gone. */
export function forgotten(
  before: readonly StoredEvent[],
  after: readonly StoredEvent[],
): readonly string[] {
  return before.flatMap((event, index) => {
    const same = after[index];
    if (same?.position === event.position && same.metadata.hash === event.metadata.hash) return [];
    return [`${event.stream}@${String(event.revision)} was durable, and is not there any more`];
  });
}

/** Cursors move page by page and never back, except by `CursorSet`. */
export function cursorsBack(events: readonly StoredEvent[]): readonly string[] {
  const ordinals = new Map<string, number>();
  const objections: string[] = [];
  for (const { stream, type, data, revision } of events) {
    if (type !== 'RunProgressed' && type !== 'CursorSet') continue;
    const key = `${stream} ${textIn(data, 'series')}`;
    const ordinal = numberIn(data, 'ordinal');
    const before = ordinals.get(key) ?? 0;
    ordinals.set(key, ordinal);
    if (type === 'CursorSet' || ordinal === before + 1) continue;
    objections.push(`${key}@${String(revision)}: page ${String(ordinal)} after ${String(before)}`);
  }
  return objections;
}

const RUN_ENDS = ['RunSucceeded', 'RunFailed', 'RunUnknown'];

/** A5: each run that began has one end, and no other run began before it. */
export function runsOpen(events: readonly StoredEvent[], collector: string): readonly string[] {
  let open: string | undefined;
  const objections: string[] = [];
  for (const { type, data, revision } of ofStream(events, `collector-${collector}`)) {
    const run = textIn(data, 'run');
    if (type === 'RunStarted') {
      if (open !== undefined) objections.push(`@${String(revision)}: ${run} began beside ${open}`);
      open = run;
    } else if (RUN_ENDS.includes(type)) {
      if (open !== run) objections.push(`@${String(revision)}: ${run} ended and was not under way`);
      open = undefined;
    }
  }
  return open === undefined ? objections : [...objections, `${open} never ended`];
}

export type Blocks = {
  /** Calls that all blocks together cover. */
  readonly reserved: number;
  /** Calls that count as spent: what was sent, and all of a block nobody has settled. */
  readonly spent: number;
  readonly open: number;
  readonly objections: readonly string[];
};

/** The reservation blocks of a collector, added up. */
export function blocksOf(events: readonly StoredEvent[], collector: string): Blocks {
  const open = new Map<string, number>();
  const objections: string[] = [];
  let reserved = 0;
  let spent = 0;
  for (const { type, data, metadata } of events) {
    if (data['collector'] !== collector) continue;
    const block = textIn(data, 'block');
    if (type === 'UnitsReserved') {
      open.set(block, numberIn(data, 'calls'));
      reserved += numberIn(data, 'calls');
    } else if (type === 'UnitsSettled') {
      const calls = open.get(block);
      if (calls === undefined) objections.push(`${block} settled twice or never reserved`);
      if (numberIn(data, 'sent') > (calls ?? 0)) {
        objections.push(`${block}: more sent than reserved (${metadata.recordedAt})`);
      }
      open.delete(block);
      spent += numberIn(data, 'sent');
    }
  }
  for (const calls of open.values()) spent += calls;
  return { reserved, spent, open: open.size, objections };
}

/** Calls sent from blocks that were reserved since that moment; of a lost block, all it covered. */
export function sentSince(
  events: readonly StoredEvent[],
  collector: string,
  since: number,
): number {
  const recent = new Set<string>();
  let sent = 0;
  for (const { type, data } of events) {
    if (data['collector'] !== collector) continue;
    const block = textIn(data, 'block');
    if (type === 'UnitsReserved' && numberIn(data, 'atMs') >= since) recent.add(block);
    if (type === 'UnitsSettled' && recent.has(block)) sent += numberIn(data, 'sent');
  }
  return sent;
}
