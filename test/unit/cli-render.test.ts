import { stripVTControlCharacters } from 'node:util';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { plain } from '../../src/cli/plain.js';
import { compact, money, percent, whole } from '../../src/cli/render/numbers.js';
import { lengthText, momentText, relativeText } from '../../src/cli/render/moments.js';
import { coloured } from '../../src/cli/render/paint.js';
import { statusPageLines } from '../../src/cli/render/status-page.js';
import { changeKey, changeLine, statusLines } from '../../src/cli/render/status-table.js';
import { tableLines } from '../../src/cli/render/table.js';
import { cut, fitted, printable, widthOf, wrapped } from '../../src/cli/render/width.js';
import { Event } from '../../src/gen/headgate/v1/event.js';
import { anyLine, lineOf, NOW, pageOf, viewOf } from '../support/cli-lines.js';

const WIDTHS = [80, 120, 200];

function widest(lines: readonly string[]): number {
  return Math.max(0, ...lines.map(widthOf));
}

describe('the width of a text', () => {
  it.each([
    ['abc', 3],
    ['価格', 4],
    ['e\u0301', 1],
    ['👩‍👩‍👧‍👦', 2],
    ['한글', 4],
    ['', 0],
    ['❤️', 2],
  ])('of %s is %i', (text, cells) => {
    expect(widthOf(text)).toBe(cells);
  });

  it('is never more than it was cut to, and all of it where it fits', () => {
    const text = fc.string({ unit: 'grapheme', maxLength: 80 }).map(printable);
    fc.assert(
      fc.property(text, fc.nat(100), (given, cells) => {
        expect(widthOf(cut(given, cells))).toBeLessThanOrEqual(cells);
        if (widthOf(given) <= cells) expect(cut(given, cells)).toBe(given);
      }),
    );
  });

  it('is exactly what it was fitted to', () => {
    const text = fc.string({ unit: 'grapheme', maxLength: 80 }).map(printable);
    fc.assert(
      fc.property(text, fc.nat(100), fc.constantFrom('left', 'right'), (given, cells, align) => {
        expect(widthOf(fitted(given, cells, align))).toBe(cells);
      }),
    );
  });

  it('holds for each line of a wrapped text, and nothing of it is lost', () => {
    const text = fc.string({ maxLength: 120 }).map(printable);
    fc.assert(
      fc.property(text, fc.integer({ min: 2, max: 60 }), (given, cells) => {
        const lines = wrapped(given, cells);
        expect(widest(lines)).toBeLessThanOrEqual(cells);
        expect(lines.join('').replaceAll(' ', '')).toBe(given.replaceAll(' ', ''));
      }),
    );
  });

  it('cannot be played with: what moves the cursor is shown as what it is', () => {
    const shown = printable('a\u001b[2Jb\u202ec\u009bd\ne');
    expect(shown).toBe('a\\u001b[2Jb\\u202ec\\u009bd e');
  });
});

describe('the table of all collectors', () => {
  it('shows everything on a wide terminal', () => {
    expect(statusLines([lineOf('moralis')], viewOf(120))).toEqual([
      'NAME     STATUS   PHASE  BREAKER  RATE/S  QUOTA  DATA  WHY',
      'moralis  healthy  idle   closed    2.5/5  2.99M   12s  it waits for its next run (in 3m)',
    ]);
  });

  it('keeps the reason on a narrow one, and does without what it says anyhow', () => {
    const lines = statusLines([lineOf('a_rather_long_name', { why: 'x'.repeat(90) })], viewOf(60));
    expect(lines[0]).toMatch(/^NAME +STATUS .*WHY$/);
    expect(lines[0]).not.toContain('PHASE');
    expect(lines[1]).toMatch(/x{20,}…$/);
  });

  it('is as wide as it gets where nobody looks', () => {
    const why = 'y'.repeat(500);
    expect(statusLines([lineOf('a', { why, why_changes_at: undefined })], viewOf())[1]).toContain(
      why,
    );
  });

  it.each([20, 40, ...WIDTHS])('fits %i cells, whatever it is told', (width) => {
    fc.assert(
      fc.property(fc.array(anyLine, { maxLength: 8 }), (lines) => {
        const shown = statusLines(lines, viewOf(width));
        expect(widest(shown)).toBeLessThanOrEqual(width);
        expect(shown.join('')).not.toMatch(/\p{Cc}/u);
        if (lines.length > 0) expect(shown).toHaveLength(lines.length + 1);
      }),
    );
  });

  it('fits any terminal, down to a single cell', () => {
    fc.assert(
      fc.property(
        fc.array(anyLine, { maxLength: 3 }),
        fc.integer({ min: 1, max: 300 }),
        (lines, width) => {
          fc.pre(lines.length > 0);
          expect(widest(statusLines(lines, viewOf(width)))).toBeLessThanOrEqual(width);
        },
      ),
    );
  });

  it('aligns numbers to the right', () => {
    const lines = [lineOf('a', { quota_remaining: 7 }), lineOf('b', { quota_remaining: 12_345 })];
    const shown = statusLines(lines, viewOf(120));
    const at = (shown[0] ?? '').indexOf('QUOTA') + 'QUOTA'.length;
    expect(shown.slice(1).map((line) => line.slice(at - 5, at))).toEqual(['    7', '12.3k']);
  });

  it('paints words only, and is no wider for it', () => {
    const view = { ...viewOf(80), paint: coloured };
    const shown = statusLines([lineOf('moralis')], view);
    expect(shown[1]).toContain('\u001b[32mhealthy\u001b[0m');
    const bare = shown.map((line) => stripVTControlCharacters(line));
    expect(bare).toEqual(statusLines([lineOf('moralis')], viewOf(80)));
  });

  it('says nothing new of a sentence whose figures alone moved', () => {
    const [a, b] = [lineOf('a', { why: 'pause 5 s' }), lineOf('a', { why: 'pause 4 s' })];
    expect(changeKey(a)).toBe(changeKey(b));
    expect(changeKey(a)).not.toBe(changeKey(lineOf('a', { why: 'it is collecting' })));
  });

  it('tells a change in one line that fits', () => {
    fc.assert(
      fc.property(anyLine, fc.constantFrom(...WIDTHS), (line, width) => {
        const told = changeLine(line, viewOf(width));
        expect(widthOf(told)).toBeLessThanOrEqual(width);
        expect(told).not.toContain('\n');
      }),
    );
  });
});

describe('a table', () => {
  it('gives up its columns in the order it was told, the last never', () => {
    const columns = [
      { title: 'KEPT', cell: () => ({ text: 'kept' }) },
      { title: 'SECOND', drop: 1, cell: () => ({ text: 'second' }) },
      { title: 'FIRST', drop: 2, cell: () => ({ text: 'first' }) },
      { title: 'WHY', min: 6, cell: () => ({ text: 'because' }) },
    ];
    const titles = (width: number): string =>
      tableLines(columns, [0], (text) => text, width)[0] ?? '';
    expect(titles(40)).toBe('KEPT  SECOND  FIRST  WHY');
    expect(titles(25)).toBe('KEPT  SECOND  WHY');
    expect(titles(13)).toBe('KEPT  WHY');
  });
});

describe('the page of one collector', () => {
  it('begins with the answer', () => {
    const lines = statusPageLines(pageOf('its breaker is held open'), [], viewOf(100));
    expect(lines.slice(0, 5)).toEqual([
      'moralis  degraded · waiting · live',
      '',
      'Why is it not fetching?',
      '  its breaker is held open',
      '  changes    2026-01-05 12:01:00Z (in 1m)',
    ]);
  });

  it.each([30, ...WIDTHS])('fits %i cells, whatever the upstream said', (width) => {
    const texts = fc.oneof(fc.string({ unit: 'grapheme', maxLength: 400 }), fc.string());
    fc.assert(
      fc.property(texts, (why) => {
        const cursors = [{ series: why, cursor: why, ordinal: 3, newest_at: null }];
        const lines = statusPageLines(pageOf(why), cursors, viewOf(width));
        expect(widest(lines)).toBeLessThanOrEqual(width);
        expect(lines.join('')).not.toMatch(/\p{Cc}/u);
      }),
      { numRuns: 60 },
    );
  });
});

describe('numbers and moments', () => {
  it.each([
    [0, '0'],
    [0.5, '0.5'],
    [9999, '9999'],
    [12_345, '12.3k'],
    [2_996_400, '2.99M'],
    [999_999, '999k'],
    [1.5e9, '1.5G'],
    [0.00012, '0.0001'],
  ])('%d is shown as %s', (value, text) => {
    expect(compact(value)).toBe(text);
  });

  it('never shows more than there is', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1e14, noNaN: true }), (value) => {
        const units: Readonly<Record<string, number>> = { k: 1e3, M: 1e6, G: 1e9, T: 1e12 };
        const text = compact(value);
        const shown = Number(text.replace(/[kMGT]$/, '')) * (units[text.at(-1) ?? ''] ?? 1);
        // One figure is all that is shown of less than a thousandth.
        expect(shown).toBeLessThanOrEqual(value < 0.001 ? value * 1.5 : value * (1 + 1e-9));
      }),
    );
  });

  it('groups figures, tells shares and money', () => {
    expect([
      whole(3_000_000),
      whole(12.5),
      percent(0.999),
      money(0.036, 'USD'),
      money(12, ''),
    ]).toEqual(['3,000,000', '12.5', '99%', '0.0360 USD', '12.00']);
  });

  it('tells lengths by their largest unit, and moments in UTC or local', () => {
    expect([0, 59_999, 60_000, 3_600_000, 2 * 86_400_000].map(lengthText)).toEqual([
      '0s',
      '59s',
      '1m',
      '1h',
      '2d',
    ]);
    expect(momentText(NOW, 'utc')).toBe('2026-01-05 12:00:00Z');
    expect(Date.parse(momentText(NOW, 'local').replace(' ', 'T'))).toBe(NOW);
    expect([relativeText(NOW - 5000, NOW), relativeText(NOW, NOW)]).toEqual(['5s ago', 'now']);
  });
});

describe('a message as a plain value', () => {
  it('has the words of REST, and null for what is absent', () => {
    expect(lineOf('a', { quota_remaining: undefined })).toMatchObject({
      status: 'healthy',
      phase: 'idle',
      circuit_breaker: { state: 'closed' },
      type: null,
      quota_remaining: null,
      last_new_data_time: '2026-01-05T11:59:48.000Z',
    });
    expect(lineOf('a', { circuit_breaker: undefined }).circuit_breaker).toBeNull();
  });

  it("leaves somebody else's words alone", () => {
    const event = Event.fromPartial({ position: 7n, data: { state: 'BREAKER_STATE_OPEN', n: 0 } });
    expect(plain(event)).toMatchObject({
      position: 7,
      data: { state: 'BREAKER_STATE_OPEN', n: 0 },
    });
  });
});
