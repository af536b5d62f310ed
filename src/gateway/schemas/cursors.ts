/** Cursors in answers (gateway/cursors.ts makes them). */
import { commandAnswer } from './commands.js';
import { byName, count, etag, moment, named, nullable, object, perhaps, text } from './words.js';

const cursor = named(
  'Cursor',
  {
    cursor: text('JSON, in the source’s own words; "null": at the beginning.'),
    ordinal: count('Pages since the series began.'),
    newest_at: perhaps('The moment of its newest record; null: none yet, or not told.'),
  },
  'Where the next run goes on in one series of a source.',
);

const cursors = byName(cursor, 'By series. Empty: it never ran.');

export const cursorsTold = object({
  collector: text('The collector.'),
  cursors,
  etag,
  timestamp: moment('When it was told.'),
});

export const cursorDone = commandAnswer({
  cursors: nullable(cursors, 'Null: the read models do not show them yet.'),
});
