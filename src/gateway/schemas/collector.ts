/** Collectors in answers (shapes/collector.ts makes them): the line, the page, the list. */
import { TYPES } from '../inputs.js';
import { breaker, breakerLine } from './breaker.js';
import { usage } from './costs.js';
import { check, checkCounts, health, healthDetail } from './health.js';
import { limiter, limiterLine } from './limiter.js';
import { amount, byName, count, etag, flag, list, moment, named, nullable } from './words.js';
import { number, object, optional, perhaps, share, text, words } from './words.js';

export const PHASES = [
  'stopped',
  'starting',
  'idle',
  'collecting',
  'waiting',
  'draining',
  'restarting',
  'quarantined',
] as const;

/** Members that line and page share. */
const common = {
  name: text('Its name.'),
  type: words(TYPES, 'What it collects.'),
  enabled: flag('It is wanted to run.'),
  connected: flag('Its session with the source stands.'),
  status: health,
  health,
  health_detail: healthDetail,
  last_collection_time: perhaps('When a run last succeeded.'),
  metrics: object({
    error_rate: nullable(share('Runs that failed, of the last hour’s; null: there was none.')),
    success_rate: nullable(share('Runs that succeeded, of the last hour’s; null: there was none.')),
    requests_today: count('Calls sent since midnight UTC.'),
  }),
  cost: nullable(amount('Money of this calendar month (UTC); null: it has no scope.')),
  has_api_key: flag('Its keys are there, or it needs none.'),
  configured_rate_limit: nullable(amount('Requests per second; null: it has no limiter.')),
  phase: words(PHASES, 'What it is doing.'),
  upstream_mode: words(['live', 'sandbox', ''], 'What it asks: the real source or the sandbox.'),
  why: text('Why it is not fetching, or that it is: a sentence for people.'),
  why_changes_at: perhaps('When that stops being true by itself; null: not by itself.'),
  last_new_data_time: perhaps('When something new last arrived.'),
};

export const collectorLine = named(
  'CollectorLine',
  {
    ...common,
    suspended: flag('It was taken out of work, by itself or for a reason of its source.'),
    quota_remaining: nullable(number('Units left of the quota; null: no quota.')),
    rate_limiter: nullable(limiterLine, 'Null: it has no limiter.'),
    circuit_breaker: nullable(breakerLine, 'Null: it has no breaker.'),
    etag: optional(etag),
  },
  'A collector, in short.',
);

const desired = object(
  {
    enabled: flag('It is wanted to run.'),
    reason: text('Why, in the words of who said so; may be empty.'),
    actor: text('Who said so.'),
    until: perhaps('When the wish ends by itself; null: not by itself.'),
  },
  'What is wanted of it.',
);

const suspended = nullable(
  object({
    cause: text('Why, in a word.'),
    detail: text('Why, in words.'),
    since: moment('Since when.'),
    next_try: perhaps('When it is tried again by itself; null: not by itself.'),
  }),
  'Why it was taken out of work; null: it was not.',
);

const lastRun = nullable(
  object({
    run: text('Its id.'),
    trigger: text('What began it: `schedule`, `manual`, `wake`, …'),
    started_at: moment('When it began.'),
    ended_at: perhaps('When it ended; null: it runs.'),
    outcome: nullable(text('`ok`, `unknown` or the class of its failure; null: it runs.')),
    message: text('What went wrong, in words; empty: nothing.'),
    warnings: list(text('A sentence.'), 'What people should know of it.'),
  }),
  'The newest run; null: there was none.',
);

const runs = object({
  started: count('Runs begun.'),
  succeeded: count('Those that succeeded.'),
  failed: count('Those that failed.'),
  unknown: count('Those of which no one knows how they ended: the process did first.'),
  blocked: count('Those that could not begin.'),
  skipped: count('Those whose time passed.'),
  consecutive_failures: count('Failed in a row.'),
});

export const collector = named(
  'Collector',
  {
    ...common,
    timestamp: moment('As of.'),
    rate_limiter: nullable(limiter, 'Null: it has no limiter.'),
    circuit_breaker: nullable(breaker, 'The one of its first upstream; null: it has none.'),
    recent_health: list(check, 'The newest five checks, newest first.'),
    health_summary: checkCounts,
    usage,
    desired,
    suspended,
    revision: text('The same as etag, under its older name.'),
    etag: optional(etag),
    next_run_time: perhaps('When the next run is due; null: none is.'),
    last_run: lastRun,
    runs,
    records: object({
      collected: count('Records that came.'),
      added: count('Those that were not there before.'),
    }),
  },
  'A collector with all its numbers.',
);

/** `GET /collectors`. */
export const collectorsPage = object({
  collectors: byName(collectorLine, 'By name of the collector.'),
  total_count: count('All that match, on whatever page.'),
  next_page_token: nullable(text('Gets the next page; null: this is the last.')),
  timestamp: moment('As of.'),
});

/** `GET /collectors/{name}`. */
export const collectorPage = object({ collector });
