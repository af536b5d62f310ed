/** Klines: closed bars, gaps, cursors, and bodies that cannot be. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HOUR_MS, MINUTE_MS } from '../../src/kernel/time.js';
import type { Json } from '../../src/kernel/types.js';
import { fitsSchema } from '../../src/sources/exchange.port.js';
import {
  CLOSE_GRACE_MS,
  impossibleKlines,
  klineGaps,
  klinesSchema,
  KLINES_PER_PAGE,
  type Kline,
} from '../../src/sources/historical-klines.js';
import {
  BACKFILL_PAGES_MAX,
  FIRST_BARS,
  historical,
  LIVE_PAGES_MAX,
  type HistoricalOptions,
} from '../../src/sources/historical.js';
import { collectFrom, failing, type Asked } from '../support/sources-script.js';

const now = Date.UTC(2026, 0, 15, 12, 0, 30);
const minute = Math.floor(now / MINUTE_MS) * MINUTE_MS;
const options: HistoricalOptions = { symbols: ['BTCUSDT'], intervals: ['1m'] };

function bar(open: number, length = MINUTE_MS): Kline {
  return [open, '2.0', '3.0', '1.0', '2.5', '9', open + length - 1, '8', 7, '6', '5', '0'];
}

function stated(limit: number): Json {
  const rule = { rateLimitType: 'REQUEST_WEIGHT', interval: 'MINUTE', intervalNum: 1, limit };
  return { rateLimits: [rule], symbols: [] };
}

/** Of the asked, those for bars. */
function forBars({ asked }: { readonly asked: readonly Asked[] }): readonly Asked[] {
  return asked.filter(({ endpoint }) => endpoint === 'klines');
}

/** An upstream with every bar but those of `missing`, the open one of `clock` included. */
function upstream(clock: number, missing: (open: number) => boolean = () => false) {
  return ({ endpoint, query }: Asked): Json => {
    if (endpoint === 'exchange_info') return stated(6000);
    const rows: Kline[] = [];
    const [from, to] = [Number(query['startTime']), Number(query['endTime'] ?? Infinity)];
    for (let open = from; open <= Math.min(to, clock); open += MINUTE_MS) {
      if (rows.length === Number(query['limit'])) break;
      if (!missing(open)) rows.push(bar(open));
    }
    return rows;
  };
}

describe('a run', () => {
  it('begins a new series a little back and stores only closed bars', async () => {
    const run = await collectFrom(historical, options, upstream(now), { now });
    expect(run.records.length).toBe(FIRST_BARS);
    expect(run.records.at(-1)?.id).toBe(`kline:BTCUSDT:1m:${String(minute - MINUTE_MS)}`);
    expect(run.cursors.get('BTCUSDT/1m')).toEqual({
      next: minute,
      from: minute - FIRST_BARS * MINUTE_MS,
    });
    const again = await collectFrom(historical, options, upstream(now), {
      now,
      cursors: run.cursors,
    });
    expect(again).toMatchObject({ pages: [], failure: undefined });
    const later = now + 2 * MINUTE_MS;
    const next = await collectFrom(historical, options, upstream(later), {
      now: later,
      cursors: run.cursors,
    });
    expect(next.records.map(({ at }) => at)).toEqual(
      [minute, minute + MINUTE_MS].map((open) => open + 59_999),
    );
  });

  it('leaves a bar that just ended for the next run: our clocks may differ', async () => {
    const cursors = new Map<string, Json>([['BTCUSDT/1m', { next: minute - MINUTE_MS }]]);
    const only = (): Json => [bar(minute - MINUTE_MS)];
    const early = minute + CLOSE_GRACE_MS - 1;
    expect((await collectFrom(historical, options, only, { now: early, cursors })).records).toEqual(
      [],
    );
    const due = minute + CLOSE_GRACE_MS;
    expect(
      (await collectFrom(historical, options, only, { now: due, cursors })).records.length,
    ).toBe(1);
  });

  it('takes a bar with a successor for closed though our clock is behind', async () => {
    const cursors = new Map<string, Json>([['BTCUSDT/1m', { next: minute }]]);
    const run = await collectFrom(historical, options, upstream(now + 3 * MINUTE_MS), {
      now,
      cursors,
    });
    expect(run.records.length).toBe(3);
  });

  it('reads live first, then the backfill, each at its priority', async () => {
    const wide: HistoricalOptions = { symbols: ['A1', 'B2'], intervals: ['1m'], backfillFrom: 1 };
    const run = await collectFrom(historical, wide, upstream(now), { now });
    expect(run.failure).toBeUndefined();
    const order = forBars(run).map(
      ({ query, priority }) => `${String(query['symbol'])} ${String(priority)}`,
    );
    expect([...new Set(order)]).toEqual(['A1 live', 'B2 live', 'A1 backfill', 'B2 backfill']);
    const start = Date.UTC(2026, 0, 14);
    for (const symbol of ['A1', 'B2']) {
      const mine = run.records.filter(({ data }) => data['symbol'] === symbol);
      const opens = mine.map(({ data }) => Number(data['open_time_ms'])).sort((a, b) => a - b);
      expect(opens).toEqual(
        Array.from({ length: (minute - start) / MINUTE_MS }, (_, n) => start + n * MINUTE_MS),
      );
      expect(run.cursors.get(`${symbol}/1m`)).toEqual({ next: minute, from: start });
    }
    expect(run.pages.flatMap(({ gaps }) => gaps ?? [])).toEqual([]);
  });

  it('asks once a day for the limits the upstream states, before anything else', async () => {
    const cursors = new Map<string, Json>();
    const at = async (when: number): Promise<readonly string[]> => {
      const run = await collectFrom(historical, options, upstream(when), { now: when, cursors });
      expect(run.failure).toBeUndefined();
      return run.asked.map(({ endpoint }) => endpoint);
    };
    expect(await at(now)).toEqual(['exchange_info', 'klines']);
    expect(await at(now + HOUR_MS)).toEqual(['klines']);
    expect((await at(now + 24 * HOUR_MS))[0]).toBe('exchange_info');
    expect((await at(now))[0], 'a clock set back').toBe('exchange_info');
    const odd = await collectFrom(
      historical,
      options,
      (asked) => (asked.endpoint === 'klines' ? upstream(now)(asked) : { rateLimits: 'none' }),
      { now },
    );
    expect(odd.failure).toBeUndefined();
    expect(odd.records.length).toBe(FIRST_BARS);
    expect(odd.warnings).toEqual([
      'exchangeInfo could not be read (bad_data): the known limit holds',
    ]);
  });

  it('H3: is bounded, and the next goes on where it stopped', async () => {
    const far: HistoricalOptions = { ...options, backfillFrom: 60 };
    const first = await collectFrom(historical, far, upstream(now), { now });
    const backfills = first.asked.filter(({ priority }) => priority === 'backfill');
    expect(backfills.length).toBe(BACKFILL_PAGES_MAX);
    const stored = Date.UTC(2026, 0, 15) - 60 * 24 * HOUR_MS;
    expect(first.cursors.get('BTCUSDT/1m')).toMatchObject({
      from: stored,
      backfill: { next: stored + BACKFILL_PAGES_MAX * KLINES_PER_PAGE * MINUTE_MS },
    });
    const cursors = new Map<string, Json>([['BTCUSDT/1m', { next: minute - 60 * 24 * HOUR_MS }]]);
    const live = await collectFrom(historical, options, upstream(now), { now, cursors });
    expect(forBars(live).length).toBe(LIVE_PAGES_MAX);
    expect(live.failure).toBeUndefined();
  });

  it('repeats one page at most after a crash, with the same ids', async () => {
    const far: HistoricalOptions = { ...options, backfillFrom: '2026-01-13T00:00Z' };
    const whole = await collectFrom(historical, far, upstream(now), { now });
    const cursors = new Map<string, Json>();
    const cut = await collectFrom(historical, far, upstream(now), { now, cursors, pagesMax: 2 });
    const rest = await collectFrom(historical, far, upstream(now), { now, cursors });
    const ids = [...cut.records, ...rest.records].map(({ id }) => id);
    expect(new Set(ids)).toEqual(new Set(whole.records.map(({ id }) => id)));
    expect(ids.length - new Set(ids).size).toBeLessThanOrEqual(KLINES_PER_PAGE);
  });

  it('extends a backfill when the options reach further back', async () => {
    const one = await collectFrom(historical, { ...options, backfillFrom: 1 }, upstream(now), {
      now,
    });
    const two = await collectFrom(historical, { ...options, backfillFrom: 2 }, upstream(now), {
      now,
      cursors: one.cursors,
    });
    expect(two.records.length).toBe(24 * 60);
    expect(two.cursors.get('BTCUSDT/1m')).toEqual({ next: minute, from: Date.UTC(2026, 0, 13) });
  });

  it('tells gaps before, between and after, also where a page ends in one', async () => {
    const start = Date.UTC(2026, 0, 14);
    const holes: readonly [number, number][] = [
      [0, 5],
      [990, 1010],
      [1200, 1201],
      [2140, 2150],
    ];
    const missing = (open: number): boolean =>
      holes.some(([from, to]) => open >= start + from * MINUTE_MS && open < start + to * MINUTE_MS);
    const run = await collectFrom(
      historical,
      { ...options, backfillFrom: 1 },
      upstream(now, missing),
      { now },
    );
    const gaps = run.pages.flatMap(({ gaps: found }) => found ?? []);
    const owed = holes.map(([from, to]) => ({
      fromMs: start + from * MINUTE_MS,
      toMs: start + to * MINUTE_MS,
      missing: to - from,
    }));
    expect([...gaps].sort((a, b) => a.fromMs - b.fromMs)).toEqual(owed);
  });

  it('H4: goes on with other series when one is wrong, and names the first failure', async () => {
    const two: HistoricalOptions = {
      symbols: ['GONE', 'BTCUSDT'],
      intervals: ['1m'],
      backfillFrom: 1,
    };
    const good = upstream(now);
    const run = await collectFrom(
      historical,
      two,
      (asked) => (asked.query['symbol'] === 'GONE' ? failing('client') : good(asked)),
      { now },
    );
    expect(run.failure?.outcome).toBe('client');
    expect(forBars(run).filter(({ query }) => query['symbol'] === 'GONE').length).toBe(1);
    expect(run.records.every(({ data }) => data['symbol'] === 'BTCUSDT')).toBe(true);
    expect(run.records.length).toBeGreaterThan(24 * 60);
  });

  it.each(['throttled', 'banned', 'server', 'blocked', 'cancelled', 'auth'] as const)(
    'H4: ends at once on %s',
    async (outcome) => {
      const two: HistoricalOptions = { symbols: ['A1', 'B2'], intervals: ['1m'] };
      const run = await collectFrom(historical, two, () => failing(outcome), { now });
      expect(run.failure?.outcome).toBe(outcome);
      expect(run.asked.length).toBe(1);
    },
  );

  it.each([
    'soon',
    17,
    null,
    {},
    { next: -1 },
    { next: minute + 1 },
    { next: minute, from: minute + MINUTE_MS },
    { next: minute, backfill: { next: minute, to: minute + MINUTE_MS } },
  ] as Json[])('begins anew when its cursor is %j', async (cursor) => {
    const cursors = new Map<string, Json>([['BTCUSDT/1m', cursor]]);
    const run = await collectFrom(historical, options, upstream(now), { now, cursors });
    expect(run.failure).toBeUndefined();
    expect(run.records.length).toBe(FIRST_BARS);
  });
});

describe('rows', () => {
  const range = { interval: '1m', from: minute, now } as const;
  const check = (rows: readonly Kline[]): string | undefined => impossibleKlines(rows, range);

  it('may be', () => {
    expect(check([])).toBeUndefined();
    expect(check([bar(minute), bar(minute + 3 * MINUTE_MS)])).toBeUndefined();
  });

  const odd = bar(minute);
  it.each<[string, readonly Kline[], RegExp]>([
    ['off the grid', [bar(minute + 1)], /off the 1m grid/],
    ['repeated', [bar(minute), bar(minute)], /before its turn/],
    ['out of order', [bar(minute + MINUTE_MS), bar(minute)], /before its turn/],
    ['before what was asked', [bar(minute - MINUTE_MS)], /before what was asked/],
    ['in the future', [bar(minute + 48 * HOUR_MS)], /in the future/],
    [
      'closing before they open',
      [[...odd.slice(0, 6), minute - 1, ...odd.slice(7)] as Kline],
      /closes/,
    ],
    ['longer than their interval', [bar(minute, HOUR_MS)], /closes/],
    ['lower than their low', [[minute, '0.5', ...odd.slice(2)] as Kline], /low and high/],
  ])('may not be %s', (_what, rows, message) => {
    expect(check(rows)).toMatch(message);
  });

  it('gaps and rows together cover a range exactly, whatever is missing', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(60)), fc.nat(60), (present, tail) => {
        const last = Math.max(0, ...present) + 1 + tail;
        const rows = [...present].sort((a, b) => a - b).map((n) => bar(minute + n * MINUTE_MS));
        const to = minute + last * MINUTE_MS;
        const gaps = klineGaps(rows, { interval: '1m', from: minute, to });
        const missing = gaps.reduce((sum, gap) => sum + gap.missing, 0);
        expect(missing + rows.length).toBe(last);
        for (const { fromMs, toMs } of gaps) {
          expect(rows.some(([open]) => open >= fromMs && open < toMs)).toBe(false);
          expect(toMs).toBeGreaterThan(fromMs);
        }
      }),
    );
  });

  it('that are mangled never become records and never crash', async () => {
    const good = Array.from({ length: 5 }, (_, n) => bar(minute - (5 - n) * MINUTE_MS));
    const junk = fc.oneof(
      fc.jsonValue(),
      fc.constantFrom('1e3', 'NaN', '-1', -0, Infinity, '9'.repeat(99)),
    );
    const mangled = fc.oneof(
      fc.jsonValue(),
      fc.tuple(fc.nat(4), fc.nat(11), junk).map(([row, column, value]) => {
        const rows: Json[][] = good.map((one) => [...one]);
        rows[row]?.splice(column, 1, value as Json);
        return rows;
      }),
      fc.tuple(fc.nat(4), fc.nat(4)).map(([a, b]) => {
        const rows = [...good];
        [rows[a], rows[b]] = [rows[b] ?? good[0] ?? bar(0), rows[a] ?? good[0] ?? bar(0)];
        return rows;
      }),
      fc.tuple(fc.nat(4), fc.nat(11)).map(([row, cut]) => {
        return good.map((one, index) => (index === row ? one.slice(0, cut) : one));
      }),
    );
    const cursors = (): Map<string, Json> =>
      new Map([['BTCUSDT/1m', { next: minute - 5 * MINUTE_MS }]]);
    const truth = new Set(good.map((row) => row[0]));
    await fc.assert(
      fc.asyncProperty(mangled, async (body) => {
        const run = await collectFrom(historical, options, () => body as unknown as Json, {
          now,
          cursors: cursors(),
          pagesMax: 3,
        });
        const lists = fitsSchema(klinesSchema, body as Json).ok;
        if (!lists) expect(run).toMatchObject({ records: [], failure: { outcome: 'bad_data' } });
        for (const { data } of run.records) {
          expect(truth.has(Number(data['open_time_ms']))).toBe(true);
          expect(data['close']).toMatch(/^\d+(\.\d+)?$/);
        }
      }),
    );
  });

  it('are refused beyond a page', () => {
    const rows = Array.from({ length: KLINES_PER_PAGE + 1 }, (_, n) => bar(n * MINUTE_MS));
    expect(fitsSchema(klinesSchema, rows as unknown as Json).ok).toBe(false);
  });
});
