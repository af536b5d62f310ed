/** The checks of the crash test object: each is shown, once, what it is there to find. */
import { describe, expect, it } from 'vitest';
import type { StoredEvent } from '../../src/journal/port.js';
import type { JsonObject } from '../../src/kernel/types.js';
import {
  blocksOf,
  cursorsBack,
  forgotten,
  lostCommands,
  runsOpen,
  sentSince,
} from '../support/process-checks.js';
import { breakerState, commandBook, desired, rate } from '../support/process-commands.js';
import { endedEarly, steeredByJournal } from '../support/process-recovered.js';
import { objectionsToRecords } from '../support/process-upstream.js';

type Told = readonly [stream: string, type: string, data: JsonObject, correlationId?: string];

function journalOf(...told: readonly Told[]): readonly StoredEvent[] {
  const revisions = new Map<string, number>();
  return told.map(([stream, type, data, correlationId = 'system'], index) => {
    const revision = revisions.get(stream) ?? 0;
    revisions.set(stream, revision + 1);
    const ids = { eventId: String(index), commandId: String(index), correlationId };
    const who = { actor: 'local', interface: 'rest', node: 'n', schema: 1, epoch: 1 };
    const when = { recordedAt: '2026-01-05T12:00:00.000Z', prevHash: '', hash: String(index) };
    const metadata = { ...ids, ...who, ...when };
    return { stream, revision, position: index + 1, type, data, metadata };
  });
}

const done = (changed: boolean) => ({ status: 200, body: { changed } });

describe('the checks of the crash test', () => {
  it('find a command that was acknowledged and is not there, or not as it was said', () => {
    const book = commandBook();
    const command = book.send(rate('a', 8, 2));
    book.answer(command, done(true));
    const set = (perSecond: number): Told => {
      const data = { collector: 'a', maxRequestsPerSecond: perSecond, backoffMultiplier: 2 };
      return ['limiter-s', 'RateLimitConfigured', data, command.id];
    };
    expect(lostCommands(book, journalOf(set(8)))).toEqual([]);
    expect(lostCommands(book, journalOf())).toHaveLength(1);
    expect(lostCommands(book, journalOf(set(9)))).toHaveLength(1);
  });

  it('find what a refused command, or one without effect, has written', () => {
    const book = commandBook();
    const refused = book.send(desired('a', true));
    book.answer(refused, { status: 409, body: { code: 'illegal_state' } });
    const unchanged = book.send(desired('a', true));
    book.answer(unchanged, done(false));
    const written = [refused, unchanged].map(({ id }): Told => [
      'collector-a',
      'CollectorEnabled',
      { reason: 'a client wants it' },
      id,
    ]);
    expect(lostCommands(book, journalOf())).toEqual([]);
    expect(lostCommands(book, journalOf(...written))).toHaveLength(2);
  });

  it('know which commands may have been the last', () => {
    const book = commandBook();
    const [first, second] = [book.send(desired('a', true)), book.send(desired('a', false))];
    book.answer(first, done(true));
    book.answer(second, done(true));
    expect(book.latest('a', 'desired')).toEqual([first, second]);
    const third = book.send(desired('a', true));
    book.processDied();
    expect(book.latest('a', 'desired')).toEqual([first, second, third]);
    const fourth = book.send(desired('a', false));
    book.answer(fourth, done(true));
    expect(book.latest('a', 'desired')).toEqual([fourth]);
  });

  it('find events that are gone or changed', () => {
    const before = journalOf(['s-1', 'A', {}], ['s-1', 'B', {}]);
    expect(forgotten(before, [...before, ...before])).toEqual([]);
    expect(forgotten(before, before.slice(1))).toHaveLength(2);
  });

  it('find a cursor that went back or skipped, but for one that was set', () => {
    const page = (ordinal: number, type = 'RunProgressed'): Told => [
      'collector-a',
      type,
      { series: 's', ordinal },
    ];
    expect(cursorsBack(journalOf(page(1), page(2), page(1, 'CursorSet'), page(2)))).toEqual([]);
    expect(cursorsBack(journalOf(page(1), page(2), page(2)))).toHaveLength(1);
    expect(cursorsBack(journalOf(page(1), page(3)))).toHaveLength(1);
  });

  it('find a run that never ended, and two at a time', () => {
    const run = (type: string, id: string): Told => ['collector-a', type, { run: id }];
    const [begin, end] = [run('RunStarted', '1'), run('RunUnknown', '1')];
    expect(runsOpen(journalOf(begin, end), 'a')).toEqual([]);
    expect(runsOpen(journalOf(begin), 'a')).toHaveLength(1);
    expect(runsOpen(journalOf(begin, run('RunStarted', '2'), end), 'a')).not.toEqual([]);
  });

  it('add blocks up: what is open counts whole, and none is settled twice or beyond itself', () => {
    const reserved: Told = [
      'limiter-s',
      'UnitsReserved',
      { collector: 'a', block: 'b', calls: 5, atMs: 10 },
    ];
    const settled = (sent: number): Told => [
      'limiter-s',
      'UnitsSettled',
      { collector: 'a', block: 'b', sent },
    ];
    expect(blocksOf(journalOf(reserved), 'a')).toMatchObject({ reserved: 5, spent: 5, open: 1 });
    const book = blocksOf(journalOf(reserved, settled(2)), 'a');
    expect(book).toMatchObject({ reserved: 5, spent: 2, open: 0, objections: [] });
    expect(blocksOf(journalOf(reserved, settled(6)), 'a').objections).toHaveLength(1);
    expect(blocksOf(journalOf(reserved, settled(2), settled(0)), 'a').objections).toHaveLength(1);
    expect(sentSince(journalOf(reserved, settled(2)), 'a', 10)).toBe(2);
    expect(sentSince(journalOf(reserved, settled(2)), 'a', 11)).toBe(0);
  });

  it('find an override that ended before its time', () => {
    const forced: Told = ['breaker-a', 'BreakerForced', { override: 'disabled', expiresAtMs: 100 }];
    const ended = (atMs: number): Told => [
      'breaker-a',
      'BreakerOverrideCleared',
      { cause: 'expired', atMs },
    ];
    expect(endedEarly(journalOf(forced, ended(100)))).toEqual([]);
    expect(endedEarly(journalOf(forced, ended(99)))).toHaveLength(1);
    expect(steeredByJournal(journalOf(forced), 'a', 's', '1 / 2').breaker).toBe('disabled');
    expect(breakerState('a', 'open').value).toBe('forced_open');
  });

  it('find records that are missing, strange, different or twice', () => {
    const upstream = new Map([
      ['1', { close: '2' }],
      ['2', { close: '3' }],
    ]);
    const one = { id: '1', content: { close: '2' } };
    const two = { id: '2', content: { close: '3' } };
    const found = (...stored: Parameters<typeof objectionsToRecords>[1]): number =>
      objectionsToRecords('bars', stored, upstream).length;
    expect(found(one, two)).toBe(0);
    expect(found(one)).toBe(1);
    expect(found(one, two, { id: '3', content: {} })).toBe(1);
    expect(found(one, { id: '2', content: { close: '4' } })).toBe(1);
    expect(found(one, two, two)).toBe(1);
  });
});
