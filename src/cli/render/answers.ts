/** What came of a command, in a line or a few. */
import type { PlannedEvent } from '../../gen/headgate/v1/event.js';
import type { BatchResult } from '../../gen/headgate/v1/collector_service.js';
import type { Plain } from '../plain.js';
import type { View } from '../session.js';
import { toneOf } from './paint.js';
import { contentText } from './content.js';
import { cut, fitted, printable, widthOf, wrapped } from './width.js';

/** What the answers of all commands share. */
export type CommandAnswer = {
  readonly message: string;
  readonly changed: boolean;
  readonly dry_run: boolean;
  readonly stale?: boolean;
  readonly etag?: string;
  readonly events: readonly Plain<PlannedEvent>[];
};

export function answerLines(answer: CommandAnswer, view: View): readonly string[] {
  const { message, changed, dry_run: isDry, stale, etag, events } = answer;
  const { paint } = view;
  if (isDry) {
    const nothing = events.length === 0;
    return [
      nothing ? `${message}: nothing would change` : 'would write, and wrote nothing of it:',
      ...plannedLines(events, view),
    ];
  }
  const told = [
    ...(changed ? [] : ['nothing had to change']),
    ...(etag === undefined || etag === '' ? [] : [`etag ${etag}`]),
    ...(stale === true ? ['what is shown may be from before it'] : []),
  ];
  const more = told.length === 0 ? '' : `  ${paint(`(${told.join('; ')})`, 'dim')}`;
  return [`${printable(message)}${more}`];
}

/** Cells below which nothing can be laid out any more. */
const NARROW = 16;

export function plannedLines(
  events: readonly Plain<PlannedEvent>[],
  { width }: View,
): readonly string[] {
  return events.flatMap(({ stream, type, data }) => {
    const text = printable(`${stream}  ${type}  ${contentText(data)}`);
    if (width === undefined || width < NARROW) return [`  ${text}`];
    // What is about to be written is read to its end.
    const lines = wrapped(text, width - 4);
    return lines.map((line, index) => `${index === 0 ? '  ' : '    '}${line}`);
  });
}

/** One of a batch: its name, what came of it, and why not. */
export function batchLines(
  results: readonly Plain<BatchResult>[],
  view: View,
  isDry: boolean,
): readonly string[] {
  const { paint, width } = view;
  const name = Math.max(0, ...results.map(({ collector }) => widthOf(printable(collector))));
  return results.flatMap((result) => {
    const { collector, success, changed, message, error, etag, events } = result;
    const word = success ? (changed ? 'ok' : 'no-op') : 'failed';
    const said = error === null ? message : `${error.code}: ${error.detail}`;
    const tail = printable(etag === '' || !success ? said : `${said} (etag ${etag})`);
    const head = fitted(printable(collector), name, 'left');
    const room = width === undefined ? widthOf(tail) : Math.max(0, width - name - 10);
    const tone = success ? (changed ? 'good' : 'dim') : toneOf('failed');
    const line = `${head}  ${paint(word, tone)}${' '.repeat(8 - word.length)}${cut(tail, room)}`;
    return [line.trimEnd(), ...(isDry ? plannedLines(events, view) : [])];
  });
}
