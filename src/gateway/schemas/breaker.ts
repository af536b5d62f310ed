/** Breakers in answers (shapes/breaker.ts makes them). */
import { amount, byName, count, moment, named, nullable, object } from './words.js';
import { optional, perhaps, share, text, words } from './words.js';

const COMPUTED = ['closed', 'open', 'half-open'] as const;
const OVERRIDES = ['forced_open', 'metrics_only', 'disabled'] as const;

const state = words(
  ['closed', 'open', 'half-open', 'metrics_only', 'disabled'],
  'Which calls it lets through; held open by a person it is `open` too.',
);
const computed = words(
  COMPUTED,
  'What the breaker itself would be, whatever a person holds it at.',
);
const effective = words([...COMPUTED, ...OVERRIDES], 'What holds in fact.');
const healthScore = share('1 - failure rate of the window; 1 when it is empty.');
const failureCount = count('Failures in a row.');

const statistics = named(
  'BreakerStatistics',
  {
    total_failures: count('Calls that failed since it was configured or reset.'),
    total_successes: count('Calls that succeeded since then.'),
    circuit_opens: count('How often it opened.'),
    successful_recoveries: count('How often it closed again by its own probes.'),
    failed_recoveries: count('How often its probes failed.'),
    time_in_open_state: amount('Seconds away from closed, in all.'),
    last_open_time: perhaps('When it last opened.'),
  },
  'What a breaker has seen since it was configured or reset.',
);

const override = nullable(
  named(
    'BreakerOverride',
    {
      state: words(OVERRIDES, 'What it is held at.'),
      reason: text('Why, in the words of who did it; may be empty.'),
      actor: text('Who did it.'),
      expires_at: perhaps('When it ends by itself; null: not by itself.'),
    },
    'What a person holds a breaker at.',
  ),
  'Null: it is left to itself.',
);

const line = {
  state,
  failure_count: failureCount,
  failure_threshold: count('Failures in a row that open it.'),
  health_score: healthScore,
  statistics,
};

/** The breaker of a line of `GET /collectors`. */
export const breakerLine = named('BreakerLine', line, 'A collector’s breaker, in short.');

const upstream = named(
  'BreakerUpstream',
  {
    state,
    failure_count: failureCount,
    health_score: healthScore,
    computed,
    override,
    effective,
    retry_at: perhaps('When an open one will probe.'),
    last_state_change: moment('When it last changed its state.'),
    scope: nullable(text('What its calls are counted against; null: not known.')),
    waiting_for_key: nullable(text('The variable of the key that is missing; null: none is.')),
  },
  'The breaker of one upstream of a collector.',
);

const halfOpen = object(
  {
    attempts: count('Probes let through.'),
    successes: count('Those that succeeded.'),
    max_calls: count('How many may be under way at once.'),
    success_threshold: count('Successes that close it.'),
    success_rate: nullable(share('Successes per attempt; null without an attempt.')),
  },
  'Only while it is half-open.',
);

/** One breaker with all its numbers. */
export const breaker = named(
  'Breaker',
  {
    ...line,
    consecutive_successes: count('Successful probes of this half-open phase.'),
    timeout_seconds: amount('Seconds from opening to the first probe, as grown by now.'),
    last_failure_time: perhaps('When a call last failed.'),
    last_state_change: moment('When it last changed its state.'),
    opened_at: perhaps('When it opened; null: it is closed.'),
    retry_at: perhaps('When an open one will probe.'),
    half_open: optional(halfOpen),
    computed,
    override,
    effective,
    config_revision: count('Counts the configurations it has had, from 1.'),
    generation: count('Goes up with each reset and configuration: older calls no longer count.'),
    upstreams: byName(upstream, 'Every breaker of the collector by its upstream.'),
  },
  'A breaker with all its numbers.',
);
