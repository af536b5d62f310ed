import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../src/kernel/random.js';
import { drifted } from '../../src/sources/sandbox/drift.js';
import { faultDeck } from '../../src/sources/sandbox/fault-deck.js';
import { FAULT_KINDS, FAULTS_MAX, parseFaults } from '../../src/sources/sandbox/fault-kinds.js';
import { ledger, LOG_MAX, queryForLog, type Arrival } from '../../src/sources/sandbox/ledger.js';
import { standingOrders } from '../../src/sources/sandbox/standing.js';
import { alignedWindow, rollingWindow, windowEnd } from '../../src/sources/sandbox/windows.js';

describe('windows', () => {
  it('aligned: count from zero at each multiple', () => {
    const window = alignedWindow();
    expect(window.add(59_999, 60_000, 3)).toBe(3);
    expect(window.add(60_000, 60_000, 4)).toBe(4);
    expect(window.used(119_999, 60_000)).toBe(4);
    expect(window.used(120_000, 60_000)).toBe(0);
    expect(windowEnd(60_000, 60_000)).toBe(120_000);
  });

  it('rolling: a call counts for exactly the window', () => {
    const window = rollingWindow();
    window.add(0, 2);
    window.add(1000, 3);
    expect(window.used(3999, 4000)).toBe(5);
    expect(window.oldestLeavesIn(3999, 4000)).toBe(1);
    expect(window.used(4000, 4000)).toBe(3);
    expect(window.used(5000, 4000)).toBe(0);
    expect(window.oldestLeavesIn(5000, 4000)).toBe(0);
  });
});

describe('what was forbidden', () => {
  const until = { cause: 'rate_limit', until: 5000 } as const;

  it('1, 2: counts from the signal on, with a grace for what crossed it', () => {
    const orders = standingOrders();
    expect(orders.of('ip', 100, 100, 50)).toEqual({ kind: 'clear' });
    orders.signal('ip', until, 100, 100);
    expect(orders.of('ip', 149, 149, 50)).toEqual({ kind: 'crossed', cause: 'rate_limit' });
    expect(orders.of('ip', 150, 150, 50)).toEqual({ kind: 'violation', cause: 'rate_limit' });
    expect(orders.of('other', 150, 150, 50)).toEqual({ kind: 'clear' });
    expect(orders.of('ip', 5000, 5000, 50)).toEqual({ kind: 'clear' });
  });

  it('3: a later refusal never shortens an earlier one, and keeps its signal', () => {
    const orders = standingOrders();
    orders.signal('ip', until, 0, 0);
    orders.signal('ip', { cause: 'rate_limit', until: 1000 }, 500, 500);
    expect(orders.list(0)).toEqual([{ scope: 'ip', ...until }]);
    orders.signal('ip', { cause: 'ban', until: 9000 }, 600, 600);
    expect(orders.of('ip', 610, 610, 50)).toEqual({ kind: 'violation', cause: 'ban' });
  });

  it('can be lifted by cause', () => {
    const orders = standingOrders();
    orders.signal('ip', until, 0, 0);
    orders.lift('quota');
    expect(orders.list(0)).toHaveLength(1);
    orders.lift('rate_limit');
    expect(orders.list(0)).toEqual([]);
  });

  it('is remembered for a bounded number of scopes', () => {
    const orders = standingOrders();
    for (let scope = 0; scope < 1500; scope += 1) orders.signal(String(scope), until, 0, 0);
    expect(orders.list(0)).toHaveLength(1000);
    expect(orders.of('0', 200, 200, 0)).toEqual({ kind: 'clear' });
  });
});

describe('the deck of faults', () => {
  const deckOf = (...faults: Parameters<ReturnType<typeof faultDeck>['set']>[0]) => {
    const deck = faultDeck(seededRandom(1));
    deck.set(faults, 0);
    return deck;
  };

  it('1: latencies add up; of all others the first that fires is the one', () => {
    const deck = deckOf(
      { kind: 'latency', ms: 100 },
      { kind: 'timeout' },
      { kind: 'status', status: 500 },
      { kind: 'latency', ms: 20 },
      { kind: 'clock_skew', ms: -5000 },
    );
    expect(deck.draw('klines', 0)).toEqual({
      delayMs: 120,
      skewMs: -5000,
      acting: { kind: 'timeout' },
      names: ['latency', 'timeout', 'latency', 'clock_skew'],
    });
  });

  it('2: a fault is gone when its count is spent or its time is over', () => {
    const deck = deckOf({ kind: 'timeout', count: 2 }, { kind: 'truncated', until: 1000 });
    const kinds = [0, 1, 2, 999, 1000].map((at) => deck.draw('klines', at).acting?.kind);
    expect(kinds).toEqual(['timeout', 'timeout', 'truncated', 'truncated', undefined]);
    expect(deck.list(1000)).toEqual([]);
  });

  it('spends a count only on requests it applies to', () => {
    const deck = deckOf({ kind: 'timeout', count: 1, endpoint: 'klines' });
    expect(deck.draw('time', 0).acting).toBeUndefined();
    expect(deck.draw('klines', 0).acting?.kind).toBe('timeout');
    expect(deck.draw('klines', 0).acting).toBeUndefined();
  });

  it('3: fires at its rate, and at the same requests for the same seed', () => {
    const fired = (seed: number): readonly boolean[] => {
      const deck = faultDeck(seededRandom(seed));
      deck.set([{ kind: 'timeout', rate: 0.3 }], 0);
      return Array.from({ length: 1000 }, () => deck.draw('klines', 0).acting !== undefined);
    };
    const count = fired(9).filter(Boolean).length;
    expect(count).toBeGreaterThan(230);
    expect(count).toBeLessThan(370);
    expect(fired(9)).toEqual(fired(9));
    expect(fired(9)).not.toEqual(fired(10));
  });

  it('begins, ends, comes and goes as it was told', () => {
    const cycle = { onMs: 10, offMs: 20 };
    const deck = deckOf(
      { kind: 'timeout', afterMs: 100, forMs: 65, cycle },
      { kind: 'latency', ms: 7, forMs: 50 },
    );
    const met = (at: number) => deck.draw('klines', at).names;
    expect([0, 49].map(met)).toEqual([['latency'], ['latency']]);
    expect([50, 99].map(met)).toEqual([[], []]);
    const hits = Array.from({ length: 80 }, (_, n) => 100 + n).filter((at) => met(at).length > 0);
    const ten = (from: number) => Array.from({ length: 10 }, (_, n) => from + n);
    expect(hits).toEqual([...ten(100), ...ten(130), 160, 161, 162, 163, 164]);
    expect(deck.list(165)).toEqual([]);
  });

  it('shows when a fault that lasts a while will end', () => {
    const deck = deckOf({ kind: 'timeout', afterMs: 100, forMs: 65 });
    expect(deck.list(0)).toMatchObject([{ kind: 'timeout', until: 165 }]);
  });

  it('keeps what a scenario set apart from what was set by hand', () => {
    const deck = deckOf({ kind: 'timeout', count: 1 });
    deck.set([{ kind: 'truncated' }], 0, 'scenario');
    expect(deck.draw('klines', 0).acting?.kind).toBe('timeout');
    expect(deck.draw('klines', 0).acting?.kind).toBe('truncated');
    deck.set([], 0);
    expect(deck.list(0, 'scenario')).toHaveLength(1);
    deck.set([], 0, 'scenario');
    expect(deck.draw('klines', 0).acting).toBeUndefined();
  });

  it('4: is unreachable from moment to moment, and tells when that changes', () => {
    const deck = deckOf({
      kind: 'unreachable',
      afterMs: 10,
      cycle: { onMs: 5, offMs: 3 },
      forMs: 20,
    });
    expect(deck.draw('klines', 12)).toMatchObject({ names: [] });
    const seen: (readonly [number, string | undefined])[] = [];
    for (let at: number | undefined = 0; at !== undefined; at = deck.nextChange(at)) {
      seen.push([at, deck.unreachable(at)]);
    }
    expect(seen).toEqual([
      [0, undefined],
      [10, 'refused'],
      [15, undefined],
      [18, 'refused'],
      [23, undefined],
      [26, 'refused'],
      [30, undefined],
    ]);
  });

  it('jitters a latency within its bounds', () => {
    const deck = deckOf({ kind: 'latency', ms: 100, jitterMs: 50 });
    const delays = Array.from({ length: 200 }, () => deck.draw('klines', 0).delayMs);
    expect(Math.min(...delays)).toBeGreaterThanOrEqual(100);
    expect(Math.max(...delays)).toBeLessThan(150);
    expect(new Set(delays).size).toBeGreaterThan(10);
  });

  it('does not let its caller change a fault afterwards', () => {
    const fault = { kind: 'timeout', count: 1 } as const;
    const deck = deckOf(fault);
    deck.draw('klines', 0);
    expect(fault.count).toBe(1);
  });
});

describe('lists of faults', () => {
  const ground = { refusals: ['throttled', 'unauthorized'], wire: 'http' } as const;
  const errors = (input: unknown) => {
    const parsed = parseFaults(input, ground, '/faults');
    return parsed.ok ? [] : parsed.error;
  };

  it('name what is wrong with each, and where', () => {
    const objections = errors([
      { kind: 'nonsense' },
      { kind: 'latency' },
      { kind: 'latency', ms: -1 },
      { kind: 'latency', ms: 1, rate: 2 },
      { kind: 'timeout', color: 'red' },
      { kind: 'quota_gone' },
      7,
    ]);
    const pointers = new Set(objections.map(({ pointer }) => pointer));
    expect([...pointers]).toEqual([
      '/faults/0/kind',
      '/faults/1/ms',
      '/faults/2/ms',
      '/faults/3/rate',
      '/faults/4/color',
      '/faults/5/kind',
      '/faults/6/kind',
    ]);
    expect(objections[0]?.detail).toContain(`must be one of ${FAULT_KINDS.join(', ')}`);
    expect(errors([{ kind: 'toString' }])[0]?.pointer).toBe('/faults/0/kind');
  });

  it('say the rule and what stood there instead', () => {
    const detail = (fault: unknown): string | undefined => errors([fault])[0]?.detail;
    expect(detail({ kind: 'latency', ms: -1 })).toBe(
      'must be an integer from 0 to 3600000, got -1',
    );
    expect(detail({ kind: 'latency' })).toBe('is required');
    expect(detail({ kind: 'reset', at: 'noon' })).toBe(
      'must be one of before_headers, mid_body, got "noon"',
    );
    expect(detail({ kind: 'timeout', rate: 2 })).toBe('must be a number above 0 to 1, got 2');
    expect(detail({ kind: 'timeout', color: 'red' })).toContain(
      'is not known: must be one of kind',
    );
    expect(detail({ kind: 'nonsense' })).toContain('got "nonsense"');
    expect(detail({ kind: 'unreachable', rate: 0.5 })).toContain('must be absent');
    expect(detail({ kind: 'unreachable', how: 'dns' })).toContain('must be refused');
    expect(
      parseFaults([{ kind: 'unreachable', how: 'dns' }], { ...ground, wire: 'none' }, '').ok,
    ).toBe(true);
  });

  it('are bounded', () => {
    const many = Array.from({ length: FAULTS_MAX + 1 }, () => ({ kind: 'timeout' }));
    expect(errors(many.slice(1))).toEqual([]);
    expect(errors(many)[0]?.detail).toBe('must be a list of at most 64 faults, got a list of 65');
    expect(errors('all')[0]?.pointer).toBe('/faults');
  });
});

describe('schema drift', () => {
  const rows = [[1, '2.50', null]];
  const nested = { meta: { count: 1 }, items: [{ id: 'a', size: '7' }] };

  it('renames a member wherever it occurs, or drops a column', () => {
    expect(drifted(nested, { kind: 'schema_drift', drift: 'rename', field: 'size' })).toEqual({
      meta: { count: 1 },
      items: [{ id: 'a', size_v2: '7' }],
    });
    expect(drifted(rows, { kind: 'schema_drift', drift: 'rename', field: 1 })).toEqual([[1, null]]);
  });

  it('without a field: every member that is no list or object', () => {
    const drift = (kind: 'rename' | 'drop' | 'null' | 'add') =>
      drifted(nested, { kind: 'schema_drift', drift: kind });
    expect(drift('rename')).toEqual({
      meta: { count_v2: 1 },
      items: [{ id_v2: 'a', size_v2: '7' }],
    });
    expect(drift('drop')).toEqual({ meta: {}, items: [{}] });
    expect(drift('null')).toEqual({ meta: { count: null }, items: [{ id: null, size: null }] });
    const added = drift('add') as typeof nested & Record<string, unknown>;
    expect(added).toMatchObject(nested);
    expect(Object.keys(added)).toHaveLength(3);
    expect(drifted(rows, { kind: 'schema_drift', drift: 'drop' })).toEqual([['2.50', null]]);
  });

  it('retypes a member or a column', () => {
    expect(drifted(nested, { kind: 'schema_drift', drift: 'retype', field: 'size' })).toEqual({
      meta: { count: 1 },
      items: [{ id: 'a', size: 7 }],
    });
    const retype = { kind: 'schema_drift', drift: 'retype' } as const;
    expect(drifted(rows, { ...retype, field: 1 })).toEqual([[1, 2.5, null]]);
    expect(drifted(rows, retype)).toEqual([['1', '2.50', null]]);
    expect(drifted({ ok: true, a: null }, { ...retype, field: 'a' })).toEqual({
      ok: true,
      a: 'null',
    });
  });
});

describe('the ledger', () => {
  const arrival: Arrival = {
    at: 0,
    provider: 'binance',
    endpoint: 'klines',
    method: 'GET',
    path: '/api/v3/klines',
    query: {},
    weight: 2,
    requestId: null,
    standing: 'clear',
  };

  it('1: counts a request at its arrival, whatever becomes of it', () => {
    const book = ledger();
    book.arrived(arrival);
    book.arrived({ ...arrival, standing: 'violation' }).answering(418, null);
    book.arrived({ ...arrival, standing: 'crossed' }).answering(null, 'timeout');
    expect(book.counters('binance')).toEqual({
      received: 3,
      violations: 1,
      violationsBy: { forbidden: 1, beyond: 0 },
      crossed: 1,
      beyond: 0,
      firstSignalAt: null,
      byStatus: { '418': 1, none: 1 },
      endpoints: { klines: { received: 3, weight: 6, byStatus: { '418': 1, none: 1 } } },
    });
    expect(book.log().map(({ status, fault }) => [status, fault])).toEqual([
      [null, null],
      [418, null],
      [null, 'timeout'],
    ]);
  });

  it('2: keeps the newest requests only, and goes on counting', () => {
    const book = ledger();
    for (let index = 0; index < 2 * LOG_MAX + 5; index += 1) book.arrived(arrival);
    expect(book.log()).toHaveLength(LOG_MAX);
    expect(book.log().at(-1)?.sequence).toBe(2 * LOG_MAX + 5);
    expect(book.counters('binance').received).toBe(2 * LOG_MAX + 5);
  });

  it('never keeps a key that came in a query, and cuts what is long', () => {
    const query = new URLSearchParams({ apiKey: 'secret', api_key: 'secret', q: 'x'.repeat(999) });
    const kept = queryForLog(query);
    expect(JSON.stringify(kept)).not.toContain('secret');
    expect(kept['q']).toHaveLength(256);
    const many = new URLSearchParams();
    for (let n = 0; n < 99; n += 1) many.append(`p${String(n)}`, '1');
    expect(Object.keys(queryForLog(many))).toHaveLength(32);
  });

  it('shows its counters without lending them', () => {
    const book = ledger();
    book.arrived(arrival);
    (book.counters('binance').byStatus as Record<string, number>)['200'] = 99;
    expect(book.counters('binance').byStatus).toEqual({});
  });
});
