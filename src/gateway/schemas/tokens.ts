/** Answers about tokens (tokens.ts makes them). */
import { ROLES } from '../operation.js';
import { plannedEvent } from './commands.js';
import {
  count,
  flag,
  list,
  moment,
  named,
  object,
  optional,
  perhaps,
  text,
  words,
} from './words.js';

const token = named(
  'Token',
  {
    id: text('The middle of the token: no secret.'),
    name: text('Whose it is: the principal is `token:<name>`.'),
    role: words(ROLES, 'What it may do.'),
    created_at: moment('When it was made.'),
    created_by: text('The principal who made it.'),
    expires_at: perhaps('When it ends by itself; null: when it is revoked.'),
    last_used_at: perhaps('Since this process began; null: not yet.'),
    revoked_at: perhaps('When it was revoked; null: it was not.'),
  },
  'A bearer token, without its secret.',
);

const planned = {
  changed: flag('False: everything was so already.'),
  dry_run: optional(flag('Nothing was written: this is what would have been.')),
  events: optional(list(plannedEvent, 'Of a dry run: what would have been written, in order.')),
};

/** `POST /tokens`. */
export const createTokenOutput = object({
  message: text('What happened, in a sentence.'),
  secret: optional(text('The bearer token itself, shown this once; absent in a dry run.')),
  token: optional(token),
  ...planned,
});

/** `GET /tokens`. */
export const listTokensOutput = object({
  tokens: list(token, 'Those that stand, by name, then by moment; expired ones too.'),
  total_count: count('How many.'),
});

/** `DELETE /tokens/{id}`. */
export const revokeTokenOutput = object({
  message: text('What happened, in a sentence.'),
  id: text('Its id.'),
  ...planned,
});
