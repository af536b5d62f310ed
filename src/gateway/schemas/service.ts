/** What the service says of itself. */
import { ROLES } from '../operation.js';
import { amount, byName, count, flag, list, moment, named, object, text, words } from './words.js';

export const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;

/** `GET /health`. */
export const serviceStatus = object({
  status: words(['healthy', 'degraded'], '`degraded`: it is not ready.'),
  service: text('Its name.'),
  version: text('Of the program.'),
  node: text('Which of several this is.'),
  mode: text('`live` or `sandbox`.'),
  ready: flag('It may get traffic.'),
  reasons: list(text('A sentence.'), 'Why it is not ready; empty: it is.'),
  collector_count: count('How many collectors there are.'),
  started_at: moment('When the process began.'),
  uptime_seconds: amount('Seconds since then.'),
  timestamp: moment('As of.'),
});

/** `GET /livez`. */
export const liveness = object({ status: words(['live'], 'The process runs.') });

/** `GET /readyz`. */
export const readiness = object({ status: words(['ready'], 'It may get traffic.') });

/** `GET /`. */
export const directory = object({
  service: text('Its name.'),
  version: text('Of the program.'),
  mode: text('`live` or `sandbox`.'),
  doors: byName(text('A URL.'), 'Where else it answers, by name of the door.'),
  operations: list(
    named(
      'OperationName',
      {
        operation: text('Its name.'),
        method: words(METHODS, 'Of REST.'),
        path: text('Of REST; members in braces are yours to fill in.'),
        role: words(ROLES, 'The least role that may call it.'),
        summary: text('What it does.'),
      },
      'An operation.',
    ),
    'Everything that can be asked.',
  ),
});
