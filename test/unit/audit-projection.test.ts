import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { auditProjection, COMMANDS, TRAIL } from '../../src/projections/audit.js';
import { auditQueries } from '../../src/projections/audit-view.js';
import type { RowWrite, ScanRows } from '../../src/projections/projection.js';
import type { StoredEvent } from '../../src/journal/port.js';
import type { JsonObject } from '../../src/kernel/types.js';

const NOON = Date.UTC(2026, 0, 5, 12);
const HOUR = 3_600_000;
const DAY = 24 * HOUR;

type Wanted = {
  readonly stream?: string;
  readonly type?: string;
  readonly data?: JsonObject;
  readonly command?: string;
  readonly at?: number;
  readonly hash?: string;
  readonly interface?: string;
};

/** Folds events into plain maps, and reads them back as the store would. */
function bench() {
  const tables = new Map<string, Map<string, JsonObject>>();
  const rowsOf = (name: string): Map<string, JsonObject> => {
    const rows = tables.get(name) ?? new Map<string, JsonObject>();
    tables.set(name, rows);
    return rows;
  };
  const rows: ScanRows = {
    get: (from, key) => rowsOf(from.name).get(key) as never,
    scan(from, range) {
      const found = [...rowsOf(from.name)]
        .filter(([key]) => range.from <= key && key < range.to)
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([key, body]) => ({ key, body }));
      if (range.order === 'descending') found.reverse();
      return found.slice(0, range.limit) as never;
    },
  };
  const apply = (write: RowWrite): void => {
    const into = rowsOf(write.table.name);
    if (write.kind === 'put') into.set(write.key, write.body);
    else if (write.kind === 'remove') into.delete(write.key);
    else {
      for (const key of [...into.keys()]) {
        if (write.from <= key && key < write.to) into.delete(key);
      }
    }
  };
  let position = 0;
  const revisions = new Map<string, number>();
  const tell = (wanted: Wanted): readonly RowWrite[] => {
    const { stream = 'collector-moralis', type = 'CollectorDisabled', data = {} } = wanted;
    const { command = 'c1', at = NOON, hash } = wanted;
    position += 1;
    const revision = (revisions.get(stream) ?? -1) + 1;
    revisions.set(stream, revision);
    const event: StoredEvent = {
      stream,
      revision,
      position,
      type,
      data,
      metadata: {
        eventId: `e${String(position)}`,
        commandId: command,
        correlationId: 'r1',
        actor: 'token:ops',
        interface: wanted.interface ?? 'rest',
        address: '10.0.0.1',
        operation: 'disableCollector',
        reason: 'maintenance',
        ...(hash === undefined ? {} : { commandHash: hash }),
        recordedAt: new Date(at).toISOString(),
        schema: 1,
        epoch: 1,
        node: 'n1',
        prevHash: '',
        hash: '',
      },
    };
    const writes = auditProjection.events?.(event, rows) ?? [];
    writes.forEach(apply);
    return writes;
  };
  const queries = auditQueries(() => rows);
  const all = () => queries.audit({ limit: 1000 }).entries;
  const count = (table: { readonly name: string }) => rowsOf(table.name).size;
  return { tell, queries, all, count };
}

const answered = (more: JsonObject = {}): Pick<Wanted, 'stream' | 'type' | 'data'> => ({
  stream: 'audit-n1-202601',
  type: 'CommandAnswered',
  data: { outcome: 'success', target: 'moralis', count: 1, ...more },
});

describe('the audit read model', () => {
  it('passes over what the program did on its own', () => {
    const { tell, all } = bench();
    expect(tell({ interface: 'system' })).toEqual([]);
    expect(all()).toEqual([]);
  });

  it('tells a command with facts in several streams, and its answer, as one', () => {
    const { tell, all, queries } = bench();
    tell({ stream: 'breaker-moralis', type: 'BreakerReset', hash: 'h' });
    tell({ stream: 'breaker-moralis.backup', type: 'BreakerReset', hash: 'h' });
    expect(queries.command('c1', NOON)).toMatchObject({
      hash: 'h',
      answer: null,
      streams: ['breaker-moralis', 'breaker-moralis.backup'],
    });
    tell({ ...answered({ answer: '{"a":1}', etag: '0.2.0' }), hash: 'h', at: NOON + 5 });
    expect(all()).toEqual([
      {
        commandId: 'c1',
        position: 1,
        at: NOON,
        operation: 'disableCollector',
        target: 'moralis',
        actor: 'token:ops',
        interface: 'rest',
        address: '10.0.0.1',
        correlationId: 'r1',
        reason: 'maintenance',
        outcome: 'success',
        code: '',
        detail: '',
        count: 1,
        facts: [
          { type: 'BreakerReset', stream: 'breaker-moralis', revision: 0 },
          { type: 'BreakerReset', stream: 'breaker-moralis.backup', revision: 0 },
        ],
      },
    ]);
    expect(queries.command('c1', NOON + 6)?.answer).toEqual({ text: '{"a":1}', etag: '0.2.0' });
  });

  it('believes the events of a command that a repeat after a crash called a no-op', () => {
    const { tell, all } = bench();
    tell({ hash: 'h' });
    tell({ ...answered({ outcome: 'no_op' }), hash: 'h' });
    expect(all()).toMatchObject([{ outcome: 'success' }]);
  });

  it('finds the collector of a fact by its stream, its data or its scope', () => {
    const { tell, all } = bench();
    const at = (n: number) => ({ command: String(n), at: NOON - n });
    tell({ ...at(1), stream: 'breaker-moralis.backup', type: 'BreakerReset' });
    tell({ ...at(2), stream: 'limiter-shared', data: { collector: 'historical' } });
    tell({ ...at(3), stream: 'limiter-shared', type: 'Unblocked' });
    tell({ ...at(4), stream: 'limiter-shared', type: 'Unblocked' });
    tell({ ...at(4), stream: 'collector-moralis', type: 'SuspensionLifted' });
    tell({ ...at(5), stream: 'settings-tokens', type: 'TokenCreated', data: { name: 'ops' } });
    const targets = all().map(({ target }) => target);
    expect(targets).toEqual(['moralis', 'historical', 'shared', 'moralis', 'ops']);
  });

  it('remembers an answer over midnight for a day, and not longer', () => {
    const { tell, queries } = bench();
    tell({ hash: 'h' });
    tell({ ...answered({ answer: '{}' }), hash: 'h', at: NOON + 13 * HOUR });
    expect(queries.command('c1', NOON + DAY - 1)?.answer).toEqual({ text: '{}' });
    expect(queries.command('c1', NOON + DAY)).toBeUndefined();
    expect(queries.command('c2', NOON)).toBeUndefined();
  });

  it('keeps a day and a half of commands at most two days, and a year of the trail', () => {
    const { tell, all, count } = bench();
    for (let day = 0; day < 400; day += 1) {
      tell({ command: `c${String(day)}`, at: NOON + day * DAY });
      expect(count(COMMANDS)).toBeLessThanOrEqual(2);
    }
    expect(count(TRAIL)).toBeLessThanOrEqual(367);
    expect(all()[0]?.commandId).toBe('c399');
  });

  it('pages and filters tell each row once, newest first', () => {
    const commands = fc.array(
      fc.record({
        target: fc.constantFrom('a', 'b', 'c'),
        outcome: fc.constantFrom('success', 'denied', 'failed'),
        gap: fc.integer({ min: 0, max: 5 }),
      }),
      { maxLength: 60 },
    );
    const filter = fc.record(
      {
        collector: fc.constantFrom('a', 'b'),
        outcome: fc.constantFrom('success', 'denied'),
        since: fc.integer({ min: NOON, max: NOON + 200 }),
        until: fc.integer({ min: NOON, max: NOON + 200 }),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(commands, filter, fc.integer({ min: 1, max: 7 }), (told, by, limit) => {
        const { tell, queries } = bench();
        const expected: string[] = [];
        let at = NOON;
        for (const [index, { target, outcome, gap }] of told.entries()) {
          at += gap;
          const id = `c${String(index)}`;
          tell({ ...answered({ target, outcome }), command: id, at });
          const isIn = (by.since ?? 0) <= at && at < (by.until ?? Infinity);
          const isOf = (by.collector ?? target) === target && (by.outcome ?? outcome) === outcome;
          if (isIn && isOf) expected.unshift(id);
        }
        const seen: string[] = [];
        for (let before: string | undefined; ;) {
          const page = queries.audit({ ...by, limit, ...(before === undefined ? {} : { before }) });
          expect(page.entries.length).toBeLessThanOrEqual(limit);
          seen.push(...page.entries.map(({ commandId }) => commandId));
          if (page.next === undefined) break;
          before = page.next;
        }
        expect(seen).toEqual(expected);
      }),
    );
  });
});
