/** Answers of commands: what all of them say, and what each says beside that. */
import { Type } from '@sinclair/typebox';
import type { TProperties } from '@sinclair/typebox';
import { breaker } from './breaker.js';
import { blocked, rateConfig } from './limiter.js';
import { etag, flag, list, named, nullable, object, optional, text } from './words.js';

/** A fact as a dry run tells of it. */
export const plannedEvent = named(
  'PlannedEvent',
  {
    stream: text('Where it would be written.'),
    type: text('Which fact.'),
    data: Type.Unsafe<Readonly<Record<string, unknown>>>({
      type: 'object',
      description: 'As its type has it.',
    }),
  },
  'A fact that a dry run would have written.',
);

/** Members of every answer to a command on a collector, around its own. */
export function commandAnswer<P extends TProperties>(told: P) {
  return object({
    message: text('What happened, in a sentence.'),
    collector: text('The collector.'),
    ...told,
    changed: flag('False: everything was so already.'),
    etag: optional(etag),
    stale: optional(
      flag('The command is durable, but the read models were too late: what is told is older.'),
    ),
    dry_run: optional(flag('Nothing was written: this is what would have been.')),
    events: optional(list(plannedEvent, 'Of a dry run: what would have been written, in order.')),
  });
}

/** Commands that tell nothing beside that. */
export const done = commandAnswer({});

export const rateLimitDone = commandAnswer({ updated_config: rateConfig });

export const breakerDone = commandAnswer({
  new_state: nullable(breaker, 'Null: the read models do not show it yet.'),
});

export const unblockDone = commandAnswer({
  still_blocked: nullable(blocked, 'Null: the read models do not show it yet.'),
});
