import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../src/kernel/time.js';
import { intervalOf } from '../../src/sources/sandbox/binance-intervals.js';
import { decimal8, seriesOf, type Gap } from '../../src/sources/sandbox/binance-series.js';
import { SYMBOLS, type MarketSymbol } from '../../src/sources/sandbox/binance-symbols.js';
import { GENESIS_MS } from '../../src/sources/sandbox/binance-walk.js';
import { recording } from '../support/sandbox-kit.js';

const NOW = Date.UTC(2026, 0, 5, 12, 0, 30);

function symbolNamed(name: string): MarketSymbol {
  const symbol = SYMBOLS.get(name);
  if (symbol === undefined) throw new Error(`no ${name}`);
  return symbol;
}

const series = (name = 'BTCUSDT', seed = 1, gaps: readonly Gap[] = []) =>
  seriesOf(symbolNamed(name), seed, () => gaps);

type Bar = {
  open: number;
  high: number;
  low: number;
  close: number;
  volume: number;
  quote: number;
  trades: number;
  taker: number;
  takerQuote: number;
};

function barOf(row: readonly unknown[] | undefined): Bar {
  const n = (row ?? []).map(Number);
  const at = (index: number): number => n[index] ?? NaN;
  return {
    open: at(1),
    high: at(2),
    low: at(3),
    close: at(4),
    volume: at(5),
    quote: at(7),
    trades: at(8),
    taker: at(9),
    takerQuote: at(10),
  };
}

const deviation = (values: readonly number[]): number => {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
};
const returns = (rows: readonly (readonly unknown[] | undefined)[]): readonly number[] =>
  rows.map((row) => Math.log(barOf(row).close / barOf(row).open));

const anyHour = fc
  .integer({ min: GENESIS_MS / HOUR_MS, max: Math.floor(NOW / HOUR_MS) - 1 })
  .map((hour) => hour * HOUR_MS);
const anySymbol = fc.constantFrom(...SYMBOLS.keys());
const anySeed = fc.integer({ min: 0, max: 2 ** 32 - 1 });

describe('the made-up market', () => {
  it('gives the same bar whenever and in whatever order it is asked for', () => {
    fc.assert(
      fc.property(anySymbol, anySeed, fc.array(anyHour, { maxLength: 8 }), (name, seed, hours) => {
        const [one, other] = [series(name, seed), series(name, seed)];
        const forward = hours.map((open) => one.bar(open, open + HOUR_MS, NOW));
        const backward = [...hours].reverse().map((open) => other.bar(open, open + HOUR_MS, NOW));
        expect(backward.reverse()).toEqual(forward);
      }),
      { numRuns: 30 },
    );
  });

  it('gives other bars for another seed and another pair', () => {
    const open = Date.UTC(2025, 5, 1, 8);
    const bar = (name: string, seed: number) => series(name, seed).bar(open, open + HOUR_MS, NOW);
    expect(bar('BTCUSDT', 1)).not.toEqual(bar('BTCUSDT', 2));
    expect(bar('BTCUSDC', 1)).not.toEqual(bar('BTCUSDT', 1));
  });

  it('has bars that hold together: low <= open, close <= high; takers bought a part', () => {
    fc.assert(
      fc.property(anySymbol, anySeed, anyHour, (name, seed, open) => {
        const bar = barOf(series(name, seed).bar(open, open + HOUR_MS, NOW));
        expect(bar.low).toBeGreaterThan(0);
        expect(bar.low).toBeLessThanOrEqual(Math.min(bar.open, bar.close));
        expect(bar.high).toBeGreaterThanOrEqual(Math.max(bar.open, bar.close));
        expect(bar.taker).toBeLessThanOrEqual(bar.volume);
        expect(bar.trades).toBeGreaterThan(0);
        expect(bar.quote / bar.volume).toBeGreaterThanOrEqual(bar.low * 0.999);
        expect(bar.quote / bar.volume).toBeLessThanOrEqual(bar.high * 1.001);
      }),
      { numRuns: 50 },
    );
  });

  it('makes an hour of exactly what its sixty minutes add up to, to the last decimal', () => {
    fc.assert(
      fc.property(anySymbol, anyHour, (name, open) => {
        const market = series(name, 7);
        const hour = market.bar(open, open + HOUR_MS, NOW);
        const minutes = Array.from({ length: 60 }, (_, index) => {
          const at = open + index * MINUTE_MS;
          return market.bar(at, at + MINUTE_MS, NOW) ?? [];
        });
        const units = (value: unknown): bigint => BigInt(String(value).replace('.', ''));
        const sum = (column: number): bigint =>
          minutes.reduce((total, row) => total + units(row[column]), 0n);
        for (const column of [5, 7, 8, 9, 10]) expect(units(hour?.[column])).toBe(sum(column));
        expect(hour?.[1]).toBe(minutes[0]?.[1]);
        expect(hour?.[4]).toBe(minutes.at(-1)?.[4]);
        expect(barOf(hour).high).toBe(Math.max(...minutes.map((row) => barOf(row).high)));
        expect(barOf(hour).low).toBe(Math.min(...minutes.map((row) => barOf(row).low)));
      }),
      { numRuns: 20 },
    );
  });

  it('makes a day of its hours, from the cache as without it', () => {
    const market = series('ETHUSDT', 3);
    const day = Date.UTC(2025, 2, 3);
    const first = market.bar(day, day + DAY_MS, NOW);
    const hours = Array.from({ length: 24 }, (_, hour) =>
      barOf(market.bar(day + hour * HOUR_MS, day + (hour + 1) * HOUR_MS, NOW)),
    );
    expect(market.bar(day, day + DAY_MS, NOW)).toEqual(first);
    expect(barOf(first).high).toBe(Math.max(...hours.map((hour) => hour.high)));
    expect(barOf(first).trades).toBe(hours.reduce((sum, hour) => sum + hour.trades, 0));
  });

  it('lets the open bar grow and never shrink, until it is the closed one', () => {
    fc.assert(
      fc.property(anySymbol, anySeed, anyHour, (name, seed, open) => {
        const market = series(name, seed);
        const end = open + 5 * MINUTE_MS;
        const steps = Array.from({ length: 301 }, (_, second) =>
          barOf(market.bar(open, end, open + second * 1000)),
        );
        steps.slice(1).forEach((bar, index) => {
          const before = steps[index] ?? bar;
          expect(bar.high).toBeGreaterThanOrEqual(before.high);
          expect(bar.low).toBeLessThanOrEqual(before.low);
          expect(bar.volume).toBeGreaterThanOrEqual(before.volume);
          expect(bar.quote).toBeGreaterThanOrEqual(before.quote);
          expect(bar.trades).toBeGreaterThanOrEqual(before.trades);
          expect(bar.open).toBe(before.open);
        });
        expect(steps.at(-1)).toEqual(barOf(market.bar(open, end, NOW)));
      }),
      { numRuns: 10 },
    );
  });

  it('leaves out bars of a gap, and only what a longer bar lost to it', () => {
    const from = Date.UTC(2025, 1, 1, 2);
    const gap = { symbol: 'BTCUSDT', fromMs: from, toMs: from + 3 * HOUR_MS };
    const market = series('BTCUSDT', 1, [gap]);
    const whole = series('BTCUSDT', 1);
    const hour = (at: number) => market.bar(at, at + HOUR_MS, NOW);
    expect([hour(from), hour(from + HOUR_MS), hour(from + 2 * HOUR_MS)]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    expect(hour(from - HOUR_MS)).toEqual(whole.bar(from - HOUR_MS, from, NOW));
    const day = Date.UTC(2025, 1, 1);
    const volume = (of: typeof market): number => barOf(of.bar(day, day + DAY_MS, NOW)).volume;
    expect(volume(market)).toBeLessThan(volume(whole));
    expect(volume(series('BTCUSDT', 1, [{ ...gap, symbol: 'ETHUSDT' }]))).toBe(volume(whole));
  });

  it('moves as much per hour as the recorded market did', () => {
    const rows = recording('historical/klines_BTCUSDT_1h_20200430_1000.json').body;
    const recorded = deviation(returns(rows as unknown as readonly (readonly unknown[])[]));
    const market = series();
    const hours = Array.from({ length: 1000 }, (_, index) => {
      const open = Date.UTC(2024, 0, 1) + index * HOUR_MS;
      return market.bar(open, open + HOUR_MS, NOW);
    });
    const ratio = deviation(returns(hours)) / recorded;
    expect(ratio).toBeGreaterThan(0.5);
    expect(ratio).toBeLessThan(2);
  });

  it('stays within a plausible range of its level for a decade', () => {
    const market = series('BTCUSDT', 5);
    const closes = Array.from({ length: 120 }, (_, month) => {
      const open = GENESIS_MS + month * 30 * DAY_MS;
      return barOf(market.bar(open, open + HOUR_MS, Infinity)).close;
    });
    expect(Math.min(...closes)).toBeGreaterThan(62_000 / 5);
    expect(Math.max(...closes)).toBeLessThan(62_000 * 5);
  });

  it('begins when the real exchange did', () => {
    expect(series().bar(GENESIS_MS - HOUR_MS, GENESIS_MS, NOW)).toBeUndefined();
    expect(series().bar(GENESIS_MS, GENESIS_MS + HOUR_MS, NOW)).toBeDefined();
  });
});

describe('numbers on the wire', () => {
  it('have eight decimals and carry the rest', () => {
    expect(decimal8(12, 5, 2)).toBe('12.05000000');
    expect(decimal8(0, 123_456, 2)).toBe('1234.56000000');
    expect(decimal8(1, 100_000_007, 8)).toBe('2.00000007');
    expect(decimal8(7, 0, 0)).toBe('7.00000000');
  });
});

describe('intervals', () => {
  it('follow the calendar where the exchange does', () => {
    const at = Date.UTC(2024, 1, 14, 13, 47, 5); // a Wednesday
    const open = (name: string): string | undefined => {
      const interval = intervalOf(name);
      return interval === undefined ? undefined : new Date(interval.floor(at)).toISOString();
    };
    expect(open('15m')).toBe('2024-02-14T13:45:00.000Z');
    expect(open('1w')).toBe('2024-02-12T00:00:00.000Z');
    expect(open('1M')).toBe('2024-02-01T00:00:00.000Z');
    const month = intervalOf('1M');
    expect(month?.next(Date.UTC(2024, 0, 1))).toBe(Date.UTC(2024, 1, 1));
    expect(month?.previous(Date.UTC(2024, 0, 1))).toBe(Date.UTC(2023, 11, 1));
    expect(open('7m')).toBeUndefined();
    expect(open('constructor')).toBeUndefined();
  });
});
