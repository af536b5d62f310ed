/** Answers about permits for other programs (permits.ts makes them). */
import { flag, moment, nullable, object, perhaps, text } from './words.js';

/** `POST /collectors/{name}/permits`: exactly one of `permit` and `refusal` is there. */
export const permitAsked = object({
  collector: text('The collector.'),
  permit: nullable(
    object({
      permit_id: text('What to report under.'),
      expires_at: moment('Until then it must be reported; later it counts as charged.'),
    }),
    'Leave for one call; null: refused.',
  ),
  refusal: nullable(
    object({
      reason: text('Why not now, in a word.'),
      detail: text('Why not now, in words.'),
      retry_at: perhaps('When to ask again; null: nobody knows.'),
      bucket: nullable(text('The bucket that is used up; null: none is.')),
    }),
    'Null: granted.',
  ),
  timestamp: moment('As of.'),
});

/** `POST /permits/{permit_id}/report`. */
export const permitReported = object({
  permit_id: text('The permit.'),
  outcome: text('What was told of the call, the first time.'),
  repeated: flag('It was told before, and nothing changed.'),
});
