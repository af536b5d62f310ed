/** Answers of batches (batch.ts makes them). */
import { Type } from '@sinclair/typebox';
import { plannedEvent } from './commands.js';
import { count, etag, flag, list, named, object, optional, text } from './words.js';

export const batchResult = named(
  'BatchResult',
  {
    collector: text('The collector.'),
    success: flag('It was done, or had not to be.'),
    changed: flag('False: nothing had to change.'),
    message: text('What happened, in a sentence.'),
    etag: optional(etag),
    error: optional(
      object({
        code: text('The code of the problem, as the single command has it.'),
        detail: text('What was wrong, in words.'),
      }),
    ),
    events: optional(list(plannedEvent, 'Of a dry run: what would have been written, in order.')),
  },
  'What came of one of a batch.',
);

/** `POST /collectors:batch`. */
export const batchDone = object({
  message: text('What happened, in a sentence.'),
  results: list(batchResult, 'In the order of `names`, or by name.'),
  succeeded: count('How many were done, or had not to be.'),
  failed: count('How many were not.'),
  dry_run: optional(Type.Literal(true, { description: 'Nothing was written.' })),
});
