/** Answers about the audit trail (audit-operations.ts makes them). */
import { OUTCOMES } from '../audit/audit.js';
import { count, list, moment, named, nullable, object, text, words } from './words.js';

export const auditEntry = named(
  'AuditEntry',
  {
    position: count('Its place in the journal.'),
    timestamp: moment('When.'),
    actor: text('The principal; empty: nobody was known.'),
    interface: text('The door: rest, grpc, cli or ui.'),
    address: text('From where, without port; *: too many addresses to tell apart.'),
    operation: text('As the table of operations has it; empty: none was reached.'),
    target: text('What it was about, mostly a collector; empty: nothing.'),
    reason: text('Why; empty: nothing was said.'),
    outcome: words(OUTCOMES, 'What came of it.'),
    code: text('Of one that was denied or failed: the code of the problem; else empty.'),
    detail: text('Of one that was denied or failed: what was wrong; else empty.'),
    count: count('Calls told by this entry.'),
    command_id: text('In the metadata of each event it wrote.'),
    correlation_id: text('Ties together what one request led to.'),
    facts: list(text('A fact.'), 'Facts it wrote, by name.'),
  },
  'One command, or refusals of one kind in one minute.',
);

/** `GET /audit`. */
export const auditPage = object({
  entries: list(auditEntry, 'Newest first.'),
  count: count('Entries in this page.'),
  next_page_token: nullable(text('Gets the next, older page, which may be empty.'), 'Null: none.'),
  timestamp: moment('As of.'),
});

/** `GET /audit/head`. */
export const auditHead = object({
  head: nullable(
    object({
      position: count('All events up to it are under the seal.'),
      merkle_root: text('Over the heads of all streams at that position.'),
      sealed_at: moment('When.'),
    }),
    'Null: nothing was sealed yet; it is done hourly.',
  ),
  timestamp: moment('As of.'),
});
