import { describe, expect, it } from 'vitest';
import { contentText } from '../../src/cli/render/content.js';
import { stampText } from '../../src/cli/render/moments.js';

const at = (text: string): number => Date.parse(text);

describe('a moment in a line of facts', () => {
  const now = at('2026-03-04T03:00:00Z');

  it.each([
    ['2026-03-04T02:59:58Z', '02:59:58Z'],
    ['2026-03-03T23:50:00Z', '03-03 23:50:00Z'],
    ['2025-12-31T23:50:00Z', '2025-12-31 23:50:00Z'],
  ])('says of %s on a terminal no more than is not known: %s', (moment, text) => {
    expect(stampText(at(moment), { now, zone: 'utc', width: 80 })).toBe(text);
  });

  it('is whole where nobody looks', () => {
    const text = stampText(at('2026-03-04T02:59:58Z'), { now, zone: 'utc' });
    expect(text).toBe('2026-03-04 02:59:58Z');
  });

  it('is not told twice by the content', () => {
    expect(contentText({ atMs: 1, reason: 'x' })).toBe('{"reason":"x"}');
    expect(contentText(null)).toBe('{}');
  });
});
