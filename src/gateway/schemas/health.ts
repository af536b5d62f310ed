/** Health, checks and their counts in answers (shapes/health.ts makes them). */
import { STATUSES } from '../inputs.js';
import { amount, byName, count, flag, list, moment, named, nullable, object } from './words.js';
import { perhaps, share, text, words } from './words.js';

export const health = words(STATUSES, 'How well its source is, in a word.');

export const healthParts = {
  score: nullable(share('All parts together; null while it is disabled.')),
  success_ratio: nullable(share('Runs that succeeded, of the last hour’s.')),
  freshness: nullable(share('How new its newest data is, against how often new data is expected.')),
  latency: nullable(share('How far its answers are from their timeout.')),
  quota_headroom: nullable(share('What is left of its quota, against the time left.')),
  stale: flag('Its data is older than it should be.'),
  stalled: flag('It runs well and brings nothing new.'),
};

export const healthDetail = named(
  'HealthDetail',
  healthParts,
  'The parts of health over the last hour; a part that does not exist is null.',
);

export const check = named(
  'Check',
  {
    timestamp: moment('When the run ended.'),
    status: health,
    health,
    run: nullable(text('The run; null: none began.')),
    outcome: text('`ok`, `blocked`, `unknown` or the class of its failure.'),
    message: text('What went wrong, in words; empty: nothing.'),
    duration_ms: nullable(amount('How long it took, in ms.')),
    latency_p95_ms: nullable(amount('95th percentile of its calls, in ms.')),
    records: count('Records it collected.'),
    new_records: count('Those that were not there before.'),
  },
  'One check: a run that ended or was blocked.',
);

const counts = {
  total_checks: count('All checks.'),
  healthy: count('Those that were healthy.'),
  failed: count('Those that failed.'),
  degraded: count('Those that were degraded.'),
};

export const checkCounts = named('CheckCounts', counts, 'Checks of the last 24 hours, counted.');

const healthLine = named(
  'HealthLine',
  {
    name: text('The collector.'),
    enabled: flag('It is wanted to run.'),
    connected: flag('Its session with the source stands.'),
    status: health,
    health,
    ...healthParts,
    last_collection_time: perhaps('When a run last succeeded.'),
    last_new_data_time: perhaps('When something new last arrived.'),
    consecutive_failures: count('Runs that failed in a row.'),
  },
  'The health of one collector.',
);

/** `GET /health/collectors`. */
export const healthOfAll = object({
  collectors: byName(healthLine, 'By name of the collector.'),
  collector_count: count('How many there are.'),
  timestamp: moment('As of.'),
});

/** `GET /health/collectors/{name}`. */
export const healthOfOne = object({
  collector_name: text('The collector.'),
  statistics: object(
    { ...counts, health_rate: nullable(share('Healthy checks per check; null without a check.')) },
    'All checks of the hours asked for, counted.',
  ),
  recent_records: list(check, 'The newest twenty, newest first.'),
  all_records_count: count('Checks in those hours, at most the limit asked for.'),
  timestamp: moment('As of.'),
});
