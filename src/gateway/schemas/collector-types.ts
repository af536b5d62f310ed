/** The sources there are, in answers (shapes/collector-types.ts makes them). */
import { Type } from '@sinclair/typebox';
import { TYPES } from '../inputs.js';
import { amount, count, flag, list, named, nullable, object, text, words } from './words.js';

const bucket = named(
  'SourceBucket',
  {
    name: text('Its name.'),
    kind: text('`rolling`: over the last so many ms; `fixed`: of a window or a calendar period.'),
    limit: amount('Units per window or period.'),
    unit: text('What is counted.'),
    window_ms: nullable(amount('Length of the window in ms; null: it is a calendar period.')),
    period: nullable(text('`day` or `month`; null: it is a window.')),
    zone: nullable(text('Time zone of the period; null: it is a window.')),
    quota: flag('It is a quota, not a rate.'),
    price_per_unit: amount('In the upstream’s currency.'),
  },
  'What a limit counts.',
);

const upstream = named(
  'SourceUpstream',
  {
    name: text('Its name.'),
    provider: text('Who runs it.'),
    host: text('Where it is asked.'),
    scope: text('What its calls are counted against.'),
    tier: text('The plan its limits are those of.'),
    currency: text('What its prices are in.'),
    max_requests_per_second: amount('The rate it begins with, requests per second.'),
    recovery_window_ms: amount('How long a cut rate takes to recover, in ms.'),
    endpoints: list(text('An endpoint.'), 'What is asked of it.'),
    buckets: list(bucket, 'What its limits count.'),
  },
  'Where a source gets its data.',
);

const source = named(
  'Source',
  {
    name: text('What `collectors.<name>.source` says.'),
    type: words(TYPES, 'What it collects.'),
    description: text('One sentence.'),
    origin: words(['built-in', 'user'], '`user`: of a module that the configuration names.'),
    paid: flag('Its provider wants money for it.'),
    interval_ms: amount('Time between two runs unless configured, in ms.'),
    keys: list(
      object({
        variable: text('Name of the environment variable.'),
        set: flag('The service found one at its start; never what it is.'),
        required: flag('Without it nothing is collected.'),
      }),
      'Its secrets.',
    ),
    upstreams: list(upstream, 'The first is the primary.'),
    options: Type.Unsafe<Readonly<Record<string, unknown>>>({
      type: 'object',
      description: 'JSON Schema of `collectors.<name>.options`, with the defaults in force.',
    }),
    collectors: list(text('A collector.'), 'Those that poll it.'),
  },
  'A source: what a collector can be told to collect.',
);

/** `GET /collector-types`. */
export const sourcesPage = object({
  collector_types: list(source, 'By name.'),
  total_count: count('How many there are.'),
});
