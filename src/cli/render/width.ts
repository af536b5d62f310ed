/**
 * How wide a text is on a terminal, and how it is cut to fit. Nothing that came from outside may move
 * the cursor or repaint the screen: control characters become visible first.
 */

/** Scripts whose characters take two cells, and what is drawn as a picture. */
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe10-\ufe19\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|[\u{1b000}-\u{1b2ff}\u{1f200}-\u{1f2ff}\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}|\ufe0f/u;

/** Takes no cell of its own. */
const ZERO = /^[\p{Mn}\p{Me}\p{Cf}]+$/u;

/** C0, C1, line and paragraph separators, and what turns the writing direction around. */
const CONTROL = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu;

const ASCII = /^[ -~]*$/;

const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' });

/** The text on one line, with every control character shown as what it is. */
export function printable(text: string): string {
  return text.replaceAll(CONTROL, (char) => {
    if (char === '\n' || char === '\r' || char === '\t') return ' ';
    return `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}

/** Cells of a printable text. Colours are added after measuring. */
export function widthOf(text: string): number {
  if (ASCII.test(text)) return text.length;
  let cells = 0;
  for (const { segment } of graphemes.segment(text)) cells += cellsOf(segment);
  return cells;
}

function cellsOf(grapheme: string): number {
  if (WIDE.test(grapheme)) return 2;
  return ZERO.test(grapheme) ? 0 : 1;
}

const ELLIPSIS = '…';

/** The text, or as much of it as fits with an ellipsis at its end. Never wider than `cells`. */
export function cut(text: string, cells: number): string {
  if (widthOf(text) <= cells) return text;
  if (cells < 1) return '';
  let used = 0;
  let kept = '';
  for (const { segment } of graphemes.segment(text)) {
    const next = used + cellsOf(segment);
    if (next > cells - 1) break;
    kept += segment;
    used = next;
  }
  return `${kept.trimEnd()}${ELLIPSIS}`;
}

/** Exactly `cells` wide. */
export function fitted(text: string, cells: number, align: 'left' | 'right'): string {
  const shown = cut(text, cells);
  const blank = ' '.repeat(Math.max(0, cells - widthOf(shown)));
  return align === 'left' ? shown + blank : blank + shown;
}

/** Lines no wider than `cells`, broken between words; a word that is too wide is cut in pieces. */
export function wrapped(text: string, cells: number): readonly string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    const longer = line === '' ? word : `${line} ${word}`;
    if (widthOf(longer) <= cells) {
      line = longer;
      continue;
    }
    if (line !== '') lines.push(line);
    line = word;
    while (widthOf(line) > cells) {
      const piece = headOf(line, cells);
      lines.push(piece);
      line = line.slice(piece.length);
    }
  }
  return [...lines, line];
}

/** The longest beginning that fits; at least one grapheme, so that whoever goes on gets on. */
function headOf(text: string, cells: number): string {
  let used = 0;
  let kept = '';
  for (const { segment } of graphemes.segment(text)) {
    used += cellsOf(segment);
    if (kept !== '' && used > cells) break;
    kept += segment;
  }
  return kept;
}
