/** Records in answers. */
import { Type } from '@sinclair/typebox';
import { count, list, moment, named, object, text } from './words.js';

export const record = named(
  'Record',
  {
    id: text('The same for the same thing, however often it is collected.'),
    sequence: count('Order of arrival: what `after` takes.'),
    kind: text('What it is, e.g. `kline`.'),
    series: text('What it belongs to, e.g. `ETHUSDT/1m`.'),
    at: moment('What moment it tells of.'),
    collected_at: moment('When it was collected.'),
    data: Type.Unsafe<Readonly<Record<string, unknown>>>({
      type: 'object',
      description: 'As its kind has it.',
    }),
  },
  'One record.',
);

/** `GET /collectors/{name}/records`. */
export const recordsPage = object({
  collector: text('The collector.'),
  records: list(record, 'Newest first; with `after`, oldest first.'),
  count: count('How many are on this page.'),
  next_after: count('Give it as `after` to go on.'),
  timestamp: moment('As of.'),
});
