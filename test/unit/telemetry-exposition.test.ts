import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  histogram,
  histogramSamples,
  observe,
  withLabel,
  type MetricFamily,
} from '../../src/kernel/observe.js';
import { exposition } from '../../src/telemetry/exposition.js';

const LIMITS = { taken: new Set<string>(), seriesMax: 1000 };
const gauge = (name: string, samples: MetricFamily['samples']): MetricFamily => {
  return { name, help: 'Help.', type: 'gauge', samples };
};
const seriesLines = (families: readonly MetricFamily[], limits = LIMITS): readonly string[] =>
  exposition(families, limits)
    .text.split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));

describe('a page after another', () => {
  it('tells the values of now, for labels kept and for labels made anew', () => {
    const kept = { collector: 'a' };
    const page = (value: number): readonly string[] =>
      seriesLines([
        gauge('one', [{ labels: kept, value }]),
        gauge('other', [{ labels: { collector: 'b' }, value: value + 0.5 }]),
      ]);
    expect(page(1)).toEqual(['one{collector="a"} 1', 'other{collector="b"} 1.5']);
    expect(page(1)).toEqual(['one{collector="a"} 1', 'other{collector="b"} 1.5']);
    expect(page(2)).toEqual(['one{collector="a"} 2', 'other{collector="b"} 2.5']);
  });

  it('tells the same labels under several names', () => {
    const labels = { scope: 's' };
    const both = [gauge('a', [{ labels, value: 1 }]), gauge('b', [{ labels, value: 2 }])];
    expect(seriesLines(both)).toEqual(['a{scope="s"} 1', 'b{scope="s"} 2']);
    expect(seriesLines(both)).toEqual(['a{scope="s"} 1', 'b{scope="s"} 2']);
  });

  it('tells a series once, whoever tells it again, in every page', () => {
    const twice = gauge('twice', [
      { labels: { a: '1', b: '2' }, value: 1 },
      { labels: { b: '2', a: '1' }, value: 2 },
    ]);
    for (const _page of [1, 2]) {
      const { series, problems } = exposition([twice], LIMITS);
      expect(series).toBe(1);
      expect(problems).toEqual(['twice{a="1",b="2"}: told twice']);
    }
  });

  it('goes on when it has forgotten what it kept', () => {
    const most = { taken: new Set<string>(), seriesMax: 300_000 };
    const many = (offset: number): MetricFamily =>
      gauge(
        'many',
        Array.from({ length: 110_000 }, (_, n) => ({
          labels: { n: String(n + offset) },
          value: n,
        })),
      );
    const kept = gauge('kept', [{ labels: { a: 'b' }, value: 7 }]);
    expect(exposition([kept, many(0)], most).series).toBe(110_001);
    expect(exposition([many(110_000), kept], most).series).toBe(110_001);
    expect(seriesLines([kept])).toEqual(['kept{a="b"} 7']);
  });
});

describe('labels and histograms told again', () => {
  it('are the same objects for the same labels, and never another value', () => {
    const word = fc.constantFrom('a', 'b', 'le', 'state');
    fc.assert(
      fc.property(fc.array(fc.tuple(word, word)), (steps) => {
        const base = { collector: 'c' };
        for (const [name, value] of steps) {
          const labels = withLabel(base, name, value);
          expect(labels).toEqual({ collector: 'c', [name]: value });
          expect(withLabel(base, name, value)).toBe(labels);
        }
      }),
    );
  });

  it('follow what is observed in between', () => {
    const waits = histogram([1, 2]);
    const values = (): readonly number[] => histogramSamples(waits).map(({ value }) => value);
    expect(values()).toEqual([0, 0, 0, 0, 0]);
    observe(waits, 1);
    observe(waits, 1.5);
    observe(waits, 9);
    expect(values()).toEqual([1, 2, 3, 11.5, 3]);
    expect(values()).toEqual([1, 2, 3, 11.5, 3]);
  });

  it('are told under the labels of now', () => {
    const waits = histogram([1]);
    expect(histogramSamples(waits, { scope: 'a' })[0]?.labels).toEqual({ scope: 'a', le: '1' });
    expect(histogramSamples(waits, { scope: 'b' })[0]?.labels).toEqual({ scope: 'b', le: '1' });
  });
});
