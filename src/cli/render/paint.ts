/** Colours, for people at a terminal: four meanings, and none of them says what the words do not. */

export type Tone = 'good' | 'warn' | 'bad' | 'dim' | 'strong' | 'plain';

export type Paint = (text: string, tone: Tone) => string;

const CODES: Readonly<Record<Tone, string>> = {
  good: '32',
  warn: '33',
  bad: '31',
  dim: '2',
  strong: '1',
  plain: '',
};

export const colourless: Paint = (text) => text;

export const coloured: Paint = (text, tone) =>
  tone === 'plain' || text === '' ? text : `\u001b[${CODES[tone]}m${text}\u001b[0m`;

const TONES: Readonly<Record<string, Tone>> = {
  healthy: 'good',
  closed: 'good',
  success: 'good',
  degraded: 'warn',
  'half-open': 'warn',
  metrics_only: 'warn',
  'no-op': 'dim',
  no_op: 'dim',
  failed: 'bad',
  circuit_open: 'bad',
  open: 'bad',
  forced_open: 'bad',
  denied: 'bad',
  disabled: 'dim',
};

/** How a word of a state is shown. */
export function toneOf(word: string): Tone {
  return TONES[word] ?? 'plain';
}
